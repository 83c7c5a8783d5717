/* Convolution of each channel by itself, integers: sixteen channels of several outputs at a time.
 *
 * t[0] input [n, h, w, c]; t[1] filters, int16 [panels][taps][16][2]; t[2] what sums start from, bias and zero point in
 * one, [panels][16], int32 or, where sums are rounded in double, double; t[3] scales as tl_requantize.h has them; t[4]
 * where each tap begins, int32 [taps]; t[5] output; t[6] scratch. A work item is a segment of a row of the output, for
 * a block of channels.
 *
 * A tap is two cells of the window: those of two rows, or two neighbours in a last row of its own. What a segment sees
 * is first laid out that way, int16 [lines][span][block][2], with padding; then one instruction multiplies and adds the
 * two, exactly. */
#include "tl_params.h"
#include "tl_requantize.h"

typedef tl_depthwise_int_params params;

#if defined(__AVX2__)
#define PIXELS 4
#else
#define PIXELS 2 /* as many sums as there are registers */
#endif
#define MAX_BLOCK 64

typedef int8_t s8x8 __attribute__((vector_size(8)));
typedef int16_t s16x8 __attribute__((vector_size(16)));

/* Pairs [8][2] of two pixels' channels; 128 is taken off uint8, so that it becomes int8. */
TL_INLINE void zip(const char *upper, const char *lower, int16_t *to, int type) {
#define INTERLEAVED 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15
    tl_s16x16 pairs;
    if (type == TL_S16) {
        s16x8 x, y;
        tl_copy(&x, upper, sizeof x);
        tl_copy(&y, lower, sizeof y);
        pairs = __builtin_shufflevector(x, y, INTERLEAVED);
    } else {
        s8x8 x, y;
        tl_copy(&x, upper, sizeof x);
        tl_copy(&y, lower, sizeof y);
        const tl_s8x16 both = __builtin_shufflevector(x, y, INTERLEAVED);
        pairs = tl_widen_s8(type == TL_U8 ? both ^ -128 : both);
    }
    tl_copy(to, &pairs, sizeof pairs);
}

/* A row of the input, or of padding. */
typedef struct {
    const char *pixel;
    size_t step;
} source;

/* The pixel at `column` of a row, and how many from there on are alike: inside, or outside. */
TL_INLINE source find(const params *p, const char *x, const char *padding, int32_t row, int32_t column, size_t pixel,
                      int32_t *count) {
    source s = {padding, 0};
    if (row < 0 || row >= p->input_height || column >= p->input_width) return s;
    *count = TL_MIN(*count, column < 0 ? -column : p->input_width - column);
    if (column < 0) return s;
    s.pixel = x + ((size_t)row * (size_t)p->input_width + (size_t)column) * pixel;
    s.step = pixel;
    return s;
}

/* Channels [first, first + channels) of a pixel, to `to`: as often as there are filters for each, and with room for
 * whole eights. */
static const char *gather(const params *p, const char *pixel, int32_t first, int32_t channels, size_t bytes, char *to) {
    if (p->multiplier == 1)
        tl_copy(to, pixel + (size_t)first * bytes, (size_t)channels * bytes);
    else
        for (int32_t c = 0; c < channels; ++c)
            tl_copy(to + (size_t)c * bytes, pixel + (size_t)((first + c) / p->multiplier) * bytes, bytes);
    return to;
}

