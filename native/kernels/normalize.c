/* L2_NORMALIZATION of quantized rows: t[0] input [rows, channels], t[1] output, in steps of 1/128. A work item is one
 * row. */
#include "tl_gemmlowp.h"
#include "tl_params.h"

/* The steps to a unit go into the number that is rescaled (`before`), or into its multiplier (`behind`, as a power of
 * two); the roundings differ. */
#define L2_NORMALIZATION(suffix, type, before, behind, middle, saturate)                               \
    int32_t tl_l2_normalization_##suffix(const tl_normalize_params *p, void *const *t, tl_range r) {   \
        const int32_t n = p->channels, zero_point = p->zero_point;                                     \
        for (int32_t row = r.begin; row < r.end; ++row) {                                              \
            const type *x = (const type *)t[0] + (ptrdiff_t)row * n;                                   \
            type *y = (type *)t[1] + (ptrdiff_t)row * n;                                               \
            int32_t sum = 0;                                                                           \
            for (int32_t i = 0; i < n; ++i) sum += (x[i] - zero_point) * (x[i] - zero_point);          \
            const tl_multiplier m = tl_inverse_sqrt(sum);                                              \
            const int32_t shift = m.shift + behind;                                                    \
            for (int32_t i = 0; i < n; ++i)                                                            \
                y[i] = saturate(tl_rescale((x[i] - zero_point) * before, m.mantissa, shift) + middle); \
        }                                                                                              \
        return TL_OK;                                                                                  \
    }
L2_NORMALIZATION(s8, int8_t, 1, 7, 0, tl_saturate_s8)
L2_NORMALIZATION(u8, uint8_t, 128, 0, 128, tl_saturate_u8)
