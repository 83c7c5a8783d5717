/* gemmlowp's fixed-point functions of 16 bits, eight at once, bit for bit as tachylite/ops/gemmlowp.py defines them.
 *
 * A number in Qm is an integer with m integer bits: real = stored / 2^(15 - m). Lanes have 32 bits, so that products
 * fit. */
#ifndef TL_GEMMLOWP16_H
#define TL_GEMMLOWP16_H

#include "tl_dot.h"

TL_INLINE tl_s32x8 tl_splat_s32(int32_t x) { return (tl_s32x8){0} + x; }

/* a where the mask is set, else b. */
TL_INLINE tl_s32x8 tl_select_s32(tl_s32x8 mask, tl_s32x8 a, tl_s32x8 b) { return (mask & a) | (~mask & b); }

TL_INLINE tl_s32x8 tl_clamp_s32(tl_s32x8 x, int32_t low, int32_t high) {
    x = tl_select_s32(x < low, tl_splat_s32(low), x);
    return tl_select_s32(x > high, tl_splat_s32(high), x);
}

TL_INLINE tl_s32x8 tl_saturate_s16x8(tl_s32x8 x) { return tl_clamp_s32(x, -32768, 32767); }

/* x / 2^exponent, halves away from zero; exponent >= 1. */
TL_INLINE tl_s32x8 tl_divide_by_pot_s32(tl_s32x8 x, int32_t exponent) {
    return (x + (1 << (exponent - 1)) + (x >> 31)) >> exponent;
}

/* Qa times Qb in Q(a + b), rounded to nearest, halves up. */
TL_INLINE tl_s32x8 tl_multiply_q(tl_s32x8 a, tl_s32x8 b) {
    const tl_s32x8 product = (a * b + (1 << 14)) >> 15;
    return tl_select_s32(product > 32767, tl_splat_s32(32767), product);
}

/* exp(a) in Q0 for a in [-1/4, 0), Q0: the Taylor polynomial of degree 4 around -1/8. */
TL_INLINE tl_s32x8 tl_exp_near_zero_q(tl_s32x8 a) {
    const tl_s32x8 exp_minus_eighth = tl_splat_s32(28918), third = tl_splat_s32(10923);
    const tl_s32x8 x = a + (1 << 12), x2 = tl_multiply_q(x, x);
    const tl_s32x8 x3 = tl_multiply_q(x2, x), x4 = tl_multiply_q(x2, x2);
    const tl_s32x8 higher = tl_divide_by_pot_s32(tl_multiply_q(tl_divide_by_pot_s32(x4, 2) + x3, third) + x2, 1);
    const tl_s32x8 y = exp_minus_eighth + tl_multiply_q(x + higher, exp_minus_eighth);
    return tl_select_s32(y > 32767, tl_splat_s32(32767), y);
}

/* exp(a) in Q0 for a <= 0 in Q(integer_bits), at most 7 of them. */
TL_INLINE tl_s32x8 tl_exp_of_negative_q(tl_s32x8 a, int32_t integer_bits) {
    /* a = near - rest: near lies in [-1/4, 0), rest is a sum of powers of two, each of which contributes one factor:
     * exp(-2^k) for k = -2 ... 4. */
    static const int16_t factors[] = {25520, 19875, 12055, 4435, 600, 11, 0};
    const int32_t fraction_bits = 15 - integer_bits, quarter = 1 << (fraction_bits - 2);
    const tl_s32x8 near = (a & (quarter - 1)) - quarter, rest = near - a;
    tl_s32x8 y = tl_exp_near_zero_q(near << integer_bits);
#pragma GCC unroll 7
    for (int32_t k = 0; k < 7; ++k) {
        if (k - 2 >= integer_bits) break;
        const tl_s32x8 has_power = ((rest >> (fraction_bits + k - 2)) & 1) != 0;
        y = tl_select_s32(has_power, tl_multiply_q(y, tl_splat_s32(factors[k])), y);
    }
    if (integer_bits > 5) y &= a >= -(32 << fraction_bits);
    return tl_select_s32(a == 0, tl_splat_s32(32767), y);
}

/* 2 / (1 + a) in Q2 for a in [0, 1), Q0: three steps of Newton's division. */
TL_INLINE tl_s32x8 tl_reciprocal_of_half_of_one_plus_q(tl_s32x8 a) {
    const tl_s32x8 half_denominator = (a + 32767 + 1) >> 1;
    tl_s32x8 x = 23130 + tl_multiply_q(half_denominator, tl_splat_s32(-15420));
    for (int step = 0; step < 3; ++step) {
        const tl_s32x8 residual = (1 << 13) - tl_multiply_q(half_denominator, x);
        x += tl_saturate_s16x8(tl_multiply_q(x, residual) << 2);
    }
    return x;
}

/* 1 / (1 + exp(-a)) in Q0 for a in Q(integer_bits). */
TL_INLINE tl_s32x8 tl_logistic_q(tl_s32x8 a, int32_t integer_bits) {
    const tl_s32x8 minus_magnitude = tl_select_s32(a > 0, -a, a);
    const tl_s32x8 decay = tl_exp_of_negative_q(minus_magnitude, integer_bits);
    const tl_s32x8 y = tl_saturate_s16x8(tl_reciprocal_of_half_of_one_plus_q(decay) << 1);
    return tl_select_s32(a == 0, tl_splat_s32(1 << 14), tl_select_s32(a > 0, y, 32767 - y));
}

/* tanh(a) in Q0 for a in Q(integer_bits). */
TL_INLINE tl_s32x8 tl_tanh_q(tl_s32x8 a, int32_t integer_bits) {
    /* The same stored number, read with one integer bit more, is -2|a|. */
    const tl_s32x8 decay = tl_exp_of_negative_q(tl_select_s32(a > 0, -a, a), integer_bits + 1);
    const tl_s32x8 y = tl_saturate_s16x8((tl_reciprocal_of_half_of_one_plus_q(decay) - (1 << 13)) << 2);
    return tl_select_s32(a == 0, a, tl_select_s32(a > 0, y, -y));
}

#endif
