/* Sums of products in float32: convolutions (a fully connected layer is one of 1x1), grouped or not, and products of
 * matrices.
 *
 * tl_conv_f32: t[0] input [n, h, w, c], t[1] filters in panels [groups][panels][taps][depth][16], t[2] bias or nothing,
 * t[3] zeros [depth], t[4] output. A work item is a block of output pixels, up to `rows` by `segment`, for `panels`
 * panels of one group.
 *
 * A tile of pixels from one row by a panel is summed in registers. Where the windows of all its pixels lie inside the
 * input, a row of the filter is one run of values; elsewhere every cell is a run, and cells beside the input read
 * zeros. Rows of the filter above and below the input are left out. */
#include "tl_conv.h"

/* Vectors of a tile, its pixels, and the pixels of a tile one vector wide: as many sums as the registers hold beside a
 * row of filters. */
#define SIZES_4(X, ...) X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__)
#define SIZES_6(X, ...) SIZES_4(X, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__)
#define SIZES_9(X, ...) SIZES_6(X, __VA_ARGS__) X(7, __VA_ARGS__) X(8, __VA_ARGS__) X(9, __VA_ARGS__)
#define SIZES_12(X, ...) SIZES_9(X, __VA_ARGS__) X(10, __VA_ARGS__) X(11, __VA_ARGS__) X(12, __VA_ARGS__)
#define SIZES_14(X, ...) SIZES_12(X, __VA_ARGS__) X(13, __VA_ARGS__) X(14, __VA_ARGS__)
#if TL_WIDTH == 16
enum { VECTORS = 1, WIDE = 14, NARROW = 14 };
#define WIDE_SIZES SIZES_14
#define NARROW_SIZES SIZES_14
#elif defined(__x86_64__) || defined(__aarch64__)
enum { VECTORS = 2, WIDE = 6, NARROW = 12 };
#define WIDE_SIZES SIZES_6
#define NARROW_SIZES SIZES_12
#else
enum { VECTORS = 2, WIDE = 4, NARROW = 4 };
#define WIDE_SIZES SIZES_4
#define NARROW_SIZES SIZES_4
#endif

/* Sums of a tile of which a row of the filter sees one run of the input. A pointer serves three pixels, which leaves
 * registers for all of them. */
TL_ALWAYS_INLINE void runs(const tl_conv_params *p, const tl_row *row, int32_t ox, const int pixels, const int vectors,
                           const float *w, uintptr_t ahead, uintptr_t pace, tl_vector (*sums)[VECTORS]) {
    const ptrdiff_t step = (ptrdiff_t)p->stride_width * p->channels;
    const int32_t length = p->filter_width * p->depth;
    const float *line = row->x + (ox * step - (ptrdiff_t)p->before_width * p->channels);
    for (int32_t ky = 0; ky < row->rows; ++ky, line += row->line) {
        const float *a[(NARROW + 2) / 3];
#pragma GCC unroll 5
        for (int m = 0; m < pixels; m += 3) a[m / 3] = line + m * step;
        for (const float *end = w + (size_t)length * TL_PANEL; w != end; w += TL_PANEL) {
            tl_vector b[VECTORS];
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) b[v] = tl_load(w + v * TL_WIDTH);
#pragma GCC unroll 16
            for (int m = 0; m < pixels; ++m) {
                const tl_vector factor = tl_splat(a[m / 3][m % 3 * step]);
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) sums[m][v] += factor * b[v];
            }
#pragma GCC unroll 5
            for (int m = 0; m < pixels; m += 3) ++a[m / 3];
            __builtin_prefetch((const void *)ahead);
            ahead += pace;
        }
    }
}

/* The same for one pixel. Its few sums would wait for each other, so there are several sets of them. */
TL_ALWAYS_INLINE void run_alone(const tl_conv_params *p, const tl_row *row, int32_t ox, const int vectors,
                                const float *w, tl_vector *sums) {
    enum { SETS = 4 };
    const int32_t length = p->filter_width * p->depth;
    const float *a = row->x + ((ptrdiff_t)ox * p->stride_width - p->before_width) * p->channels;
    tl_vector partial[SETS][VECTORS] = {{{0}}};
    for (int32_t ky = 0; ky < row->rows; ++ky, a += row->line) {
        int32_t k = 0;
        for (; k + SETS <= length; k += SETS, w += SETS * TL_PANEL) {
#pragma GCC unroll 4
            for (int s = 0; s < SETS; ++s) {
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) partial[s][v] += a[k + s] * tl_load(w + s * TL_PANEL + v * TL_WIDTH);
            }
        }
        for (; k < length; ++k, w += TL_PANEL) {
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) partial[0][v] += a[k] * tl_load(w + v * TL_WIDTH);
        }
    }
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) sums[v] += (partial[0][v] + partial[1][v]) + (partial[2][v] + partial[3][v]);
}

