/* Pairs of int16, whose products make the integers of a vector's lanes: exact sums of products of integers. */
#ifndef TL_PAIRS_H
#define TL_PAIRS_H

#include "tl_vector.h"

typedef int16_t tl_pairs __attribute__((vector_size(4 * TL_WIDTH)));
typedef int8_t tl_narrow_pairs __attribute__((vector_size(2 * TL_WIDTH)));

/* A pair for each lane, of int16 or of int8 by `bytes`, which is a constant where it is called. */
TL_ALWAYS_INLINE tl_pairs tl_load_pairs(const void *x, const int bytes) {
    tl_pairs y;
    if (bytes == 2) {
        tl_copy(&y, x, sizeof y);
        return y;
    }
    tl_narrow_pairs narrow;
    tl_copy(&narrow, x, sizeof narrow);
#if defined(__AVX512BW__)
    return (tl_pairs)_mm512_cvtepi8_epi16((__m256i)narrow);
#elif defined(__AVX2__)
    return (tl_pairs)_mm256_cvtepi8_epi16((__m128i)narrow); /* GCC's own conversion takes five instructions. */
#else
    return __builtin_convertvector(narrow, tl_pairs);
#endif
}

/* The same pair for all lanes. */
TL_ALWAYS_INLINE tl_pairs tl_splat_pairs(const int16_t *x) {
    int32_t pair;
    tl_copy(&pair, x, sizeof pair);
    return (tl_pairs)(pair - (tl_lanes){0});
}

/* sum + the dot product of each lane's pairs, modulo 2^32. */
TL_ALWAYS_INLINE tl_lanes tl_dot_pairs(tl_lanes sum, tl_pairs a, tl_pairs b) {
    typedef uint32_t bits __attribute__((vector_size(4 * TL_WIDTH)));
#if defined(__AVX512BW__)
    return (tl_lanes)((bits)sum + (bits)_mm512_madd_epi16((__m512i)a, (__m512i)b));
#elif defined(__AVX2__)
    return (tl_lanes)((bits)sum + (bits)_mm256_madd_epi16((__m256i)a, (__m256i)b));
#elif defined(__SSE2__)
    return (tl_lanes)((bits)sum + (bits)_mm_madd_epi16((__m128i)a, (__m128i)b));
#else
    const tl_lanes x = (tl_lanes)a, y = (tl_lanes)b;
    return (tl_lanes)((bits)sum + (bits)(((x << 16) >> 16) * ((y << 16) >> 16)) + (bits)((x >> 16) * (y >> 16)));
#endif
}

#endif
