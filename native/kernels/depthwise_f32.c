/* Convolution of each channel by itself, float32.
 * t[0] input [n, h, w, c], t[1] filters [kh, kw, c], t[2] bias [c] or nothing, t[3] zeros [c], t[4] output
 * [n, oh, ow, c]. A work item is a row of the output.
 *
 * PIXELS outputs of the same row at a time: neighbours share the columns that they see, and one load of the filters
 * serves them all. Cells beside the input read zeros; rows of the filter above and below it are left out. */
#include "tl_params.h"
#include "tl_vector.h"

#define PIXELS 4

/* A row of output pixels, and what the filter sees from it: the input's rows x, `line` floats apart, under the filter's
 * rows from w on. */
typedef struct {
    const float *x, *w, *bias, *zeros;
    float *y;
    ptrdiff_t line;
    int32_t rows;
} tl_row;

static tl_row locate(const tl_depthwise_params *p, void *const *t, int32_t item) {
    const int32_t oy = item % p->output_height, image = item / p->output_height, d = p->dilation_height;
    const int32_t top = oy * p->stride_height - p->before_height, first = top < 0 ? (d - 1 - top) / d : 0;
    const int32_t end = top < p->input_height ? TL_MIN(p->filter_height, (p->input_height - 1 - top) / d + 1) : 0;
    const int32_t rows = TL_MAX(end - first, 0);
    const size_t c = (size_t)p->channels, width = c * p->input_width;
    return (tl_row){.x = (const float *)t[0] + ((size_t)image * p->input_height + (rows ? top + first * d : 0)) * width,
                    .w = (const float *)t[1] + (rows ? first : 0) * c * p->filter_width,
                    .bias = t[2],
                    .zeros = t[3],
                    .y = (float *)t[4] + (size_t)item * p->output_width * c,
                    .line = (ptrdiff_t)width * d,
                    .rows = rows};
}

/* Outputs of `pixels` neighbours from column ox, all channels; the last step may take some channels of the one before
 * once more. These are constants where it is called: pixels; width and stride, of the filter along the row; inside:
 * whether all columns are the input's. A pointer serves three columns, which leaves registers for the sums. */
TL_ALWAYS_INLINE void group(const tl_depthwise_params *p, const tl_row *row, int32_t ox, const int pixels,
                            const int width, const int stride, const int inside) {
    /* All of them copies: the compiler must assume that a store to y changes what pointers lead to. */
    const ptrdiff_t channels = p->channels, next_row = row->line;
    const int32_t rows = row->rows, columns = p->input_width, left = ox * stride - p->before_width;
    const float *x = row->x + left * channels, *filters = row->w, *bias = row->bias;
    const tl_vector low = tl_splat(p->low), high = tl_splat(p->high);
    float *y = row->y + ox * channels;
    for (ptrdiff_t i = 0; i < channels; i += TL_WIDTH) {
        const ptrdiff_t c = TL_MIN(i, channels - TL_WIDTH);
        const float *line = x + c, *w = filters + c;
        tl_vector sums[8];
#pragma GCC unroll 8
        for (int m = 0; m < pixels; ++m) sums[m] = bias ? tl_load(bias + c) : (tl_vector){0};
        for (int32_t ky = 0; ky < rows; ++ky, line += next_row, w += width * channels) {
            const float *at = line;
            tl_vector f[5];
#pragma GCC unroll 5
            for (int k = 0; k < width; ++k) f[k] = tl_load(w + k * channels);
#pragma GCC unroll 19
            for (int j = 0; j < (pixels - 1) * stride + width; ++j) {
                if (j % 3 == 0) {
                    at += j ? 3 * channels : 0;
                    TL_OPAQUE(at);
                }
                if (!inside && (uint32_t)(left + j) >= (uint32_t)columns) continue;
                const tl_vector value = tl_load(at + j % 3 * channels);
#pragma GCC unroll 8
                for (int m = 0; m < pixels; ++m) {
                    const int k = j - m * stride;
                    if (k >= 0 && k < width) sums[m] += value * f[k];
                }
            }
        }
        float *to = y + c;
#pragma GCC unroll 8
        for (int m = 0; m < pixels; ++m) {
            if (m % 3 == 0) {
                to += m ? 3 * channels : 0;
                TL_OPAQUE(to);
            }
            tl_store(to + m % 3 * channels, tl_clip(sums[m], low, high));
        }
    }
}

