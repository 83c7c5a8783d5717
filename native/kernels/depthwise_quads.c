/* Convolution of each channel by itself, bytes, where the machine multiplies and adds four of them (AVX-512 VNNI).
 *
 * t[0] input [n, h, w, c]; t[1] filters, int8 [lines][panels][taps][16][4]; t[2] what sums start from, int32
 * [panels][16]; t[3] scales of each panel, see tl_requantize.h; t[4] where each tap begins, int32 [taps], in bytes from
 * a pixel's first on; t[5] output; t[6] scratch. A work item is a segment of some lines of the output, for a block of
 * channels.
 *
 * A tap is four cells of the window: those of four or three rows, two neighbours of two rows, or four of one. What a
 * segment sees is first laid out that way, [groups of rows][span][block][4], with padding, as uint8. Neighbouring lines
 * see the same rows, each with filters of its own, which are 0 where its window is not. Filters beyond eight bits are
 * the sum of several taps at the same place. */
#include "tl_params.h"

#if defined(__AVX512VNNI__)
#include "tl_quads.h"

typedef tl_depthwise_int_params params;

#define MAX_BLOCK 64

/* Four rows of the input, or of padding: where they lie (from the channels on that are wanted, where each has but one
 * filter), how far right of a tap its cells are, and the columns that exist. */
typedef struct {
    const char *row[4];
    int32_t shift[4], width;
    size_t pixel;
    const char *padding;
    __m512i flip; /* what makes uint8 of them */
} sources;

/* Sixteen channels of four cells, [16][4]. */
TL_ALWAYS_INLINE __m512i zip(const char *const *x, size_t at, __mmask16 mask, __m512i flip) {
    const __m512i lanes = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    __m512i y = _mm512_castsi128_si512(_mm_maskz_loadu_epi8(mask, x[0] + at));
    y = _mm512_inserti32x4(y, _mm_maskz_loadu_epi8(mask, x[1] + at), 1);
    y = _mm512_inserti32x4(y, _mm_maskz_loadu_epi8(mask, x[2] + at), 2);
    y = _mm512_inserti32x4(y, _mm_maskz_loadu_epi8(mask, x[3] + at), 3);
    return _mm512_xor_si512(_mm512_shuffle_epi8(_mm512_permutexvar_epi32(lanes, y), bytes), flip);
}

/* The same where all sixteen exist. */
TL_ALWAYS_INLINE __m512i zip_whole(const char *const *x, __m512i flip) {
    const __m512i lanes = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
#define LANE(i) _mm_loadu_si128((const __m128i *)(const void *)x[i])
    __m512i y = _mm512_inserti32x4(_mm512_castsi128_si512(LANE(0)), LANE(1), 1);
    y = _mm512_inserti32x4(_mm512_inserti32x4(y, LANE(2), 2), LANE(3), 3);
#undef LANE
    return _mm512_xor_si512(_mm512_shuffle_epi8(_mm512_permutexvar_epi32(lanes, y), bytes), flip);
}

/* Channels [first, first + channels) of a pixel, to `to`, as often as there are filters for each. */
static const char *gather(const params *p, const sources *s, const char *x, int32_t first, int32_t channels, char *to) {
    if (x == s->padding) return x;
    for (int32_t c = 0; c < channels; ++c) to[c] = x[(first + c) / p->multiplier];
    return to;
}

/* Pixels [j, end) of the channels [first, first + channels), wherever they are. */
static void lay_edge(const params *p, const sources *s, int32_t begin, int32_t j, int32_t end, int32_t first,
                     int32_t channels, uint8_t *to) {
    for (; j < end; ++j) {
        char gathered[4][MAX_BLOCK];
        const char *x[4];
        for (int q = 0; q < 4; ++q) {
            const int32_t column = begin + j + s->shift[q];
            const int is_inside = s->row[q] && column >= 0 && column < s->width;
            x[q] = is_inside ? s->row[q] + (size_t)column * s->pixel : s->padding;
            if (p->multiplier != 1) x[q] = gather(p, s, x[q], first, channels, gathered[q]);
        }
        for (int32_t c = 0; c < channels; c += 16) {
            const __mmask16 mask = (__mmask16)((1u << TL_MIN(16, channels - c)) - 1);
            uint8_t *y = to + ((size_t)j * (size_t)p->block + (size_t)c) * 4;
            _mm512_mask_storeu_epi32(y, mask, zip(x, (size_t)c, mask, s->flip));
        }
    }
}

/* `count` times sixteen channels, or fewer, from sources x that are `step` apart to places `y_step` apart. */
TL_ALWAYS_INLINE void lay_column(const char *const *sources, const size_t *step, int32_t count, int32_t channels,
                                 __m512i flip, uint8_t *y, size_t y_step) {
    const __mmask16 mask = (__mmask16)((1u << TL_MIN(16, channels)) - 1);
    const char *x[4] = {sources[0], sources[1], sources[2], sources[3]};
    for (int32_t i = 0; i < count; ++i, y += y_step) {
        if (channels >= 16)
            _mm512_storeu_si512(y, zip_whole(x, flip));
        else
            _mm512_mask_storeu_epi32(y, mask, zip(x, 0, mask, flip));
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) x[q] += step[q];
    }
}

