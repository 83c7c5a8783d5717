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
    int32_t first;
    int32_t second;
} tl_broadcast_args_params;

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
    double low;
    double high;
} tl_cast_params;

typedef struct {
    float low;
    float high;
} tl_clip_params;

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
    int32_t length;
    int32_t filter_zero_point;
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
    int16_t input_height;
    int16_t input_width;
    int16_t output_height;
    int16_t output_width;
    int16_t filter_height;
    int16_t filter_width;
    int16_t stride_height;
    int16_t stride_width;
    int16_t before_height;
    int16_t before_width;
    int32_t channels;
    int32_t outputs;
    int32_t words;
    int32_t zero_point;
    int32_t is_direct;
    int32_t is_whole;
    int32_t is_shared;
    int32_t group;
    int32_t base;
    int32_t output_zero_point;
    int32_t low;
    int32_t high;
    int32_t once;
} tl_conv_small_params;

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
    int32_t lines;
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
    int16_t input_height;
    int16_t input_width;
    int16_t output_height;
    int16_t output_width;
    int16_t filter_height;
    int16_t filter_width;
    int16_t stride_height;
    int16_t stride_width;
    int16_t before_height;
    int16_t before_width;
    int32_t dilation_height;
    int32_t dilation_width;
    int32_t channels;
    int32_t zero_point;
    int32_t base;
    int32_t output_zero_point;
    int32_t low;
    int32_t high;
    int32_t once;
} tl_depthwise_small_params;

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
    int32_t first;
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
    int32_t together;
    float low;
    float high;
} tl_hybrid_product_params;

typedef struct {
    int32_t channels;
    float epsilon;
} tl_layer_norm_params;

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
    int32_t kind;
    int32_t times;
    int32_t inputs;
    int32_t aux_inputs;
    int32_t cells;
    int32_t outputs;
    int32_t width;
    int32_t projected;
    int32_t batch_step;
    int32_t time_step;
    int32_t pitch;
    int32_t offset;
    int32_t scratch;
    int32_t is_reverse;
    int32_t is_coupled;
    int32_t is_normalized;
    int32_t is_diagonal;
    int32_t has_peepholes;
    float clip;
    float projection_clip;
    float low;
    float high;
} tl_lstm_full_params;

typedef struct {
    int32_t times;
    int32_t inputs;
    int32_t cells;
    int32_t outputs;
    int32_t width;
    int32_t batch_step;
    int32_t time_step;
    int32_t is_coupled;
    int32_t is_projected;
    int32_t is_normalized;
    int32_t is_displaced;
    int32_t peepholes;
    int32_t peephole_width;
    int32_t input_zero_point;
    int32_t hidden_zero_point;
    int32_t output_zero_point;
    int32_t into_mantissa[4];
    int32_t into_shift[4];
    int32_t recurrent_mantissa[4];
    int32_t recurrent_shift[4];
    int32_t peephole_mantissa[4];
    int32_t peephole_shift[4];
    int32_t norm_mantissa[4];
    int32_t norm_shift[4];
    int32_t least_variance[4];
    int32_t hidden_mantissa;
    int32_t hidden_shift;
    int32_t projection_mantissa;
    int32_t projection_shift;
    int32_t cell_shift;
    int32_t cell_bits;
    int32_t cell_low;
    int32_t cell_high;
    int32_t output_low;
    int32_t output_high;
    int32_t scratch_bytes;
} tl_lstm_int_params;

typedef struct {
    int32_t times;
    int32_t inputs;
    int32_t cells;
    int32_t batch_step;
    int32_t time_step;
    float clip;
} tl_lstm_params;

typedef struct {
    int32_t times;
    int32_t inputs;
    int32_t cells;
    int32_t batch_step;
    int32_t time_step;
    int32_t into_mantissa[4];
    int32_t into_shift[4];
    int32_t recurrent_mantissa[4];
    int32_t recurrent_shift[4];
    int32_t keep_mantissa;
    int32_t keep_shift;
    int32_t admit_mantissa;
    int32_t admit_shift;
    int32_t emit_mantissa;
    int32_t emit_shift;
    int32_t tanh_multiplier;
    int32_t tanh_shift;
    int32_t low;
    int32_t high;
    int32_t scratch;
} tl_lstm_sampled_params;

typedef struct {
    int32_t frequencies;
    int32_t bands;
    int32_t coefficients;
} tl_mfcc_params;

typedef struct {
    int32_t boxes;
    int32_t size;
} tl_nms_params;

typedef struct {
    int32_t unused;
} tl_no_params;

typedef struct {
    int32_t channels;
    int32_t zero_point;
    int32_t radius;
    float bias;
    float alpha;
    float beta;
} tl_normalize_params;

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
    float scale;
    float offset;
} tl_peak_params;

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
    float scale;
    float inverse;
    float low;
    float high;
    int32_t zero_point;
} tl_quantize_params;

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
    int32_t input_zero_point;
    int32_t headroom;
    int32_t multiplier;
    int32_t shift;
    int32_t low;
    int32_t high;
    int32_t zero_point;
} tl_requantize_params;

