/* Generated from the registry by `make format`. Parameter blocks and prototypes of all kernels. */
#ifndef TL_PARAMS_H
#define TL_PARAMS_H

#include "tl_kernel.h"

/* clang-format off */

typedef struct {
    int32_t n;
    int32_t inner;
    int32_t wide;
    int32_t exclusive;
    int32_t backward;
} tl_axis_params;

typedef struct {
    int32_t extent[6];
    int32_t first_stride[6];
    int32_t second_stride[6];
    int64_t low;
    int64_t high;
    float least;
    float greatest;
    int32_t headroom;
    int32_t first_zero_point;
    int32_t first_multiplier;
    int32_t first_shift;
    int32_t second_zero_point;
    int32_t second_multiplier;
    int32_t second_shift;
    int32_t zero_point;
    int32_t multiplier;
    int32_t shift;
} tl_broadcast_params;

typedef struct {
    int32_t input_height;
    int32_t input_width;
    int32_t channels;
    int32_t input_image;
    int32_t zero_point;
    int32_t transposed;
    int32_t height;
    int32_t width;
    int32_t lines;
    int32_t columns;
    int32_t stride_height;
    int32_t stride_width;
    int32_t before_height;
    int32_t before_width;
    int32_t reach_height;
    int32_t reach_width;
    int32_t runs;
    int32_t steps;
    int32_t flush;
    int32_t depth;
    int32_t outputs;
    int32_t panels;
    int32_t group_panels;
    int32_t part_panels;
    int32_t room;
    int32_t output_image;
    int32_t output_line;
    int32_t output_pixel;
    int32_t output_offset;
    int32_t rounding;
    int32_t output_type;
    int32_t output_zero_point;
    int32_t low;
    int32_t high;
} tl_conv_int_params;

typedef struct {
    int32_t input_height;
    int32_t input_width;
    int32_t channels;
    int32_t depth;
    int32_t groups;
    int32_t outputs;
    int32_t output_height;
    int32_t output_width;
    int32_t filter_height;
    int32_t filter_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t before_height;
    int32_t before_width;
    int32_t image_step;
    int32_t row_step;
    int32_t pixel_step;
    int32_t output_offset;
    int32_t images;
    int32_t rows;
    int32_t segment;
    int32_t panels;
    int32_t joined;
    float low;
    float high;
} tl_conv_params;

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
    int32_t input_height;
    int32_t input_width;
    int32_t output_height;
    int32_t output_width;
    int32_t stride_height;
    int32_t stride_width;
    int32_t before_height;
    int32_t before_width;
    int32_t filter_height;
    int32_t dilation_height;
    int32_t input_channels;
    int32_t multiplier;
    int32_t channels;
    int32_t zero_point;
    int32_t taps;
    int32_t shift;
    int32_t reach;
    int32_t block;
    int32_t blocks;
    int32_t segment;
    int32_t segments;
    int32_t span;
    int32_t fold;
    int32_t scratch_bytes;
    int32_t rounding;
    int32_t output_type;
    int32_t output_zero_point;
    int32_t low;
    int32_t high;
} tl_depthwise_int_params;

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
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t before_height;
    int32_t before_width;
    float low;
    float high;
} tl_depthwise_params;

typedef struct {
    int32_t boxes;
    int32_t encoding;
    int32_t predictions;
    int32_t classes;
    int32_t detections;
    int32_t room;
    int32_t per_class;
    int32_t regular;
    float most;
    float least;
    float divisor[4];
    int32_t type[3];
    float zero_point[3];
    float scale[3];
} tl_detection_params;

typedef struct {
    int32_t height;
    int32_t width;
    int32_t channels;
    int32_t multiplier;
    int32_t image;
    int32_t start;
    int32_t row_step;
    int32_t column_step;
    int32_t taps;
    int32_t tap_columns;
    int32_t tap_row_step;
    int32_t tap_step;
    float low;
    float high;
} tl_hybrid_depthwise_params;

typedef struct {
    int32_t rows;
    int32_t outputs;
    int32_t groups;
    int32_t height;
    int32_t width;
    int32_t image;
    int32_t start;
    int32_t row_step;
    int32_t column_step;
    int32_t runs;
    int32_t run_columns;
    int32_t run_row_step;
    int32_t run_step;
    int32_t length;
    int32_t scale_step;
    int32_t scales_first;
    int32_t columns_inner;
    float low;
    float high;
} tl_hybrid_product_params;

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
    int32_t times;
    int32_t inputs;
    int32_t cells;
    int32_t batch_step;
    int32_t time_step;
    float clip;
} tl_lstm_params;

