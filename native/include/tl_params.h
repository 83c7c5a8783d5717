/* Generated from the registry by `make format`. Parameter blocks and prototypes of all kernels. */
#ifndef TL_PARAMS_H
#define TL_PARAMS_H

#include "tl_kernel.h"

/* clang-format off */

typedef struct {
    int32_t source_offset;
    int32_t target_offset;
    int32_t piece;
    int32_t pieces;
    int32_t size[8];
    int32_t source_stride[8];
    int32_t target_stride[8];
} tl_copy_params;

typedef struct {
    float alpha;
    int32_t input_zero_point;
    int32_t output_zero_point;
    int32_t positive_multiplier;
    int32_t positive_shift;
    int32_t negative_multiplier;
    int32_t negative_shift;
} tl_leaky_relu_params;

typedef struct {
    int32_t input_height;
    int32_t input_width;
    int32_t channels;
    int32_t output_height;
    int32_t output_width;
    int32_t filter_height;
    int32_t filter_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t before_height;
    int32_t before_width;
    int32_t low;
    int32_t high;
    float low_f32;
    float high_f32;
} tl_pool_params;

#define tl_average_pool_f32 TL_TIERED(tl_average_pool_f32)
int32_t tl_average_pool_f32(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_average_pool_s8 TL_TIERED(tl_average_pool_s8)
int32_t tl_average_pool_s8(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_average_pool_u8 TL_TIERED(tl_average_pool_u8)
int32_t tl_average_pool_u8(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_average_pool_s16 TL_TIERED(tl_average_pool_s16)
int32_t tl_average_pool_s16(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_l2_pool_f32 TL_TIERED(tl_l2_pool_f32)
int32_t tl_l2_pool_f32(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_f32 TL_TIERED(tl_leaky_relu_f32)
int32_t tl_leaky_relu_f32(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_s8 TL_TIERED(tl_leaky_relu_s8)
int32_t tl_leaky_relu_s8(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_u8 TL_TIERED(tl_leaky_relu_u8)
int32_t tl_leaky_relu_u8(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_s16 TL_TIERED(tl_leaky_relu_s16)
int32_t tl_leaky_relu_s16(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_mapped_copy_b8 TL_TIERED(tl_mapped_copy_b8)
int32_t tl_mapped_copy_b8(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_mapped_copy_b16 TL_TIERED(tl_mapped_copy_b16)
int32_t tl_mapped_copy_b16(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_max_pool_f32 TL_TIERED(tl_max_pool_f32)
int32_t tl_max_pool_f32(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_max_pool_s8 TL_TIERED(tl_max_pool_s8)
int32_t tl_max_pool_s8(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_max_pool_u8 TL_TIERED(tl_max_pool_u8)
int32_t tl_max_pool_u8(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_max_pool_s16 TL_TIERED(tl_max_pool_s16)
int32_t tl_max_pool_s16(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_strided_copy_b8 TL_TIERED(tl_strided_copy_b8)
int32_t tl_strided_copy_b8(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_strided_copy_b16 TL_TIERED(tl_strided_copy_b16)
int32_t tl_strided_copy_b16(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_strided_copy_b32 TL_TIERED(tl_strided_copy_b32)
int32_t tl_strided_copy_b32(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_strided_copy_b64 TL_TIERED(tl_strided_copy_b64)
int32_t tl_strided_copy_b64(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_transpose_b8 TL_TIERED(tl_transpose_b8)
int32_t tl_transpose_b8(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_transpose_b16 TL_TIERED(tl_transpose_b16)
int32_t tl_transpose_b16(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_transpose_b32 TL_TIERED(tl_transpose_b32)
int32_t tl_transpose_b32(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_transpose_b64 TL_TIERED(tl_transpose_b64)
int32_t tl_transpose_b64(const tl_copy_params *p, void *const *t, tl_range r);

#endif
