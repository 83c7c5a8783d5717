/* Steps of four bytes where the machine multiplies and adds them (AVX-512 VNNI): tiles of rows by up to four panels at
 * once, and their sums rounded in the registers that hold them. Panels are those of tl_steps.h, one after another; a
 * tile reads as many streams of filters as it has panels. Counts of rows and panels are constants wherever they are
 * passed. */
#ifndef TL_QUADS_H
#define TL_QUADS_H

#include "tl_requantize.h"
#include "tl_rescale_x16.h"
#include "tl_steps.h"

#define TL_QUAD_PANELS 4
#define TL_QUAD_ROWS 12

/* Rows that suit a number of panels: their sums, a step of filters and one of a row are what 32 registers hold. */
#define TL_QUAD_ROWS_OF(panels) ((panels) == 4 ? 6 : TL_QUAD_ROWS)

typedef tl_lanes tl_quad_sums[TL_QUAD_ROWS][TL_QUAD_PANELS];

/* Every row's sums begin with the same, that of its panel; `start`: int32 of all panels' outputs. */
TL_ALWAYS_INLINE void tl_start_quads(tl_quad_sums sums, const int32_t *start, const int rows, const int panels) {
#pragma GCC unroll 4
    for (int v = 0; v < panels; ++v) {
        tl_lanes first;
        tl_copy(&first, start + v * TL_PANEL_OUTPUTS, sizeof first);
#pragma GCC unroll 12
        for (int m = 0; m < rows; ++m) sums[m][v] = first;
    }
}

/* Where the rows of a tile lie: each by itself, or the first of every three, `step` bytes apart, so that as few
 * addresses as may be take a register. */
typedef struct {
    const char *x[TL_QUAD_ROWS];
    ptrdiff_t step;
} tl_quad_rows;

/* Rows that lie evenly. */
TL_ALWAYS_INLINE tl_quad_rows tl_even_rows(const char *x, ptrdiff_t step, const int rows) {
    tl_quad_rows y;
    y.step = step;
#pragma GCC unroll 4
    for (int g = 0; 3 * g < rows; ++g) {
        y.x[g] = x + 3 * g * step;
        TL_OPAQUE(y.x[g]);
    }
    return y;
}

/* sums[m][v] += row m times the v-th panel; panels lie `stride` bytes apart. */
TL_ALWAYS_INLINE void tl_add_quads(tl_quad_sums sums, const tl_quad_rows *x, const int is_even, const char *w,
                                   size_t stride, int32_t steps, const int rows, const int panels) {
    for (int32_t j = 0; j < steps; ++j, w += TL_PANEL_OUTPUTS * 4) {
        tl_lanes b[TL_QUAD_PANELS];
#pragma GCC unroll 4
        for (int v = 0; v < panels; ++v) b[v] = tl_load_step(w + (size_t)v * stride, TL_QUADS_W8);
#pragma GCC unroll 12
        for (int m = 0; m < rows; ++m) {
            const char *at = is_even ? x->x[m / 3] + m % 3 * x->step : x->x[m];
            const tl_lanes a = tl_splat_step(at + 4 * j);
#pragma GCC unroll 4
            for (int v = 0; v < panels; ++v) sums[m][v] = tl_add_step(sums[m][v], a, b[v], TL_QUADS_W8);
        }
    }
}

