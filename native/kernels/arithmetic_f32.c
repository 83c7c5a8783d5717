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
static inline float pow_(const tl_broadcast_params *p, float a, float b) { return (void)p, tl_powf(a, b); }
static inline float atan2_(const tl_broadcast_params *p, float a, float b) { return (void)p, tl_atan2f(a, b); }

TL_BINARY(tl_add_f32, float, float, add)
TL_BINARY(tl_sub_f32, float, float, sub)
TL_BINARY(tl_mul_f32, float, float, mul)
TL_BINARY(tl_div_f32, float, float, div)
TL_BINARY(tl_maximum_f32, float, float, maximum)
TL_BINARY(tl_minimum_f32, float, float, minimum)
TL_BINARY(tl_squared_difference_f32, float, float, squared_difference)
TL_BINARY(tl_pow_f32, float, float, pow_)
TL_BINARY(tl_atan2_f32, float, float, atan2_)
