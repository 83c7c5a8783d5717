/* CAST: between element types. Integers wrap; floats are truncated to integers and saturate. */
#include "tl_elementwise.h"
#include "tl_math.h"

#define CAST(suffix, from, to, expression) TL_UNARY(tl_cast_##suffix, tl_cast_params, from, to, expression)

CAST(s8_s16, int8_t, int16_t, x)
CAST(s8_i32, int8_t, int32_t, x)
CAST(s8_i64, int8_t, int64_t, x)
CAST(u8_s16, uint8_t, int16_t, x)
CAST(u8_i32, uint8_t, int32_t, x)
CAST(u8_i64, uint8_t, int64_t, x)
CAST(s16_s8, int16_t, int8_t, x)
CAST(s16_i32, int16_t, int32_t, x)
CAST(s16_i64, int16_t, int64_t, x)
CAST(u16_i32, uint16_t, int32_t, x)
CAST(u16_i64, uint16_t, int64_t, x)
CAST(i32_s8, int32_t, int8_t, x)
CAST(i32_s16, int32_t, int16_t, x)
CAST(i32_i64, int32_t, int64_t, x)
CAST(u32_i64, uint32_t, int64_t, x)
CAST(i64_s8, int64_t, int8_t, x)
CAST(i64_s16, int64_t, int16_t, x)
CAST(i64_i32, int64_t, int32_t, x)

CAST(s16_bool, int16_t, uint8_t, x != 0)
CAST(i32_bool, int32_t, uint8_t, x != 0)
CAST(i64_bool, int64_t, uint8_t, x != 0)
CAST(f32_bool, float, uint8_t, x != 0.0f)
CAST(f64_bool, double, uint8_t, x != 0.0)

CAST(s8_f32, int8_t, float, x)
CAST(u8_f32, uint8_t, float, x)
CAST(s16_f32, int16_t, float, x)
CAST(u16_f32, uint16_t, float, x)
CAST(i32_f32, int32_t, float, x)
CAST(u32_f32, uint32_t, float, x)
CAST(i64_f32, int64_t, float, x)
CAST(i32_f64, int32_t, double, x)
CAST(i64_f64, int64_t, double, x)
CAST(f32_f64, float, double, x)
CAST(f64_f32, double, float, x)

/* Limits are exact as doubles; NaN gives the greatest. */
static inline int32_t saturated_i32(const tl_cast_params *p, double x) {
    const double below = x < p->high ? x : p->high;
    return (int32_t)(below > p->low ? below : p->low);
}
/* But for 2^63, which `high` is then, and which is no int64. */
static inline int64_t saturated_i64(const tl_cast_params *p, double x) {
    if (!(x < p->high)) return p->high < 9223372036854775808.0 ? (int64_t)p->high : INT64_MAX;
    return (int64_t)(x > p->low ? x : p->low);
}
CAST(f32_i32, float, int32_t, saturated_i32(p, x))
CAST(f64_i32, double, int32_t, saturated_i32(p, x))
CAST(f32_i64, float, int64_t, saturated_i64(p, x))
CAST(f64_i64, double, int64_t, saturated_i64(p, x))

/* A half's exponent and fraction, moved to where a float has them, make one that is 2^112 times too small; infinities
 * and NaN need all exponent bits. */
static inline float float_of_half(uint16_t x) {
    const int32_t size = x & 0x7FFF;
    const float scaled = tl_f32_of_bits(size << 13) * 5.192296858534828e33f;
    const int32_t bits = size < 0x7C00 ? tl_bits_of_f32(scaled) : 0x7F800000 | (size & 0x3FF) << 13;
    return tl_f32_of_bits(bits | (int32_t)((uint32_t)(x & 0x8000) << 16));
}
/* Rounded to nearest, halves to even. The sum with 1/2 brings the bits of a subnormal half to the end of a float. */
static inline uint16_t half_of_float(float x) {
    const float size = __builtin_fabsf(x);
    const int32_t bits = tl_bits_of_f32(size), sign = (int32_t)((uint32_t)tl_bits_of_f32(x) >> 16) & 0x8000;
    const int32_t subnormal = tl_bits_of_f32(size + 0.5f) - tl_bits_of_f32(0.5f);
    const int32_t normal = (bits + 0xFFF + (bits >> 13 & 1) - (112 << 23)) >> 13;
    const int32_t finite = bits < 113 << 23 ? subnormal : normal < 0x7C00 ? normal : 0x7C00;
    return (uint16_t)(sign | (size != size ? 0x7E00 : finite));
}
CAST(f16_f32, uint16_t, float, float_of_half(x))
CAST(f32_f16, float, uint16_t, half_of_float(x))

/* The upper half of a float. */
static inline uint16_t brain_of_float(float x) {
    const uint32_t bits = (uint32_t)tl_bits_of_f32(x);
    return (uint16_t)(x != x ? (bits >> 16) | 0x40 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
CAST(bf16_f32, uint16_t, float, tl_f32_of_bits((int32_t)((uint32_t)x << 16)))
CAST(f32_bf16, float, uint16_t, brain_of_float(x))
