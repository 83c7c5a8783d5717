/* Arithmetic of two float operands with broadcasting. */
#include "tl_broadcast.h"
#include "tl_math.h"

/* Within the range of the fused activation; NaN stays. */
static inline float fused(const tl_broadcast_params *p, float y) {
    return y < p->least ? p->least : y > p->greatest ? p->greatest : y;
}

static inline float add(const tl_broadcast_params *p, float a, float b) { return fused(p, a + b); }
static inline float sub(const tl_broadcast_params *p, float a, float b) { return fused(p, a - b); }
static inline float mul(const tl_broadcast_params *p, float a, float b) { return fused(p, a * b); }
static inline float div(const tl_broadcast_params *p, float a, float b) { return fused(p, a / b); }
static inline float maximum(const tl_broadcast_params *p, float a, float b) { return (void)p, a > b ? a : b; }
static inline float minimum(const tl_broadcast_params *p, float a, float b) { return (void)p, a < b ? a : b; }
static inline float squared_difference(const tl_broadcast_params *p, float a, float b) {
    return (void)p, (a - b) * (a - b);
}
static inline float prelu(const tl_broadcast_params *p, float x, float slope) {
    return (void)p, x >= 0.0f ? x : x * slope;
}
static inline float pow_(const tl_broadcast_params *p, float a, float b) { return (void)p, tl_powf(a, b); }
static inline float atan2_(const tl_broadcast_params *p, float a, float b) { return (void)p, tl_atan2f(a, b); }

TL_BINARY(tl_add_f32, float, float, add)
TL_BINARY(tl_sub_f32, float, float, sub)
TL_BINARY(tl_mul_f32, float, float, mul)
TL_BINARY(tl_div_f32, float, float, div)
TL_BINARY(tl_maximum_f32, float, float, maximum)
TL_BINARY(tl_minimum_f32, float, float, minimum)
TL_BINARY(tl_squared_difference_f32, float, float, squared_difference)
TL_BINARY(tl_prelu_f32, float, float, prelu)
TL_BINARY(tl_pow_f32, float, float, pow_)
TL_BINARY(tl_atan2_f32, float, float, atan2_)

/* In double, whose quotient of two floats is no whole number unless theirs is; infinities and NaN stay. */
static inline float floor_div(const tl_broadcast_params *p, float a, float b) {
    const double quotient = (double)a / (double)b;
    const double nearest = (quotient + TL_ROUND_F64) - TL_ROUND_F64;
    const double floor = nearest > quotient ? nearest - 1.0 : nearest;
    return (void)p, (float)(__builtin_fabs(quotient) < 2251799813685248.0 ? floor : quotient);
}
TL_BINARY(tl_floor_div_f32, float, float, floor_div)

/* Exactly: multiples of the divisor whose difference is exact are taken away, until less than one is left. */
static inline float floor_mod(const tl_broadcast_params *p, float a, float b) {
    const double divisor = __builtin_fabsf(b);
    double rest = __builtin_fabsf(a);
    (void)p;
    if (!(rest < __builtin_inf()) || !(divisor > 0.0)) return __builtin_nanf("");
    while (rest >= divisor) {
        double unit = divisor;
        while (rest / unit >= 268435456.0) unit *= 268435456.0;
        rest -= (double)(int32_t)(rest / unit) * unit;
    }
    const float remainder = (float)(a < 0.0f ? -rest : rest);
    return rest != 0.0 && (b < 0.0f) != (a < 0.0f) ? remainder + b : remainder;
}
TL_BINARY(tl_floor_mod_f32, float, float, floor_mod)
