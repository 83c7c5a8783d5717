/* From sums of products to stored integers, sixteen output channels at once; bit for bit as tachylite/ops/fixedpoint.py
 * defines it. What a table of scales holds for each sixteen channels depends on the rounding. */
#ifndef TL_REQUANTIZE_H
#define TL_REQUANTIZE_H

#include "tl_dot.h"
#include "tl_fixedpoint.h"

#define TL_BLOCK 16

enum {
    TL_TWICE_FAST = 0, /* rescale, for sums below 2^29 and shifts of -29 to 0: int32 mantissas[16], right shifts[16] */
    TL_TWICE = 1,      /* rescale: int32 mantissas[16], shifts[16] */
    TL_ONCE_AWAY = 2,  /* round(x * scale), halves away from zero: double scales[16] */
    TL_ONCE_UP = 3,    /* floor(x * scale + 1/2), where all is exact: double scales[16] */
    TL_PLAIN = 4,      /* as they are: nothing */
    TL_ONCE_UP_FAR = 5 /* tl_rescale_s64: int32 mantissas[16], shifts[16] */
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
} tl_block;
typedef struct {
    tl_f64x4 quarter[4];
} tl_wide_block;

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

/* tl_rescale(x, m, -s) for |x| < 2^29 and 0 <= s <= 29. Both roundings in one: with t = floor(x * m / 2^30), the first
 * gives h = floor((t + 1) / 2), the second floor((h + 2^(s - 1) - [h < 0]) / 2^s), and h < 0 where t < -1. Without a
 * shift there is no second one. */
TL_INLINE tl_s32x8 tl_rescale_fast(tl_s32x8 x, tl_s32x8 m, tl_s32x8 s) {
    const tl_s32x8 one = (tl_s32x8){0} + 1;
    const tl_s32x8 t = tl_high_product(x, m);
    const tl_s32x8 below = (t < -one) & (s > 0);
    return (t + (one + ((one << s) & -2)) + below + below) >> (s + one);
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

/* Steps a, then steps b, from the zero point, clamped to [low, high], which are bytes. */
TL_INLINE tl_s8x16 tl_clamp_bytes(tl_s32x8 a, tl_s32x8 b, tl_s16x16 zero_point, tl_s16x16 low, tl_s16x16 high) {
#if defined(__AVX2__)
    __m256i c = _mm256_adds_epi16(_mm256_packs_epi32((__m256i)a, (__m256i)b), (__m256i)zero_point);
    c = _mm256_min_epi16(_mm256_max_epi16(c, (__m256i)low), (__m256i)high);
    /* Each half now has four steps of a, then four of b, as int16. */
    const __m256i bytes = _mm256_shuffle_epi8(c, _mm256_set1_epi64x(0x0E0C0A0806040200));
    return (tl_s8x16)_mm_unpacklo_epi32(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
#else
    tl_s8x16 y;
    for (int i = 0; i < 8; ++i) {
        y[i] = (int8_t)tl_clamp(a[i] + zero_point[i], low[i], high[i]);
        y[i + 8] = (int8_t)tl_clamp(b[i] + zero_point[i], low[i], high[i]);
    }
    return y;
#endif
}

/* The same for int16. */
TL_INLINE tl_s16x16 tl_clamp_s16(const tl_output *o, tl_s32x8 a, tl_s32x8 b) {
    a += o->zero_point;
    b += o->zero_point;
#if defined(__AVX2__)
    __m256i c = _mm256_permute4x64_epi64(_mm256_packs_epi32((__m256i)a, (__m256i)b), 0xD8);
    c = _mm256_max_epi16(c, _mm256_set1_epi16((int16_t)o->low));
    return (tl_s16x16)_mm256_min_epi16(c, _mm256_set1_epi16((int16_t)o->high));
#else
    tl_s16x16 y;
    for (int i = 0; i < 8; ++i) {
        y[i] = (int16_t)tl_clamp(a[i], o->low, o->high);
        y[i + 8] = (int16_t)tl_clamp(b[i], o->low, o->high);
    }
    return y;
#endif
}

TL_INLINE tl_s16x16 tl_splat_s16(int32_t x) { return (tl_s16x16){0} + (int16_t)x; }

/* Steps from the zero point, clamped, to the output; the first `count` of them, at least one, exist. */
TL_INLINE void tl_store_steps(const tl_output *o, tl_s32x8 a, tl_s32x8 b, int32_t count, void *y) {
    if (o->type == TL_S32) {
        const tl_s32x8 both[2] = {a, b};
        tl_copy(y, both, (size_t)count * sizeof(int32_t));
    } else if (o->type == TL_S16) {
        const tl_s16x16 steps = tl_clamp_s16(o, a, b);
        if (count == TL_BLOCK)
            tl_copy(y, &steps, sizeof steps);
        else
            tl_store_bytes(y, (const char *)&steps, 2 * count);
    } else {
        const tl_s8x16 steps =
            tl_clamp_bytes(a, b, tl_splat_s16(o->zero_point), tl_splat_s16(o->low), tl_splat_s16(o->high));
        if (count == TL_BLOCK)
            tl_copy(y, &steps, sizeof steps);
        else
            tl_store_bytes(y, (const char *)&steps, count);
    }
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
#if defined(__AVX2__)
    return tl_truncate((tl_f64x4)_mm256_floor_pd((__m256d)x));
#else
    const tl_s32x4 whole = tl_truncate(x);
    return whole + __builtin_convertvector(__builtin_convertvector(whole, tl_f64x4) > x, tl_s32x4);
#endif
}

TL_INLINE tl_s32x8 tl_join(tl_s32x4 a, tl_s32x4 b) { return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7); }

TL_INLINE tl_wide_block tl_widen(const tl_block *sums) {
    tl_wide_block y;
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
        const tl_s32x8 x = sums->half[i];
        y.quarter[2 * i] = __builtin_convertvector(__builtin_shufflevector(x, x, 0, 1, 2, 3), tl_f64x4);
        y.quarter[2 * i + 1] = __builtin_convertvector(__builtin_shufflevector(x, x, 4, 5, 6, 7), tl_f64x4);
    }
    return y;
}

