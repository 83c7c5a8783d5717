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

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi" /* All functions that take such vectors are inlined. */
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

/* One pair of weights of a panel. */
TL_INLINE tl_s16x16 tl_load_pair(const int8_t *w) {
    tl_s8x16 pair;
    tl_copy(&pair, w, sizeof pair);
    return __builtin_convertvector(pair, tl_s16x16);
}

/* sums[r][c] += x[r] . panel c, for `rows` rows and `panels` panels that lie `stride` bytes apart. Counts are constants
 * where it is called. */
TL_INLINE void tl_dot_s16(tl_s32x8 *sums, const int16_t *const *x, int rows, const int8_t *w, int panels, size_t stride,
                          int32_t length) {
    for (int32_t j = 0; j < length; j += 2, w += 2 * TL_LANES) {
        tl_s16x16 pairs[4];
        for (int c = 0; c < panels; ++c) pairs[c] = tl_load_pair(w + (size_t)c * stride);
        for (int r = 0; r < rows; ++r) {
            const tl_s16x16 splat = tl_splat_pair(x[r] + j);
            for (int c = 0; c < panels; ++c) sums[r * panels + c] = tl_add_pairs(sums[r * panels + c], splat, pairs[c]);
        }
    }
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
