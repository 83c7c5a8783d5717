/* Tiles: the pixels of a row by one or two panels of filters, float32; what convolutions, fully connected layers,
 * products of matrices and Winograd's method are made of.
 *
 * A tile's sums stay in registers. Where the windows of all its pixels lie inside the input, a row of the filter is one
 * run of values; elsewhere every cell is a run, and cells beside the input read zeros. Rows of the filter above and
 * below the input are left out. */
#include "tl_conv.h"

/* Vectors of a tile, its pixels, and the pixels of a tile one vector wide: as many sums as the registers hold beside a
 * row of filters. */
#define SIZES_4(X, ...) X(1, __VA_ARGS__) X(2, __VA_ARGS__) X(3, __VA_ARGS__) X(4, __VA_ARGS__)
#define SIZES_6(X, ...) SIZES_4(X, __VA_ARGS__) X(5, __VA_ARGS__) X(6, __VA_ARGS__)
#define SIZES_9(X, ...) SIZES_6(X, __VA_ARGS__) X(7, __VA_ARGS__) X(8, __VA_ARGS__) X(9, __VA_ARGS__)
#define SIZES_12(X, ...) SIZES_9(X, __VA_ARGS__) X(10, __VA_ARGS__) X(11, __VA_ARGS__) X(12, __VA_ARGS__)
#define SIZES_14(X, ...) SIZES_12(X, __VA_ARGS__) X(13, __VA_ARGS__) X(14, __VA_ARGS__)
enum { VECTORS = 2 };
#if TL_WIDTH == TL_PANEL
enum { WIDE = 14, NARROW = 14 };
#define WIDE_SIZES SIZES_14
#define NARROW_SIZES SIZES_14
#elif defined(__x86_64__) || defined(__aarch64__)
enum { WIDE = 6, NARROW = 12 };
#define WIDE_SIZES SIZES_6
#define NARROW_SIZES SIZES_12
#else
enum { WIDE = 4, NARROW = 4 };
#define WIDE_SIZES SIZES_4
#define NARROW_SIZES SIZES_4
#endif

/* The outputs of a tile: filters and bias of the first, where it goes for pixel 0 of the row, and how many there are.
 * From a vector's filters to the next vector's it is `apart` floats.
 *
 * With every row of filters that a tile reads, it also fetches what lies at `ahead`, `pace` bytes further each time:
 * its part of the next panels. The first tile would wait for that otherwise. */
typedef struct {
    const float *w, *bias;
    float *y;
    int32_t count;
    size_t apart;
    uintptr_t ahead, pace;
} tl_outputs;

/* Where vectors are as wide as panels, each has one of its own; others share one, and the compiler knows it. */
#define APART(outputs) (TL_WIDTH == TL_PANEL ? (outputs)->apart : TL_WIDTH)

/* Sums of a tile of which a row of the filter sees one run of the input. A pointer serves three pixels, which leaves
 * registers for all of them. */
TL_ALWAYS_INLINE void runs(const tl_conv_params *p, const tl_row *row, int32_t ox, const int pixels, const int vectors,
                           const tl_outputs *o, tl_vector (*sums)[VECTORS]) {
    const size_t next = APART(o);
    const uintptr_t pace = o->pace;
    uintptr_t ahead = o->ahead;
    const float *w = o->w;
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
            for (int v = 0; v < vectors; ++v) b[v] = tl_load(w + v * next);
#pragma GCC unroll 16
            for (int m = 0; m < pixels; ++m) {
                const tl_vector factor = tl_splat(a[m / 3][m % 3 * step]);
#pragma GCC unroll 2
                for (int v = 0; v < vectors; ++v) sums[m][v] += factor * b[v];
            }
#pragma GCC unroll 5
            for (int m = 0; m < pixels; m += 3) ++a[m / 3];
#pragma GCC unroll 2
            for (int v = 0; v < (TL_WIDTH == TL_PANEL ? vectors : 1); ++v)
                __builtin_prefetch((const void *)(ahead + v * next * sizeof(float)));
            ahead += pace;
        }
    }
}