typedef struct {
    int64_t least;
    int64_t excluded;
    int32_t operand;
} tl_require_params;

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
    int32_t height;
    int32_t width;
    int32_t column_length;
    int32_t row_length;
} tl_rfft_params;

typedef struct {
    int32_t kind;
    int32_t times;
    int32_t inputs;
    int32_t aux_inputs;
    int32_t units;
    int32_t width;
    int32_t batch_step;
    int32_t time_step;
    int32_t pitch;
    int32_t offset;
    int32_t is_reverse;
    int32_t passes;
    int32_t scratch;
    float low;
    float high;
} tl_rnn_params;

typedef struct {
    int32_t extent[6];
    int32_t condition_stride[6];
    int32_t first_stride[6];
    int32_t second_stride[6];
} tl_select_params;

typedef struct {
    int32_t multiplier;
    int32_t shift;
    int32_t bits;
    int32_t limit;
    int32_t half;
    int32_t offset;
    int32_t output_shift;
} tl_sigmoid_params;

typedef struct {
    int32_t columns;
    int32_t mantissa;
    int32_t shift;
    float beta;
} tl_softmax_params;

typedef struct {
    int32_t channels;
    int32_t windows;
    int32_t window;
    int32_t stride;
    int32_t length;
    int32_t is_squared;
} tl_spectrogram_params;

typedef struct {
    int32_t inputs;
    int32_t filters;
    int32_t rank;
    int32_t memory;
    int32_t input_zero_point;
    int32_t state_zero_point;
    int32_t output_zero_point;
    int32_t into_mantissa;
    int32_t into_shift;
    int32_t output_mantissa;
    int32_t output_shift;
} tl_svdf_int_params;

typedef struct {
    int32_t kind;
    int32_t inputs;
    int32_t filters;
    int32_t rank;
    int32_t memory;
    int32_t width;
    int32_t scratch;
    float low;
    float high;
} tl_svdf_params;

typedef struct {
    int64_t stride[8];
    int32_t size[8];
    int32_t limit[8];
    int32_t rank;
    int32_t position_bytes;
    int32_t run;
} tl_update_slice_params;

typedef struct {
    int32_t input_height;
    int32_t input_width;
    int32_t channels;
    int32_t output_height;
    int32_t output_width;
    int32_t outputs;
    int32_t before_height;
    int32_t before_width;
    int32_t tile;
    int32_t tiles;
    int32_t block;
    float low;
    float high;
} tl_winograd_params;

