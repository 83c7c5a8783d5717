/* From sums of products to stored integers, sixteen output channels at once; bit for bit as tachylite/ops/fixedpoint.py
 * defines it. What a table of scales holds for each sixteen channels depends on the rounding. */
#ifndef TL_REQUANTIZE_H
#define TL_REQUANTIZE_H

#include "tl_dot.h"
#include "tl_fixedpoint.h"

#define TL_BLOCK 16

enum {
    TL_TWICE_FAST = 0, /* rescale, for sums below 2^29 and shifts of -29 to -1: int32 mantissas[16], right shifts[16] */
    TL_TWICE = 1,      /* rescale: int32 mantissas[16], shifts[16] */
    TL_ONCE_AWAY = 2,  /* round(x * scale), halves away from zero: double scales[16] */
    TL_ONCE_UP = 3,    /* floor(x * scale + 1/2), where all is exact: double scales[16] */
    TL_PLAIN = 4       /* as they are: nothing */
};

enum { TL_S8 = 0, TL_U8 = 1, TL_S16 = 2, TL_S32 = 3 };

/* How to round, the output's type and zero point, and the range of its activation. */
typedef struct {
    int32_t rounding, type, zero_point, low, high;
} tl_output;

/* That of a parameter block with these fields. */
#define TL_OUTPUT(p) {(p)->rounding, (p)->output_type, (p)->output_zero_point, (p)->low, (p)->high}

typedef double tl_f64x4 __attribute__((vector_size(32)));
typedef int64_t tl_s64x4 __attribute__((vector_size(32)));
typedef int32_t tl_s32x4 __attribute__((vector_size(16)));

/* Sixteen channels' sums or steps. */
typedef struct {
    tl_s32x8 half[2];
} tl_sums;
typedef struct {
    tl_f64x4 quarter[4];
} tl_wide_sums;

TL_INLINE int32_t tl_output_bytes(int32_t type) { return type == TL_S32 ? 4 : type == TL_S16 ? 2 : 1; }

/* Bytes of the table of scales for sixteen channels. */
TL_INLINE int32_t tl_scales_bytes(int32_t rounding) { return rounding == TL_PLAIN ? 0 : TL_BLOCK * 8; }

/* 4 * x * m / 2^32, rounded down. */
TL_INLINE tl_s32x8 tl_high_product(tl_s32x8 x, tl_s32x8 m) {
    x <<= 2;
#if defined(__AVX2__)
    const __m256i even = _mm256_mul_epi32((__m256i)x, (__m256i)m);
    const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64((__m256i)x, 32), _mm256_srli_epi64((__m256i)m, 32));
    return (tl_s32x8)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
#else
    for (int i = 0; i < 8; ++i) x[i] = (int32_t)(((int64_t)x[i] * m[i]) >> 32);
    return x;
#endif
}

/* tl_rescale(x, m, -s) for |x| < 2^29 and 1 <= s <= 29. Both roundings in one: with t = floor(x * m / 2^30), the first
 * gives h = floor((t + 1) / 2), the second floor((h + 2^(s - 1) - [h < 0]) / 2^s), and h < 0 where t < -1. */
TL_INLINE tl_s32x8 tl_rescale_fast(tl_s32x8 x, tl_s32x8 m, tl_s32x8 s) {
    const tl_s32x8 one = (tl_s32x8){0} + 1;
    const tl_s32x8 t = tl_high_product(x, m);
    const tl_s32x8 below = t < -one;
    return (t + (one + (one << s)) + below + below) >> (s + one);
}

/* The first `bytes` of 32, in as few pieces as powers of two will do. */
TL_INLINE void tl_store_bytes(char *y, const char *from, int32_t bytes) {
#define TL_PIECE(size) \
    if (bytes & size) tl_copy(y, from, size), y += size, from += size
    TL_PIECE(16);
    TL_PIECE(8);
    TL_PIECE(4);
    TL_PIECE(2);
    TL_PIECE(1);
#undef TL_PIECE
}

