/* LEAKY_RELU: x where it is positive, alpha * x where it is not.
 * t[0] input, t[1] output, same length; may run in place. A work item is one element. */
#include "tl_fixedpoint.h"
#include "tl_params.h"

int32_t tl_leaky_relu_f32(const tl_leaky_relu_params *p, void *const *t, tl_range r) {
    const float *x = t[0];
    float *y = t[1];
    for (int32_t i = r.begin; i < r.end; ++i) y[i] = x[i] > 0 ? x[i] : p->alpha * x[i];
    return TL_OK;
}

static inline int32_t leaky_step(const tl_leaky_relu_params *p, int32_t x) {
    const int32_t centred = x - p->input_zero_point;
    const int32_t scaled = centred >= 0 ? tl_rescale(centred, p->positive_multiplier, p->positive_shift)
                                        : tl_rescale(centred, p->negative_multiplier, p->negative_shift);
    return scaled + p->output_zero_point;
}

/* The integer variants differ in their type alone. */
#define LEAKY_RELU(suffix, type, saturate)                                                      \
    int32_t tl_leaky_relu_##suffix(const tl_leaky_relu_params *p, void *const *t, tl_range r) { \
        const type *x = t[0];                                                                   \
        type *y = t[1];                                                                         \
        for (int32_t i = r.begin; i < r.end; ++i) y[i] = saturate(leaky_step(p, x[i]));         \
        return TL_OK;                                                                           \
    }
LEAKY_RELU(s8, int8_t, tl_saturate_s8)
LEAKY_RELU(u8, uint8_t, tl_saturate_u8)
LEAKY_RELU(s16, int16_t, tl_saturate_s16)