/* The same for one pixel, and vectors of one panel. Its few sums would wait for each other, so there are several sets
 * of them. */
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
                            const tl_outputs *o, tl_vector (*sums)[VECTORS]) {
    const size_t next = APART(o);
    const float *w = o->w;
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
                for (int v = 0; v < vectors; ++v) b[v] = tl_load(w + v * next);
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

/* `pixels` pixels from column ox of a row, by `vectors` vectors of outputs, of which the last may be cut. beside:
 * whether cells lie beside the input or apart from each other. These three are constants where it is called. */
TL_ALWAYS_INLINE void tile(const tl_conv_params *p, const tl_row *row, int32_t ox, const tl_outputs *o,
                           const int pixels, const int vectors, const int beside) {
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
    if (beside) {
        cells(p, row, ox, pixels, vectors, o, sums);
    } else if (pixels == 1) {
        const int together = TL_WIDTH == TL_PANEL ? 1 : vectors; /* one stream of filters is faster than two */
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v += together) run_alone(p, row, ox, together, o->w + v * APART(o), sums[0] + v);
    } else {
        runs(p, row, ox, pixels, vectors, o, sums);
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
#define TILE(pixels, name, vectors, beside)                                                                    \
    static void name##_##pixels(const tl_conv_params *p, const tl_row *row, int32_t ox, const tl_outputs *o) { \
        tile(p, row, ox, o, pixels, vectors, beside);                                                          \
    }
#define NAME(pixels, name, ...) name##_##pixels,
#define TILES(name, sizes, ...) \
    sizes(TILE, name, __VA_ARGS__) static tl_tile *const name[] = {NULL, sizes(NAME, name, __VA_ARGS__)};
TILES(wide, WIDE_SIZES, VECTORS, 0)
TILES(wide_beside, WIDE_SIZES, VECTORS, 1)
TILES(narrow, NARROW_SIZES, 1, 0)
TILES(narrow_beside, NARROW_SIZES, 1, 1)

/* The pixels [ox, end) of a row in tiles of nearly the same size. */
static void tiles(const tl_conv_params *p, const tl_row *row, int32_t ox, int32_t end, tl_outputs *o) {
    const int32_t is_wide = o->count > TL_WIDTH, most = is_wide ? WIDE : NARROW;
    tl_tile *const *inside = is_wide ? wide : narrow, *const *beside = is_wide ? wide_beside : narrow_beside;
    const int32_t count = (end - ox + most - 1) / most, pixels = (end - ox) / count, more = (end - ox) % count;
    const size_t length = (size_t)row->rows * p->filter_width * p->depth;
    o->ahead = (uintptr_t)(o->w + (TL_WIDTH == TL_PANEL ? tl_parts(o->count, TL_PANEL) * o->apart : length * TL_PANEL));
    o->pace = (TL_PANEL * sizeof(float) + count - 1) / count;
    for (int32_t i = 0; i < count; ++i, o->ahead += length * o->pace) {
        const int32_t size = pixels + (i < more);
        (tl_is_inside(p, ox, size) ? inside : beside)[size](p, row, ox, o);
        ox += size;
    }
}

void tl_panels(const tl_conv_params *p, const tl_row *row, int32_t ox, int32_t end, const float *w, const float *bias,
               int32_t output, int32_t count) {
    const size_t line = (size_t)p->filter_width * p->depth * TL_PANEL;
    w += row->first * line;
    for (int32_t lane = 0; lane < count; lane += VECTORS * TL_WIDTH) {
        const int32_t first = output + lane;
        tl_outputs o = {.w = w + lane,
                        .bias = bias ? bias + first : bias,
                        .y = row->y + first,
                        .count = count - lane,
                        .apart = p->filter_height * line};
        tiles(p, row, ox, end, &o);
    }
}