/* What a segment sees, for the channels [first, first + channels): `columns` pixels from column `begin` on. */
TL_INLINE void load(const params *p, const char *x, int32_t row, int32_t begin, int32_t columns, int32_t first,
                    int32_t channels, int16_t *pairs, int type) {
    const size_t bytes = type == TL_S16 ? 2 : 1, pixel = (size_t)p->input_channels * bytes;
    const int is_direct = p->multiplier == 1 && channels % 8 == 0;
    char padding[MAX_BLOCK * 2], gathered[2][MAX_BLOCK * 2];
    tl_fill(padding, p->zero_point, sizeof padding); /* of int16 it is 0 */
    if (is_direct) x += (size_t)first * bytes;
    for (int32_t k = 0; k < p->filter_height; k += 2, row += 2 * p->dilation_height) {
        const int is_alone = k + 1 == p->filter_height;
        const int32_t below = is_alone ? row : row + p->dilation_height, shift = is_alone ? p->shift : 0;
        int16_t *to = pairs + (size_t)(k / 2) * (size_t)p->span * (size_t)p->block * 2;
        for (int32_t j = 0, count; j < columns - shift; j += count) {
            count = columns - shift - j;
            const source upper = find(p, x, padding, row, begin + j, pixel, &count);
            const source lower = find(p, x, padding, below, begin + j + shift, pixel, &count);
            const char *a = upper.pixel, *b = lower.pixel;
            for (int32_t i = 0; i < count; ++i, to += p->block * 2, a += upper.step, b += lower.step) {
                const char *u = a, *l = b;
                if (!is_direct && upper.step) u = gather(p, a, first, channels, bytes, gathered[0]);
                if (!is_direct && lower.step) l = gather(p, b, first, channels, bytes, gathered[1]);
                for (int32_t c = 0; c < channels; c += 8)
                    zip(u + (size_t)c * bytes, l + (size_t)c * bytes, to + 2 * c, type);
            }
        }
    }
}

TL_INLINE tl_s16x16 load_pairs(const int16_t *x) {
    tl_s16x16 y;
    tl_copy(&y, x, sizeof y);
    return y;
}

/* One panel's share of the operands. */
typedef struct {
    const int16_t *weights;
    const void *start, *scales;
} panel;

/* A row of sixteen sums to the output, `outputs` of them. */
static void finish(const params *p, const panel *c, const tl_block *sums, int32_t outputs, char *y) {
    const tl_output o = TL_OUTPUT(p);
    if (o.rounding != TL_ONCE_UP) {
        tl_requantize(&o, c->scales, sums, outputs, y);
        return;
    }
    tl_wide_block wide = tl_widen(sums), bias;
    tl_copy(&bias, c->start, sizeof bias);
    for (int i = 0; i < 4; ++i) wide.quarter[i] += bias.quarter[i];
    tl_requantize_wide(&o, c->scales, &wide, outputs, y);
}

#if defined(__AVX2__)
/* Constants of tl_rescale_fast for one panel. Sums of channels 0, 2, 8, 10, 4, 6, 12, 14 go together, and so do their
 * right neighbours: that is how the products of even and odd lanes come. */
typedef struct {
    __m256i even[2], odd[2], shifts[2], up[2], down[2];
} scales;

#define EVEN 0x88
#define ODD 0xDD
#define SHUFFLE(a, b, which) \
    _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), which))

TL_INLINE scales load_scales(const void *table) {
    const __m256i *from = table, one = _mm256_set1_epi32(1), two = _mm256_set1_epi32(2);
    scales s;
    const __m256i shifts[2] = {_mm256_loadu_si256(from + 2), _mm256_loadu_si256(from + 3)};
    s.shifts[0] = SHUFFLE(shifts[0], shifts[1], EVEN);
    s.shifts[1] = SHUFFLE(shifts[0], shifts[1], ODD);
    for (int i = 0; i < 2; ++i) {
        s.even[i] = _mm256_loadu_si256(from + i);
        s.odd[i] = _mm256_srli_epi64(s.even[i], 32);
        /* Without a shift there is no second rounding. */
        const __m256i half = _mm256_andnot_si256(one, _mm256_sllv_epi32(one, s.shifts[i]));
        s.up[i] = _mm256_add_epi32(half, one);
        s.down[i] = _mm256_sub_epi32(s.up[i], _mm256_min_epi32(half, two));
        s.shifts[i] = _mm256_add_epi32(s.shifts[i], one);
    }
    return s;
}

