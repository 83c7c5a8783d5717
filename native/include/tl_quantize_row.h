/* Rows of floats that are quantized on the fly, to meet integer weights; bit for bit as tachylite/ops/hybrid.py defines
 * it. */
#ifndef TL_QUANTIZE_ROW_H
#define TL_QUANTIZE_ROW_H

#include "tl_dot.h"

/* To the nearest integer, halves away from zero, for |x| < 2^31. */
TL_INLINE int32_t tl_nearest_f32(float x) {
    return (int32_t)(x + __builtin_copysignf(0.49999997f, x)); /* The sum rounds to the next integer from 0.5 on. */
}

TL_INLINE int32_t tl_nearest_f64(double x) {
    const int32_t whole = (int32_t)x;
    const double rest = x - (double)whole;
    return whole + (rest >= 0.5) - (rest <= -0.5);
}

/* How a row becomes steps from its zero point: clamp(nearest(x * inverse)). */
typedef struct {
    float inverse, low, high;
    int32_t zero_point;
} tl_grid;

/* The greatest magnitude is 127 steps. Returns the scale. */
static inline float tl_symmetric_grid(const float *x, int32_t count, tl_grid *g) {
    int32_t most = 0; /* Magnitudes are ordered as their bits are, and only integers make this loop vector code. */
    for (int32_t i = 0; i < count; ++i) {
        int32_t bits;
        tl_copy(&bits, x + i, sizeof bits);
        most = TL_MAX(most, bits & INT32_MAX);
    }
    float reach;
    tl_copy(&reach, &most, sizeof reach);
    *g = (tl_grid){127.0f / (reach == 0 ? 1 : reach), -127, 127, 0};
    return reach == 0 ? 1 : reach / 127.0f;
}

/* The range of the row, with 0, is 255 steps; 0 falls on one of them. Returns the scale. */
static inline float tl_asymmetric_grid(const float *x, int32_t count, tl_grid *g) {
    int32_t lowest = 0,
            highest = 0; /* Bits of floats, those of negative ones turned so that they are ordered as integers. */
    for (int32_t i = 0; i < count; ++i) {
        int32_t bits;
        tl_copy(&bits, x + i, sizeof bits);
        bits ^= bits >> 31 & INT32_MAX;
        lowest = TL_MIN(lowest, bits);
        highest = TL_MAX(highest, bits);
    }
    lowest ^= lowest >> 31 & INT32_MAX;
    float least, greatest;
    tl_copy(&least, &lowest, sizeof least);
    tl_copy(&greatest, &highest, sizeof greatest);
    *g = (tl_grid){0, 0, 0, 0};
    if (least == greatest) return 1;
    const double scale = (double)(greatest - least) / 255.0;
    const float step = (float)scale;
    const double below = least / scale, above = greatest / scale;
    /* Of the two candidates, the one whose terms are smaller has the smaller rounding error. */
    const double exact = 128.0 - below < 127.0 + above ? -128.0 - below : 127.0 - above;
    const int32_t zero_point = TL_MIN(TL_MAX(tl_nearest_f64(exact), -128), 127);
    *g = (tl_grid){step > 0 ? 1.0f / step : 0, (float)(-128 - zero_point), (float)(127 - zero_point), zero_point};
    return step;
}

/* How many steps x is from the zero point. */
TL_INLINE int32_t tl_steps_of(float x, const tl_grid *g) {
    float step = x * g->inverse;
    step = step > g->low ? step : g->low;
    step = step < g->high ? step : g->high;
    return tl_nearest_f32(step);
}

/* The steps of a row. */
static inline void tl_take_steps(const float *x, int16_t *y, int32_t count, const tl_grid *g) {
    for (int32_t i = 0; i < count; ++i) y[i] = (int16_t)tl_steps_of(x[i], g);
}

#endif