/* The same where every cell is inside a row, or its row is padding, and each channel has but one filter. */
static void lay_inside(const params *p, const sources *s, int32_t begin, int32_t j, int32_t end, int32_t channels,
                       uint8_t *to) {
    const size_t y_step = (size_t)p->block * 4;
    const char *x[4];
    size_t step[4], sixteen[4];
    int is_dense = channels == p->block && s->pixel == (size_t)channels;
    for (int q = 0; q < 4; ++q) {
        x[q] = s->row[q] ? s->row[q] + (ptrdiff_t)(begin + j + s->shift[q]) * (ptrdiff_t)s->pixel : s->padding;
        step[q] = s->row[q] ? s->pixel : 0;
        sixteen[q] = 16;
        is_dense = is_dense && s->row[q];
    }
    to += (size_t)j * y_step;
    if (is_dense) { /* Pixels without gaps are one long row of channels. */
        const int32_t bytes = (end - j) * channels, whole = bytes / 16;
        lay_column(x, sixteen, whole, 16, s->flip, to, 64);
        for (int q = 0; q < 4; ++q) x[q] += 16 * whole;
        if (bytes % 16) lay_column(x, sixteen, 1, bytes % 16, s->flip, to + 64 * whole, 64);
        return;
    }
    for (int32_t c = 0; c < channels; c += 16) {
        if (channels - c >= 16)
            lay_column(x, step, end - j, 16, s->flip, to + 4 * c, y_step);
        else
            lay_column(x, step, end - j, channels - c, s->flip, to + 4 * c, y_step);
        for (int q = 0; q < 4; ++q) x[q] += 16;
    }
}

/* What a segment sees, for the channels [first, first + channels): `columns` pixels from column `begin` on. */
static void load(const params *p, const char *x, int32_t top, int32_t begin, int32_t columns, int32_t first,
                 int32_t channels, uint8_t *to, int8_t flip) {
    char padding[MAX_BLOCK];
    tl_fill(padding, p->zero_point, sizeof padding);
    sources s = {.width = p->input_width, .pixel = (size_t)p->input_channels, .padding = padding};
    s.flip = _mm512_set1_epi8(flip);
    if (p->multiplier == 1) x += first;
    for (int32_t k = 0; k < p->filter_height; k += 4, to += (size_t)p->span * (size_t)p->block * 4) {
        const int32_t rows = TL_MIN(4, p->filter_height - k);
        int32_t farthest = 0;
        for (int32_t q = 0; q < 4; ++q) {
            const int32_t row = top + (k + q % rows) * p->dilation_height;
            s.row[q] = row < 0 || row >= p->input_height ? NULL : x + (size_t)row * (size_t)p->input_width * s.pixel;
            s.shift[q] = q / rows * p->shift;
            farthest = s.shift[q];
        }
        const int32_t inside = tl_clamp(-begin, 0, columns);
        const int32_t end = tl_clamp(p->input_width - farthest - begin, inside, columns);
        lay_edge(p, &s, begin, 0, inside, first, channels, to);
        if (p->multiplier == 1)
            lay_inside(p, &s, begin, inside, end, channels, to);
        else
            lay_edge(p, &s, begin, inside, end, first, channels, to);
        lay_edge(p, &s, begin, end, columns, first, channels, to);
    }
}

/* Outputs of some panels of a segment: a row of sums is one output, or two where sixteen channels would be half empty.
 */
typedef struct {
    const params *p;
    const int32_t *offsets;
    const int8_t *weights;
    const int32_t *start;
    const void *scales;
    const uint8_t *x;
    char *y;
    size_t step, half, y_step;
    tl_output output;
    tl_quad_output fast;
} job;

/* A row's cells for sixteen sums, from where its first output's are. */
TL_ALWAYS_INLINE tl_lanes cells(const job *k, const char *x, const int is_folded) {
    if (!is_folded) return (tl_lanes)_mm512_loadu_si512(x);
    const __m512i low = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(const void *)x));
    return (tl_lanes)_mm512_inserti64x4(low, _mm256_loadu_si256((const __m256i *)(const void *)(x + k->half)), 1);
}