TL_INLINE int tl_rounds_in_double(int32_t rounding) {
    return rounding == TL_ONCE_AWAY || rounding == TL_ONCE_UP || rounding == TL_ONCE_UP_FAR;
}

TL_INLINE tl_s32x8 tl_load_s32(const int32_t *x) {
    tl_s32x8 y;
    tl_copy(&y, x, sizeof y);
    return y;
}

/* Sums in double to the output: TL_ONCE_AWAY, TL_ONCE_UP and TL_ONCE_UP_FAR. */
TL_INLINE void tl_requantize_wide(const tl_output *o, const void *scales, const tl_wide_block *sums, int32_t count,
                                  void *y) {
    if (o->rounding == TL_ONCE_UP_FAR) {
        const int32_t *mantissas = scales, far = 1 << 30; /* room for the zero point */
        double lanes[TL_BLOCK];
        tl_copy(lanes, sums, sizeof lanes);
        int32_t steps[TL_BLOCK] = {0};
        for (int32_t i = 0; i < count; ++i)
            steps[i] = tl_clamp(tl_rescale_s64((int64_t)lanes[i], mantissas[i], mantissas[TL_BLOCK + i]), -far, far);
        tl_store_steps(o, tl_load_s32(steps), tl_load_s32(steps + 8), count, y);
        return;
    }
    tl_s32x4 quarters[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        tl_f64x4 factors;
        tl_copy(&factors, (const double *)scales + 4 * i, sizeof factors);
        const tl_f64x4 x = sums->quarter[i] * factors;
        quarters[i] = o->rounding == TL_ONCE_AWAY ? tl_nearest(x) : tl_nearest_up(x);
    }
    tl_store_steps(o, tl_join(quarters[0], quarters[1]), tl_join(quarters[2], quarters[3]), count, y);
}

/* Sums in int32 to the output; `scales`: the table of these channels. */
TL_INLINE void tl_requantize(const tl_output *o, const void *scales, const tl_block *sums, int32_t count, void *y) {
    const int32_t *mantissas = scales, *shifts = mantissas + TL_BLOCK;
    tl_s32x8 a = sums->half[0], b = sums->half[1];
    if (tl_rounds_in_double(o->rounding)) {
        const tl_wide_block wide = tl_widen(sums);
        tl_requantize_wide(o, scales, &wide, count, y);
        return;
    }
    if (o->rounding == TL_TWICE_FAST) {
        a = tl_rescale_fast(a, tl_load_s32(mantissas), tl_load_s32(shifts));
        b = tl_rescale_fast(b, tl_load_s32(mantissas + 8), tl_load_s32(shifts + 8));
    } else if (o->rounding == TL_TWICE) {
        const int32_t far = 1 << 30; /* room for the zero point */
        int32_t steps[TL_BLOCK];
        tl_copy(steps, sums, sizeof steps);
        for (int32_t i = 0; i < count; ++i)
            steps[i] = tl_clamp(tl_rescale(steps[i], mantissas[i], shifts[i]), -far, far);
        a = tl_load_s32(steps);
        b = tl_load_s32(steps + 8);
    }
    tl_store_steps(o, a, b, count, y);
}

/* What TL_TWICE_FAST to bytes takes of sixteen channels, so that it can stay in registers. */
typedef struct {
    tl_s32x8 mantissas[2], shifts[2];
    tl_s16x16 zero_point, low, high;
} tl_byte_scales;

TL_INLINE int tl_makes_bytes(const tl_output *o) {
    return o->rounding == TL_TWICE_FAST && (o->type == TL_S8 || o->type == TL_U8);
}

TL_INLINE tl_byte_scales tl_load_byte_scales(const tl_output *o, const int32_t *scales) {
    const tl_byte_scales y = {{tl_load_s32(scales), tl_load_s32(scales + 8)},
                              {tl_load_s32(scales + TL_BLOCK), tl_load_s32(scales + TL_BLOCK + 8)},
                              tl_splat_s16(o->zero_point),
                              tl_splat_s16(o->low),
                              tl_splat_s16(o->high)};
    return y;
}

TL_INLINE tl_s8x16 tl_requantize_bytes(const tl_byte_scales *s, tl_s32x8 a, tl_s32x8 b) {
    return tl_clamp_bytes(tl_rescale_fast(a, s->mantissas[0], s->shifts[0]),
                          tl_rescale_fast(b, s->mantissas[1], s->shifts[1]), s->zero_point, s->low, s->high);
}

#endif
