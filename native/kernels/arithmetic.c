/* Arithmetic of two integer operands with broadcasting: plain ones, which wrap, and quantized ones. */
#include "tl_broadcast.h"
#include "tl_fixedpoint.h"

/* Sums are taken in steps that both operands share. */
static inline int32_t first_steps(const tl_broadcast_params *p, int32_t a) {
    return tl_rescale((a - p->first_zero_point) * (1 << p->headroom), p->first_multiplier, p->first_shift);
}
static inline int32_t second_steps(const tl_broadcast_params *p, int32_t b) {
    return tl_rescale((b - p->second_zero_point) * (1 << p->headroom), p->second_multiplier, p->second_shift);
}
static inline int32_t stored(const tl_broadcast_params *p, int32_t steps) {
    /* Clipped first, so that the zero point cannot carry the greatest of them around. */
    const int32_t low = (int32_t)p->low - p->zero_point, high = (int32_t)p->high - p->zero_point;
    return tl_clamp(tl_rescale(steps, p->multiplier, p->shift), low, high) + p->zero_point;
}
static inline int32_t add(const tl_broadcast_params *p, int32_t a, int32_t b) {
    return stored(p, first_steps(p, a) + second_steps(p, b));
}
static inline int32_t sub(const tl_broadcast_params *p, int32_t a, int32_t b) {
    return stored(p, first_steps(p, a) - second_steps(p, b));
}
static inline int32_t mul(const tl_broadcast_params *p, int32_t a, int32_t b) {
    return stored(p, (a - p->first_zero_point) * (b - p->second_zero_point));
}

#define QUANTIZED(suffix, type)                 \
    TL_BINARY(tl_add_##suffix, type, type, add) \
    TL_BINARY(tl_sub_##suffix, type, type, sub) \
    TL_BINARY(tl_mul_##suffix, type, type, mul)
QUANTIZED(s8, int8_t)
QUANTIZED(u8, uint8_t)
QUANTIZED(s16, int16_t)

#define FUSED(p, type, y) ((y) < (type)(p)->low ? (type)(p)->low : (y) > (type)(p)->high ? (type)(p)->high : (y))
#define PLAIN(suffix, type, wide)                                                   \
    static inline type add_##suffix(const tl_broadcast_params *p, type a, type b) { \
        const type y = (type)((wide)a + (wide)b);                                   \
        return FUSED(p, type, y);                                                   \
    }                                                                               \
    static inline type sub_##suffix(const tl_broadcast_params *p, type a, type b) { \
        const type y = (type)((wide)a - (wide)b);                                   \
        return FUSED(p, type, y);                                                   \
    }                                                                               \
    static inline type mul_##suffix(const tl_broadcast_params *p, type a, type b) { \
        const type y = (type)((wide)a * (wide)b);                                   \
        return FUSED(p, type, y);                                                   \
    }                                                                               \
    TL_BINARY(tl_add_##suffix, type, type, add_##suffix)                            \
    TL_BINARY(tl_sub_##suffix, type, type, sub_##suffix)                            \
    TL_BINARY(tl_mul_##suffix, type, type, mul_##suffix)
PLAIN(i32, int32_t, uint32_t)
PLAIN(i64, int64_t, uint64_t)

/* Those that only compare take stored values as they are. */
#define EXTREMA(suffix, type)                                                           \
    static inline type maximum_##suffix(const tl_broadcast_params *p, type a, type b) { \
        return (void)p, a > b ? a : b;                                                  \
    }                                                                                   \
    static inline type minimum_##suffix(const tl_broadcast_params *p, type a, type b) { \
        return (void)p, a < b ? a : b;                                                  \
    }                                                                                   \
    TL_BINARY(tl_maximum_##suffix, type, type, maximum_##suffix)                        \
    TL_BINARY(tl_minimum_##suffix, type, type, minimum_##suffix)
EXTREMA(s8, int8_t)
EXTREMA(u8, uint8_t)
EXTREMA(s16, int16_t)
EXTREMA(i32, int32_t)
EXTREMA(i64, int64_t)