/* What is left of tl_rescale_fast after the product; t of -1 may go either way. */
TL_INLINE __m256i round_twice(const scales *s, int i, __m256i t) {
    const __m256 half =
        _mm256_blendv_ps(_mm256_castsi256_ps(s->up[i]), _mm256_castsi256_ps(s->down[i]), _mm256_castsi256_ps(t));
    return _mm256_srav_epi32(_mm256_add_epi32(t, _mm256_castps_si256(half)), s->shifts[i]);
}

/* The same as finish, for TL_TWICE_FAST and bytes. */
TL_INLINE void finish_bytes(const params *p, const scales *s, tl_s32x8 x0, tl_s32x8 x1, int type, int32_t outputs,
                            char *y) {
    const __m128i order = _mm_setr_epi8(0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15);
    const __m256i a = (__m256i)(x0 << 2), b = (__m256i)(x1 << 2);
    const __m256i even = SHUFFLE(_mm256_mul_epi32(a, s->even[0]), _mm256_mul_epi32(b, s->even[1]), ODD);
    const __m256i odd = SHUFFLE(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), s->odd[0]),
                                _mm256_mul_epi32(_mm256_srli_epi64(b, 32), s->odd[1]), ODD);
    __m256i steps = _mm256_packs_epi32(round_twice(s, 0, even), round_twice(s, 1, odd));
    steps = _mm256_adds_epi16(steps, _mm256_set1_epi16((int16_t)p->output_zero_point));
    steps = _mm256_max_epi16(steps, _mm256_set1_epi16((int16_t)p->low));
    steps = _mm256_min_epi16(steps, _mm256_set1_epi16((int16_t)p->high));
    const __m128i low = _mm256_castsi256_si128(steps), high = _mm256_extracti128_si256(steps, 1);
    const __m128i mixed = type == TL_U8 ? _mm_packus_epi16(low, high) : _mm_packs_epi16(low, high);
    const __m128i bytes = _mm_shuffle_epi8(mixed, order);
    if (outputs == TL_BLOCK)
        tl_copy(y, &bytes, sizeof bytes);
    else
        tl_store_bytes(y, (const char *)&bytes, outputs);
}
#else
typedef const void *scales;

TL_INLINE scales load_scales(const void *table) { return table; }
#endif

TL_INLINE void finish_row(const params *p, const panel *c, const scales *fast, tl_s32x8 a, tl_s32x8 b, int type,
                          int32_t outputs, char *y) {
#if defined(__AVX2__)
    if (p->rounding == TL_TWICE_FAST && type != TL_S16) {
        finish_bytes(p, fast, a, b, type, outputs, y);
        return;
    }
#else
    (void)fast, (void)type;
#endif
    const tl_block sums = {{a, b}};
    finish(p, c, &sums, outputs, y);
}

/* Rows of sixteen outputs, `step` apart; half: from a row's first eight to its last. */
typedef struct {
    const int16_t *x;
    size_t step, half, y_step;
    char *y;
} rows;

/* A tile: `count` rows, a constant where it is called, of `outputs` outputs each. A sum has a name, because compilers
 * keep no arrays in registers. */
