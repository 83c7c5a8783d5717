/* tl_rescale_fast of sixteen numbers at once (AVX-512). */
#ifndef TL_RESCALE_X16_H
#define TL_RESCALE_X16_H

#include <immintrin.h>

#include "tl_vector.h"

/* What tl_rescale_fast takes of sixteen numbers: mantissas of even and of odd ones, what is added, how much less where
 * a product is negative (nothing where there is no second rounding), shifts. */
typedef struct {
    __m512i even, odd, up, less, shifts;
} tl_scales_x16;

/* Those of mantissas and shifts to the right. */
TL_ALWAYS_INLINE tl_scales_x16 tl_scales_of_x16(__m512i mantissas, __m512i shifts) {
    const __m512i one = _mm512_set1_epi32(1), half = _mm512_andnot_si512(one, _mm512_sllv_epi32(one, shifts));
    const tl_scales_x16 y = {mantissas, _mm512_srli_epi64(mantissas, 32), _mm512_add_epi32(half, one),
                             _mm512_min_epi32(half, _mm512_set1_epi32(2)), _mm512_add_epi32(shifts, one)};
    return y;
}

/* Those of a table of tl_requantize.h: sixteen mantissas, then as many shifts. */
TL_ALWAYS_INLINE tl_scales_x16 tl_load_scales_x16(const int32_t *table) {
    return tl_scales_of_x16(_mm512_loadu_si512(table), _mm512_loadu_si512(table + 16));
}

/* tl_rescale_fast of what has been shifted to the left by two already. */
TL_ALWAYS_INLINE __m512i tl_rescale_shifted_x16(const tl_scales_x16 *s, __m512i x) {
    const __m512i even = _mm512_mul_epi32(x, s->even), odd = _mm512_mul_epi32(_mm512_srli_epi64(x, 32), s->odd);
    const __m512i t = _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
    const __m512i y = _mm512_add_epi32(t, s->up);
    return _mm512_srav_epi32(_mm512_mask_sub_epi32(y, _mm512_movepi32_mask(t), y, s->less), s->shifts);
}

TL_ALWAYS_INLINE __m512i tl_rescale_x16(const tl_scales_x16 *s, __m512i x) {
    return tl_rescale_shifted_x16(s, _mm512_slli_epi32(x, 2));
}

#endif
