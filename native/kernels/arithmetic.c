/* Arithmetic of two integer operands with broadcasting: plain ones, which wrap, and quantized ones. */
#include "tl_broadcast.h"
#include "tl_fixedpoint.h"

#if defined(__AVX512BW__) && defined(__AVX512DQ__)
#include "tl_bytes_x16.h"
#endif

/* AVX-512 has its own for bytes. */
#define FOR_SOME_TIERS static inline __attribute__((unused))

/* How a multiplier is applied: to 16 bits as is defined, to 8 bits the short way. */
#define QUANTIZED(suffix, type, rescale)                                                                        \
    FOR_SOME_TIERS int32_t first_##suffix(const tl_broadcast_params *p, int32_t a) {                            \
        return rescale((a - p->first_zero_point) * (1 << p->headroom), p->first_multiplier, p->first_shift);    \
    }                                                                                                           \
    FOR_SOME_TIERS int32_t second_##suffix(const tl_broadcast_params *p, int32_t b) {                           \
        return rescale((b - p->second_zero_point) * (1 << p->headroom), p->second_multiplier, p->second_shift); \
    }                                                                                                           \
    FOR_SOME_TIERS int32_t stored_##suffix(const tl_broadcast_params *p, int32_t steps) {                       \
        return stored(p, rescale(steps, p->multiplier, p->shift));                                              \
    }                                                                                                           \
    FOR_SOME_TIERS int32_t sum_##suffix(const tl_broadcast_params *p, int32_t a, int32_t b) {                   \
        return stored_##suffix(p, first_##suffix(p, a) + second_##suffix(p, b));                                \
    }                                                                                                           \
    FOR_SOME_TIERS int32_t difference_##suffix(const tl_broadcast_params *p, int32_t a, int32_t b) {            \
        return stored_##suffix(p, first_##suffix(p, a) - second_##suffix(p, b));                                \
    }                                                                                                           \
    FOR_SOME_TIERS int32_t product_##suffix(const tl_broadcast_params *p, int32_t a, int32_t b) {               \
        return stored_##suffix(p, (a - p->first_zero_point) * (b - p->second_zero_point));                      \
    }

/* Steps from the zero point, to what is stored; clipped first, so that the zero point cannot carry them around. */
static inline int32_t stored(const tl_broadcast_params *p, int32_t steps) {
    return tl_clamp(steps, (int32_t)p->low - p->zero_point, (int32_t)p->high - p->zero_point) + p->zero_point;
}
QUANTIZED(s8, int8_t, tl_rescale_small)
QUANTIZED(u8, uint8_t, tl_rescale_small)
QUANTIZED(s16, int16_t, tl_rescale)
TL_BINARY(tl_add_s16, int16_t, int16_t, sum_s16)
TL_BINARY(tl_sub_s16, int16_t, int16_t, difference_s16)
TL_BINARY(tl_mul_s16, int16_t, int16_t, product_s16)

#if defined(__AVX512BW__) && defined(__AVX512DQ__)
#define BYTES(name, type, f, how)                                                                                    \
    static void f##_row(const tl_broadcast_params *p, const type *a, int32_t sa, const type *b, int32_t sb, type *y, \
                        int32_t count) {                                                                             \
        tl_combine_bytes_x16(p, (const char *)a, sa, (const char *)b, sb, (char *)y, count, how, (type) - 1 > 0);    \
    }                                                                                                                \
    TL_BINARY_ROWS(name, type, type, f##_row)
#else
#define BYTES(name, type, f, how) TL_BINARY(name, type, type, f)
#endif
BYTES(tl_add_s8, int8_t, sum_s8, TL_SUM_X16)
BYTES(tl_add_u8, uint8_t, sum_u8, TL_SUM_X16)
BYTES(tl_sub_s8, int8_t, difference_s8, TL_DIFFERENCE_X16)
BYTES(tl_sub_u8, uint8_t, difference_u8, TL_DIFFERENCE_X16)
BYTES(tl_mul_s8, int8_t, product_s8, TL_PRODUCT_X16)
BYTES(tl_mul_u8, uint8_t, product_u8, TL_PRODUCT_X16)

/* In int16 whose scales are powers of two, both operands are shifted to the output's. */
static inline int32_t add_shifted(const tl_broadcast_params *p, int32_t a, int32_t b) {
    return stored(p, tl_divide_by_pot(a, p->first_shift) + tl_divide_by_pot(b, p->second_shift));
}
static inline int32_t sub_shifted(const tl_broadcast_params *p, int32_t a, int32_t b) {
    return stored(p, tl_divide_by_pot(a, p->first_shift) - tl_divide_by_pot(b, p->second_shift));
}
TL_BINARY(tl_add_shifted_s16, int16_t, int16_t, add_shifted)
TL_BINARY(tl_sub_shifted_s16, int16_t, int16_t, sub_shifted)

static inline int32_t squared_difference_s8(const tl_broadcast_params *p, int32_t a, int32_t b) {
    const int32_t difference = first_s8(p, a) - second_s8(p, b);
    return stored(p, tl_rescale(difference * difference, p->multiplier, p->shift));
}
static inline int32_t squared_difference_i32(const tl_broadcast_params *p, int32_t a, int32_t b) {
    const uint32_t difference = (uint32_t)a - (uint32_t)b;
    return (void)p, (int32_t)(difference * difference);
}
TL_BINARY(tl_squared_difference_s8, int8_t, int8_t, squared_difference_s8)
TL_BINARY(tl_squared_difference_i32, int32_t, int32_t, squared_difference_i32)

/* PRELU: x as it is above zero, times the slope below. */
static inline int32_t prelu(const tl_broadcast_params *p, int32_t x, int32_t slope) {
    const int32_t steps = x - p->first_zero_point;
    const int32_t above = tl_rescale(steps, p->first_multiplier, p->first_shift);
    const int32_t below = tl_rescale(steps * (slope - p->second_zero_point), p->multiplier, p->shift);
    return stored(p, steps >= 0 ? above : below);
}
TL_BINARY(tl_prelu_s8, int8_t, int8_t, prelu)
TL_BINARY(tl_prelu_u8, uint8_t, uint8_t, prelu)
TL_BINARY(tl_prelu_s16, int16_t, int16_t, prelu)

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
