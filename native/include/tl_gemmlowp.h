/* gemmlowp's fixed-point functions of 32 bits, bit for bit as tachylite/ops/gemmlowp.py defines them.
 *
 * A number in Qm is an integer with m integer bits: real = stored / 2^(31 - m). */
#ifndef TL_GEMMLOWP_H
#define TL_GEMMLOWP_H

#include "tl_fixedpoint.h"
#include "tl_kernel.h"

/* x * 2^bits, saturated. */
static inline int32_t tl_shift_left(int64_t x, int32_t bits) {
    const int64_t y = x * ((int64_t)1 << bits);
    return (int32_t)(y < INT32_MIN ? INT32_MIN : y > INT32_MAX ? INT32_MAX : y);
}

/* (a + b) / 2, halves up, of numbers whose sum is not negative. */
static inline int32_t tl_mean(int32_t a, int32_t b) { return (int32_t)(((int64_t)a + b + 1) >> 1); }

/* How many bits x > 0 takes. */
static inline int32_t tl_bit_length(uint64_t x) {
    const uint32_t high = (uint32_t)(x >> 32);
    return high ? 64 - __builtin_clz(high) : 32 - __builtin_clz((uint32_t)x);
}

/* 1 / (1 + a) in Q0 for a in [0, 1), Q0: three steps of Newton's division for 2 / (1 + a), in Q2. */
static inline int32_t tl_one_over_one_plus(int32_t a) {
    const int32_t half_denominator = tl_mean(a, INT32_MAX);
    int32_t x = 1515870810 + tl_doubling_high_mul(half_denominator, -1010580540);
    for (int step = 0; step < 3; ++step) {
        const int32_t residual = (1 << 29) - tl_doubling_high_mul(half_denominator, x);
        x += tl_shift_left(tl_doubling_high_mul(x, residual), 2);
    }
    return tl_shift_left(x, 1);
}

/* 1 / x as a number in Q0 and the shift by which it is to be divided. */
typedef struct {
    int32_t number, shift;
} tl_quotient;

/* Of x > 0 in Q(integer_bits). */
static inline tl_quotient tl_reciprocal(uint64_t x, int32_t integer_bits) {
    const int32_t zeros = 32 - tl_bit_length(x);
    /* Without its leading one, the normalized x is a fraction. */
    const uint64_t normalized = zeros >= 0 ? x << zeros : x >> -zeros;
    return (tl_quotient){tl_one_over_one_plus((int32_t)(normalized - 0x80000000)), integer_bits - zeros};
}

/* log(x) in Q(result) for x >= 1 in Q(source), below 2^31: log(z) + k log(2), where x = z 2^k with z around 1, is a
 * quotient of two polynomials. Of the z made from x and from x * sqrt(1/2) the better centred one counts. */
static inline int32_t tl_log(int32_t x, int32_t source, int32_t result) {
    const int32_t log_2 = 1488522236, sqrt_sqrt_half = 1805811301, sqrt_half = 1518500250;
    const int32_t alpha_n = 117049297, alpha_d = 127690142, alpha_i = 1057819769, alpha_f = 638450708;
    const int32_t bits = result + 1; /* one bit of headroom for the sum */
    const int32_t unit = 1 << (31 - bits);

    const int32_t zeros = 32 - tl_bit_length((uint64_t)x);
    const int32_t z_a = tl_shift_left(tl_doubling_high_mul(x << (zeros - 1), sqrt_half), 1);
    const int32_t power_a = (source - zeros) * unit + unit / 4;

    const int32_t headroom = 31 - tl_bit_length((uint64_t)tl_doubling_high_mul(x, sqrt_half));
    const int32_t z_b = tl_shift_left(x, headroom);
    const int32_t power_b = (source - headroom) * unit - unit / 4;

    const int32_t z = TL_MIN(z_a, z_b), power = TL_MAX(power_a, power_b);
    const int32_t difference = 2 * (z - sqrt_sqrt_half);
    const int32_t square = tl_doubling_high_mul(difference, difference);
    const int32_t numerator =
        tl_doubling_high_mul(difference, z) + tl_doubling_high_mul(tl_doubling_high_mul(difference, square), alpha_n);
    const int32_t denominator =
        tl_doubling_high_mul(tl_mean(z, sqrt_sqrt_half), alpha_i + difference + tl_doubling_high_mul(square, alpha_d)) +
        tl_doubling_high_mul(difference, alpha_f);
    const int32_t quotient = tl_doubling_high_mul(tl_divide_by_pot(numerator, bits), tl_one_over_one_plus(denominator));
    return tl_shift_left((int64_t)tl_doubling_high_mul(power, log_2) + quotient, 1);
}

/* A real number, mantissa * 2^(shift - 31). */
typedef struct {
    int32_t mantissa, shift;
} tl_multiplier;

/* 1 / sqrt(x) of x >= 0, which counts as 1 where it is 0: five steps of Newton's iteration, in Q3. */
static inline tl_multiplier tl_inverse_sqrt(int32_t x) {
    if (x <= 1) return (tl_multiplier){INT32_MAX, 0}; /* the mantissa would overflow */
    /* Scale by powers of four, so that x / 2^29 lies in [1/4, 1). */
    const int32_t pairs = (29 - tl_bit_length((uint64_t)x)) >> 1;
    const int32_t scaled = pairs >= 0 ? x << 2 * pairs : x >> -2 * pairs;
    const int32_t half = tl_mean(scaled >> 1, 0), half_three = (1 << 28) + (1 << 27);
    int32_t root = 1 << 28;
    for (int step = 0; step < 5; ++step) {
        const int32_t square = tl_doubling_high_mul(root, root);
        const int32_t cube = tl_shift_left(tl_doubling_high_mul(square, root), 6);
        const int64_t difference = (int64_t)tl_doubling_high_mul(root, half_three) - tl_doubling_high_mul(half, cube);
        root = tl_shift_left(difference, 3);
    }
    const int32_t mantissa = tl_doubling_high_mul(root, 1518500250); /* sqrt(1/2) */
    const int32_t shift = pairs - 11;
    return (tl_multiplier){shift > 0 ? mantissa << shift : mantissa, TL_MIN(shift, 0)};
}

#endif