typedef struct {
    int32_t boxes;
    int32_t size;
} tl_nms_params;

typedef struct {
    int32_t depth;
    int32_t inner;
    int32_t position_bytes;
} tl_one_hot_params;

typedef struct {
    int32_t matrix_step;
    int32_t output_step;
    int32_t depth_step;
    int32_t outputs;
    int32_t depth;
    int32_t runs;
    int32_t length;
    int32_t steps;
    int32_t zero_point;
    int32_t input_zero_point;
    int32_t wide_bias;
    int32_t wide;
} tl_pack_int_params;

typedef struct {
    int32_t count;
    int32_t outputs;
    int32_t taps;
    int32_t depth;
    int32_t matrix_step;
    int32_t output_step;
    int32_t tap_step;
    int32_t depth_step;
    int32_t lanes;
} tl_pack_params;

typedef struct {
    int64_t elements;
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
    int32_t has_high;
    float low_f32;
    float high_f32;
} tl_pool_params;

typedef struct {
    int64_t outer_stride;
    int64_t stride[8];
    int32_t size[8];
    int32_t depth;
    int32_t position_bytes;
    int32_t count;
    int32_t outer;
    int32_t run;
    int32_t positions;
    int32_t source;
    int32_t target;
} tl_position_params;

typedef struct {
    int32_t height;
    int32_t width;
    int32_t channels;
    int32_t row_step;
    int32_t column_step;
    int32_t start;
    int32_t image;
    int32_t symmetric;
} tl_quantize_rows_params;

typedef struct {
    int32_t kept_size[4];
    int32_t kept_stride[4];
    int32_t reduced_size[4];
    int32_t reduced_stride[4];
    int32_t inner;
    int32_t blocks;
    int64_t count;
    int32_t offset;
    int32_t mantissa;
    int32_t shift;
    int32_t zero_point;
    float ratio;
    float bias;
} tl_reduce_params;

typedef struct {
    int32_t input_height;
    int32_t input_width;
    int32_t output_height;
    int32_t output_width;
    int32_t channels;
} tl_resize_params;

typedef struct {
    int32_t first;
    int32_t middle;
    int32_t second;
    int32_t run;
    int32_t sequence_first;
    int32_t position_bytes;
} tl_reverse_sequence_params;

typedef struct {
    int32_t columns;
    int32_t mantissa;
    int32_t shift;
    float beta;
} tl_softmax_params;

typedef struct {
    int64_t stride[8];
    int32_t size[8];
    int32_t limit[8];
    int32_t rank;
    int32_t position_bytes;
    int32_t run;
} tl_update_slice_params;