/* The same for one row. Its sums would wait for each other: two of every three steps go to sums of their own. */
TL_ALWAYS_INLINE void tl_add_quads_of_one(tl_quad_sums sums, const char *x, const char *w, size_t stride, int32_t steps,
                                          const int panels) {
    const size_t step = TL_PANEL_OUTPUTS * 4;
    tl_lanes a[TL_QUAD_PANELS] = {{0}}, b[TL_QUAD_PANELS] = {{0}};
    int32_t j = 0;
    for (; j + 3 <= steps; j += 3, w += 3 * step) {
        const tl_lanes x0 = tl_splat_step(x + 4 * j), x1 = tl_splat_step(x + 4 * j + 4),
                       x2 = tl_splat_step(x + 4 * j + 8);
#pragma GCC unroll 4
        for (int v = 0; v < panels; ++v) {
            const char *from = w + (size_t)v * stride;
            sums[0][v] = tl_add_step(sums[0][v], x0, tl_load_step(from, TL_QUADS_W8), TL_QUADS_W8);
            a[v] = tl_add_step(a[v], x1, tl_load_step(from + step, TL_QUADS_W8), TL_QUADS_W8);
            b[v] = tl_add_step(b[v], x2, tl_load_step(from + 2 * step, TL_QUADS_W8), TL_QUADS_W8);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < panels; ++v) sums[0][v] = tl_add(sums[0][v], tl_add(a[v], b[v]));
    const tl_quad_rows rest = {{x + 4 * j}, 0};
    tl_add_quads(sums, &rest, 0, w, stride, steps - j, 1, panels);
}

/* Bytes with `flip` added, to where they do not overlap. */
TL_ALWAYS_INLINE void tl_copy_bytes(const void *x, size_t count, int32_t flip, void *y) {
    const __m512i flips = _mm512_set1_epi8((char)flip);
    size_t i = 0;
    for (; i + 64 <= count; i += 64)
        _mm512_storeu_si512((char *)y + i, _mm512_add_epi8(_mm512_loadu_si512((const char *)x + i), flips));
    if (i == count) return;
    const __mmask64 rest = ((__mmask64)1 << (count - i)) - 1;
    const __m512i last = _mm512_maskz_loadu_epi8(rest, (const char *)x + i);
    _mm512_mask_storeu_epi8((char *)y + i, rest, _mm512_add_epi8(last, flips));
}

/* Sums of a row's bytes, which filters with a zero point need. */
TL_ALWAYS_INLINE int32_t tl_sum_bytes(const uint8_t *x, int32_t length) {
    const __m512i ones = _mm512_set1_epi8(1);
    __m512i sum = _mm512_setzero_si512();
    int32_t i = 0;
    for (; length - i >= 64; i += 64) sum = _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(x + i), ones);
    const __mmask64 rest = ((__mmask64)1 << (length - i)) - 1;
    sum = _mm512_dpbusd_epi32(sum, _mm512_maskz_loadu_epi8(rest, x + i), ones);
    return _mm512_reduce_add_epi32(sum);
}

/* The nearest integers to sixteen sums times their scales, halves away from zero: tl_nearest. */
TL_ALWAYS_INLINE __m256i tl_nearest_eight(__m256i x, const double *scales) {
    const __m512d half = _mm512_set1_pd(0.49999999999999994), sign = _mm512_set1_pd(-0.0);
    const __m512d far = _mm512_set1_pd(1 << 30), near = _mm512_set1_pd(-(1 << 30));
    __m512d y = _mm512_mul_pd(_mm512_cvtepi32_pd(x), _mm512_loadu_pd(scales));
    y = _mm512_add_pd(y, _mm512_or_pd(_mm512_and_pd(y, sign), half));
    return _mm512_cvttpd_epi32(_mm512_min_pd(_mm512_max_pd(y, near), far));
}
TL_ALWAYS_INLINE __m512i tl_nearest_quads(const double *scales, __m512i x) {
    const __m256i low = tl_nearest_eight(_mm512_castsi512_si256(x), scales);
    const __m256i high = tl_nearest_eight(_mm512_extracti64x4_epi64(x, 1), scales + 8);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/* How a tile's sums become bytes, all of it where no store can change it: whether by tl_rescale_fast, and with which
 * scales; the zero point and the range as int16; how many channels there are. */
typedef struct {
    int32_t is_fast, is_unsigned, outputs;
    int16_t zero_point, low, high;
    tl_scales_x16 scales[TL_QUAD_PANELS];
} tl_quad_output;

/* Of some panels whose table of scales lies at `table`, with `outputs` channels. */
TL_ALWAYS_INLINE void tl_prepare_output(const tl_output *o, const void *table, int32_t panels, int32_t outputs,
                                        tl_quad_output *y) {
    y->is_fast = tl_makes_bytes(o);
    y->is_unsigned = o->type == TL_U8;
    y->outputs = outputs;
    y->zero_point = (int16_t)o->zero_point, y->low = (int16_t)o->low, y->high = (int16_t)o->high;
    if (y->is_fast)
        for (int32_t v = 0; v < panels; ++v)
            y->scales[v] = tl_load_scales_x16((const int32_t *)table + v * 2 * TL_BLOCK);
}

/* Sums to steps, one after another: compilers that interleave them run out of registers, which processors do not. */
TL_ALWAYS_INLINE void tl_round_quads(const tl_quad_output *o, tl_quad_sums sums, const int rows, const int panels) {
#pragma GCC unroll 4
    for (int v = 0; v < panels; ++v) {
#pragma GCC unroll 12
        for (int m = 0; m < rows; ++m) {
            sums[m][v] = (tl_lanes)tl_rescale_x16(o->scales + v, (__m512i)sums[m][v]);
            __asm__ volatile("" : "+v"(sums[m][v]));
        }
    }
}

/* The first `count` bytes of a row's part of what is joined. */
TL_ALWAYS_INLINE void tl_store_joined(char *y, __m512i x, int at, const int panels, int32_t count) {
    if (panels == 4) {
        if (count >= 64)
            _mm512_storeu_si512(y, x);
        else
            _mm512_mask_storeu_epi8(y, ((__mmask64)1 << count) - 1, x);
    } else if (panels == 2) {
        const __m256i half = at ? _mm512_extracti64x4_epi64(x, 1) : _mm512_castsi512_si256(x);
        if (count >= 32)
            _mm256_storeu_si256((__m256i *)(void *)y, half);
        else
            _mm256_mask_storeu_epi8(y, (1u << count) - 1, half);
    } else {
        const __m128i quarter = at == 3   ? _mm512_extracti32x4_epi32(x, 3)
                                : at == 2 ? _mm512_extracti32x4_epi32(x, 2)
                                : at == 1 ? _mm512_extracti32x4_epi32(x, 1)
                                          : _mm512_castsi512_si128(x);
        if (count >= 16)
            _mm_storeu_si128((__m128i *)(void *)y, quarter);
        else
            _mm_mask_storeu_epi8(y, (__mmask16)((1u << count) - 1), quarter);
    }
}

/* A tile's steps, from the zero point on and within the range, to its rows y. Four vectors are packed at once; their
 * lanes of 128 bits alternate until the end. */
TL_ALWAYS_INLINE void tl_store_quads(const tl_quad_output *o, tl_quad_sums sums, char *const *y, const int rows,
                                     const int panels) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i zero_point = _mm512_set1_epi16(o->zero_point);
    const __m512i low = _mm512_set1_epi16(o->low), high = _mm512_set1_epi16(o->high);
    const int32_t is_unsigned = o->is_unsigned, outputs = o->outputs;
    const int together = 4 / panels;
#pragma GCC unroll 12
    for (int m = 0; m < rows; m += together) {
        __m512i x[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) x[i] = (__m512i)sums[TL_MIN(m + i / panels, rows - 1)][i % panels];
        __m512i a = _mm512_adds_epi16(_mm512_packs_epi32(x[0], x[1]), zero_point);
        __m512i b = _mm512_adds_epi16(_mm512_packs_epi32(x[2], x[3]), zero_point);
        a = _mm512_min_epi16(_mm512_max_epi16(a, low), high);
        b = _mm512_min_epi16(_mm512_max_epi16(b, low), high);
        const __m512i mixed = is_unsigned ? _mm512_packus_epi16(a, b) : _mm512_packs_epi16(a, b);
        const __m512i bytes = _mm512_permutexvar_epi32(order, mixed);
#pragma GCC unroll 4
        for (int i = 0; i < together; ++i)
            if (m + i < rows) tl_store_joined(y[m + i], bytes, i, panels, outputs);
    }
}

