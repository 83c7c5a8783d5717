/* Rows of two operands of bytes, sixteen elements at a time (AVX-512): what arithmetic.c defines for one. */
#ifndef TL_BYTES_X16_H
#define TL_BYTES_X16_H

#include "tl_params.h"
#include "tl_rescale_x16.h"

/* tl_rescale_small of an operand from its zero point, with its headroom; or a shift, where the multiplier is 1/2. */
typedef struct {
    __m512i zero_point;
    int32_t left, is_half;
    tl_scales_x16 scales;
} tl_operand_x16;

TL_ALWAYS_INLINE tl_operand_x16 tl_operand_of_x16(int32_t zero_point, int32_t headroom, int32_t multiplier,
                                                  int32_t shift) {
    tl_operand_x16 y;
    y.zero_point = _mm512_set1_epi32(zero_point);
    y.is_half = multiplier == 1 << 30 && shift == 0 && headroom > 0;
    y.left = y.is_half ? headroom - 1 : headroom + 2 + TL_MAX(shift, 0);
    y.scales = tl_scales_of_x16(_mm512_set1_epi32(multiplier), _mm512_set1_epi32(TL_MAX(-shift, 0)));
    return y;
}

TL_ALWAYS_INLINE __m512i tl_scale_operand_x16(const tl_operand_x16 *o, __m512i x) {
    x = _mm512_sll_epi32(_mm512_sub_epi32(x, o->zero_point), _mm_cvtsi32_si128(o->left));
    return o->is_half ? x : tl_rescale_shifted_x16(&o->scales, x);
}

TL_ALWAYS_INLINE __m512i tl_widen_x16(__m128i x, const int is_unsigned) {
    return is_unsigned ? _mm512_cvtepu8_epi32(x) : _mm512_cvtepi8_epi32(x);
}

typedef enum { TL_SUM_X16, TL_DIFFERENCE_X16, TL_PRODUCT_X16 } tl_combination_x16;

/* y[i] = a[i] and b[i] combined; an operand whose stride is 0 is one element. */
TL_ALWAYS_INLINE void tl_combine_bytes_x16(const tl_broadcast_params *p, const char *a, int32_t a_stride, const char *b,
                                           int32_t b_stride, char *y, int32_t count, const tl_combination_x16 how,
                                           const int is_unsigned) {
    const int is_scaled = how != TL_PRODUCT_X16;
    const tl_operand_x16 first =
        tl_operand_of_x16(p->first_zero_point, p->headroom, p->first_multiplier, p->first_shift);
    const tl_operand_x16 second =
        tl_operand_of_x16(p->second_zero_point, p->headroom, p->second_multiplier, p->second_shift);
    const tl_operand_x16 result = tl_operand_of_x16(0, 0, p->multiplier, p->shift);
    const __m512i zero = _mm512_set1_epi32(p->zero_point);
    const __m512i low = _mm512_set1_epi32((int32_t)p->low - p->zero_point);
    const __m512i high = _mm512_set1_epi32((int32_t)p->high - p->zero_point);
    __m512i u = tl_widen_x16(_mm_set1_epi8(*a), is_unsigned), v = tl_widen_x16(_mm_set1_epi8(*b), is_unsigned);
    u = is_scaled ? tl_scale_operand_x16(&first, u) : _mm512_sub_epi32(u, first.zero_point);
    v = is_scaled ? tl_scale_operand_x16(&second, v) : _mm512_sub_epi32(v, second.zero_point);
    for (int32_t i = 0; i < count; i += 16) {
        const __mmask16 mask = count - i < 16 ? (__mmask16)((1u << (count - i)) - 1) : 0xFFFF;
        if (a_stride) {
            u = tl_widen_x16(_mm_maskz_loadu_epi8(mask, a + i), is_unsigned);
            u = is_scaled ? tl_scale_operand_x16(&first, u) : _mm512_sub_epi32(u, first.zero_point);
        }
        if (b_stride) {
            v = tl_widen_x16(_mm_maskz_loadu_epi8(mask, b + i), is_unsigned);
            v = is_scaled ? tl_scale_operand_x16(&second, v) : _mm512_sub_epi32(v, second.zero_point);
        }
        const __m512i both = how == TL_SUM_X16          ? _mm512_add_epi32(u, v)
                             : how == TL_DIFFERENCE_X16 ? _mm512_sub_epi32(u, v)
                                                        : _mm512_mullo_epi32(u, v);
        const __m512i steps = tl_scale_operand_x16(&result, both);
        const __m512i x = _mm512_add_epi32(_mm512_min_epi32(_mm512_max_epi32(steps, low), high), zero);
        if (mask == 0xFFFF)
            _mm_storeu_si128((__m128i *)(void *)(y + i), _mm512_cvtepi32_epi8(x));
        else
            _mm_mask_storeu_epi8(y + i, mask, _mm512_cvtepi32_epi8(x));
    }
}

#endif
