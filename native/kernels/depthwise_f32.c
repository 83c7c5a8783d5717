/* Convolution of each channel by itself, float32.
 * t[0] input [n, h, w, c], t[1] filters [kh, kw, c], t[2] bias [c] or nothing, t[3] output [n, oh, ow, c]. A work item
 * is a row of the output.
 *
 * PIXELS outputs of the same row at a time by two vectors of channels: one load of the filters serves them all. */
#include "tl_params.h"
#include "tl_vector.h"

#define PIXELS 4

/* `pixels` outputs from column ox; all of their windows' columns [left, right) lie inside. `vectors` vectors of
 * channels, of which the last has `lanes`. Counts are constants where it is called. */
TL_ALWAYS_INLINE void outputs_of(const tl_depthwise_params *p, const int pixels, const int vectors, const int cut,
                                 const float *x, const float *w, const float *bias, float *y, int32_t rows,
                                 int32_t left, int32_t right, int32_t lanes, int32_t stride, int32_t dilation) {
    const size_t c = (size_t)p->channels, step = c * stride, line = c * p->input_width * p->dilation_height;
    tl_vector sums[PIXELS][2];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) {
        tl_vector start = {0};
        if (bias) start = cut ? tl_load_part(bias, lanes) : tl_load(bias + v * TL_WIDTH);
#pragma GCC unroll 4
        for (int m = 0; m < pixels; ++m) sums[m][v] = start;
    }
    for (int32_t ky = 0; ky < rows; ++ky, x += line, w += c * p->filter_width) {
#pragma GCC unroll 5
        for (int32_t kx = left; kx < right; ++kx) {
            const float *a = x + (size_t)kx * dilation * c, *b = w + (size_t)kx * c;
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) {
                const tl_vector factor = cut ? tl_load_part(b, lanes) : tl_load(b + v * TL_WIDTH);
#pragma GCC unroll 4
                for (int m = 0; m < pixels; ++m) {
                    const float *at = a + m * step + v * TL_WIDTH;
                    sums[m][v] += factor * (cut ? tl_load_part(at, lanes) : tl_load(at));
                }
            }
        }
    }
    const tl_vector low = tl_splat(p->low), high = tl_splat(p->high);
#pragma GCC unroll 4
    for (int m = 0; m < pixels; ++m) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) {
            float *to = y + m * c + v * TL_WIDTH;
            const tl_vector result = tl_clip(sums[m][v], low, high);
            if (cut) {
                tl_store_part(to, result, lanes);
            } else {
                tl_store(to, result);
            }
        }
    }
}

/* `pixels` outputs, all channels of them. */
TL_ALWAYS_INLINE void channels_of(const tl_depthwise_params *p, const int pixels, const float *x, const float *w,
                                  const float *bias, float *y, int32_t rows, int32_t left, int32_t right,
                                  int32_t stride, int32_t dilation) {
    const int32_t c = p->channels;
    int32_t i = 0;
    for (; i + 2 * TL_WIDTH <= c; i += 2 * TL_WIDTH)
        outputs_of(p, pixels, 2, 0, x + i, w + i, bias ? bias + i : bias, y + i, rows, left, right, 0, stride,
                   dilation);
    for (; i + TL_WIDTH <= c; i += TL_WIDTH)
        outputs_of(p, pixels, 1, 0, x + i, w + i, bias ? bias + i : bias, y + i, rows, left, right, 0, stride,
                   dilation);
    if (i < c)
        outputs_of(p, pixels, 1, 1, x + i, w + i, bias ? bias + i : bias, y + i, rows, left, right, c - i, stride,
                   dilation);
}

/* One row of outputs. x: row and column 0 of the first cell that lies inside; width, stride, dilation: of the filter
 * along the row, constants where that pays. */
TL_ALWAYS_INLINE void row_of(const tl_depthwise_params *p, const float *x, const float *w, const float *bias, float *y,
                             int32_t rows, int32_t width, int32_t stride, int32_t dilation) {
    const int32_t last = p->input_width - 1;
    for (int32_t ox = 0; ox < p->output_width;) {
        const int32_t column = ox * stride - p->before_width;
        const float *from = x + (ptrdiff_t)column * p->channels;
        float *to = y + (size_t)ox * p->channels;
        const int32_t end = column + (PIXELS - 1) * stride + (width - 1) * dilation;
        if (column >= 0 && end <= last && ox + PIXELS <= p->output_width) {
            channels_of(p, PIXELS, from, w, bias, to, rows, 0, width, stride, dilation);
            ox += PIXELS;
            continue;
        }
        const int32_t left = column < 0 ? (-column + dilation - 1) / dilation : 0;
        const int32_t right = column > last ? 0 : TL_MIN(width, (last - column) / dilation + 1);
        channels_of(p, 1, from, w, bias, to, rows, left, right, stride, dilation);
        ++ox;
    }
}

int32_t tl_depthwise_f32(const tl_depthwise_params *p, void *const *t, tl_range r) {
    const size_t c = (size_t)p->channels;
    const int32_t width = p->filter_width, stride = p->stride_width, dilation = p->dilation_width;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t top = item % p->output_height * p->stride_height - p->before_height, last = p->input_height - 1;
        const int32_t first = top < 0 ? (-top + p->dilation_height - 1) / p->dilation_height : 0;
        const int32_t end = top > last ? 0 : TL_MIN(p->filter_height, (last - top) / p->dilation_height + 1);
        const int32_t rows = TL_MAX(end - first, 0);
        const ptrdiff_t line =
            (ptrdiff_t)(item / p->output_height) * p->input_height + (rows ? top + first * p->dilation_height : 0);
        const float *x = (const float *)t[0] + line * p->input_width * (ptrdiff_t)c;
        const float *w = (const float *)t[1] + (size_t)(rows ? first : 0) * width * c;
        float *y = (float *)t[3] + (size_t)item * p->output_width * c;
        /* The usual filters have loops of known length, in which neighbours share what they load. */
        if (width == 3 && stride == 1 && dilation == 1) {
            row_of(p, x, w, t[2], y, rows, 3, 1, 1);
        } else if (width == 3 && stride == 2 && dilation == 1) {
            row_of(p, x, w, t[2], y, rows, 3, 2, 1);
        } else if (width == 5 && stride == 1 && dilation == 1) {
            row_of(p, x, w, t[2], y, rows, 5, 1, 1);
        } else {
            row_of(p, x, w, t[2], y, rows, width, stride, dilation);
        }
    }
    return TL_OK;
}
