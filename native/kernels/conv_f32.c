/* Sums of products in float32: convolutions (a fully connected layer is one of 1x1), grouped or not, and products of
 * matrices.
 *
 * tl_conv_f32: t[0] input [n, h, w, c], t[1] filters in panels [groups][panels][taps][depth][16], t[2] bias or nothing,
 * t[3] zeros [depth], t[4] output. A work item is a block of output pixels for some panels of one group.
 *
 * A tile of TL_ROWS pixels by one panel is summed in registers. Where the windows of all its pixels lie inside the
 * input, a row of the filter is one run of values; elsewhere every cell is a run, and cells outside read zeros. The
 * order of the sum is the same. */
#include "tl_params.h"
#include "tl_vector.h"

#define PANEL 16
#define VECTORS (PANEL / TL_WIDTH < 2 ? PANEL / TL_WIDTH : 2)
#define BLOCK 84

/* As many rows as the registers hold sums of, beside one row of filters. */
#if TL_WIDTH == 16
#define ROWS 14
#elif TL_WIDTH == 8
#define ROWS 6
#else
#define ROWS 4
#endif

/* The output pixels of a block: where their windows begin in the input, in elements and in coordinates; where they are
 * in the output. */
typedef struct {
    ptrdiff_t x[BLOCK], y[BLOCK];
    int32_t top[BLOCK], left[BLOCK], inside[BLOCK];
} tl_pixels;

static void locate(tl_pixels *at, const tl_conv_params *p, int32_t first, int32_t count) {
    const int32_t reach_y = (p->filter_height - 1) * p->dilation_height,
                  reach_x = (p->filter_width - 1) * p->dilation_width;
    int32_t ox = first % p->output_width, oy = first / p->output_width % p->output_height;
    int32_t image = first / p->output_width / p->output_height;
    for (int32_t i = 0; i < count; ++i) {
        const int32_t top = oy * p->stride_height - p->before_height, left = ox * p->stride_width - p->before_width;
        at->top[i] = top, at->left[i] = left;
        at->inside[i] = top >= 0 && left >= 0 && top + reach_y < p->input_height && left + reach_x < p->input_width;
        at->x[i] = (((ptrdiff_t)image * p->input_height + top) * p->input_width + left) * p->channels;
        at->y[i] = image * (ptrdiff_t)p->image_step + oy * (ptrdiff_t)p->row_step + ox * (ptrdiff_t)p->pixel_step +
                   p->output_offset;
        if (++ox == p->output_width) {
            ox = 0;
            if (++oy == p->output_height) oy = 0, ++image;
        }
    }
}

/* rows pixels from the i-th of the block, by `vectors` vectors of outputs, of which the last may be cut. Counts are
 * constants where it is called. */
TL_ALWAYS_INLINE void tile(const tl_conv_params *p, const tl_pixels *at, int32_t i, const int rows, const int vectors,
                           const float *x, const float *w, const float *bias, const float *zeros, float *y,
                           int32_t outputs) {
    tl_vector sums[ROWS][VECTORS];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) {
        tl_vector start = {0};
        if (bias) {
            const int32_t left = outputs - v * TL_WIDTH;
            start = left >= TL_WIDTH ? tl_load(bias + v * TL_WIDTH) : tl_load_part(bias + v * TL_WIDTH, left);
        }
#pragma GCC unroll 16
        for (int m = 0; m < rows; ++m) sums[m][v] = start;
    }
    int32_t inside = 1;
    for (int m = 0; m < rows; ++m) inside &= at->inside[i + m];
    const int joined = inside && p->joined;
    const int32_t runs = joined ? 1 : p->filter_width, length = joined ? p->filter_width * p->depth : p->depth;
    for (int32_t ky = 0; ky < p->filter_height; ++ky) {
        for (int32_t kx = 0; kx < runs; ++kx) {
            const int32_t dy = ky * p->dilation_height, dx = kx * p->dilation_width;
            const ptrdiff_t step = ((ptrdiff_t)dy * p->input_width + dx) * p->channels;
            const float *a[ROWS];
#pragma GCC unroll 16
            for (int m = 0; m < rows; ++m) {
                a[m] = x + (at->x[i + m] + step);
                if (!inside) {
                    const int32_t row = at->top[i + m] + dy, column = at->left[i + m] + dx;
                    if (row < 0 || row >= p->input_height || column < 0 || column >= p->input_width) a[m] = zeros;
                }
            }
            for (int32_t k = 0; k < length; ++k, w += PANEL) {
                tl_vector b[VECTORS];
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) b[v] = tl_load(w + v * TL_WIDTH);
#pragma GCC unroll 16
                for (int m = 0; m < rows; ++m) {
                    const tl_vector factor = tl_splat(a[m][k]);
#pragma GCC unroll 2
                    for (int v = 0; v < vectors; ++v) sums[m][v] += factor * b[v];
                }
            }
        }
    }
    const tl_vector low = tl_splat(p->low), high = tl_splat(p->high);
#pragma GCC unroll 16
    for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) {
            const tl_vector result = tl_clip(sums[m][v], low, high);
            float *to = y + at->y[i + m] + v * TL_WIDTH;
            const int32_t left = outputs - v * TL_WIDTH;
            if (left >= TL_WIDTH) {
                tl_store(to, result);
            } else {
                tl_store_part(to, result, left);
            }
        }
    }
}