/* Sums of a tile cell by cell; cells beside the input are zeros. */
TL_ALWAYS_INLINE void cells(const tl_conv_params *p, const tl_row *row, int32_t ox, const int pixels, const int vectors,
                            const float *w, tl_vector (*sums)[VECTORS]) {
    const int32_t stride = p->stride_width, left = ox * stride - p->before_width;
    const float *line = row->x;
    for (int32_t ky = 0; ky < row->rows; ++ky, line += row->line) {
        for (int32_t kx = 0; kx < p->filter_width; ++kx) {
            const float *a[NARROW];
#pragma GCC unroll 16
            for (int m = 0; m < pixels; ++m) {
                const int32_t column = left + kx * p->dilation_width + m * stride;
                a[m] =
                    (uint32_t)column < (uint32_t)p->input_width ? line + (ptrdiff_t)column * p->channels : row->zeros;
            }
            for (int32_t k = 0; k < p->depth; ++k, w += TL_PANEL) {
                tl_vector b[VECTORS];
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) b[v] = tl_load(w + v * TL_WIDTH);
#pragma GCC unroll 16
                for (int m = 0; m < pixels; ++m) {
                    const tl_vector factor = tl_splat(a[m][k]);
#pragma GCC unroll 2
                    for (int v = 0; v < vectors; ++v) sums[m][v] += factor * b[v];
                }
            }
        }
    }
}

/* The outputs of a tile: filters and bias of the first, where it goes for pixel 0 of the row, and how many there are.
 *
 * Every row of filters that a tile reads, it also fetches what lies at `ahead`, `pace` bytes further each time: its
 * part of the next panel. The first tile would wait for that otherwise. */
typedef struct {
    const float *w, *bias;
    float *y;
    int32_t count;
    uintptr_t ahead, pace;
} tl_outputs;

/* `pixels` pixels from column ox of a row, by `vectors` vectors of outputs, of which the last may be cut. apart:
 * whether cells lie beside the input or apart from each other. These three are constants where it is called. */
TL_ALWAYS_INLINE void tile(const tl_conv_params *p, const tl_row *row, int32_t ox, const tl_outputs *o,
                           const int pixels, const int vectors, const int apart) {
    tl_vector sums[NARROW][VECTORS], start[VECTORS] = {{0}};
    const int last = vectors - 1;
    const int32_t cut = o->count - last * TL_WIDTH;
    if (o->bias) {
        if (last) start[0] = tl_load(o->bias);
        start[last] = tl_load_up_to(o->bias + last * TL_WIDTH, cut);
    }
#pragma GCC unroll 16
    for (int m = 0; m < pixels; ++m) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) sums[m][v] = start[v];
    }
    if (apart) {
        cells(p, row, ox, pixels, vectors, o->w, sums);
    } else if (pixels == 1) {
        run_alone(p, row, ox, vectors, o->w, sums[0]);
    } else {
        runs(p, row, ox, pixels, vectors, o->w, o->ahead, o->pace, sums);
    }
    const tl_vector low = tl_splat(p->low), high = tl_splat(p->high);
    const ptrdiff_t step = p->pixel_step;
    float *y = o->y + ox * step;
#pragma GCC unroll 16
    for (int m = 0; m < pixels; ++m) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) sums[m][v] = tl_clip(sums[m][v], low, high);
    }
    if (cut >= TL_WIDTH) {
#pragma GCC unroll 16
        for (int m = 0; m < pixels; ++m, y += step) {
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) tl_store(y + v * TL_WIDTH, sums[m][v]);
        }
    } else {
#pragma GCC unroll 16
        for (int m = 0; m < pixels; ++m, y += step) {
            if (last) tl_store(y, sums[m][0]);
            tl_store_part(y + last * TL_WIDTH, sums[m][last], cut);
        }
    }
}

/* A function for each size of a tile: the registers of one must not be another's concern. */
typedef void tl_tile(const tl_conv_params *p, const tl_row *row, int32_t ox, const tl_outputs *o);
#define TILE(pixels, name, vectors, apart)                                                                     \
    static void name##_##pixels(const tl_conv_params *p, const tl_row *row, int32_t ox, const tl_outputs *o) { \
        tile(p, row, ox, o, pixels, vectors, apart);                                                           \
    }
#define NAME(pixels, name, ...) name##_##pixels,
#define TILES(name, sizes, ...) \
    sizes(TILE, name, __VA_ARGS__) static tl_tile *const name[] = {NULL, sizes(NAME, name, __VA_ARGS__)};
