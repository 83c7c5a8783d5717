/* Convolutions with few outputs, float32: panels would be mostly empty, so the sums run along the filter instead.
 *
 * t[0] input [n, h, w, c], t[1] filters [outputs][taps][depth], t[2] bias or nothing, t[3] zeros [depth], t[4] output.
 * One group. A work item is a block of output pixels, up to `rows` by `segment`.
 *
 * As many pixels of a row as a vector has lanes are taken at a time; each sums in a vector of its own, whose lanes are
 * added up in the end. */
#include "tl_conv.h"

/* The sums of one output, from filters w, for the pixels whose columns begin at left[]. */
static tl_vector sums_of(const tl_conv_params *p, const tl_row *row, const int32_t *left, int32_t inside,
                         const float *w) {
    const int32_t joined = inside && p->joined, runs = joined ? 1 : p->filter_width;
    const int32_t length = joined ? p->filter_width * p->depth : p->depth, whole = length / TL_WIDTH * TL_WIDTH;
    const float *line = row->x;
    tl_vector sums[TL_WIDTH] = {{0}};
    for (int32_t ky = 0; ky < row->rows; ++ky, line += row->line) {
        for (int32_t kx = 0; kx < runs; ++kx, w += length) {
            const float *a[TL_WIDTH];
            for (int m = 0; m < TL_WIDTH; ++m) {
                const int32_t column = left[m] + kx * p->dilation_width;
                const int32_t exists = (uint32_t)column < (uint32_t)p->input_width;
                a[m] = exists ? line + (ptrdiff_t)column * p->channels : row->zeros;
            }
            for (int32_t k = 0; k < whole; k += TL_WIDTH) {
                const tl_vector b = tl_load(w + k);
#pragma GCC unroll 16
                for (int m = 0; m < TL_WIDTH; ++m) sums[m] += tl_load(a[m] + k) * b;
            }
            if (whole < length) {
                const tl_vector b = tl_load_part(w + whole, length - whole);
#pragma GCC unroll 16
                for (int m = 0; m < TL_WIDTH; ++m) sums[m] += tl_load_part(a[m] + whole, length - whole) * b;
            }
        }
    }
    return tl_sums_of(sums);
}

/* The pixels [ox, ox + count) of a row, at most TL_WIDTH of them. */
static void group(const tl_conv_params *p, const tl_row *row, int32_t ox, int32_t count, const float *filters,
                  const float *bias) {
    const size_t taps = (size_t)p->filter_width * p->depth, size = p->filter_height * taps;
    const float *w = filters + row->first * taps;
    int32_t left[TL_WIDTH];
    for (int32_t m = 0; m < TL_WIDTH; ++m) left[m] = TL_MIN(ox + m, ox + count - 1) * p->stride_width - p->before_width;
    const int32_t inside = tl_is_inside(p, ox, count);
    for (int32_t output = 0; output < p->outputs; ++output, w += size) {
        const tl_vector sums = sums_of(p, row, left, inside, w) + (bias ? bias[output] : 0);
        float results[TL_WIDTH];
        tl_store(results, tl_clip(sums, tl_splat(p->low), tl_splat(p->high)));
        float *y = row->y + ox * (ptrdiff_t)p->pixel_step + output;
        for (int32_t m = 0; m < count; ++m) y[m * (ptrdiff_t)p->pixel_step] = results[m];
    }
}

int32_t tl_conv_narrow_f32(const tl_conv_params *p, void *const *t, tl_range r) {
    const int32_t segments = tl_parts(p->output_width, p->segment), bands = tl_parts(p->output_height, p->rows);
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t from = item % segments * p->segment, end = TL_MIN(from + p->segment, p->output_width),
                      top = item / segments % bands * p->rows, image = item / segments / bands;
        for (int32_t oy = top; oy < TL_MIN(top + p->rows, p->output_height); ++oy) {
            const tl_row row = tl_locate(p, t[0], t[3], t[4], image, oy);
            for (int32_t ox = from; ox < end; ox += TL_WIDTH)
                group(p, &row, ox, TL_MIN(TL_WIDTH, end - ox), t[1], t[2]);
        }
    }
    return TL_OK;
}