/* One row of a usual filter, in groups of 8, then of 4 outputs, single ones where it is too short. The last may take
 * some outputs of the one before once more. */
typedef void tl_group(const tl_depthwise_params *p, const tl_row *row, int32_t ox);
#define GROUP(pixels, width, stride)                                                                                 \
    static void inside_##pixels##_##width##_##stride(const tl_depthwise_params *p, const tl_row *row, int32_t ox) {  \
        group(p, row, ox, pixels, width, stride, 1);                                                                 \
    }                                                                                                                \
    static void at_edge_##pixels##_##width##_##stride(const tl_depthwise_params *p, const tl_row *row, int32_t ox) { \
        group(p, row, ox, pixels, width, stride, 0);                                                                 \
    }
#define ROW(width, stride)                                                                                     \
    GROUP(8, width, stride)                                                                                    \
    GROUP(4, width, stride)                                                                                    \
    GROUP(1, width, stride)                                                                                    \
    static void row_##width##_##stride(const tl_depthwise_params *p, const tl_row *row) {                      \
        const int32_t outputs = p->output_width;                                                               \
        int32_t o = 0;                                                                                         \
        while (o < outputs) {                                                                                  \
            const int32_t size = outputs - o >= 8 ? 8 : outputs >= 4 ? 4 : 1;                                  \
            const int32_t ox = TL_MIN(o, outputs - size), left = ox * stride - p->before_width;                \
            const int32_t inside = left >= 0 && left + (size - 1) * stride + width <= p->input_width;          \
            tl_group *make = size == 8   ? inside ? inside_8_##width##_##stride : at_edge_8_##width##_##stride \
                             : size == 4 ? inside ? inside_4_##width##_##stride : at_edge_4_##width##_##stride \
                             : inside    ? inside_1_##width##_##stride                                         \
                                         : at_edge_1_##width##_##stride;                                       \
            make(p, row, ox);                                                                                  \
            o += size;                                                                                         \
        }                                                                                                      \
    }
ROW(3, 1)
ROW(3, 2)
ROW(5, 1)
ROW(5, 2)

/* One row of any filter: pixel by pixel, one vector of channels at a time. */
static void general_row(const tl_depthwise_params *p, const tl_row *row) {
    const size_t channels = (size_t)p->channels;
    const tl_vector low = tl_splat(p->low), high = tl_splat(p->high);
    for (int32_t ox = 0; ox < p->output_width; ++ox) {
        const int32_t left = ox * p->stride_width - p->before_width;
        for (int32_t c = 0; c < p->channels; c += TL_WIDTH) {
            const int32_t count = p->channels - c;
            tl_vector sum = {0};
            if (row->bias) sum = tl_load_up_to(row->bias + c, count);
            const float *line = row->x, *w = row->w + c;
            for (int32_t ky = 0; ky < row->rows; ++ky, line += row->line) {
                for (int32_t kx = 0; kx < p->filter_width; ++kx, w += channels) {
                    const int32_t column = left + kx * p->dilation_width;
                    if ((uint32_t)column < (uint32_t)p->input_width)
                        sum += tl_load_up_to(line + column * channels + c, count) * tl_load_up_to(w, count);
                }
            }
            tl_store_up_to(row->y + ox * channels + c, tl_clip(sum, low, high), count);
        }
    }
}

typedef void tl_make(const tl_depthwise_params *p, const tl_row *row);

/* What makes a row, a vector of channels at a time; NULL for an unusual filter. */
static tl_make *maker(const tl_depthwise_params *p) {
    if (p->dilation_width != 1 || p->channels < TL_WIDTH) return NULL;
    switch (10 * p->filter_width + p->stride_width) {
    case 31:
        return row_3_1;
    case 32:
        return row_3_2;
    case 51:
        return row_5_1;
    case 52:
        return row_5_2;
    default:
        return NULL;
    }
}

int32_t tl_depthwise_f32(const tl_depthwise_params *p, void *const *t, tl_range r) {
    tl_make *make = maker(p);
    for (int32_t item = r.begin; item < r.end; ++item) {
        const tl_row row = locate(p, t, item);
        if (make) {
            make(p, &row);
        } else {
            general_row(p, &row);
        }
    }
    return TL_OK;
}