/* Steps from the zero point, clamped, to the output; the first `count` of them, at least one, exist. */
TL_INLINE void tl_store_steps(const tl_output *o, const tl_sums *steps, int32_t count, void *y) {
    if (o->type == TL_S32) {
        tl_copy(y, steps, (size_t)count * sizeof(int32_t));
        return;
    }
    const tl_s32x8 a = steps->half[0] + o->zero_point, b = steps->half[1] + o->zero_point;
#if defined(__AVX2__)
    __m256i c = _mm256_permute4x64_epi64(_mm256_packs_epi32((__m256i)a, (__m256i)b), 0xD8);
    c = _mm256_max_epi16(c, _mm256_set1_epi16((int16_t)o->low));
    c = _mm256_min_epi16(c, _mm256_set1_epi16((int16_t)o->high));
    const tl_s16x16 clamped = (tl_s16x16)c;
#else
    tl_s16x16 clamped;
    for (int i = 0; i < 8; ++i) {
        clamped[i] = (int16_t)tl_clamp(a[i], o->low, o->high);
        clamped[i + 8] = (int16_t)tl_clamp(b[i], o->low, o->high);
    }
#endif
    const tl_s8x16 narrow = __builtin_convertvector(clamped, tl_s8x16);
    if (o->type == TL_S16 && count == TL_BLOCK)
        tl_copy(y, &clamped, sizeof clamped);
    else if (o->type == TL_S16)
        tl_store_bytes(y, (const char *)&clamped, 2 * count);
    else if (count == TL_BLOCK)
        tl_copy(y, &narrow, sizeof narrow);
    else
        tl_store_bytes(y, (const char *)&narrow, count);
}

/* Every step within +-2^30, so that a zero point can be added. */
TL_INLINE tl_s32x4 tl_truncate(tl_f64x4 x) {
    const double far = 1 << 30;
#if defined(__AVX2__)
    x = (tl_f64x4)_mm256_min_pd(_mm256_max_pd((__m256d)x, _mm256_set1_pd(-far)), _mm256_set1_pd(far));
#else
    for (int i = 0; i < 4; ++i) x[i] = x[i] < -far ? -far : x[i] > far ? far : x[i];
#endif
    return __builtin_convertvector(x, tl_s32x4);
}

/* To the nearest integer, halves away from zero. What is added is the number below 1/2: a half would lift what lies
 * just below one. */
TL_INLINE tl_s32x4 tl_nearest(tl_f64x4 x) {
    const tl_f64x4 half = (tl_f64x4){0} + 0.49999999999999994, negative = -(tl_f64x4){0};
    return tl_truncate(x + (tl_f64x4)(((tl_s64x4)x & (tl_s64x4)negative) | (tl_s64x4)half));
}

/* To the nearest integer, halves up, where x + 1/2 is exact. */
TL_INLINE tl_s32x4 tl_nearest_up(tl_f64x4 x) {
    x += 0.5;
    const tl_s32x4 whole = tl_truncate(x);
    return whole + __builtin_convertvector(__builtin_convertvector(whole, tl_f64x4) > x, tl_s32x4);
}

TL_INLINE tl_wide_sums tl_widen(const tl_sums *sums) {
    tl_wide_sums y;
    tl_s32x4 quarters[4];
    tl_copy(quarters, sums, sizeof quarters);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) y.quarter[i] = __builtin_convertvector(quarters[i], tl_f64x4);
    return y;
}

/* Sums in double to the output: TL_ONCE_AWAY and TL_ONCE_UP. */
TL_INLINE void tl_requantize_wide(const tl_output *o, const void *scales, const tl_wide_sums *sums, int32_t count,
                                  void *y) {
    tl_wide_sums factors;
    tl_copy(&factors, scales, sizeof factors);
    tl_s32x4 quarters[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        const tl_f64x4 x = sums->quarter[i] * factors.quarter[i];
        quarters[i] = o->rounding == TL_ONCE_AWAY ? tl_nearest(x) : tl_nearest_up(x);
    }
    tl_sums steps;
    tl_copy(&steps, quarters, sizeof steps);
    tl_store_steps(o, &steps, count, y);
}

/* Sums in int32 to the output; `scales`: the table of these channels. */
TL_INLINE void tl_requantize(const tl_output *o, const void *scales, const tl_sums *sums, int32_t count, void *y) {
    if (o->rounding == TL_ONCE_AWAY || o->rounding == TL_ONCE_UP) {
        const tl_wide_sums wide = tl_widen(sums);
        tl_requantize_wide(o, scales, &wide, count, y);
        return;
    }
    tl_sums result = *sums;
    if (o->rounding == TL_TWICE_FAST) {
        tl_sums mantissas, shifts;
        tl_copy(&mantissas, scales, sizeof mantissas);
        tl_copy(&shifts, (const char *)scales + sizeof mantissas, sizeof shifts);
#pragma GCC unroll 2
        for (int i = 0; i < 2; ++i) result.half[i] = tl_rescale_fast(sums->half[i], mantissas.half[i], shifts.half[i]);
    } else if (o->rounding == TL_TWICE) {
        const int32_t *mantissas = scales, far = 1 << 30; /* room for the zero point */
        int32_t steps[TL_BLOCK];
        tl_copy(steps, sums, sizeof steps);
        for (int32_t i = 0; i < count; ++i)
            steps[i] = tl_clamp(tl_rescale(steps[i], mantissas[i], mantissas[TL_BLOCK + i]), -far, far);
        tl_copy(&result, steps, sizeof result);
    }
    tl_store_steps(o, &result, count, y);
}

#endif
