/* Rows of two operands of bytes, sixteen elements at a time (AVX-512): what arithmetic.c defines for one. */
#ifndef TL_BYTES_X16_H
#define TL_BYTES_X16_H

#include "tl_params.h"
#include "tl_rescale_x16.h"

/* tl_rescale_small of an operand from its zero point, with its headroom; or a shift, where the multiplier is 1/2. */
typedef struct {
    __m512i zero_point, left;
    int32_t is_half;
    tl_scales_x16 scales;
} tl_operand_x16;

TL_ALWAYS_INLINE tl_operand_x16 tl_operand_of_x16(int32_t zero_point, int32_t headroom, int32_t multiplier,
                                                  int32_t shift) {
    tl_operand_x16 y;
    y.zero_point = _mm512_set1_epi32(zero_point);
    y.is_half = multiplier == 1 << 30 && shift == 0 && headroom > 0;
    y.left = _mm512_set1_epi32(y.is_half ? headroom - 1 : headroom + 2 + TL_MAX(shift, 0));
    y.scales = tl_scales_of_x16(_mm512_set1_epi32(multiplier), _mm512_set1_epi32(TL_MAX(-shift, 0)));
    return y;
}

TL_ALWAYS_INLINE __m512i tl_scale_operand_x16(const tl_operand_x16 *o, __m512i x) {
    x = _mm512_sllv_epi32(_mm512_sub_epi32(x, o->zero_point), o->left);
    return o->is_half ? x : tl_rescale_shifted_x16(&o->scales, x);
}

typedef enum { TL_SUM_X16, TL_DIFFERENCE_X16, TL_PRODUCT_X16 } tl_combination_x16;

/* What a row of a sum, a difference or a product needs. */
typedef struct {
    tl_operand_x16 first, second, result;
    __m512i zero_point, low, high; /* int16 */
} tl_bytes_x16;

TL_ALWAYS_INLINE tl_bytes_x16 tl_bytes_of_x16(const tl_broadcast_params *p) {
    const tl_bytes_x16 y = {tl_operand_of_x16(p->first_zero_point, p->headroom, p->first_multiplier, p->first_shift),
                            tl_operand_of_x16(p->second_zero_point, p->headroom, p->second_multiplier, p->second_shift),
                            tl_operand_of_x16(0, 0, p->multiplier, p->shift),
                            _mm512_set1_epi16((int16_t)p->zero_point),
                            _mm512_set1_epi16((int16_t)p->low),
                            _mm512_set1_epi16((int16_t)p->high)};
    return y;
}

/* Sixteen elements of an operand as the combination takes them: products are of plain steps. */
TL_ALWAYS_INLINE __m512i tl_take_x16(const tl_operand_x16 *o, __m128i x, const tl_combination_x16 how,
                                     const int is_unsigned) {
    const __m512i wide = is_unsigned ? _mm512_cvtepu8_epi32(x) : _mm512_cvtepi8_epi32(x);
    return how == TL_PRODUCT_X16 ? _mm512_sub_epi32(wide, o->zero_point) : tl_scale_operand_x16(o, wide);
}

/* Their combination in steps of the output. */
TL_ALWAYS_INLINE __m512i tl_combine_x16(const tl_bytes_x16 *k, __m512i a, __m512i b, const tl_combination_x16 how) {
    const __m512i both = how == TL_SUM_X16          ? _mm512_add_epi32(a, b)
                         : how == TL_DIFFERENCE_X16 ? _mm512_sub_epi32(a, b)
                                                    : _mm512_mullo_epi32(a, b);
    return tl_scale_operand_x16(&k->result, both);
}

/* y[i] = a[i] and b[i] combined; an operand whose stride is 0 is one element. Sixty-four at a time. */
TL_ALWAYS_INLINE void tl_combine_bytes_x16(const tl_broadcast_params *p, const char *a, int32_t a_stride, const char *b,
                                           int32_t b_stride, char *y, int32_t count, const tl_combination_x16 how,
                                           const int is_unsigned) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const tl_bytes_x16 k = tl_bytes_of_x16(p);
    const __m512i one_a = tl_take_x16(&k.first, _mm_set1_epi8(*a), how, is_unsigned);
    const __m512i one_b = tl_take_x16(&k.second, _mm_set1_epi8(*b), how, is_unsigned);
    for (int32_t i = 0; i < count; i += 64) {
        __m512i x[4];
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) {
            const int32_t at = i + 16 * v, left = count - at;
            const __mmask16 mask = left >= 16 ? 0xFFFF : left > 0 ? (__mmask16)((1u << left) - 1) : 0;
            const __m512i u =
                a_stride ? tl_take_x16(&k.first, _mm_maskz_loadu_epi8(mask, a + at), how, is_unsigned) : one_a;
            const __m512i w =
                b_stride ? tl_take_x16(&k.second, _mm_maskz_loadu_epi8(mask, b + at), how, is_unsigned) : one_b;
            x[v] = tl_combine_x16(&k, u, w, how);
        }
        /* Lanes of 128 bits alternate until the end. */
        __m512i low = _mm512_adds_epi16(_mm512_packs_epi32(x[0], x[1]), k.zero_point);
        __m512i high = _mm512_adds_epi16(_mm512_packs_epi32(x[2], x[3]), k.zero_point);
        low = _mm512_min_epi16(_mm512_max_epi16(low, k.low), k.high);
        high = _mm512_min_epi16(_mm512_max_epi16(high, k.low), k.high);
        const __m512i bytes = _mm512_permutexvar_epi32(order, is_unsigned ? _mm512_packus_epi16(low, high)
                                                                          : _mm512_packs_epi16(low, high));
        if (count - i >= 64)
            _mm512_storeu_si512(y + i, bytes);
        else
            _mm512_mask_storeu_epi8(y + i, ((__mmask64)1 << (count - i)) - 1, bytes);
    }
}

#endif