TILES(wide, WIDE_SIZES, VECTORS, 0)
TILES(wide_apart, WIDE_SIZES, VECTORS, 1)
TILES(narrow, NARROW_SIZES, 1, 0)
TILES(narrow_apart, NARROW_SIZES, 1, 1)

/* The pixels [ox, end) of a row in tiles of nearly the same size. */
static void tiles(const tl_conv_params *p, const tl_row *row, int32_t ox, int32_t end, tl_outputs *o) {
    const int32_t is_wide = o->count > TL_WIDTH, most = is_wide ? WIDE : NARROW;
    tl_tile *const *inside = is_wide ? wide : narrow, *const *apart = is_wide ? wide_apart : narrow_apart;
    const int32_t count = (end - ox + most - 1) / most, pixels = (end - ox) / count, more = (end - ox) % count;
    const size_t length = (size_t)row->rows * p->filter_width * p->depth;
    o->ahead = (uintptr_t)(o->w + length * TL_PANEL);
    o->pace = (TL_PANEL * sizeof(float) + count - 1) / count;
    for (int32_t i = 0; i < count; ++i, o->ahead += length * o->pace) {
        const int32_t size = pixels + (i < more);
        (tl_is_inside(p, ox, size) ? inside : apart)[size](p, row, ox, o);
        ox += size;
    }
}

void tl_panel(const tl_conv_params *p, const tl_row *row, int32_t ox, int32_t end, const float *w, const float *bias,
              int32_t output) {
    w += (size_t)row->first * p->filter_width * p->depth * TL_PANEL;
    for (int32_t lane = 0; lane < TL_PANEL && output + lane < p->outputs; lane += VECTORS * TL_WIDTH) {
        const int32_t first = output + lane;
        tl_outputs o = {w + lane, bias ? bias + first : bias, row->y + first, p->outputs - first, 0, 0};
        tiles(p, row, ox, end, &o);
    }
}

int32_t tl_conv_f32(const tl_conv_params *p, void *const *t, tl_range r) {
    const float *filters = t[1], *bias = t[2];
    const int32_t panels = tl_parts(p->outputs, TL_PANEL), shares = tl_parts(panels, p->panels);
    const int32_t segments = tl_parts(p->output_width, p->segment), bands = tl_parts(p->output_height, p->rows);
    const size_t size = (size_t)p->filter_height * p->filter_width * p->depth * TL_PANEL;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t group = item / shares % p->groups, block = item / shares / p->groups;
        const int32_t ox = block % segments * p->segment, oy = block / segments % bands * p->rows,
                      image = block / segments / bands, from = item % shares * p->panels;
        const float *x = (const float *)t[0] + (size_t)group * p->depth;
        const size_t first = (size_t)group * p->outputs;
        for (int32_t n = from; n < TL_MIN(from + p->panels, panels); ++n) {
            for (int32_t i = oy; i < TL_MIN(oy + p->rows, p->output_height); ++i) {
                const tl_row row = tl_locate(p, x, t[3], (float *)t[4] + first, image, i);
                tl_panel(p, &row, ox, TL_MIN(ox + p->segment, p->output_width),
                         filters + ((size_t)group * panels + n) * size, bias ? bias + first : bias, n * TL_PANEL);
            }
        }
    }
    return TL_OK;
}

/* Products of matrices: t[3] says which matrix of t[0] and of t[1] each result takes. A work item is a segment of one
 * result's rows, for some panels. */
int32_t tl_matmul_f32(const tl_conv_params *p, void *const *t, tl_range r) {
    const int32_t *table = t[3];
    const int32_t panels = tl_parts(p->outputs, TL_PANEL), shares = tl_parts(panels, p->panels),
                  segments = tl_parts(p->output_width, p->segment);
    const size_t size = (size_t)p->depth * TL_PANEL;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t from = item % shares * p->panels, ox = item / shares % segments * p->segment,
                      result = item / shares / segments;
        const float *x = (const float *)t[0] + (size_t)table[2 * result] * p->output_width * p->depth;
        const float *w = (const float *)t[1] + (size_t)table[2 * result + 1] * panels * size;
        float *y = (float *)t[4] + (size_t)result * p->output_width * p->outputs;
        const tl_row row = {.x = x, .zeros = x, .y = y, .rows = 1};
        for (int32_t n = from; n < TL_MIN(from + p->panels, panels); ++n)
            tl_panel(p, &row, ox, TL_MIN(ox + p->segment, p->output_width), w + n * size, t[2], n * TL_PANEL);
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
