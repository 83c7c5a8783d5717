/* Steps of four bytes where the machine multiplies and adds them (AVX-512 VNNI): tiles of rows by up to four panels at
 * once, and their sums rounded in the registers that hold them. Panels are those of tl_steps.h, one after another; a
 * tile reads as many streams of filters as it has panels. Counts of rows and panels are constants wherever they are
 * passed. */
#ifndef TL_QUADS_H
#define TL_QUADS_H

#include "tl_requantize.h"
#include "tl_steps.h"

#define TL_QUAD_PANELS 4
#define TL_QUAD_ROWS 8

/* Rows that suit a number of panels: their sums, a step of filters and one of a row are what 32 registers hold, and
 * their addresses what the others do. */
#define TL_QUAD_ROWS_OF(panels) ((panels) == 4 ? 6 : TL_QUAD_ROWS)

typedef tl_lanes tl_quad_sums[TL_QUAD_ROWS][TL_QUAD_PANELS];

/* sums[m][v] += row x[m] times the v-th panel; panels lie `stride` bytes apart. */
TL_ALWAYS_INLINE void tl_add_quads(tl_quad_sums sums, const char *const *x, const char *w, size_t stride, int32_t steps,
                                   const int rows, const int panels) {
    for (int32_t j = 0; j < steps; ++j, w += TL_PANEL_OUTPUTS * 4) {
        tl_lanes b[TL_QUAD_PANELS];
#pragma GCC unroll 4
        for (int v = 0; v < panels; ++v) b[v] = tl_load_step(w + (size_t)v * stride, TL_QUADS_W8);
#pragma GCC unroll 8
        for (int m = 0; m < rows; ++m) {
            const tl_lanes a = tl_splat_step(x[m] + 4 * j);
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
    tl_add_quads(sums, (const char *const[]){x + 4 * j}, w, stride, steps - j, 1, panels);
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

/* What a rounding takes of sixteen channels, in registers. */
typedef struct {
    __m512i even, odd, up, less, shifts;
} tl_quad_scales;

/* tl_rescale_fast's: mantissas of even and odd channels, what is added, how much less where a product is negative
 * (nothing where there is no second rounding), shifts. */
TL_ALWAYS_INLINE tl_quad_scales tl_load_quad_scales(const int32_t *scales) {
    const __m512i one = _mm512_set1_epi32(1), m = _mm512_loadu_si512(scales), s = _mm512_loadu_si512(scales + 16);
    const __m512i half = _mm512_andnot_si512(one, _mm512_sllv_epi32(one, s));
    const tl_quad_scales y = {m, _mm512_srli_epi64(m, 32), _mm512_add_epi32(half, one),
                              _mm512_min_epi32(half, _mm512_set1_epi32(2)), _mm512_add_epi32(s, one)};
    return y;
}

/* tl_rescale_fast of sixteen sums. */
TL_ALWAYS_INLINE __m512i tl_rescale_quads(const tl_quad_scales *s, __m512i x) {
    x = _mm512_slli_epi32(x, 2);
    const __m512i even = _mm512_mul_epi32(x, s->even), odd = _mm512_mul_epi32(_mm512_srli_epi64(x, 32), s->odd);
    const __m512i t = _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
    const __m512i y = _mm512_add_epi32(t, s->up);
    return _mm512_srav_epi32(_mm512_mask_sub_epi32(y, _mm512_movepi32_mask(t), y, s->less), s->shifts);
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

/* Whether tl_round_quads and tl_store_quads will do. */
TL_ALWAYS_INLINE int tl_makes_quads(const tl_output *o) {
    return (o->type == TL_S8 || o->type == TL_U8) && (o->rounding == TL_TWICE_FAST || o->rounding == TL_ONCE_AWAY);
}

/* Sums to steps from the zero point; `scales`: the table of the first panel's channels. */
TL_ALWAYS_INLINE void tl_round_quads(const tl_output *o, const void *scales, tl_quad_sums sums, const int rows,
                                     const int panels) {
#pragma GCC unroll 4
    for (int v = 0; v < panels; ++v) {
        const char *table = (const char *)scales + v * TL_BLOCK * 8;
        if (o->rounding == TL_ONCE_AWAY) {
#pragma GCC unroll 8
            for (int m = 0; m < rows; ++m)
                sums[m][v] = (tl_lanes)tl_nearest_quads((const double *)(const void *)table, (__m512i)sums[m][v]);
        } else {
            const tl_quad_scales s = tl_load_quad_scales((const int32_t *)(const void *)table);
#pragma GCC unroll 8
            for (int m = 0; m < rows; ++m) sums[m][v] = (tl_lanes)tl_rescale_quads(&s, (__m512i)sums[m][v]);
        }
    }
}

/* Pairs of vectors, whose lanes of 128 bits now alternate, as int16 from the zero point on and within the range. */
TL_ALWAYS_INLINE __m512i tl_pack_quads(const tl_output *o, tl_lanes a, tl_lanes b) {
    const __m512i y = _mm512_adds_epi16(_mm512_packs_epi32((__m512i)a, (__m512i)b),
                                        _mm512_set1_epi16((int16_t)o->zero_point));
    return _mm512_min_epi16(_mm512_max_epi16(y, _mm512_set1_epi16((int16_t)o->low)), _mm512_set1_epi16((int16_t)o->high));
}

/* Steps of one row to the output, of which `outputs` exist. */
TL_ALWAYS_INLINE void tl_store_quads(const tl_output *o, const tl_lanes *steps, char *y, int32_t outputs,
                                     const int panels) {
    if (panels == 1) {
        __m512i x = _mm512_add_epi32((__m512i)steps[0], _mm512_set1_epi32(o->zero_point));
        x = _mm512_min_epi32(_mm512_max_epi32(x, _mm512_set1_epi32(o->low)), _mm512_set1_epi32(o->high));
        const __m128i bytes = _mm512_cvtepi32_epi8(x);
        if (outputs >= 16)
            _mm_storeu_si128((__m128i *)(void *)y, bytes);
        else
            _mm_mask_storeu_epi8(y, (__mmask16)((1u << outputs) - 1), bytes);
    } else if (panels == 2) {
        const __m256i mixed = _mm512_cvtepi16_epi8(tl_pack_quads(o, steps[0], steps[1]));
        const __m256i bytes = _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7));
        if (outputs >= 32)
            _mm256_storeu_si256((__m256i *)(void *)y, bytes);
        else
            _mm256_mask_storeu_epi8(y, (1u << outputs) - 1, bytes);
    } else {
        const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        const __m512i a = tl_pack_quads(o, steps[0], steps[1]), b = tl_pack_quads(o, steps[2], steps[3]);
        const __m512i mixed = o->type == TL_U8 ? _mm512_packus_epi16(a, b) : _mm512_packs_epi16(a, b);
        const __m512i bytes = _mm512_permutexvar_epi32(order, mixed);
        if (outputs >= 64)
            _mm512_storeu_si512(y, bytes);
        else
            _mm512_mask_storeu_epi8(y, ((__mmask64)1 << outputs) - 1, bytes);
    }
}

/* The same for what tl_round_quads does not round: sums of one row to the output. */
static __attribute__((noinline, unused)) void tl_finish_quads(const tl_output *o, const void *scales,
                                                              const tl_lanes *sums, char *y, int32_t outputs) {
    for (int32_t v = 0; v * TL_BLOCK < outputs; ++v) {
        tl_block block;
        tl_copy(&block, sums + v, sizeof block);
        tl_requantize(o, (const char *)scales + v * tl_scales_bytes(o->rounding), &block,
                      TL_MIN(TL_BLOCK, outputs - v * TL_BLOCK), y + v * TL_BLOCK * tl_output_bytes(o->type));
    }
}

/* The same for a tile's row, whose sums otherwise would have no registers: nothing may hold their address. */
#define TL_FINISH_QUADS(o, scales, sums, m, y, outputs, panels)             \
    do {                                                                    \
        tl_lanes row[TL_QUAD_PANELS];                                       \
        for (int v = 0; v < (panels); ++v) row[v] = (sums)[m][v];           \
        tl_finish_quads(o, scales, row, y, outputs);                        \
    } while (0)

/* Functions name_<panels>_<rows> for every size of a tile, and one that divides `count` rows into tiles of nearly the
 * same size: name(context, count, panels). `tile` takes the context, the first row, and both counts. */
#define TL_QUAD_TILE(name, tile, context, panels, rows) \
    static void name##_##panels##_##rows(context k, int32_t i) { tile(k, i, rows, panels); }
#define TL_QUAD_TILES(name, tile, context)                                                                      \
    TL_QUAD_TILE(name, tile, context, 1, 1)                                                                     \
    TL_QUAD_TILE(name, tile, context, 1, 2)                                                                     \
    TL_QUAD_TILE(name, tile, context, 1, 3)                                                                     \
    TL_QUAD_TILE(name, tile, context, 1, 4)                                                                     \
    TL_QUAD_TILE(name, tile, context, 1, 5)                                                                     \
    TL_QUAD_TILE(name, tile, context, 1, 6)                                                                     \
    TL_QUAD_TILE(name, tile, context, 1, 7)                                                                     \
    TL_QUAD_TILE(name, tile, context, 1, 8)                                                                     \
    TL_QUAD_TILE(name, tile, context, 2, 1)                                                                     \
    TL_QUAD_TILE(name, tile, context, 2, 2)                                                                     \
    TL_QUAD_TILE(name, tile, context, 2, 3)                                                                     \
    TL_QUAD_TILE(name, tile, context, 2, 4)                                                                     \
    TL_QUAD_TILE(name, tile, context, 2, 5)                                                                     \
    TL_QUAD_TILE(name, tile, context, 2, 6)                                                                     \
    TL_QUAD_TILE(name, tile, context, 2, 7)                                                                     \
    TL_QUAD_TILE(name, tile, context, 2, 8)                                                                     \
    TL_QUAD_TILE(name, tile, context, 4, 1)                                                                     \
    TL_QUAD_TILE(name, tile, context, 4, 2)                                                                     \
    TL_QUAD_TILE(name, tile, context, 4, 3)                                                                     \
    TL_QUAD_TILE(name, tile, context, 4, 4)                                                                     \
    TL_QUAD_TILE(name, tile, context, 4, 5)                                                                     \
    TL_QUAD_TILE(name, tile, context, 4, 6)                                                                     \
    static void name(context k, int32_t count, int panels) {                                                    \
        static void (*const by_rows[3][TL_QUAD_ROWS])(context, int32_t) = {                                     \
            {name##_1_1, name##_1_2, name##_1_3, name##_1_4, name##_1_5, name##_1_6, name##_1_7, name##_1_8},   \
            {name##_2_1, name##_2_2, name##_2_3, name##_2_4, name##_2_5, name##_2_6, name##_2_7, name##_2_8},   \
            {name##_4_1, name##_4_2, name##_4_3, name##_4_4, name##_4_5, name##_4_6}};                          \
        const int32_t most = TL_QUAD_ROWS_OF(panels);                                                           \
        int32_t tiles = (count + most - 1) / most;                                                              \
        for (int32_t i = 0, rows; tiles; --tiles, i += rows) {                                                  \
            rows = (count - i + tiles - 1) / tiles;                                                             \
            by_rows[panels / 2][rows - 1](k, i);                                                                \
        }                                                                                                       \
    }

/* As many panels as a tile may take of those that are left. */
TL_ALWAYS_INLINE int tl_quad_panels(int32_t left) { return left >= 4 ? 4 : left >= 2 ? 2 : 1; }

#endif