TL_ALWAYS_INLINE void add_taps(const job *k, tl_quad_sums sums, int32_t i, const int rows, const int panels,
                               const int is_folded) {
    const size_t panel = (size_t)k->p->taps * 64;
    const tl_quad_rows at = tl_even_rows((const char *)k->x + (size_t)i * k->step, (ptrdiff_t)k->step, rows);
    const int8_t *w = k->weights;
    for (int32_t tap = 0; tap < k->p->taps; ++tap, w += 64) {
        const size_t offset = (size_t)k->offsets[tap];
#pragma GCC unroll 4
        for (int v = 0; v < panels; ++v) {
            const tl_lanes b = tl_load_step((const char *)w + (size_t)v * panel, TL_QUADS_W8);
#pragma GCC unroll 12
            for (int m = 0; m < rows; ++m)
                sums[m][v] = tl_add_step(
                    sums[m][v], cells(k, at.x[m / 3] + m % 3 * at.step + offset + v * 64, is_folded), b, TL_QUADS_W8);
        }
    }
}

TL_ALWAYS_INLINE void tile(const job *k, int32_t i, const int rows, const int panels) {
    tl_quad_sums sums;
    tl_start_quads(sums, k->start, rows, panels);
    if (panels == 1 && k->p->fold > 1)
        add_taps(k, sums, i, rows, panels, 1);
    else
        add_taps(k, sums, i, rows, panels, 0);
    char *y[TL_QUAD_ROWS];
#pragma GCC unroll 12
    for (int m = 0; m < rows; ++m) y[m] = k->y + (size_t)(i + m) * k->y_step;
    tl_finish_quads(&k->output, &k->fast, k->scales, sums, y, rows, panels);
}
TL_QUAD_TILES(tiles, tile, const job *)

/* `count` outputs of the channels [first, end), which begin and end a block, in the line-th of a work item's lines. */
static void walk(const params *p, void *const *t, const uint8_t *x, int32_t line, int32_t count, int32_t first,
                 int32_t end, char *y) {
    const size_t panels_of_line = (size_t)((p->channels * p->fold + TL_BLOCK - 1) / TL_BLOCK);
    const size_t pixel = (size_t)p->stride_width * (size_t)p->block * 4;
    job k; /* An initializer would clear all of it. */
    k.p = p, k.offsets = t[4];
    k.output = (tl_output)TL_OUTPUT(p);
    k.step = pixel * (size_t)p->fold;
    k.half = pixel;
    k.y_step = (size_t)p->channels * (size_t)p->fold;
    for (int32_t c = first, panels; c < end; c += panels * TL_BLOCK) {
        const size_t at = (size_t)(c / TL_BLOCK);
        panels = tl_quad_panels((end - c + TL_BLOCK - 1) / TL_BLOCK);
        k.weights = (const int8_t *)t[1] + ((size_t)line * panels_of_line + at) * (size_t)p->taps * 64;
        k.start = (const int32_t *)t[2] + at * TL_BLOCK;
        k.scales = (const char *)t[3] + at * (size_t)tl_scales_bytes(p->rounding);
        k.x = x + 4 * (c - first);
        k.y = y + (c - first);
        tl_prepare_output(&k.output, k.scales, panels, TL_MIN(panels * TL_BLOCK, end - c) * p->fold, &k.fast);
        tiles(&k, count / p->fold, panels);
        if (count % p->fold) {
            k.x += (size_t)(count / p->fold) * k.step;
            k.y += (size_t)(count / p->fold) * k.y_step;
            k.fast.outputs = end - c;
            tiles(&k, 1, panels);
        }
    }
}

TL_ALWAYS_INLINE int32_t convolve(const params *p, void *const *t, tl_range r, int8_t flip) {
    uint8_t *seen = (uint8_t *)t[6] + (size_t)r.worker * (size_t)p->scratch_bytes;
    const size_t image_bytes = (size_t)p->input_height * (size_t)p->input_width * (size_t)p->input_channels;
    const int32_t down = (p->output_height + p->lines - 1) / p->lines;
    const size_t line_bytes = (size_t)p->output_width * (size_t)p->channels;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t place = item / p->blocks, image = place / p->segments / down;
        const int32_t row = place / p->segments % down * p->lines, column = place % p->segments * p->segment;
        const int32_t count = TL_MIN(p->segment, p->output_width - column);
        const int32_t first = item % p->blocks * p->block, end = TL_MIN(first + p->block, p->channels);
        load(p, (const char *)t[0] + (size_t)image * image_bytes, row * p->stride_height - p->before_height,
             column * p->stride_width - p->before_width, (count - 1) * p->stride_width + p->reach, first, end - first,
             seen, flip);
        char *y = (char *)t[5] + (size_t)(image * p->output_height + row) * line_bytes +
                  (size_t)column * (size_t)p->channels + (size_t)first;
        for (int32_t line = 0; line < TL_MIN(p->lines, p->output_height - row); ++line, y += line_bytes)
            walk(p, t, seen, line, count, first, end, y);
    }
    return TL_OK;
}

int32_t tl_depthwise_quads_s8(const params *p, void *const *t, tl_range r) { return convolve(p, t, r, -128); }
int32_t tl_depthwise_quads_u8(const params *p, void *const *t, tl_range r) { return convolve(p, t, r, 0); }
#endif
