/* Division, powers and remainders of two integers with broadcasting. No divisor is zero, and no power negative: REQUIRE
 * has seen to that. */
#include "tl_broadcast.h"
#include "tl_fixedpoint.h"
#include "tl_gemmlowp.h"

static inline int32_t floor_divide(int64_t a, int64_t b) {
    return (int32_t)(a / b - (a % b != 0 && (a < 0) != (b < 0)));
}
static inline int64_t floor_modulo(int64_t a, int64_t b) {
    const int64_t rest = b == -1 ? 0 : a % b; /* the quotient of the least integer and -1 is none */
    return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}
#define FLOOR_DIV(p, a, b) floor_divide(a, b)
#define FLOOR_MOD(p, a, b) floor_modulo(a, b)
TL_BINARY(tl_floor_div_s8, int8_t, int8_t, FLOOR_DIV)
TL_BINARY(tl_floor_div_s16, int16_t, int16_t, FLOOR_DIV)
TL_BINARY(tl_floor_div_i32, int32_t, int32_t, FLOOR_DIV)
TL_BINARY(tl_floor_mod_s8, int8_t, int8_t, FLOOR_MOD)
TL_BINARY(tl_floor_mod_s16, int16_t, int16_t, FLOOR_MOD)
TL_BINARY(tl_floor_mod_i32, int32_t, int32_t, FLOOR_MOD)
TL_BINARY(tl_floor_mod_i64, int64_t, int64_t, FLOOR_MOD)

static inline int32_t power(int32_t a, int32_t b) {
    uint32_t base = (uint32_t)a, y = 1;
    for (uint32_t rest = (uint32_t)b; rest; rest >>= 1, base *= base) y *= rest & 1 ? base : 1;
    return (int32_t)y;
}
#define POW(p, a, b) power(a, b)
TL_BINARY(tl_pow_i32, int32_t, int32_t, POW)

static inline int32_t divide(const tl_broadcast_params *p, int32_t a, int32_t b) {
    return tl_clamp((int32_t)((int64_t)a / b), (int32_t)p->low, (int32_t)p->high);
}
TL_BINARY(tl_div_i32, int32_t, int32_t, divide)

/* Quantized: the dividend, normalized, times the reciprocal of the divisor. */
static inline int32_t divide_steps(const tl_broadcast_params *p, int32_t a, int32_t b) {
    const int32_t divisor = b - p->second_zero_point, steps = a - p->first_zero_point;
    const int32_t dividend = divisor < 0 ? -steps : steps;
    const uint32_t size = (uint32_t)(dividend < 0 ? ~dividend : dividend);
    const tl_quotient inverse = tl_reciprocal((uint64_t)(divisor < 0 ? -(int64_t)divisor : divisor), 31);
    const int32_t headroom = size ? 31 - tl_bit_length(size) : 31;
    const int32_t quotient = tl_doubling_high_mul((int32_t)((uint32_t)dividend << headroom), inverse.number);
    const int32_t shift = TL_MAX(p->shift - inverse.shift - headroom, -62);
    const int32_t scaled = shift < -31 ? 0 : tl_rescale(quotient, p->multiplier, shift);
    const int32_t low = (int32_t)p->low - p->zero_point, high = (int32_t)p->high - p->zero_point;
    return tl_clamp(scaled, low, high) + p->zero_point;
}
TL_BINARY(tl_div_s8, int8_t, int8_t, divide_steps)
TL_BINARY(tl_div_u8, uint8_t, uint8_t, divide_steps)
TL_BINARY(tl_div_s16, int16_t, int16_t, divide_steps)
