/* Sums of products of int8 for machines without vectors: four bytes of a word as two pairs of int16, each pair in one
 * 32-bit word, as the DSP instructions of Armv7E-M have them (Arm v7-M Architecture Reference Manual: SXTB16, SMLAD).
 * Elsewhere the same in plain C. Words are loaded from wherever they lie. */
#ifndef TL_PAIRS_H
#define TL_PAIRS_H

#include "tl_kernel.h"

#if defined(__ARM_FEATURE_DSP) && __ARM_FEATURE_DSP
#define TL_HAS_DSP
#endif

#define TL_PAIRS static inline __attribute__((always_inline))

TL_PAIRS uint32_t tl_load_word(const void *x) {
    uint32_t word;
    tl_copy(&word, x, sizeof word);
    return word;
}

/* Bytes 0 and 2 of a word. */
TL_PAIRS uint32_t tl_even_bytes(uint32_t x) {
#ifdef TL_HAS_DSP
    uint32_t y;
    __asm__("sxtb16 %0, %1" : "=r"(y) : "r"(x));
    return y;
#else
    return (uint32_t)(uint16_t)(int8_t)x | (uint32_t)(int8_t)(x >> 16) << 16;
#endif
}

/* Bytes 1 and 3 of a word. */
TL_PAIRS uint32_t tl_odd_bytes(uint32_t x) {
#ifdef TL_HAS_DSP
    uint32_t y;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(y) : "r"(x));
    return y;
#else
    return tl_even_bytes(x >> 8);
#endif
}

/* sum + the products of both int16. */
TL_PAIRS int32_t tl_add_pair(int32_t sum, uint32_t a, uint32_t b) {
#ifdef TL_HAS_DSP
    __asm__("smlad %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return sum + (int16_t)a * (int16_t)b + (int16_t)(a >> 16) * (int16_t)(b >> 16);
#endif
}

/* sum + the product of the low int16, and of the high ones. */
TL_PAIRS int32_t tl_add_low(int32_t sum, uint32_t a, uint32_t b) {
#ifdef TL_HAS_DSP
    __asm__("smlabb %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return sum + (int16_t)a * (int16_t)b;
#endif
}
TL_PAIRS int32_t tl_add_high(int32_t sum, uint32_t a, uint32_t b) {
#ifdef TL_HAS_DSP
    __asm__("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b));
    return sum;
#else
    return sum + (int16_t)(a >> 16) * (int16_t)(b >> 16);
#endif
}

/* x * y / 2^32, rounded down. */
TL_PAIRS int32_t tl_high_word(int32_t x, int32_t y) { return (int32_t)(((int64_t)x * y) >> 32); }

/* Saturated to int8. */
TL_PAIRS int32_t tl_saturate(int32_t x) {
#ifdef TL_HAS_DSP
    int32_t y;
    __asm__("ssat %0, #8, %1" : "=r"(y) : "r"(x));
    return y;
#else
    return x < -128 ? -128 : x > 127 ? 127 : x;
#endif
}

/* How sums become stored integers: times mantissa / 2^(31 + right), right in [1, 21]. A table has for each channel a
 * word of 30 bits of a mantissa, whose bit 30 is always set, and two bits of what its shift is more than `base`; or,
 * where there are `shifts`, a whole mantissa. once: rounded once, as FULLY_CONNECTED is; else twice. is_clamped: low
 * and high are not those of int8. */
typedef struct {
    const uint32_t *words;
    const int8_t *shifts;
    int32_t base, zero_point, low, high, once, is_clamped;
} tl_bytes;

#define TL_BYTES(p, t)                                       \
    {(t)[3],   (t)[4],    (p)->base, (p)->output_zero_point, \
     (p)->low, (p)->high, (p)->once, (p)->low > -128 || (p)->high < 127}

/* One channel's sums to `count` bytes that lie `step` apart. Twice: with t = floor(sum * mantissa / 2^30), as in
 * tl_rescale_small, which takes 2 off where t < -1; t of -1 may go either way. */
static __attribute__((noinline)) void tl_store_bytes_of(const tl_bytes *o, int32_t channel, const int32_t *sums,
                                                        int32_t count, int8_t *y, int32_t step) {
    const uint32_t word = o->words[channel];
    const int32_t mantissa = o->shifts ? (int32_t)word : (int32_t)((word & 0x3FFFFFFF) | 0x40000000);
    const int32_t right = o->shifts ? o->shifts[channel] : o->base + (int32_t)(word >> 30);
    const int32_t up = 1 + (1 << right) + o->zero_point * (2 << right), once = o->once, is_clamped = o->is_clamped;
#pragma GCC unroll 1
    for (const int32_t *const end = sums + count; sums != end; y += step) {
        const int32_t sum = *sums++;
        int32_t steps;
        if (once) {
            const int64_t product = (int64_t)sum * mantissa + ((int64_t)1 << (30 + right));
            steps = ((int32_t)(product >> 32) >> (right - 1)) + o->zero_point;
        } else {
            const int32_t t = tl_high_word((int32_t)((uint32_t)sum << 2), mantissa);
            const int32_t sign = (int32_t)((uint32_t)t >> 31);
            steps = (t + up - sign - sign) >> (right + 1);
        }
        steps = tl_saturate(steps);
        if (is_clamped) steps = steps < o->low ? o->low : steps > o->high ? o->high : steps;
        *y = (int8_t)steps;
    }
}

#endif
