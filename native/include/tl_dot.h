/* Exact products of int16 rows with int8 weights, summed in int32: eight outputs at once.
 *
 * Weights lie in panels of TL_LANES outputs: [pairs][TL_LANES][2] int8, where pair j holds the weights of inputs 2 j
 * and 2 j + 1, and a last odd one is 0. A row may have any number of values; the value after an odd row is read, and
 * counts for nothing. */
#ifndef TL_DOT_H
#define TL_DOT_H

#include "tl_kernel.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#define TL_LANES 8
#define TL_INLINE static inline __attribute__((always_inline))

typedef float tl_f32x8 __attribute__((vector_size(32)));
typedef int32_t tl_s32x8 __attribute__((vector_size(32)));
typedef int16_t tl_s16x16 __attribute__((vector_size(32)));
typedef int8_t tl_s8x16 __attribute__((vector_size(16)));

/* Bytes of one panel, for rows of `length`. */
#define TL_PANEL(length) ((((length) + 1) / 2) * 2 * TL_LANES)

/* sum + a . b, pair by pair. */
TL_INLINE tl_s32x8 tl_add_pairs(tl_s32x8 sum, tl_s16x16 a, tl_s16x16 b) {
#if defined(__AVX2__)
    return sum + (tl_s32x8)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    union {
        tl_s16x16 whole;
        __m128i half[2];
    } x = {a}, y = {b};
    for (int i = 0; i < 2; ++i) x.half[i] = _mm_madd_epi16(x.half[i], y.half[i]);
    return sum + (tl_s32x8)x.whole;
#else
    const tl_s32x8 x = (tl_s32x8)a, y = (tl_s32x8)b;
    return sum + ((x << 16) >> 16) * ((y << 16) >> 16) + (x >> 16) * (y >> 16);
#endif
}

/* Two neighbours of a row, for all outputs. */
TL_INLINE tl_s16x16 tl_splat_pair(const int16_t *x) {
    int32_t pair;
    tl_copy(&pair, x, sizeof pair);
    return (tl_s16x16)((tl_s32x8){0} + pair);
}

TL_INLINE tl_s16x16 tl_widen_s8(tl_s8x16 x) {
#if defined(__AVX2__)
    return (tl_s16x16)_mm256_cvtepi8_epi16((__m128i)x); /* GCC's own conversion takes five instructions. */
#else
    return __builtin_convertvector(x, tl_s16x16);
#endif
}

/* One pair of weights of a panel. */
TL_INLINE tl_s16x16 tl_load_pair(const int8_t *w) {
    tl_s8x16 pair;
    tl_copy(&pair, w, sizeof pair);
    return tl_widen_s8(pair);
}

/* sums[r][c] += x[r] . panel c, for 1 to 4 rows and two panels that lie `stride` bytes apart; the number of rows is a
 * constant where it is called. Each sum has a name, because compilers keep no arrays in registers. */
TL_INLINE void tl_dot_s16(tl_s32x8 *sums, const int16_t *const *x, int rows, const int8_t *w, size_t stride,
                          int32_t length) {
    const int16_t *const x0 = x[0], *const x1 = x[rows > 1], *const x2 = x[rows > 2 ? 2 : 0],
                         *const x3 = x[rows > 3 ? 3 : 0];
    tl_s32x8 s00 = sums[0], s01 = sums[1], s10 = sums[2], s11 = sums[3], s20 = sums[4], s21 = sums[5], s30 = sums[6],
             s31 = sums[7];
    for (int32_t j = 0; j < length; j += 2, w += 2 * TL_LANES) {
        const tl_s16x16 w0 = tl_load_pair(w), w1 = tl_load_pair(w + stride);
#define TL_ADD_ROW(row)                                   \
    if (row < rows) {                                     \
        const tl_s16x16 pair = tl_splat_pair(x##row + j); \
        s##row##0 = tl_add_pairs(s##row##0, pair, w0);    \
        s##row##1 = tl_add_pairs(s##row##1, pair, w1);    \
    }
        TL_ADD_ROW(0) TL_ADD_ROW(1) TL_ADD_ROW(2) TL_ADD_ROW(3)
#undef TL_ADD_ROW
    }
    sums[0] = s00, sums[1] = s01, sums[2] = s10, sums[3] = s11, sums[4] = s20, sums[5] = s21, sums[6] = s30,
    sums[7] = s31;
}

/* x within [low, high]; what is no number stays. */
TL_INLINE tl_f32x8 tl_clamp_f32(tl_f32x8 x, float low, float high) {
    const tl_f32x8 least = (tl_f32x8){0} + low, greatest = (tl_f32x8){0} + high;
    const tl_s32x8 below = x<least, above = x> greatest;
    return (tl_f32x8)((below & (tl_s32x8)least) | (above & (tl_s32x8)greatest) | (~(below | above) & (tl_s32x8)x));
}

/* Eight floats, wherever they lie. */
TL_INLINE tl_f32x8 tl_load_f32(const float *x) {
    tl_f32x8 y;
    tl_copy(&y, x, sizeof y);
    return y;
}
TL_INLINE void tl_store_f32(float *y, tl_f32x8 x) { tl_copy(y, &x, sizeof x); }

#endif
