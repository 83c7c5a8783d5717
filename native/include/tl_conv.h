/* What float convolutions share: where a row of outputs lies, and what it sees of the input. */
#ifndef TL_CONV_H
#define TL_CONV_H

#include "tl_params.h"
#include "tl_vector.h"

/* A row of output pixels, and what the filter sees from it: the input's rows x, `line` floats apart, under the filter's
 * rows [first, first + rows). */
typedef struct {
    const float *x, *zeros;
    float *y;
    ptrdiff_t line;
    int32_t first, rows;
} tl_row;

static inline tl_row tl_locate(const tl_conv_params *p, const float *x, const float *zeros, float *y, int32_t image,
                               int32_t oy) {
    const int32_t top = oy * p->stride_height - p->before_height, d = p->dilation_height;
    const int32_t first = top < 0 ? (d - 1 - top) / d : 0;
    const int32_t end = top < p->input_height ? TL_MIN(p->filter_height, (p->input_height - 1 - top) / d + 1) : 0;
    const int32_t rows = TL_MAX(end - first, 0);
    const ptrdiff_t width = (ptrdiff_t)p->input_width * p->channels;
    const ptrdiff_t line = (ptrdiff_t)image * p->input_height + (rows ? top + first * d : 0);
    return (tl_row){.x = x + line * width,
                    .zeros = zeros,
                    .y = y + (image * (ptrdiff_t)p->image_step + oy * (ptrdiff_t)p->row_step + p->output_offset),
                    .line = d * width,
                    .first = rows ? first : 0,
                    .rows = rows};
}

/* Whether the windows of these pixels lie inside the input, and every row of them is one run of it. */
static inline int tl_is_inside(const tl_conv_params *p, int32_t ox, int32_t pixels) {
    const int32_t left = ox * p->stride_width - p->before_width;
    const int32_t end = left + (pixels - 1) * p->stride_width + (p->filter_width - 1) * p->dilation_width;
    return p->joined && left >= 0 && end < p->input_width;
}

/* How many parts of `size` hold `total`. */
static inline int32_t tl_parts(int32_t total, int32_t size) { return (total + size - 1) / size; }

/* Outputs of a panel of packed filters, and how many panels tl_panels takes: where a vector holds a whole one, two of
 * them share what is read of the input. */
#define TL_PANEL 16
#define TL_PANELS (TL_WIDTH == TL_PANEL ? 2 : 1)

/* The pixels [ox, end) of a row by the outputs [output, output + count), which are those of one panel, or of up to
 * TL_PANELS in a row. w: their filters. */
#define tl_panels TL_TIERED(tl_panels)
void tl_panels(const tl_conv_params *p, const tl_row *row, int32_t ox, int32_t end, const float *w, const float *bias,
               int32_t output, int32_t count);

/* A product of a matrix [rows, depth] with panels of [outputs, depth], as parameters of a convolution of 1x1. */
static inline tl_conv_params tl_product(int32_t rows, int32_t depth, int32_t outputs) {
    return (tl_conv_params){.input_height = 1,
                            .input_width = rows,
                            .channels = depth,
                            .depth = depth,
                            .groups = 1,
                            .outputs = outputs,
                            .output_height = 1,
                            .output_width = rows,
                            .filter_height = 1,
                            .filter_width = 1,
                            .stride_height = 1,
                            .stride_width = 1,
                            .dilation_height = 1,
                            .dilation_width = 1,
                            .pixel_step = outputs,
                            .joined = 1,
                            .low = -__builtin_inff(),
                            .high = __builtin_inff()};
}

#endif