#define tl_add_f32 TL_TIERED(tl_add_f32)
int32_t tl_add_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_add_s8 TL_TIERED(tl_add_s8)
int32_t tl_add_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_add_u8 TL_TIERED(tl_add_u8)
int32_t tl_add_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_add_s16 TL_TIERED(tl_add_s16)
int32_t tl_add_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_add_i32 TL_TIERED(tl_add_i32)
int32_t tl_add_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_add_i64 TL_TIERED(tl_add_i64)
int32_t tl_add_i64(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_arg_max_f32 TL_TIERED(tl_arg_max_f32)
int32_t tl_arg_max_f32(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_arg_max_s8 TL_TIERED(tl_arg_max_s8)
int32_t tl_arg_max_s8(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_arg_max_u8 TL_TIERED(tl_arg_max_u8)
int32_t tl_arg_max_u8(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_arg_max_i32 TL_TIERED(tl_arg_max_i32)
int32_t tl_arg_max_i32(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_arg_min_f32 TL_TIERED(tl_arg_min_f32)
int32_t tl_arg_min_f32(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_arg_min_s8 TL_TIERED(tl_arg_min_s8)
int32_t tl_arg_min_s8(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_arg_min_u8 TL_TIERED(tl_arg_min_u8)
int32_t tl_arg_min_u8(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_arg_min_i32 TL_TIERED(tl_arg_min_i32)
int32_t tl_arg_min_i32(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_atan2_f32 TL_TIERED(tl_atan2_f32)
int32_t tl_atan2_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_average_pool_f32 TL_TIERED(tl_average_pool_f32)
int32_t tl_average_pool_f32(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_average_pool_s8 TL_TIERED(tl_average_pool_s8)
int32_t tl_average_pool_s8(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_average_pool_u8 TL_TIERED(tl_average_pool_u8)
int32_t tl_average_pool_u8(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_average_pool_s16 TL_TIERED(tl_average_pool_s16)
int32_t tl_average_pool_s16(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_conv_f32 TL_TIERED(tl_conv_f32)
int32_t tl_conv_f32(const tl_conv_params *p, void *const *t, tl_range r);
#define tl_conv_int_s8w8 TL_TIERED(tl_conv_int_s8w8)
int32_t tl_conv_int_s8w8(const tl_conv_int_params *p, void *const *t, tl_range r);
#define tl_conv_int_s8w16 TL_TIERED(tl_conv_int_s8w16)
int32_t tl_conv_int_s8w16(const tl_conv_int_params *p, void *const *t, tl_range r);
#define tl_conv_int_u8w16 TL_TIERED(tl_conv_int_u8w16)
int32_t tl_conv_int_u8w16(const tl_conv_int_params *p, void *const *t, tl_range r);
#define tl_conv_int_s16w8 TL_TIERED(tl_conv_int_s16w8)
int32_t tl_conv_int_s16w8(const tl_conv_int_params *p, void *const *t, tl_range r);
#define tl_conv_int_s16w16 TL_TIERED(tl_conv_int_s16w16)
int32_t tl_conv_int_s16w16(const tl_conv_int_params *p, void *const *t, tl_range r);
#define tl_conv_narrow_f32 TL_TIERED(tl_conv_narrow_f32)
int32_t tl_conv_narrow_f32(const tl_conv_params *p, void *const *t, tl_range r);
#define tl_cumsum_f32 TL_TIERED(tl_cumsum_f32)
int32_t tl_cumsum_f32(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_cumsum_i32 TL_TIERED(tl_cumsum_i32)
int32_t tl_cumsum_i32(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_cumsum_i64 TL_TIERED(tl_cumsum_i64)
int32_t tl_cumsum_i64(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_depthwise_f32 TL_TIERED(tl_depthwise_f32)
int32_t tl_depthwise_f32(const tl_depthwise_params *p, void *const *t, tl_range r);
#define tl_depthwise_int_s8 TL_TIERED(tl_depthwise_int_s8)
int32_t tl_depthwise_int_s8(const tl_depthwise_int_params *p, void *const *t, tl_range r);
#define tl_depthwise_int_u8 TL_TIERED(tl_depthwise_int_u8)
int32_t tl_depthwise_int_u8(const tl_depthwise_int_params *p, void *const *t, tl_range r);
#define tl_depthwise_int_s16 TL_TIERED(tl_depthwise_int_s16)
int32_t tl_depthwise_int_s16(const tl_depthwise_int_params *p, void *const *t, tl_range r);
#define tl_detection_any TL_TIERED(tl_detection_any)
int32_t tl_detection_any(const tl_detection_params *p, void *const *t, tl_range r);
#define tl_div_f32 TL_TIERED(tl_div_f32)
int32_t tl_div_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_gather_any TL_TIERED(tl_gather_any)
int32_t tl_gather_any(const tl_position_params *p, void *const *t, tl_range r);
#define tl_hybrid_depthwise_f32 TL_TIERED(tl_hybrid_depthwise_f32)
int32_t tl_hybrid_depthwise_f32(const tl_hybrid_depthwise_params *p, void *const *t, tl_range r);
#define tl_hybrid_product_f32 TL_TIERED(tl_hybrid_product_f32)
int32_t tl_hybrid_product_f32(const tl_hybrid_product_params *p, void *const *t, tl_range r);
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
#define tl_log_softmax_f32 TL_TIERED(tl_log_softmax_f32)
int32_t tl_log_softmax_f32(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_log_softmax_s8 TL_TIERED(tl_log_softmax_s8)
int32_t tl_log_softmax_s8(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_log_softmax_u8 TL_TIERED(tl_log_softmax_u8)
int32_t tl_log_softmax_u8(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_lstm_f32 TL_TIERED(tl_lstm_f32)
int32_t tl_lstm_f32(const tl_lstm_params *p, void *const *t, tl_range r);
#define tl_mapped_copy_b8 TL_TIERED(tl_mapped_copy_b8)
int32_t tl_mapped_copy_b8(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_mapped_copy_b16 TL_TIERED(tl_mapped_copy_b16)
int32_t tl_mapped_copy_b16(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_matmul_f32 TL_TIERED(tl_matmul_f32)
int32_t tl_matmul_f32(const tl_conv_params *p, void *const *t, tl_range r);
#define tl_max_pool_f32 TL_TIERED(tl_max_pool_f32)
int32_t tl_max_pool_f32(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_max_pool_s8 TL_TIERED(tl_max_pool_s8)
int32_t tl_max_pool_s8(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_max_pool_u8 TL_TIERED(tl_max_pool_u8)
int32_t tl_max_pool_u8(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_max_pool_s16 TL_TIERED(tl_max_pool_s16)
int32_t tl_max_pool_s16(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_maximum_f32 TL_TIERED(tl_maximum_f32)
int32_t tl_maximum_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_maximum_s8 TL_TIERED(tl_maximum_s8)
int32_t tl_maximum_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_maximum_u8 TL_TIERED(tl_maximum_u8)
int32_t tl_maximum_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_maximum_s16 TL_TIERED(tl_maximum_s16)
int32_t tl_maximum_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_maximum_i32 TL_TIERED(tl_maximum_i32)
int32_t tl_maximum_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_maximum_i64 TL_TIERED(tl_maximum_i64)
int32_t tl_maximum_i64(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_minimum_f32 TL_TIERED(tl_minimum_f32)
int32_t tl_minimum_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_minimum_s8 TL_TIERED(tl_minimum_s8)
int32_t tl_minimum_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_minimum_u8 TL_TIERED(tl_minimum_u8)
int32_t tl_minimum_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_minimum_s16 TL_TIERED(tl_minimum_s16)
int32_t tl_minimum_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_minimum_i32 TL_TIERED(tl_minimum_i32)
int32_t tl_minimum_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_minimum_i64 TL_TIERED(tl_minimum_i64)
int32_t tl_minimum_i64(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_mul_f32 TL_TIERED(tl_mul_f32)
int32_t tl_mul_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_mul_s8 TL_TIERED(tl_mul_s8)
int32_t tl_mul_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_mul_u8 TL_TIERED(tl_mul_u8)
int32_t tl_mul_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_mul_s16 TL_TIERED(tl_mul_s16)
int32_t tl_mul_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_mul_i32 TL_TIERED(tl_mul_i32)
int32_t tl_mul_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_mul_i64 TL_TIERED(tl_mul_i64)
int32_t tl_mul_i64(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_nms_v4 TL_TIERED(tl_nms_v4)
int32_t tl_nms_v4(const tl_nms_params *p, void *const *t, tl_range r);
#define tl_nms_v5 TL_TIERED(tl_nms_v5)
int32_t tl_nms_v5(const tl_nms_params *p, void *const *t, tl_range r);
#define tl_one_hot_b8 TL_TIERED(tl_one_hot_b8)
int32_t tl_one_hot_b8(const tl_one_hot_params *p, void *const *t, tl_range r);
#define tl_one_hot_b16 TL_TIERED(tl_one_hot_b16)
int32_t tl_one_hot_b16(const tl_one_hot_params *p, void *const *t, tl_range r);
#define tl_one_hot_b32 TL_TIERED(tl_one_hot_b32)
int32_t tl_one_hot_b32(const tl_one_hot_params *p, void *const *t, tl_range r);
#define tl_one_hot_b64 TL_TIERED(tl_one_hot_b64)
int32_t tl_one_hot_b64(const tl_one_hot_params *p, void *const *t, tl_range r);
#define tl_pack_f32 TL_TIERED(tl_pack_f32)
int32_t tl_pack_f32(const tl_pack_params *p, void *const *t, tl_range r);
#define tl_pack_int_s8 TL_TIERED(tl_pack_int_s8)
int32_t tl_pack_int_s8(const tl_pack_int_params *p, void *const *t, tl_range r);
#define tl_pack_int_u8 TL_TIERED(tl_pack_int_u8)
int32_t tl_pack_int_u8(const tl_pack_int_params *p, void *const *t, tl_range r);
#define tl_pack_int_s16 TL_TIERED(tl_pack_int_s16)
int32_t tl_pack_int_s16(const tl_pack_int_params *p, void *const *t, tl_range r);
#define tl_pow_f32 TL_TIERED(tl_pow_f32)
int32_t tl_pow_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_quantize_rows_f32 TL_TIERED(tl_quantize_rows_f32)
int32_t tl_quantize_rows_f32(const tl_quantize_rows_params *p, void *const *t, tl_range r);
#define tl_reduce_all_bool TL_TIERED(tl_reduce_all_bool)
int32_t tl_reduce_all_bool(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_any_bool TL_TIERED(tl_reduce_any_bool)
int32_t tl_reduce_any_bool(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_max_f32 TL_TIERED(tl_reduce_max_f32)
int32_t tl_reduce_max_f32(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_max_i32 TL_TIERED(tl_reduce_max_i32)
int32_t tl_reduce_max_i32(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_max_i64 TL_TIERED(tl_reduce_max_i64)
int32_t tl_reduce_max_i64(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_max_s8 TL_TIERED(tl_reduce_max_s8)
int32_t tl_reduce_max_s8(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_max_u8 TL_TIERED(tl_reduce_max_u8)
int32_t tl_reduce_max_u8(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_max_s16 TL_TIERED(tl_reduce_max_s16)
int32_t tl_reduce_max_s16(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_mean_f32 TL_TIERED(tl_reduce_mean_f32)
int32_t tl_reduce_mean_f32(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_mean_i32 TL_TIERED(tl_reduce_mean_i32)
int32_t tl_reduce_mean_i32(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_mean_i64 TL_TIERED(tl_reduce_mean_i64)
int32_t tl_reduce_mean_i64(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_mean_s8 TL_TIERED(tl_reduce_mean_s8)
int32_t tl_reduce_mean_s8(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_mean_u8 TL_TIERED(tl_reduce_mean_u8)
int32_t tl_reduce_mean_u8(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_mean_s16 TL_TIERED(tl_reduce_mean_s16)
int32_t tl_reduce_mean_s16(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_min_f32 TL_TIERED(tl_reduce_min_f32)
int32_t tl_reduce_min_f32(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_min_i32 TL_TIERED(tl_reduce_min_i32)
int32_t tl_reduce_min_i32(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_min_i64 TL_TIERED(tl_reduce_min_i64)
int32_t tl_reduce_min_i64(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_min_s8 TL_TIERED(tl_reduce_min_s8)
int32_t tl_reduce_min_s8(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_min_u8 TL_TIERED(tl_reduce_min_u8)
int32_t tl_reduce_min_u8(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_min_s16 TL_TIERED(tl_reduce_min_s16)
int32_t tl_reduce_min_s16(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_prod_f32 TL_TIERED(tl_reduce_prod_f32)
int32_t tl_reduce_prod_f32(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_prod_i32 TL_TIERED(tl_reduce_prod_i32)
int32_t tl_reduce_prod_i32(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_prod_i64 TL_TIERED(tl_reduce_prod_i64)
int32_t tl_reduce_prod_i64(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_sum_f32 TL_TIERED(tl_reduce_sum_f32)
int32_t tl_reduce_sum_f32(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_sum_i32 TL_TIERED(tl_reduce_sum_i32)
int32_t tl_reduce_sum_i32(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_sum_i64 TL_TIERED(tl_reduce_sum_i64)
int32_t tl_reduce_sum_i64(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_sum_s8 TL_TIERED(tl_reduce_sum_s8)
int32_t tl_reduce_sum_s8(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_sum_u8 TL_TIERED(tl_reduce_sum_u8)
int32_t tl_reduce_sum_u8(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_sum_s16 TL_TIERED(tl_reduce_sum_s16)
int32_t tl_reduce_sum_s16(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_resize_bilinear_f32 TL_TIERED(tl_resize_bilinear_f32)
int32_t tl_resize_bilinear_f32(const tl_resize_params *p, void *const *t, tl_range r);
#define tl_resize_bilinear_u8 TL_TIERED(tl_resize_bilinear_u8)
int32_t tl_resize_bilinear_u8(const tl_resize_params *p, void *const *t, tl_range r);
#define tl_resize_bilinear_s8 TL_TIERED(tl_resize_bilinear_s8)
int32_t tl_resize_bilinear_s8(const tl_resize_params *p, void *const *t, tl_range r);
#define tl_resize_bilinear_s16 TL_TIERED(tl_resize_bilinear_s16)
int32_t tl_resize_bilinear_s16(const tl_resize_params *p, void *const *t, tl_range r);
#define tl_resize_nearest_any TL_TIERED(tl_resize_nearest_any)
int32_t tl_resize_nearest_any(const tl_resize_params *p, void *const *t, tl_range r);
#define tl_reverse_sequence_any TL_TIERED(tl_reverse_sequence_any)
int32_t tl_reverse_sequence_any(const tl_reverse_sequence_params *p, void *const *t, tl_range r);
#define tl_scatter_b8 TL_TIERED(tl_scatter_b8)
int32_t tl_scatter_b8(const tl_position_params *p, void *const *t, tl_range r);
#define tl_scatter_b16 TL_TIERED(tl_scatter_b16)
int32_t tl_scatter_b16(const tl_position_params *p, void *const *t, tl_range r);
#define tl_scatter_b32 TL_TIERED(tl_scatter_b32)
int32_t tl_scatter_b32(const tl_position_params *p, void *const *t, tl_range r);
#define tl_scatter_b64 TL_TIERED(tl_scatter_b64)
int32_t tl_scatter_b64(const tl_position_params *p, void *const *t, tl_range r);
#define tl_scatter_add_b8 TL_TIERED(tl_scatter_add_b8)
int32_t tl_scatter_add_b8(const tl_position_params *p, void *const *t, tl_range r);
#define tl_scatter_add_b32 TL_TIERED(tl_scatter_add_b32)
int32_t tl_scatter_add_b32(const tl_position_params *p, void *const *t, tl_range r);
#define tl_scatter_add_b64 TL_TIERED(tl_scatter_add_b64)
int32_t tl_scatter_add_b64(const tl_position_params *p, void *const *t, tl_range r);
#define tl_scatter_add_f32 TL_TIERED(tl_scatter_add_f32)
int32_t tl_scatter_add_f32(const tl_position_params *p, void *const *t, tl_range r);
#define tl_scatter_add_bool TL_TIERED(tl_scatter_add_bool)
int32_t tl_scatter_add_bool(const tl_position_params *p, void *const *t, tl_range r);
#define tl_softmax_f32 TL_TIERED(tl_softmax_f32)
int32_t tl_softmax_f32(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_softmax_s8 TL_TIERED(tl_softmax_s8)
int32_t tl_softmax_s8(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_softmax_u8 TL_TIERED(tl_softmax_u8)
int32_t tl_softmax_u8(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_softmax_s8_s16 TL_TIERED(tl_softmax_s8_s16)
int32_t tl_softmax_s8_s16(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_softmax_u8_s16 TL_TIERED(tl_softmax_u8_s16)
int32_t tl_softmax_u8_s16(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_softmax_s16 TL_TIERED(tl_softmax_s16)
int32_t tl_softmax_s16(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_squared_difference_f32 TL_TIERED(tl_squared_difference_f32)
int32_t tl_squared_difference_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_strided_copy_b8 TL_TIERED(tl_strided_copy_b8)
int32_t tl_strided_copy_b8(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_strided_copy_b16 TL_TIERED(tl_strided_copy_b16)
int32_t tl_strided_copy_b16(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_strided_copy_b32 TL_TIERED(tl_strided_copy_b32)
int32_t tl_strided_copy_b32(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_strided_copy_b64 TL_TIERED(tl_strided_copy_b64)
int32_t tl_strided_copy_b64(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_sub_f32 TL_TIERED(tl_sub_f32)
int32_t tl_sub_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_sub_s8 TL_TIERED(tl_sub_s8)
int32_t tl_sub_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_sub_u8 TL_TIERED(tl_sub_u8)
int32_t tl_sub_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_sub_s16 TL_TIERED(tl_sub_s16)
int32_t tl_sub_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_sub_i32 TL_TIERED(tl_sub_i32)
int32_t tl_sub_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_sub_i64 TL_TIERED(tl_sub_i64)
int32_t tl_sub_i64(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_topk_f32 TL_TIERED(tl_topk_f32)
int32_t tl_topk_f32(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_topk_s8 TL_TIERED(tl_topk_s8)
int32_t tl_topk_s8(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_topk_u8 TL_TIERED(tl_topk_u8)
int32_t tl_topk_u8(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_topk_s16 TL_TIERED(tl_topk_s16)
int32_t tl_topk_s16(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_topk_i32 TL_TIERED(tl_topk_i32)
int32_t tl_topk_i32(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_topk_i64 TL_TIERED(tl_topk_i64)
int32_t tl_topk_i64(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_transpose_b8 TL_TIERED(tl_transpose_b8)
int32_t tl_transpose_b8(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_transpose_b16 TL_TIERED(tl_transpose_b16)
int32_t tl_transpose_b16(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_transpose_b32 TL_TIERED(tl_transpose_b32)
int32_t tl_transpose_b32(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_transpose_b64 TL_TIERED(tl_transpose_b64)
int32_t tl_transpose_b64(const tl_copy_params *p, void *const *t, tl_range r);
#define tl_update_slice_any TL_TIERED(tl_update_slice_any)
int32_t tl_update_slice_any(const tl_update_slice_params *p, void *const *t, tl_range r);

#endif