TL_INLINE void tile(const params *p, const panel *c, const int32_t *offsets, const scales *fast, const rows *r,
                    int count, int32_t outputs, int type) {
    const size_t step = r->step, half = r->half;
    const int16_t *w = c->weights;
    tl_s32x8 s00 = {0}, s01 = {0};
    if (!tl_rounds_in_double(p->rounding)) {
        tl_copy(&s00, c->start, sizeof s00);
        tl_copy(&s01, (const char *)c->start + sizeof s00, sizeof s01);
    }
    tl_s32x8 s10 = s00, s11 = s01, s20 = s00, s21 = s01, s30 = s00, s31 = s01;
    for (int32_t k = 0; k < p->taps; ++k, w += 2 * TL_BLOCK) {
        const tl_s16x16 w0 = load_pairs(w), w1 = load_pairs(w + TL_BLOCK);
        const int16_t *x = r->x + offsets[k];
#define ADD(i)                                                                \
    if (i < count) {                                                          \
        s##i##0 = tl_add_pairs(s##i##0, load_pairs(x + i * step), w0);        \
        s##i##1 = tl_add_pairs(s##i##1, load_pairs(x + i * step + half), w1); \
    }
        ADD(0) ADD(1) ADD(2) ADD(3)
#undef ADD
    }
#define FINISH(i) \
    if (i < count) finish_row(p, c, fast, s##i##0, s##i##1, type, outputs, r->y + i * r->y_step);
    FINISH(0) FINISH(1) FINISH(2) FINISH(3)
#undef FINISH
}

/* `count` outputs of one panel's channels; where there are but eight, two outputs share a row. */
TL_INLINE void walk(const params *p, const panel *c, const int32_t *offsets, const int16_t *x, int32_t count,
                    int32_t channels, int type, char *y) {
    const size_t pixel = (size_t)p->stride_width * (size_t)p->block * 2;
    const int32_t outputs = channels * p->fold;
    const scales fast = load_scales(c->scales);
    rows r = {x, pixel * (size_t)p->fold, p->fold > 1 ? pixel : TL_BLOCK,
              (size_t)(p->channels * p->fold * tl_output_bytes(type)), y};
    int32_t left = count / p->fold;
    for (; left >= PIXELS; left -= PIXELS, r.x += PIXELS * r.step, r.y += PIXELS * r.y_step)
        tile(p, c, offsets, &fast, &r, PIXELS, outputs, type);
    for (; left; --left, r.x += r.step, r.y += r.y_step) tile(p, c, offsets, &fast, &r, 1, outputs, type);
    if (count % p->fold) tile(p, c, offsets, &fast, &r, 1, channels, type);
}

TL_INLINE int32_t convolve(const params *p, void *const *t, tl_range r, int type) {
    int16_t *pairs = (int16_t *)(void *)((char *)t[6] + (size_t)r.worker * (size_t)p->scratch_bytes);
    const size_t bytes = (size_t)tl_output_bytes(type);
    const size_t image_bytes = (size_t)p->input_height * (size_t)p->input_width * (size_t)p->input_channels * bytes;
    const size_t start_bytes = TL_BLOCK * (tl_rounds_in_double(p->rounding) ? sizeof(double) : sizeof(int32_t));
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t place = item / p->blocks, line = place / p->segments;
        const int32_t row = line % p->output_height, column = place % p->segments * p->segment;
        const int32_t count = TL_MIN(p->segment, p->output_width - column);
        const int32_t first = item % p->blocks * p->block, end = TL_MIN(first + p->block, p->channels);
        const size_t y = ((size_t)line * (size_t)p->output_width + (size_t)column) * (size_t)p->channels;
        load(p, (const char *)t[0] + (size_t)(line / p->output_height) * image_bytes,
             row * p->stride_height - p->before_height, column * p->stride_width - p->before_width,
             (count - 1) * p->stride_width + p->reach, first, end - first, pairs, type);
        for (int32_t i = first; i < end; i += TL_BLOCK) {
            const size_t at = (size_t)(i / TL_BLOCK);
            const panel c = {(const int16_t *)t[1] + at * (size_t)p->taps * 2 * TL_BLOCK,
                             (const char *)t[2] + at * start_bytes,
                             (const char *)t[3] + at * (size_t)tl_scales_bytes(p->rounding)};
            walk(p, &c, t[4], pairs + 2 * (i - first), count, TL_MIN(TL_BLOCK, p->channels - i), type,
                 (char *)t[5] + (y + (size_t)i) * bytes);
        }
    }
    return TL_OK;
}

int32_t tl_depthwise_int_s8(const params *p, void *const *t, tl_range r) { return convolve(p, t, r, TL_S8); }
int32_t tl_depthwise_int_u8(const params *p, void *const *t, tl_range r) { return convolve(p, t, r, TL_U8); }
int32_t tl_depthwise_int_s16(const params *p, void *const *t, tl_range r) { return convolve(p, t, r, TL_S16); }