/* The same of one row in doubles: TL_ONCE_AWAY. */
TL_ALWAYS_INLINE void tl_round_row(const tl_quad_output *o, const double *factors, const tl_lanes *sums, char *y,
                                   const int panels) {
    tl_quad_sums steps;
#pragma GCC unroll 4
    for (int v = 0; v < panels; ++v) steps[0][v] = (tl_lanes)tl_nearest_quads(factors + v * TL_BLOCK, (__m512i)sums[v]);
    tl_store_quads(o, steps, &y, 1, panels);
}

/* The same for other roundings: sums of one row to the output. */
static __attribute__((noinline, unused)) void tl_finish_row(const tl_output *o, const tl_quad_output *fast,
                                                            const void *scales, const tl_lanes *sums, char *y,
                                                            int32_t panels) {
    if (o->rounding == TL_ONCE_AWAY && (o->type == TL_S8 || o->type == TL_U8)) {
        if (panels == 4)
            tl_round_row(fast, scales, sums, y, 4);
        else if (panels == 2)
            tl_round_row(fast, scales, sums, y, 2);
        else
            tl_round_row(fast, scales, sums, y, 1);
        return;
    }
    for (int32_t v = 0; v < panels; ++v) {
        tl_block block;
        tl_copy(&block, sums + v, sizeof block);
        tl_requantize(o, (const char *)scales + v * tl_scales_bytes(o->rounding), &block,
                      TL_MIN(TL_BLOCK, fast->outputs - v * TL_BLOCK), y + v * TL_BLOCK * tl_output_bytes(o->type));
    }
}

/* A tile's sums to the output, whatever the rounding. */
TL_ALWAYS_INLINE void tl_finish_quads(const tl_output *o, const tl_quad_output *fast, const void *scales,
                                      tl_quad_sums sums, char *const *y, const int rows, const int panels) {
    if (fast->is_fast) {
        tl_round_quads(fast, sums, rows, panels);
        tl_store_quads(fast, sums, y, rows, panels);
        return;
    }
#pragma GCC unroll 12
    for (int m = 0; m < rows; ++m) { /* Copies, because a sum whose address is known has no register. */
        tl_lanes row[TL_QUAD_PANELS];
#pragma GCC unroll 4
        for (int v = 0; v < panels; ++v) row[v] = sums[m][v];
        tl_finish_row(o, fast, scales, row, y[m], panels);
    }
}

