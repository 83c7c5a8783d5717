/* Integer requantization, bit for bit as tachylite/ops/fixedpoint.py defines it. A real multiplier is mantissa *
 * 2^(shift - 31). */
#ifndef TL_FIXEDPOINT_H
#define TL_FIXEDPOINT_H

#include <stdint.h>

static inline int32_t tl_clamp(int32_t x, int32_t low, int32_t high) { return x < low ? low : x > high ? high : x; }
static inline int8_t tl_saturate_s8(int32_t x) { return (int8_t)tl_clamp(x, -128, 127); }
static inline uint8_t tl_saturate_u8(int32_t x) { return (uint8_t)tl_clamp(x, 0, 255); }
static inline int16_t tl_saturate_s16(int32_t x) { return (int16_t)tl_clamp(x, -32768, 32767); }

/* round(a * b / 2^31), halves up, saturating (gemmlowp's SaturatingRoundingDoublingHighMul). */
static inline int32_t tl_doubling_high_mul(int32_t a, int32_t b) {
    if (a == b && a == INT32_MIN) return INT32_MAX;
    /* Of the sum's bits only the middle ones are kept: a logical shift will do, which more machines have for vectors.
     */
    return (int32_t)((uint64_t)((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^exponent, halves away from zero (gemmlowp's RoundingDivideByPOT); exponent in [0, 31]. */
static inline int32_t tl_divide_by_pot(int32_t x, int32_t exponent) {
    const int32_t mask = (int32_t)(((int64_t)1 << exponent) - 1);
    const int32_t threshold = (mask >> 1) + (x < 0);
    return (x >> exponent) + ((x & mask) > threshold);
}

/* x * multiplier, rounded twice. Shifts to the left wrap in 32 bits, of which those by 32 and more leave nothing. */
static inline int32_t tl_rescale(int32_t x, int32_t mantissa, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0;
    const int32_t right = shift > 0 ? 0 : -shift;
    const uint32_t shifted = left < 32 ? (uint32_t)x << left : 0;
    return tl_divide_by_pot(tl_doubling_high_mul((int32_t)shifted, mantissa), right);
}

/* tl_rescale, both roundings in one, for |x| * 2^max(shift, 0) < 2^29 and shifts from -29 on. With t = floor(x *
 * mantissa / 2^30) the first gives h = floor((t + 1) / 2), the second floor((h + 2^(s - 1) - [h < 0]) / 2^s), and h < 0
 * where t < -1. */
static inline int32_t tl_rescale_small(int32_t x, int32_t mantissa, int32_t shift) {
    const int32_t left = shift > 0 ? shift + 2 : 2;
    const int32_t right = shift > 0 ? 0 : -shift;
    const int32_t t = (int32_t)(((int64_t)(int32_t)((uint32_t)x << left) * mantissa) >> 32);
    const int32_t half = right > 0 ? 1 << right : 0;
    const int32_t below = right > 0 && t < -1 ? 2 : 0;
    return (t + 1 + half - below) >> (right + 1);
}

/* x * multiplier, rounded once, halves up; a shift beyond 30 counts as 30. */
static inline int32_t tl_rescale_once(int32_t x, int32_t mantissa, int32_t shift) {
    const int32_t total = shift < 30 ? 31 - shift : 1;
    return (int32_t)(((int64_t)x * mantissa + ((int64_t)1 << (total - 1))) >> total);
}

/* x * multiplier for 64-bit accumulators below 2^47, the multiplier reduced to 16 bits, rounded once: 16x8 operators. A
 * shift beyond 14 counts as 14. */
static inline int32_t tl_rescale_s64(int64_t x, int32_t mantissa, int32_t shift) {
    const int64_t reduced = mantissa < 0x7FFF0000 ? (mantissa + (1 << 15)) >> 16 : 0x7FFF;
    const int32_t total = shift < 14 ? 15 - shift : 1;
    return (int32_t)((x * reduced + ((int64_t)1 << (total - 1))) >> total);
}

#endif