/* All pixels of a block by up to VECTORS vectors of outputs. */
#define TILES(vectors)                                                                                     \
    do {                                                                                                   \
        int32_t i = 0;                                                                                     \
        for (; i + ROWS <= count; i += ROWS) tile(p, at, i, ROWS, vectors, x, w, bias, zeros, y, outputs); \
        for (; i + 4 <= count; i += 4) tile(p, at, i, 4, vectors, x, w, bias, zeros, y, outputs);          \
        for (; i + 2 <= count; i += 2) tile(p, at, i, 2, vectors, x, w, bias, zeros, y, outputs);          \
        for (; i < count; ++i) tile(p, at, i, 1, vectors, x, w, bias, zeros, y, outputs);                  \
    } while (0)

static void wide_tiles(const tl_conv_params *p, const tl_pixels *at, int32_t count, const float *x, const float *w,
                       const float *bias, const float *zeros, float *y, int32_t outputs) {
    TILES(VECTORS);
}

#if VECTORS > 1
static void narrow_tiles(const tl_conv_params *p, const tl_pixels *at, int32_t count, const float *x, const float *w,
                         const float *bias, const float *zeros, float *y, int32_t outputs) {
    TILES(1);
}
#else
#define narrow_tiles wide_tiles
#endif

/* A block of pixels by the panels [first, end) of one group; panels follow each other at `panel` floats. */
static void block(const tl_conv_params *p, const tl_pixels *at, int32_t count, const float *x, const float *filters,
                  const float *bias, const float *zeros, float *y, int32_t first, int32_t end) {
    const size_t panel = (size_t)p->filter_height * p->filter_width * p->depth * PANEL;
    for (int32_t n = first; n < end; ++n) {
        for (int32_t lane = 0; lane < PANEL && n * PANEL + lane < p->outputs; lane += VECTORS * TL_WIDTH) {
            const int32_t output = n * PANEL + lane, left = p->outputs - output;
            const float *w = filters + n * panel + lane;
            const float *start = bias ? bias + output : bias;
            if (left > TL_WIDTH) {
                wide_tiles(p, at, count, x, w, start, zeros, y + output, left);
            } else {
                narrow_tiles(p, at, count, x, w, start, zeros, y + output, left);
            }
        }
    }
}

int32_t tl_conv_f32(const tl_conv_params *p, void *const *t, tl_range r) {
    const float *x = t[0], *filters = t[1], *bias = t[2], *zeros = t[3];
    float *y = t[4];
    const int32_t panels = (p->outputs + PANEL - 1) / PANEL, parts = (panels + p->panels - 1) / p->panels;
    const size_t group_size = (size_t)panels * p->filter_height * p->filter_width * p->depth * PANEL;
    tl_pixels at;
    int32_t located = -1;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t part = item % parts, group = item / parts % p->groups, first = item / parts / p->groups * BLOCK;
        const int32_t count = TL_MIN(BLOCK, p->pixels - first), n = part * p->panels;
        if (located != first) locate(&at, p, first, count);
        located = first;
        block(p, &at, count, x + (size_t)group * p->depth, filters + group * group_size,
              bias ? bias + (size_t)group * p->outputs : bias, zeros, y + (size_t)group * p->outputs, n,
              TL_MIN(n + p->panels, panels));
    }
    return TL_OK;
}

/* Products of matrices: t[3] says which matrix of t[0] and of t[1] each result takes. A work item is a block of rows of
 * one result, for some panels. */
int32_t tl_matmul_f32(const tl_conv_params *p, void *const *t, tl_range r) {
    const int32_t *table = t[3];
    const int32_t panels = (p->outputs + PANEL - 1) / PANEL, parts = (panels + p->panels - 1) / p->panels;
    const int32_t blocks = (p->pixels + BLOCK - 1) / BLOCK;
    tl_pixels at;
    int32_t located = -1;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t n = item % parts * p->panels, first = item / parts % blocks * BLOCK,
                      result = item / parts / blocks;
        const int32_t count = TL_MIN(BLOCK, p->pixels - first);
        if (located != first) locate(&at, p, first, count);
        located = first;
        const float *x = (const float *)t[0] + (size_t)table[2 * result] * p->pixels * p->depth;
        const float *w = (const float *)t[1] + (size_t)table[2 * result + 1] * panels * p->depth * PANEL;
        float *y = (float *)t[4] + (size_t)result * p->pixels * p->outputs;
        block(p, &at, count, x, w, t[2], t[0], y, n, TL_MIN(n + p->panels, panels));
    }
    return TL_OK;
}

/* Filters to panels while the program runs: t[0] as the steps say, t[1] [count][panels][taps][depth][lanes]. A work
 * item is a panel. */
int32_t tl_pack_f32(const tl_pack_params *p, void *const *t, tl_range r) {
    const int32_t panels = (p->outputs + p->lanes - 1) / p->lanes;
    const size_t length = (size_t)p->taps * p->depth * p->lanes;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t first = item % panels * p->lanes, count = TL_MIN(p->lanes, p->outputs - first);
        const float *x =
            (const float *)t[0] + (size_t)(item / panels) * p->matrix_step + (size_t)first * p->output_step;
        float *y = (float *)t[1] + item * length;
        for (int32_t tap = 0; tap < p->taps; ++tap) {
            for (int32_t k = 0; k < p->depth; ++k, y += p->lanes) {
                const float *from = x + (size_t)tap * p->tap_step + (size_t)k * p->depth_step;
                for (int32_t n = 0; n < count; ++n) y[n] = from[(size_t)n * p->output_step];
                for (int32_t n = count; n < p->lanes; ++n) y[n] = 0;
            }
        }
    }
    return TL_OK;
}
