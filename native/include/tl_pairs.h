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

/* sums[output][pixel] += the products of two pixels with two outputs, in steps of 8 inputs: x, uint32 [2 * pairs of
 * int16][2 pixels]; w up to end, int8 [words][2 outputs][4]; `row` is the distance of an output's sums. */
static __attribute__((noinline, unused)) void tl_add_two_by_two(const uint32_t *x, const int8_t *w, const int8_t *end,
                                                                int32_t *sums, const int row) {
    int32_t s00 = sums[0], s01 = sums[1], s10 = sums[row], s11 = sums[row + 1];
#ifdef TL_HAS_DSP
    uint32_t w0, w1, x0, x1, a;
#define TL_WORD                                                                                            \
    "ldrd %[w0], %[w1], [%[w]], #8\n ldrd %[x0], %[x1], [%[x]], #8\n"                                      \
    "sxtb16 %[a], %[w0]\n smlad %[s00], %[x0], %[a], %[s00]\n smlad %[s01], %[x1], %[a], %[s01]\n"         \
    "sxtb16 %[a], %[w1]\n smlad %[s10], %[x0], %[a], %[s10]\n smlad %[s11], %[x1], %[a], %[s11]\n"         \
    "ldrd %[x0], %[x1], [%[x]], #8\n"                                                                      \
    "sxtb16 %[a], %[w0], ror #8\n smlad %[s00], %[x0], %[a], %[s00]\n smlad %[s01], %[x1], %[a], %[s01]\n" \
    "sxtb16 %[a], %[w1], ror #8\n smlad %[s10], %[x0], %[a], %[s10]\n smlad %[s11], %[x1], %[a], %[s11]\n"
    __asm__ volatile("0:\n" TL_WORD TL_WORD "cmp %[w], %[end]\n bne 0b"
                     : [s00] "+r"(s00), [s01] "+r"(s01), [s10] "+r"(s10), [s11] "+r"(s11), [w] "+r"(w), [x] "+r"(x),
                       [w0] "=&r"(w0), [w1] "=&r"(w1), [x0] "=&r"(x0), [x1] "=&r"(x1), [a] "=&r"(a)
                     : [end] "r"(end)
                     : "cc", "memory");
#undef TL_WORD
#else
    for (; w != end; w += 8, x += 4) {
        const uint32_t w0 = tl_load_word(w), w1 = tl_load_word(w + 4);
        s00 = tl_add_pair(tl_add_pair(s00, x[0], tl_even_bytes(w0)), x[2], tl_odd_bytes(w0));
        s01 = tl_add_pair(tl_add_pair(s01, x[1], tl_even_bytes(w0)), x[3], tl_odd_bytes(w0));
        s10 = tl_add_pair(tl_add_pair(s10, x[0], tl_even_bytes(w1)), x[2], tl_odd_bytes(w1));
        s11 = tl_add_pair(tl_add_pair(s11, x[1], tl_even_bytes(w1)), x[3], tl_odd_bytes(w1));
    }
#endif
    sums[0] = s00, sums[1] = s01, sums[row] = s10, sums[row + 1] = s11;
}

/* sums[output] += the products of one pixel with four outputs, in steps of 8 inputs: x, int8; w and v up to end, int8
 * [words][2 outputs][4] each. */
static __attribute__((noinline, unused)) void tl_add_one_by_four(const int8_t *x, const int8_t *w, const int8_t *end,
                                                                 const int8_t *v, int32_t *sums) {
    int32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
#ifdef TL_HAS_DSP
    uint32_t even, odd, f, g, a;
#define TL_OUTPUTS(s, t)                                                                        \
    "sxtb16 %[a], %[f]\n smlad %[" s "], %[even], %[a], %[" s "]\n sxtb16 %[a], %[f], ror #8\n" \
    "smlad %[" s "], %[odd], %[a], %[" s "]\n sxtb16 %[a], %[g]\n"                              \
    "smlad %[" t "], %[even], %[a], %[" t "]\n sxtb16 %[a], %[g], ror #8\n"                     \
    "smlad %[" t "], %[odd], %[a], %[" t "]\n"
    __asm__ volatile("0:\n ldr %[a], [%[x]], #4\n sxtb16 %[even], %[a]\n sxtb16 %[odd], %[a], ror #8\n"
                     "ldrd %[f], %[g], [%[w]], #8\n" TL_OUTPUTS("s0", "s1") "ldrd %[f], %[g], [%[v]], #8\n" TL_OUTPUTS(
                         "s2", "s3") "cmp %[w], %[end]\n bne 0b"
                     : [s0] "+r"(s0), [s1] "+r"(s1), [s2] "+r"(s2), [s3] "+r"(s3), [w] "+r"(w), [v] "+r"(v),
                       [x] "+r"(x), [even] "=&r"(even), [odd] "=&r"(odd), [f] "=&r"(f), [g] "=&r"(g), [a] "=&r"(a)
                     : [end] "r"(end)
                     : "cc", "memory");
#undef TL_OUTPUTS
#undef TL_WORD
#else
    for (; w != end; w += 8, v += 8, x += 4) {
        const uint32_t word = tl_load_word(x), even = tl_even_bytes(word), odd = tl_odd_bytes(word);
        s0 = tl_add_pair(tl_add_pair(s0, even, tl_even_bytes(tl_load_word(w))), odd, tl_odd_bytes(tl_load_word(w)));
        s1 = tl_add_pair(tl_add_pair(s1, even, tl_even_bytes(tl_load_word(w + 4))), odd,
                         tl_odd_bytes(tl_load_word(w + 4)));
        s2 = tl_add_pair(tl_add_pair(s2, even, tl_even_bytes(tl_load_word(v))), odd, tl_odd_bytes(tl_load_word(v)));
        s3 = tl_add_pair(tl_add_pair(s3, even, tl_even_bytes(tl_load_word(v + 4))), odd,
                         tl_odd_bytes(tl_load_word(v + 4)));
    }
#endif
    sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

#endif
