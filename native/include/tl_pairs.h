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

/* A sum to the stored integer it stands for: how, and within what range. */
typedef struct {
    int32_t zero_point, low, high;
} tl_range_of_bytes;

TL_PAIRS int8_t tl_store_byte(const tl_range_of_bytes *o, int32_t steps) {
    const int32_t y = steps + o->zero_point;
    return (int8_t)(y < o->low ? o->low : y > o->high ? o->high : y);
}

/* tl_rescale_small for shifts to the right by `right`; `up` is 1, or 1 + 2^right where right > 0. */
TL_PAIRS int32_t tl_round_twice(int32_t sum, int32_t mantissa, int32_t right, int32_t up) {
    const int32_t t = tl_high_word((int32_t)((uint32_t)sum << 2), mantissa);
    return (t + up - (t < -1 && right > 0 ? 2 : 0)) >> (right + 1);
}
TL_PAIRS int32_t tl_up(int32_t right) { return right > 0 ? 1 + (1 << right) : 1; }

/* sum * mantissa / 2^(31 + right), rounded once, halves up; right >= 1. */
TL_PAIRS int32_t tl_round_once(int32_t sum, int32_t mantissa, int32_t right) {
    return (int32_t)(((int64_t)sum * mantissa + ((int64_t)1 << (30 + right))) >> 32) >> (right - 1);
}

#endif