#define tl_abs_f32 TL_TIERED(tl_abs_f32)
int32_t tl_abs_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_abs_s16 TL_TIERED(tl_abs_s16)
int32_t tl_abs_s16(const tl_no_params *p, void *const *t, tl_range r);
#define tl_abs_i32 TL_TIERED(tl_abs_i32)
int32_t tl_abs_i32(const tl_no_params *p, void *const *t, tl_range r);
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
#define tl_add_shifted_s16 TL_TIERED(tl_add_shifted_s16)
int32_t tl_add_shifted_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_and_b8 TL_TIERED(tl_and_b8)
int32_t tl_and_b8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_and_b16 TL_TIERED(tl_and_b16)
int32_t tl_and_b16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_and_b32 TL_TIERED(tl_and_b32)
int32_t tl_and_b32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_and_b64 TL_TIERED(tl_and_b64)
int32_t tl_and_b64(const tl_broadcast_params *p, void *const *t, tl_range r);
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
#define tl_broadcast_args_i32 TL_TIERED(tl_broadcast_args_i32)
int32_t tl_broadcast_args_i32(const tl_broadcast_args_params *p, void *const *t, tl_range r);
#define tl_broadcast_args_i64 TL_TIERED(tl_broadcast_args_i64)
int32_t tl_broadcast_args_i64(const tl_broadcast_args_params *p, void *const *t, tl_range r);
#define tl_cast_s8_s16 TL_TIERED(tl_cast_s8_s16)
int32_t tl_cast_s8_s16(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_s8_i32 TL_TIERED(tl_cast_s8_i32)
int32_t tl_cast_s8_i32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_s8_i64 TL_TIERED(tl_cast_s8_i64)
int32_t tl_cast_s8_i64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_s8_f32 TL_TIERED(tl_cast_s8_f32)
int32_t tl_cast_s8_f32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_u8_s16 TL_TIERED(tl_cast_u8_s16)
int32_t tl_cast_u8_s16(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_u8_i32 TL_TIERED(tl_cast_u8_i32)
int32_t tl_cast_u8_i32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_u8_i64 TL_TIERED(tl_cast_u8_i64)
int32_t tl_cast_u8_i64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_u8_f32 TL_TIERED(tl_cast_u8_f32)
int32_t tl_cast_u8_f32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_s16_s8 TL_TIERED(tl_cast_s16_s8)
int32_t tl_cast_s16_s8(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_s16_i32 TL_TIERED(tl_cast_s16_i32)
int32_t tl_cast_s16_i32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_s16_i64 TL_TIERED(tl_cast_s16_i64)
int32_t tl_cast_s16_i64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_s16_f32 TL_TIERED(tl_cast_s16_f32)
int32_t tl_cast_s16_f32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_s16_bool TL_TIERED(tl_cast_s16_bool)
int32_t tl_cast_s16_bool(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_u16_i32 TL_TIERED(tl_cast_u16_i32)
int32_t tl_cast_u16_i32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_u16_i64 TL_TIERED(tl_cast_u16_i64)
int32_t tl_cast_u16_i64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_u16_f32 TL_TIERED(tl_cast_u16_f32)
int32_t tl_cast_u16_f32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i32_s8 TL_TIERED(tl_cast_i32_s8)
int32_t tl_cast_i32_s8(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i32_s16 TL_TIERED(tl_cast_i32_s16)
int32_t tl_cast_i32_s16(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i32_i64 TL_TIERED(tl_cast_i32_i64)
int32_t tl_cast_i32_i64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i32_f32 TL_TIERED(tl_cast_i32_f32)
int32_t tl_cast_i32_f32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i32_f64 TL_TIERED(tl_cast_i32_f64)
int32_t tl_cast_i32_f64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i32_bool TL_TIERED(tl_cast_i32_bool)
int32_t tl_cast_i32_bool(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_u32_i64 TL_TIERED(tl_cast_u32_i64)
int32_t tl_cast_u32_i64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_u32_f32 TL_TIERED(tl_cast_u32_f32)
int32_t tl_cast_u32_f32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i64_s8 TL_TIERED(tl_cast_i64_s8)
int32_t tl_cast_i64_s8(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i64_s16 TL_TIERED(tl_cast_i64_s16)
int32_t tl_cast_i64_s16(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i64_i32 TL_TIERED(tl_cast_i64_i32)
int32_t tl_cast_i64_i32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i64_f32 TL_TIERED(tl_cast_i64_f32)
int32_t tl_cast_i64_f32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i64_f64 TL_TIERED(tl_cast_i64_f64)
int32_t tl_cast_i64_f64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_i64_bool TL_TIERED(tl_cast_i64_bool)
int32_t tl_cast_i64_bool(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f16_f32 TL_TIERED(tl_cast_f16_f32)
int32_t tl_cast_f16_f32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_bf16_f32 TL_TIERED(tl_cast_bf16_f32)
int32_t tl_cast_bf16_f32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f32_i32 TL_TIERED(tl_cast_f32_i32)
int32_t tl_cast_f32_i32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f32_i64 TL_TIERED(tl_cast_f32_i64)
int32_t tl_cast_f32_i64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f32_f16 TL_TIERED(tl_cast_f32_f16)
int32_t tl_cast_f32_f16(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f32_bf16 TL_TIERED(tl_cast_f32_bf16)
int32_t tl_cast_f32_bf16(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f32_f64 TL_TIERED(tl_cast_f32_f64)
int32_t tl_cast_f32_f64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f32_bool TL_TIERED(tl_cast_f32_bool)
int32_t tl_cast_f32_bool(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f64_i32 TL_TIERED(tl_cast_f64_i32)
int32_t tl_cast_f64_i32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f64_i64 TL_TIERED(tl_cast_f64_i64)
int32_t tl_cast_f64_i64(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f64_f32 TL_TIERED(tl_cast_f64_f32)
int32_t tl_cast_f64_f32(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_cast_f64_bool TL_TIERED(tl_cast_f64_bool)
int32_t tl_cast_f64_bool(const tl_cast_params *p, void *const *t, tl_range r);
#define tl_ceil_f32 TL_TIERED(tl_ceil_f32)
int32_t tl_ceil_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_clip_f32 TL_TIERED(tl_clip_f32)
int32_t tl_clip_f32(const tl_clip_params *p, void *const *t, tl_range r);
#define tl_complex_abs_c64 TL_TIERED(tl_complex_abs_c64)
int32_t tl_complex_abs_c64(const tl_no_params *p, void *const *t, tl_range r);
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
#define tl_conv_int_s8w8_quads TL_TIERED(tl_conv_int_s8w8_quads)
int32_t tl_conv_int_s8w8_quads(const tl_conv_int_params *p, void *const *t, tl_range r);
#define tl_conv_int_u8w8_quads TL_TIERED(tl_conv_int_u8w8_quads)
int32_t tl_conv_int_u8w8_quads(const tl_conv_int_params *p, void *const *t, tl_range r);
#define tl_conv_narrow_f32 TL_TIERED(tl_conv_narrow_f32)
int32_t tl_conv_narrow_f32(const tl_conv_params *p, void *const *t, tl_range r);
#define tl_conv_small_s8 TL_TIERED(tl_conv_small_s8)
int32_t tl_conv_small_s8(const tl_conv_small_params *p, void *const *t, tl_range r);
#define tl_cos_f32 TL_TIERED(tl_cos_f32)
int32_t tl_cos_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_cumsum_f32 TL_TIERED(tl_cumsum_f32)
int32_t tl_cumsum_f32(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_cumsum_i32 TL_TIERED(tl_cumsum_i32)
int32_t tl_cumsum_i32(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_cumsum_i64 TL_TIERED(tl_cumsum_i64)
int32_t tl_cumsum_i64(const tl_axis_params *p, void *const *t, tl_range r);
#define tl_depthwise_f32 TL_TIERED(tl_depthwise_f32)
int32_t tl_depthwise_f32(const tl_conv_params *p, void *const *t, tl_range r);
#define tl_depthwise_int_s8 TL_TIERED(tl_depthwise_int_s8)
int32_t tl_depthwise_int_s8(const tl_depthwise_int_params *p, void *const *t, tl_range r);
#define tl_depthwise_int_u8 TL_TIERED(tl_depthwise_int_u8)
int32_t tl_depthwise_int_u8(const tl_depthwise_int_params *p, void *const *t, tl_range r);
#define tl_depthwise_int_s16 TL_TIERED(tl_depthwise_int_s16)
int32_t tl_depthwise_int_s16(const tl_depthwise_int_params *p, void *const *t, tl_range r);
#define tl_depthwise_quads_s8 TL_TIERED(tl_depthwise_quads_s8)
int32_t tl_depthwise_quads_s8(const tl_depthwise_int_params *p, void *const *t, tl_range r);
#define tl_depthwise_quads_u8 TL_TIERED(tl_depthwise_quads_u8)
int32_t tl_depthwise_quads_u8(const tl_depthwise_int_params *p, void *const *t, tl_range r);
#define tl_depthwise_small_s8 TL_TIERED(tl_depthwise_small_s8)
int32_t tl_depthwise_small_s8(const tl_depthwise_small_params *p, void *const *t, tl_range r);
#define tl_dequantize_s8 TL_TIERED(tl_dequantize_s8)
int32_t tl_dequantize_s8(const tl_quantize_params *p, void *const *t, tl_range r);
#define tl_dequantize_u8 TL_TIERED(tl_dequantize_u8)
int32_t tl_dequantize_u8(const tl_quantize_params *p, void *const *t, tl_range r);
#define tl_dequantize_s16 TL_TIERED(tl_dequantize_s16)
int32_t tl_dequantize_s16(const tl_quantize_params *p, void *const *t, tl_range r);
#define tl_detection_any TL_TIERED(tl_detection_any)
int32_t tl_detection_any(const tl_detection_params *p, void *const *t, tl_range r);
#define tl_div_f32 TL_TIERED(tl_div_f32)
int32_t tl_div_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_div_s8 TL_TIERED(tl_div_s8)
int32_t tl_div_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_div_u8 TL_TIERED(tl_div_u8)
int32_t tl_div_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_div_s16 TL_TIERED(tl_div_s16)
int32_t tl_div_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_div_i32 TL_TIERED(tl_div_i32)
int32_t tl_div_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_elu_f32 TL_TIERED(tl_elu_f32)
int32_t tl_elu_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_equal_f32 TL_TIERED(tl_equal_f32)
int32_t tl_equal_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_equal_u8 TL_TIERED(tl_equal_u8)
int32_t tl_equal_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_equal_s16 TL_TIERED(tl_equal_s16)
int32_t tl_equal_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_equal_i32 TL_TIERED(tl_equal_i32)
int32_t tl_equal_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_equal_i64 TL_TIERED(tl_equal_i64)
int32_t tl_equal_i64(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_exp_f32 TL_TIERED(tl_exp_f32)
int32_t tl_exp_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_fake_quant_f32 TL_TIERED(tl_fake_quant_f32)
int32_t tl_fake_quant_f32(const tl_quantize_params *p, void *const *t, tl_range r);
#define tl_floor_f32 TL_TIERED(tl_floor_f32)
int32_t tl_floor_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_floor_div_f32 TL_TIERED(tl_floor_div_f32)
int32_t tl_floor_div_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_floor_div_s8 TL_TIERED(tl_floor_div_s8)
int32_t tl_floor_div_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_floor_div_s16 TL_TIERED(tl_floor_div_s16)
int32_t tl_floor_div_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_floor_div_i32 TL_TIERED(tl_floor_div_i32)
int32_t tl_floor_div_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_floor_mod_f32 TL_TIERED(tl_floor_mod_f32)
int32_t tl_floor_mod_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_floor_mod_s8 TL_TIERED(tl_floor_mod_s8)
int32_t tl_floor_mod_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_floor_mod_s16 TL_TIERED(tl_floor_mod_s16)
int32_t tl_floor_mod_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_floor_mod_i32 TL_TIERED(tl_floor_mod_i32)
int32_t tl_floor_mod_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_floor_mod_i64 TL_TIERED(tl_floor_mod_i64)
int32_t tl_floor_mod_i64(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_gather_any TL_TIERED(tl_gather_any)
int32_t tl_gather_any(const tl_position_params *p, void *const *t, tl_range r);
#define tl_gelu_f32 TL_TIERED(tl_gelu_f32)
int32_t tl_gelu_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_gelu_by_tanh_f32 TL_TIERED(tl_gelu_by_tanh_f32)
int32_t tl_gelu_by_tanh_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_hard_swish_f32 TL_TIERED(tl_hard_swish_f32)
int32_t tl_hard_swish_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_hybrid_depthwise_f32 TL_TIERED(tl_hybrid_depthwise_f32)
int32_t tl_hybrid_depthwise_f32(const tl_hybrid_depthwise_params *p, void *const *t, tl_range r);
#define tl_hybrid_product_f32 TL_TIERED(tl_hybrid_product_f32)
int32_t tl_hybrid_product_f32(const tl_hybrid_product_params *p, void *const *t, tl_range r);
#define tl_hybrid_product_quads TL_TIERED(tl_hybrid_product_quads)
int32_t tl_hybrid_product_quads(const tl_hybrid_product_params *p, void *const *t, tl_range r);
#define tl_interpolate_s16 TL_TIERED(tl_interpolate_s16)
int32_t tl_interpolate_s16(const tl_no_params *p, void *const *t, tl_range r);
#define tl_l2_normalization_f32 TL_TIERED(tl_l2_normalization_f32)
int32_t tl_l2_normalization_f32(const tl_normalize_params *p, void *const *t, tl_range r);
#define tl_l2_normalization_s8 TL_TIERED(tl_l2_normalization_s8)
int32_t tl_l2_normalization_s8(const tl_normalize_params *p, void *const *t, tl_range r);
#define tl_l2_normalization_u8 TL_TIERED(tl_l2_normalization_u8)
int32_t tl_l2_normalization_u8(const tl_normalize_params *p, void *const *t, tl_range r);
#define tl_l2_pool_f32 TL_TIERED(tl_l2_pool_f32)
int32_t tl_l2_pool_f32(const tl_pool_params *p, void *const *t, tl_range r);
#define tl_layer_norm_f32 TL_TIERED(tl_layer_norm_f32)
int32_t tl_layer_norm_f32(const tl_layer_norm_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_f32 TL_TIERED(tl_leaky_relu_f32)
int32_t tl_leaky_relu_f32(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_s8 TL_TIERED(tl_leaky_relu_s8)
int32_t tl_leaky_relu_s8(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_u8 TL_TIERED(tl_leaky_relu_u8)
int32_t tl_leaky_relu_u8(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_leaky_relu_s16 TL_TIERED(tl_leaky_relu_s16)
int32_t tl_leaky_relu_s16(const tl_leaky_relu_params *p, void *const *t, tl_range r);
#define tl_left_shift_b8 TL_TIERED(tl_left_shift_b8)
int32_t tl_left_shift_b8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_left_shift_b16 TL_TIERED(tl_left_shift_b16)
int32_t tl_left_shift_b16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_left_shift_b32 TL_TIERED(tl_left_shift_b32)
int32_t tl_left_shift_b32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_f32 TL_TIERED(tl_less_f32)
int32_t tl_less_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_s8 TL_TIERED(tl_less_s8)
int32_t tl_less_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_u8 TL_TIERED(tl_less_u8)
int32_t tl_less_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_s16 TL_TIERED(tl_less_s16)
int32_t tl_less_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_i32 TL_TIERED(tl_less_i32)
int32_t tl_less_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_i64 TL_TIERED(tl_less_i64)
int32_t tl_less_i64(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_equal_f32 TL_TIERED(tl_less_equal_f32)
int32_t tl_less_equal_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_equal_s8 TL_TIERED(tl_less_equal_s8)
int32_t tl_less_equal_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_equal_u8 TL_TIERED(tl_less_equal_u8)
int32_t tl_less_equal_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_equal_s16 TL_TIERED(tl_less_equal_s16)
int32_t tl_less_equal_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_equal_i32 TL_TIERED(tl_less_equal_i32)
int32_t tl_less_equal_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_less_equal_i64 TL_TIERED(tl_less_equal_i64)
int32_t tl_less_equal_i64(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_local_response_f32 TL_TIERED(tl_local_response_f32)
int32_t tl_local_response_f32(const tl_normalize_params *p, void *const *t, tl_range r);
#define tl_log_f32 TL_TIERED(tl_log_f32)
int32_t tl_log_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_log_softmax_f32 TL_TIERED(tl_log_softmax_f32)
int32_t tl_log_softmax_f32(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_log_softmax_s8 TL_TIERED(tl_log_softmax_s8)
int32_t tl_log_softmax_s8(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_log_softmax_u8 TL_TIERED(tl_log_softmax_u8)
int32_t tl_log_softmax_u8(const tl_softmax_params *p, void *const *t, tl_range r);
#define tl_logistic_f32 TL_TIERED(tl_logistic_f32)
int32_t tl_logistic_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_lookup_b8 TL_TIERED(tl_lookup_b8)
int32_t tl_lookup_b8(const tl_no_params *p, void *const *t, tl_range r);
#define tl_lstm_f32 TL_TIERED(tl_lstm_f32)
int32_t tl_lstm_f32(const tl_lstm_params *p, void *const *t, tl_range r);
#define tl_lstm_full_f32 TL_TIERED(tl_lstm_full_f32)
int32_t tl_lstm_full_f32(const tl_lstm_full_params *p, void *const *t, tl_range r);
#define tl_lstm_int_s8 TL_TIERED(tl_lstm_int_s8)
int32_t tl_lstm_int_s8(const tl_lstm_int_params *p, void *const *t, tl_range r);
#define tl_lstm_sampled_s16 TL_TIERED(tl_lstm_sampled_s16)
int32_t tl_lstm_sampled_s16(const tl_lstm_sampled_params *p, void *const *t, tl_range r);
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
#define tl_mfcc_f32 TL_TIERED(tl_mfcc_f32)
int32_t tl_mfcc_f32(const tl_mfcc_params *p, void *const *t, tl_range r);
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
#define tl_neg_f32 TL_TIERED(tl_neg_f32)
int32_t tl_neg_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_neg_s16 TL_TIERED(tl_neg_s16)
int32_t tl_neg_s16(const tl_no_params *p, void *const *t, tl_range r);
#define tl_neg_i32 TL_TIERED(tl_neg_i32)
int32_t tl_neg_i32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_neg_i64 TL_TIERED(tl_neg_i64)
int32_t tl_neg_i64(const tl_no_params *p, void *const *t, tl_range r);
#define tl_nms_v4 TL_TIERED(tl_nms_v4)
int32_t tl_nms_v4(const tl_nms_params *p, void *const *t, tl_range r);
#define tl_nms_v5 TL_TIERED(tl_nms_v5)
int32_t tl_nms_v5(const tl_nms_params *p, void *const *t, tl_range r);
#define tl_not_equal_f32 TL_TIERED(tl_not_equal_f32)
int32_t tl_not_equal_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_not_equal_u8 TL_TIERED(tl_not_equal_u8)
int32_t tl_not_equal_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_not_equal_s16 TL_TIERED(tl_not_equal_s16)
int32_t tl_not_equal_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_not_equal_i32 TL_TIERED(tl_not_equal_i32)
int32_t tl_not_equal_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_not_equal_i64 TL_TIERED(tl_not_equal_i64)
int32_t tl_not_equal_i64(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_one_hot_b8 TL_TIERED(tl_one_hot_b8)
int32_t tl_one_hot_b8(const tl_one_hot_params *p, void *const *t, tl_range r);
#define tl_one_hot_b16 TL_TIERED(tl_one_hot_b16)
int32_t tl_one_hot_b16(const tl_one_hot_params *p, void *const *t, tl_range r);
#define tl_one_hot_b32 TL_TIERED(tl_one_hot_b32)
int32_t tl_one_hot_b32(const tl_one_hot_params *p, void *const *t, tl_range r);
#define tl_one_hot_b64 TL_TIERED(tl_one_hot_b64)
int32_t tl_one_hot_b64(const tl_one_hot_params *p, void *const *t, tl_range r);
#define tl_or_b8 TL_TIERED(tl_or_b8)
int32_t tl_or_b8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_pack_f32 TL_TIERED(tl_pack_f32)
int32_t tl_pack_f32(const tl_pack_params *p, void *const *t, tl_range r);
#define tl_pack_int_s8 TL_TIERED(tl_pack_int_s8)
int32_t tl_pack_int_s8(const tl_pack_int_params *p, void *const *t, tl_range r);
#define tl_pack_int_u8 TL_TIERED(tl_pack_int_u8)
int32_t tl_pack_int_u8(const tl_pack_int_params *p, void *const *t, tl_range r);
#define tl_pack_int_s16 TL_TIERED(tl_pack_int_s16)
int32_t tl_pack_int_s16(const tl_pack_int_params *p, void *const *t, tl_range r);
#define tl_peak_f32 TL_TIERED(tl_peak_f32)
int32_t tl_peak_f32(const tl_peak_params *p, void *const *t, tl_range r);
#define tl_peak_s8 TL_TIERED(tl_peak_s8)
int32_t tl_peak_s8(const tl_peak_params *p, void *const *t, tl_range r);
#define tl_pow_f32 TL_TIERED(tl_pow_f32)
int32_t tl_pow_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_pow_i32 TL_TIERED(tl_pow_i32)
int32_t tl_pow_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_prelu_f32 TL_TIERED(tl_prelu_f32)
int32_t tl_prelu_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_prelu_s8 TL_TIERED(tl_prelu_s8)
int32_t tl_prelu_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_prelu_u8 TL_TIERED(tl_prelu_u8)
int32_t tl_prelu_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_prelu_s16 TL_TIERED(tl_prelu_s16)
int32_t tl_prelu_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_quantize_s8 TL_TIERED(tl_quantize_s8)
int32_t tl_quantize_s8(const tl_quantize_params *p, void *const *t, tl_range r);
#define tl_quantize_u8 TL_TIERED(tl_quantize_u8)
int32_t tl_quantize_u8(const tl_quantize_params *p, void *const *t, tl_range r);
#define tl_quantize_s16 TL_TIERED(tl_quantize_s16)
int32_t tl_quantize_s16(const tl_quantize_params *p, void *const *t, tl_range r);
#define tl_quantize_rows_f32 TL_TIERED(tl_quantize_rows_f32)
int32_t tl_quantize_rows_f32(const tl_quantize_rows_params *p, void *const *t, tl_range r);
#define tl_quantize_rows_quads TL_TIERED(tl_quantize_rows_quads)
int32_t tl_quantize_rows_quads(const tl_quantize_rows_params *p, void *const *t, tl_range r);
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
#define tl_reduce_prod_s8 TL_TIERED(tl_reduce_prod_s8)
int32_t tl_reduce_prod_s8(const tl_reduce_params *p, void *const *t, tl_range r);
#define tl_reduce_prod_s16 TL_TIERED(tl_reduce_prod_s16)
int32_t tl_reduce_prod_s16(const tl_reduce_params *p, void *const *t, tl_range r);
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
#define tl_requantize_s8_s16 TL_TIERED(tl_requantize_s8_s16)
int32_t tl_requantize_s8_s16(const tl_requantize_params *p, void *const *t, tl_range r);
#define tl_requantize_u8_s16 TL_TIERED(tl_requantize_u8_s16)
int32_t tl_requantize_u8_s16(const tl_requantize_params *p, void *const *t, tl_range r);
#define tl_requantize_s16_s8 TL_TIERED(tl_requantize_s16_s8)
int32_t tl_requantize_s16_s8(const tl_requantize_params *p, void *const *t, tl_range r);
#define tl_requantize_s16_s16 TL_TIERED(tl_requantize_s16_s16)
int32_t tl_requantize_s16_s16(const tl_requantize_params *p, void *const *t, tl_range r);
#define tl_requantize_s8_i32 TL_TIERED(tl_requantize_s8_i32)
int32_t tl_requantize_s8_i32(const tl_requantize_params *p, void *const *t, tl_range r);
#define tl_requantize_u8_i32 TL_TIERED(tl_requantize_u8_i32)
int32_t tl_requantize_u8_i32(const tl_requantize_params *p, void *const *t, tl_range r);
#define tl_requantize_s16_i32 TL_TIERED(tl_requantize_s16_i32)
int32_t tl_requantize_s16_i32(const tl_requantize_params *p, void *const *t, tl_range r);
#define tl_requantize_i32_s8 TL_TIERED(tl_requantize_i32_s8)
int32_t tl_requantize_i32_s8(const tl_requantize_params *p, void *const *t, tl_range r);
#define tl_requantize_i32_s16 TL_TIERED(tl_requantize_i32_s16)
int32_t tl_requantize_i32_s16(const tl_requantize_params *p, void *const *t, tl_range r);
#define tl_requantize_i32_i32 TL_TIERED(tl_requantize_i32_i32)
int32_t tl_requantize_i32_i32(const tl_requantize_params *p, void *const *t, tl_range r);
#define tl_require_s8 TL_TIERED(tl_require_s8)
int32_t tl_require_s8(const tl_require_params *p, void *const *t, tl_range r);
#define tl_require_u8 TL_TIERED(tl_require_u8)
int32_t tl_require_u8(const tl_require_params *p, void *const *t, tl_range r);
#define tl_require_s16 TL_TIERED(tl_require_s16)
int32_t tl_require_s16(const tl_require_params *p, void *const *t, tl_range r);
#define tl_require_i32 TL_TIERED(tl_require_i32)
int32_t tl_require_i32(const tl_require_params *p, void *const *t, tl_range r);
#define tl_require_i64 TL_TIERED(tl_require_i64)
int32_t tl_require_i64(const tl_require_params *p, void *const *t, tl_range r);
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
#define tl_rfft2d_f32 TL_TIERED(tl_rfft2d_f32)
int32_t tl_rfft2d_f32(const tl_rfft_params *p, void *const *t, tl_range r);
#define tl_right_shift_s8 TL_TIERED(tl_right_shift_s8)
int32_t tl_right_shift_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_right_shift_u8 TL_TIERED(tl_right_shift_u8)
int32_t tl_right_shift_u8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_right_shift_s16 TL_TIERED(tl_right_shift_s16)
int32_t tl_right_shift_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_right_shift_u16 TL_TIERED(tl_right_shift_u16)
int32_t tl_right_shift_u16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_right_shift_i32 TL_TIERED(tl_right_shift_i32)
int32_t tl_right_shift_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_right_shift_u32 TL_TIERED(tl_right_shift_u32)
int32_t tl_right_shift_u32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_rnn_f32 TL_TIERED(tl_rnn_f32)
int32_t tl_rnn_f32(const tl_rnn_params *p, void *const *t, tl_range r);
#define tl_round_f32 TL_TIERED(tl_round_f32)
int32_t tl_round_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_rsqrt_f32 TL_TIERED(tl_rsqrt_f32)
int32_t tl_rsqrt_f32(const tl_no_params *p, void *const *t, tl_range r);
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
#define tl_select_b8 TL_TIERED(tl_select_b8)
int32_t tl_select_b8(const tl_select_params *p, void *const *t, tl_range r);
#define tl_select_b16 TL_TIERED(tl_select_b16)
int32_t tl_select_b16(const tl_select_params *p, void *const *t, tl_range r);
#define tl_select_b32 TL_TIERED(tl_select_b32)
int32_t tl_select_b32(const tl_select_params *p, void *const *t, tl_range r);
#define tl_select_b64 TL_TIERED(tl_select_b64)
int32_t tl_select_b64(const tl_select_params *p, void *const *t, tl_range r);
#define tl_sigmoid_s16 TL_TIERED(tl_sigmoid_s16)
int32_t tl_sigmoid_s16(const tl_sigmoid_params *p, void *const *t, tl_range r);
#define tl_sign_f32 TL_TIERED(tl_sign_f32)
int32_t tl_sign_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_sign_f64 TL_TIERED(tl_sign_f64)
int32_t tl_sign_f64(const tl_no_params *p, void *const *t, tl_range r);
#define tl_sign_i32 TL_TIERED(tl_sign_i32)
int32_t tl_sign_i32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_sin_f32 TL_TIERED(tl_sin_f32)
int32_t tl_sin_f32(const tl_no_params *p, void *const *t, tl_range r);
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
#define tl_spectrogram_f32 TL_TIERED(tl_spectrogram_f32)
int32_t tl_spectrogram_f32(const tl_spectrogram_params *p, void *const *t, tl_range r);
#define tl_sqrt_f32 TL_TIERED(tl_sqrt_f32)
int32_t tl_sqrt_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_square_f32 TL_TIERED(tl_square_f32)
int32_t tl_square_f32(const tl_no_params *p, void *const *t, tl_range r);
#define tl_squared_difference_f32 TL_TIERED(tl_squared_difference_f32)
int32_t tl_squared_difference_f32(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_squared_difference_s8 TL_TIERED(tl_squared_difference_s8)
int32_t tl_squared_difference_s8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_squared_difference_i32 TL_TIERED(tl_squared_difference_i32)
int32_t tl_squared_difference_i32(const tl_broadcast_params *p, void *const *t, tl_range r);
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
#define tl_sub_shifted_s16 TL_TIERED(tl_sub_shifted_s16)
int32_t tl_sub_shifted_s16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_svdf_f32 TL_TIERED(tl_svdf_f32)
int32_t tl_svdf_f32(const tl_svdf_params *p, void *const *t, tl_range r);
#define tl_svdf_int_s8 TL_TIERED(tl_svdf_int_s8)
int32_t tl_svdf_int_s8(const tl_svdf_int_params *p, void *const *t, tl_range r);
#define tl_svdf_int_s16 TL_TIERED(tl_svdf_int_s16)
int32_t tl_svdf_int_s16(const tl_svdf_int_params *p, void *const *t, tl_range r);
#define tl_tanh_f32 TL_TIERED(tl_tanh_f32)
int32_t tl_tanh_f32(const tl_no_params *p, void *const *t, tl_range r);
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
#define tl_winograd_f32 TL_TIERED(tl_winograd_f32)
int32_t tl_winograd_f32(const tl_winograd_params *p, void *const *t, tl_range r);
#define tl_xor_b8 TL_TIERED(tl_xor_b8)
int32_t tl_xor_b8(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_xor_b16 TL_TIERED(tl_xor_b16)
int32_t tl_xor_b16(const tl_broadcast_params *p, void *const *t, tl_range r);
#define tl_xor_b32 TL_TIERED(tl_xor_b32)
int32_t tl_xor_b32(const tl_broadcast_params *p, void *const *t, tl_range r);

#endif