/* Functions name_<panels>_<rows> for every size of a tile, and one that divides `count` rows into tiles of nearly the
 * same size: name(context, count, panels). `tile` takes the context, the first row, and both counts. */
#define TL_QUAD_TILE(name, tile, context, panels, rows) \
    static void name##_##panels##_##rows(context k, int32_t i) { tile(k, i, rows, panels); }
#define TL_QUAD_TILES(name, tile, context)                                                                   \
    TL_QUAD_TILE(name, tile, context, 1, 1)                                                                  \
    TL_QUAD_TILE(name, tile, context, 1, 2)                                                                  \
    TL_QUAD_TILE(name, tile, context, 1, 3)                                                                  \
    TL_QUAD_TILE(name, tile, context, 1, 4)                                                                  \
    TL_QUAD_TILE(name, tile, context, 1, 5)                                                                  \
    TL_QUAD_TILE(name, tile, context, 1, 6)                                                                  \
    TL_QUAD_TILE(name, tile, context, 1, 7)                                                                  \
    TL_QUAD_TILE(name, tile, context, 1, 8)                                                                  \
    TL_QUAD_TILE(name, tile, context, 1, 9)                                                                  \
    TL_QUAD_TILE(name, tile, context, 1, 10)                                                                 \
    TL_QUAD_TILE(name, tile, context, 1, 11)                                                                 \
    TL_QUAD_TILE(name, tile, context, 1, 12)                                                                 \
    TL_QUAD_TILE(name, tile, context, 2, 1)                                                                  \
    TL_QUAD_TILE(name, tile, context, 2, 2)                                                                  \
    TL_QUAD_TILE(name, tile, context, 2, 3)                                                                  \
    TL_QUAD_TILE(name, tile, context, 2, 4)                                                                  \
    TL_QUAD_TILE(name, tile, context, 2, 5)                                                                  \
    TL_QUAD_TILE(name, tile, context, 2, 6)                                                                  \
    TL_QUAD_TILE(name, tile, context, 2, 7)                                                                  \
    TL_QUAD_TILE(name, tile, context, 2, 8)                                                                  \
    TL_QUAD_TILE(name, tile, context, 2, 9)                                                                  \
    TL_QUAD_TILE(name, tile, context, 2, 10)                                                                 \
    TL_QUAD_TILE(name, tile, context, 2, 11)                                                                 \
    TL_QUAD_TILE(name, tile, context, 2, 12)                                                                 \
    TL_QUAD_TILE(name, tile, context, 4, 1)                                                                  \
    TL_QUAD_TILE(name, tile, context, 4, 2)                                                                  \
    TL_QUAD_TILE(name, tile, context, 4, 3)                                                                  \
    TL_QUAD_TILE(name, tile, context, 4, 4)                                                                  \
    TL_QUAD_TILE(name, tile, context, 4, 5)                                                                  \
    TL_QUAD_TILE(name, tile, context, 4, 6)                                                                  \
    static void name(context k, int32_t count, int panels) {                                                 \
        static void (*const by_rows[3][TL_QUAD_ROWS])(context, int32_t) = {                                  \
            {name##_1_1, name##_1_2, name##_1_3, name##_1_4, name##_1_5, name##_1_6, name##_1_7, name##_1_8, \
             name##_1_9, name##_1_10, name##_1_11, name##_1_12},                                             \
            {name##_2_1, name##_2_2, name##_2_3, name##_2_4, name##_2_5, name##_2_6, name##_2_7, name##_2_8, \
             name##_2_9, name##_2_10, name##_2_11, name##_2_12},                                             \
            {name##_4_1, name##_4_2, name##_4_3, name##_4_4, name##_4_5, name##_4_6}};                       \
        const int32_t most = TL_QUAD_ROWS_OF(panels);                                                        \
        int32_t tiles = (count + most - 1) / most;                                                           \
        for (int32_t i = 0, rows; tiles; --tiles, i += rows) {                                               \
            rows = (count - i + tiles - 1) / tiles;                                                          \
            by_rows[panels / 2][rows - 1](k, i);                                                             \
        }                                                                                                    \
    }

/* As many panels as a tile may take of those that are left. */
TL_ALWAYS_INLINE int tl_quad_panels(int32_t left) { return left >= 4 ? 4 : left >= 2 ? 2 : 1; }

#endif
