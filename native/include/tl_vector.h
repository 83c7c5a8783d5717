/* Vectors of floats, as wide as the tier's registers: TL_WIDTH lanes, wherever they lie in memory. */
#ifndef TL_VECTOR_H
#define TL_VECTOR_H

#include "tl_kernel.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define TL_WIDTH 16
#elif defined(__AVX2__)
#define TL_WIDTH 8
#else
#define TL_WIDTH 4
#endif

#define TL_ALWAYS_INLINE static inline __attribute__((always_inline))

/* Where a pointer comes from is hidden from the compiler: it would keep every address that a loop derives from it in a
 * register of its own, and run out of them. */
#define TL_OPAQUE(pointer) __asm__("" : "+r"(pointer))

typedef float tl_vector __attribute__((vector_size(4 * TL_WIDTH)));
typedef int32_t tl_lanes __attribute__((vector_size(4 * TL_WIDTH)));

TL_ALWAYS_INLINE tl_vector tl_load(const float *x) {
    tl_vector y;
    tl_copy(&y, x, sizeof y);
    return y;
}
TL_ALWAYS_INLINE void tl_store(float *y, tl_vector x) { tl_copy(y, &x, sizeof x); }

/* All bits of the first `count` lanes, none of the others. */
TL_ALWAYS_INLINE tl_lanes tl_first(int32_t count) {
    tl_lanes number;
    for (int i = 0; i < TL_WIDTH; ++i) number[i] = i;
    return number < count;
}

/* The first `count` lanes of memory, 0 in the others. */
TL_ALWAYS_INLINE tl_vector tl_load_part(const float *x, int32_t count) {
#if defined(__AVX512F__)
    return (tl_vector)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), x);
#elif defined(__AVX2__)
    return (tl_vector)_mm256_maskload_ps(x, (__m256i)tl_first(count));
#else
    float y[TL_WIDTH] = {0};
    for (int32_t i = 0; i < count; ++i) y[i] = x[i];
    return tl_load(y);
#endif
}
TL_ALWAYS_INLINE void tl_store_part(float *y, tl_vector x, int32_t count) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << count) - 1), (__m512)x);
#elif defined(__AVX2__)
    _mm256_maskstore_ps(y, (__m256i)tl_first(count), (__m256)x);
#else
    float lanes[TL_WIDTH];
    tl_store(lanes, x);
    for (int32_t i = 0; i < count; ++i) y[i] = lanes[i];
#endif
}

/* The same where `count` may be more than there are lanes. */
TL_ALWAYS_INLINE tl_vector tl_load_up_to(const float *x, int32_t count) {
    return count >= TL_WIDTH ? tl_load(x) : tl_load_part(x, count);
}
TL_ALWAYS_INLINE void tl_store_up_to(float *y, tl_vector x, int32_t count) {
    if (count >= TL_WIDTH) {
        tl_store(y, x);
    } else {
        tl_store_part(y, x, count);
    }
}

TL_ALWAYS_INLINE tl_vector tl_splat(float x) { return x - (tl_vector){0}; }

/* The greater one of each lane; b where either is NaN. */
TL_ALWAYS_INLINE tl_vector tl_greater(tl_vector a, tl_vector b) {
#if defined(__AVX512F__)
    return (tl_vector)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
    return (tl_vector)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
    return (tl_vector)_mm_max_ps((__m128)a, (__m128)b);
#else
    for (int i = 0; i < TL_WIDTH; ++i) a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
#endif
}

/* Within [low, high]; NaN stays. */
TL_ALWAYS_INLINE tl_vector tl_clip(tl_vector x, tl_vector low, tl_vector high) {
#if defined(__AVX512F__)
    return (tl_vector)_mm512_min_ps((__m512)high, _mm512_max_ps((__m512)low, (__m512)x));
#elif defined(__AVX2__)
    return (tl_vector)_mm256_min_ps((__m256)high, _mm256_max_ps((__m256)low, (__m256)x));
#elif defined(__SSE2__)
    return (tl_vector)_mm_min_ps((__m128)high, _mm_max_ps((__m128)low, (__m128)x));
#else
    for (int i = 0; i < TL_WIDTH; ++i) x[i] = x[i] < low[i] ? low[i] : x[i] > high[i] ? high[i] : x[i];
    return x;
#endif
}

/* a where the mask's bits are set, b where they are not. */
TL_ALWAYS_INLINE tl_vector tl_select(tl_lanes mask, tl_vector a, tl_vector b) {
    return (tl_vector)((mask & (tl_lanes)a) | (~mask & (tl_lanes)b));
}

