/* Generated from the registry by `make format`. Parameter blocks and prototypes of all kernels. */
#ifndef TL_PARAMS_H
#define TL_PARAMS_H

#include "tl_kernel.h"

/* clang-format off */

typedef struct {
    float alpha;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t positive_multiplier;
    int32_t positive_shift;
    int32_t negative_multiplier;
    int32_t negative_shift;
} tl_leaky_relu_params;

#define tl_leaky_relu_f32 TL_TIERED(tl_leaky_relu_f32)
int32_t tl_leaky_relu_f32(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_s8 TL_TIERED(tl_leaky_relu_s8)
int32_t tl_leaky_relu_s8(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_u8 TL_TIERED(tl_leaky_relu_u8)
int32_t tl_leaky_relu_u8(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_s16 TL_TIERED(tl_leaky_relu_s16)
int32_t tl_leaky_relu_s16(const tl_leaky_relu_params *p, void *const *t, tl_range r);

#endif
