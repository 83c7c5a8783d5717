/* QUANTIZE and DEQUANTIZE: real numbers to quantized ones, back, and from one scale to another. */
#include "tl_elementwise.h"
#include "tl_fixedpoint.h"

/* To the nearest integer, halves away from zero; |x| < 2^22. What is added is the float below one half: with a half,
 * the sum would round up what lies just below. */
static inline int32_t nearest(float x) { return (int32_t)(x + __builtin_copysignf(0.49999997f, x)); }

/* NaN becomes the least. The limits are those of the type, less the zero point. */
static inline int32_t quantize(const tl_quantize_params *p, float x) {
    const float steps = x / p->scale;
    const float above = steps > p->low ? steps : p->low;
    return nearest(above < p->high ? above : p->high) + p->zero_point;
}
static inline float dequantize(const tl_quantize_params *p, int32_t x) { return p->scale * (float)(x - p->zero_point); }

#define QUANTIZE(suffix, type)                                                      \
    TL_UNARY(tl_quantize_##suffix, tl_quantize_params, float, type, quantize(p, x)) \
    TL_UNARY(tl_dequantize_##suffix, tl_quantize_params, type, float, dequantize(p, x))
QUANTIZE(s8, int8_t)
QUANTIZE(u8, uint8_t)
QUANTIZE(s16, int16_t)

/* FAKE_QUANT: to the nearest of the steps from `low` to `high` and back; NaN gives `low`. */
static inline float fake_quantize(const tl_quantize_params *p, float x) {
    const float above = x > p->low ? x : p->low;
    const float steps = ((above < p->high ? above : p->high) - p->low) * p->inverse;
    return (float)nearest(steps) * p->scale + p->low;
}
TL_UNARY(tl_fake_quant_f32, tl_quantize_params, float, float, fake_quantize(p, x))

/* Limits again less the zero point. */
static inline int32_t requantize(const tl_requantize_params *p, int32_t x) {
    const int32_t steps = (x - p->input_zero_point) * (1 << p->headroom);
    return tl_clamp(tl_rescale_small(steps, p->multiplier, p->shift), p->low, p->high) + p->zero_point;
}
static inline int32_t requantize_wide(const tl_requantize_params *p, int32_t x) {
    const uint32_t steps = ((uint32_t)x - (uint32_t)p->input_zero_point) << p->headroom;
    return tl_clamp(tl_rescale((int32_t)steps, p->multiplier, p->shift), p->low, p->high) + p->zero_point;
}

#define REQUANTIZE(suffix, from, to) TL_UNARY(tl_requantize_##suffix, tl_requantize_params, from, to, requantize(p, x))
REQUANTIZE(s8_s16, int8_t, int16_t)
REQUANTIZE(u8_s16, uint8_t, int16_t)
REQUANTIZE(s16_s8, int16_t, int8_t)
REQUANTIZE(s16_s16, int16_t, int16_t)
REQUANTIZE(s8_i32, int8_t, int32_t)
REQUANTIZE(u8_i32, uint8_t, int32_t)
REQUANTIZE(s16_i32, int16_t, int32_t)
TL_UNARY(tl_requantize_i32_s8, tl_requantize_params, int32_t, int8_t, requantize_wide(p, x))
TL_UNARY(tl_requantize_i32_s16, tl_requantize_params, int32_t, int16_t, requantize_wide(p, x))
TL_UNARY(tl_requantize_i32_i32, tl_requantize_params, int32_t, int32_t, requantize_wide(p, x))