/* All lanes combined with each other, by halves. */
#if defined(__AVX2__)
#if defined(__AVX512F__)
#define TL_HALF(x, instruction)                          \
    _mm256_##instruction##_ps(_mm512_castps512_ps256(x), \
                              _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(x), 1)))
#else
#define TL_HALF(x, instruction) ((__m256)(x))
#endif
#define TL_FOLD(name, combine, instruction)                                                                         \
    TL_ALWAYS_INLINE float name(tl_vector x) {                                                                      \
        const __m256 eight = TL_HALF(x, instruction);                                                               \
        const __m128 four = _mm_##instruction##_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1)); \
        const __m128 two = _mm_##instruction##_ps(four, _mm_movehl_ps(four, four));                                 \
        return _mm_cvtss_f32(_mm_##instruction##_ss(two, _mm_movehdup_ps(two)));                                    \
    }
#else
#define TL_FOLD(name, combine, instruction)                                               \
    TL_ALWAYS_INLINE float name(tl_vector x) {                                            \
        float lanes[TL_WIDTH];                                                            \
        tl_store(lanes, x);                                                               \
        for (int half = TL_WIDTH / 2; half > 0; half /= 2)                                \
            for (int i = 0; i < half; ++i) lanes[i] = combine(lanes[i], lanes[i + half]); \
        return lanes[0];                                                                  \
    }
#endif
#define TL_ADD(a, b) ((a) + (b))
TL_FOLD(tl_sum, TL_ADD, add)
TL_FOLD(tl_greatest, TL_MAX, max)
#undef TL_ADD
#undef TL_FOLD
#undef TL_HALF

/* The greatest element of a row times `sign`, which is 1 or -1; NaN is passed over, and -inf is that of nothing. */
TL_ALWAYS_INLINE float tl_greatest_in(const float *x, int32_t n, float sign) {
    const tl_vector least = tl_splat(-__builtin_inff());
    tl_vector a = least, b = least;
    int32_t i = 0;
    for (; n - i >= 2 * TL_WIDTH; i += 2 * TL_WIDTH) {
        a = tl_greater(tl_load(x + i) * sign, a);
        b = tl_greater(tl_load(x + i + TL_WIDTH) * sign, b);
    }
    if (n - i >= TL_WIDTH) a = tl_greater(tl_load(x + i) * sign, a), i += TL_WIDTH;
    if (i < n) b = tl_greater(tl_select(tl_first(n - i), tl_load_part(x + i, n - i) * sign, least), b);
    return tl_greatest(tl_greater(a, b));
}

/* In lane i the sum of x[i]'s lanes, for as many vectors as there are lanes. */
TL_ALWAYS_INLINE tl_vector tl_sums_of(const tl_vector *x) {
#if defined(__AVX512F__)
    tl_vector y[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
        const __m512 a = (__m512)x[2 * i], b = (__m512)x[2 * i + 1];
        y[i] = (tl_vector)_mm512_unpacklo_ps(a, b) + (tl_vector)_mm512_unpackhi_ps(a, b);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        const __m512d a = (__m512d)y[2 * i], b = (__m512d)y[2 * i + 1];
        y[i] = (tl_vector)_mm512_unpacklo_pd(a, b) + (tl_vector)_mm512_unpackhi_pd(a, b);
    }
    /* Now quarters of y[i] are to be added up, of which each has the sums of four. */
#pragma GCC unroll 2
    for (int count = 2; count > 0; count /= 2) {
#pragma GCC unroll 2
        for (int i = 0; i < count; ++i) {
            const __m512 a = (__m512)y[2 * i], b = (__m512)y[2 * i + 1];
            y[i] = (tl_vector)_mm512_shuffle_f32x4(a, b, 0x88) + (tl_vector)_mm512_shuffle_f32x4(a, b, 0xdd);
        }
    }
    return y[0];
#elif defined(__AVX2__)
    const __m256 a =
        _mm256_hadd_ps(_mm256_hadd_ps((__m256)x[0], (__m256)x[1]), _mm256_hadd_ps((__m256)x[2], (__m256)x[3]));
    const __m256 b =
        _mm256_hadd_ps(_mm256_hadd_ps((__m256)x[4], (__m256)x[5]), _mm256_hadd_ps((__m256)x[6], (__m256)x[7]));
    return (tl_vector)_mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
#else
    float sums[TL_WIDTH];
    for (int i = 0; i < TL_WIDTH; ++i) sums[i] = tl_sum(x[i]);
    return tl_load(sums);
#endif
}

#endif
