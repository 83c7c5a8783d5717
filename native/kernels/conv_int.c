/* Integer convolutions and products of matrices: CONV_2D, FULLY_CONNECTED, BATCH_MATMUL, TRANSPOSE_CONV.
 *
 * Products are exact. The input that a block of output pixels sees is first laid out with its padding, as int16 or
 * int8; a pixel's window then is a few runs of neighbouring elements. Filters lie in panels of sixteen outputs,
 * [runs][steps][16][elements of a step], see tl_steps.h; elements that a last step lacks are 0.
 *
 * tl_conv_int: t[0] input, t[1] panels, t[2] what the sums of each panel start from, int32[16] or, where they are wide,
 * double[16], t[3] scales of each panel (see tl_requantize.h), t[4] int32[runs]: where runs begin, in bytes from a
 * pixel's first element on, t[5] int32[images][2] or nothing: the input and the set of panels of each image,
 * t[6] output, t[7] room for each worker. A work item is a block of pixels, some lines by some columns of one image,
 * for some panels. */
#include "tl_params.h"
#include "tl_requantize.h"
#include "tl_steps.h"

#if defined(__AVX512VNNI__)
#include "tl_quads.h"
#endif

typedef tl_conv_int_params params;

#define PANEL TL_PANEL_OUTPUTS
#define VECTORS TL_PANEL_VECTORS
#define ROWS TL_ROWS
#define MAX_PIXELS 96

/* The pixels of a block: where their windows begin in what was laid out, and where they are in the output, in bytes. */
typedef struct {
    int32_t image, line, column, lines, columns;
    int32_t x[MAX_PIXELS];
    ptrdiff_t y[MAX_PIXELS];
    int32_t zero[MAX_PIXELS]; /* what the zero point of filters adds to the sums of uint8 */
} pixels;

/* What all tiles of a block and a panel share. */
typedef struct {
    const params *p;
    const pixels *at;
    const int32_t *runs;
    const char *x, *weights;
    const void *start, *scales;
    char *y;
    int32_t outputs, is_fast; /* whether tl_requantize_bytes will do */
    size_t panel_bytes;
    tl_output output;
} job;

typedef tl_row_sums sums_of[ROWS];

/* sums[m] += runs [first, end) of the m-th pixel from i on times the panel. Counts are constants where it is called. */
TL_INLINE void add_runs(sums_of sums, const job *k, int32_t i, const int rows, const int vectors, const int kind,
                        int32_t first, int32_t end) {
    const int32_t steps = k->p->steps;
    const char *w = k->weights + (size_t)first * (size_t)(steps * PANEL * TL_STEP_BYTES(kind));
    for (int32_t run = first; run < end; ++run) {
        const char *x[ROWS];
#pragma GCC unroll 16
        for (int m = 0; m < rows; ++m) x[m] = k->x + (k->at->x[i + m] + k->runs[run]);
        w = tl_add_steps(sums, x, w, steps, rows, vectors, kind);
    }
}

/* The same for one pixel. */
TL_INLINE void add_runs_of_one(sums_of sums, const job *k, int32_t i, const int vectors, const int kind) {
    tl_row_sums parts[TL_PARTS] = {{{0}}};
    const char *w = k->weights;
    for (int32_t run = 0; run < k->p->runs; ++run)
        w = tl_add_steps_of_one(parts, k->x + (k->at->x[i] + k->runs[run]), w, k->p->steps, vectors, kind);
    tl_add_parts(sums[0], parts, vectors);
}

/* Sums of `rows` pixels from the i-th on. */
typedef struct {
    int32_t i, rows;
    union {
        tl_block narrow[ROWS];
        tl_wide_block wide[ROWS];
    } of;
} results;

/* Sums to the output. These are no part of the tiles, which are many. */
static __attribute__((noinline)) void finish(const job *k, const results *r) {
    for (int m = 0; m < r->rows; ++m)
        tl_requantize(&k->output, k->scales, r->of.narrow + m, k->outputs, k->y + k->at->y[r->i + m]);
}
static __attribute__((noinline)) void finish_wide(const job *k, const results *r) {
    for (int m = 0; m < r->rows; ++m)
        tl_requantize_wide(&k->output, k->scales, r->of.wide + m, k->outputs, k->y + k->at->y[r->i + m]);
}

/* Rows of pixels by a panel, of which only the first `vectors` vectors have outputs. */
TL_INLINE void tile(const job *k, int32_t i, const int rows, const int vectors, const int kind) {
    sums_of sums;
    const tl_lanes *start = k->start;
#pragma GCC unroll 16
    for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) tl_copy(&sums[m][v], start + v, sizeof(tl_lanes));
    }
    if (rows == 1)
        add_runs_of_one(sums, k, i, vectors, kind);
    else
        add_runs(sums, k, i, rows, vectors, kind, 0, k->p->runs);
    if (vectors == VECTORS && k->is_fast) {
        const tl_byte_scales scales = tl_load_byte_scales(&k->output, k->scales);
#pragma GCC unroll 16
        for (int m = 0; m < rows; ++m) {
            tl_s32x8 halves[2];
            tl_copy(halves, sums[m], sizeof halves);
            const tl_s8x16 y = tl_requantize_bytes(&scales, halves[0], halves[1]);
            tl_copy(k->y + k->at->y[i + m], &y, sizeof y);
        }
        return;
    }
    results r; /* An initializer would clear all of it. */
    r.i = i, r.rows = rows;
#pragma GCC unroll 16
    for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; ++v) tl_copy((tl_lanes *)(r.of.narrow + m) + v, &sums[m][v], sizeof(tl_lanes));
    }
    finish(k, &r);
}

/* The same for sums beyond 32 bits: every `flush` runs they are added up in double. */
TL_INLINE void wide_tile(const job *k, int32_t i, const int rows, const int kind) {
    results r; /* An initializer would clear all of it. */
    r.i = i, r.rows = rows;
    for (int m = 0; m < rows; ++m) tl_copy(r.of.wide + m, k->start, sizeof r.of.wide[m]);
    for (int32_t run = 0; run < k->p->runs; run += k->p->flush) {
        sums_of sums = {{{0}}};
        add_runs(sums, k, i, rows, VECTORS, kind, run, TL_MIN(run + k->p->flush, k->p->runs));
        tl_block parts[ROWS];
        tl_copy(parts, sums, sizeof parts[0] * (size_t)rows);
        for (int m = 0; m < rows; ++m) {
            const tl_wide_block part = tl_widen(parts + m);
#pragma GCC unroll 4
            for (int q = 0; q < 4; ++q) r.of.wide[m].quarter[q] += part.quarter[q];
        }
    }
    finish_wide(k, &r);
}

/* All pixels of a block. */
#define TILES(name, tile, ...)                                                               \
    static void name(const job *k, int32_t count) {                                          \
        int32_t i = 0;                                                                       \
        for (; i + ROWS <= count; i += ROWS) tile(k, i, ROWS, __VA_ARGS__);                  \
        for (; i + 4 <= count && ROWS > 4; i += 4) tile(k, i, TL_MIN(4, ROWS), __VA_ARGS__); \
        for (; i + 2 <= count && ROWS > 2; i += 2) tile(k, i, 2, __VA_ARGS__);               \
        for (; i < count; ++i) tile(k, i, 1, __VA_ARGS__);                                   \
    }
TILES(tiles_w8, tile, VECTORS, TL_PAIRS_W8)
TILES(tiles_w16, tile, VECTORS, TL_PAIRS_W16)
TILES(wide_tiles_w8, wide_tile, TL_PAIRS_W8)
TILES(wide_tiles_w16, wide_tile, TL_PAIRS_W16)
#if VECTORS > 1
TILES(half_tiles_w8, tile, VECTORS / 2, TL_PAIRS_W8)
TILES(half_tiles_w16, tile, VECTORS / 2, TL_PAIRS_W16)
#else
#define half_tiles_w8 tiles_w8
#define half_tiles_w16 tiles_w16
#endif

#if defined(__AVX512VNNI__)
/* Pixels of a line by some panels. */
typedef struct {
    const params *p;
    const int32_t *runs, *start, *zero;
    const char *x, *weights;
    char *y;
    ptrdiff_t x_step, y_step;
    size_t panel_bytes;
    const void *scales;
    tl_output output;
    tl_quad_output fast;
} line_job;

TL_INLINE void quads_tile(const line_job *k, int32_t i, const int rows, const int panels) {
    const int32_t steps = k->p->steps, *run = k->runs, *const end = run + k->p->runs;
    tl_quad_sums sums;
    tl_start_quads(sums, k->start, rows, panels);
    if (k->p->filter_zero_point) {
#pragma GCC unroll 12
        for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 4
            for (int v = 0; v < panels; ++v) sums[m][v] += k->zero[i + m];
        }
    }
    const char *w = k->weights, *x = k->x + i * k->x_step;
    for (; run < end; ++run, w += steps * PANEL * 4) {
        if (rows == 1) {
            tl_add_quads_of_one(sums, x + *run, w, k->panel_bytes, steps, panels);
        } else {
            const tl_quad_rows at = tl_even_rows(x + *run, k->x_step, rows);
            tl_add_quads(sums, &at, 1, w, k->panel_bytes, steps, rows, panels);
        }
    }
    char *y[TL_QUAD_ROWS];
#pragma GCC unroll 12
    for (int m = 0; m < rows; ++m) y[m] = k->y + (i + m) * k->y_step;
    tl_finish_quads(&k->output, &k->fast, k->scales, sums, y, rows, panels);
}
TL_QUAD_TILES(tiles_quads, quads_tile, const line_job *)
#define single_quads tiles_w8 /* which no one calls */
#else
static void single_quads(const job *k, int32_t count) { /* Without VNNI they are for single rows. */
    for (int32_t i = 0; i < count; ++i) tile(k, i, 1, VECTORS, TL_QUADS_W8);
}
#endif

/* All pixels of a block by a panel of pairs. */
TL_INLINE void tiles(const job *k, int32_t count, const int kind) {
    const int half = k->outputs <= PANEL / 2;
    if (kind == TL_QUADS_W8)
        single_quads(k, count);
    else if (kind == TL_PAIRS_W8)
        (k->p->flush ? wide_tiles_w8 : half ? half_tiles_w8 : tiles_w8)(k, count);
    else
        (k->p->flush ? wide_tiles_w16 : half ? half_tiles_w16 : tiles_w16)(k, count);
}

static void locate(const params *p, int32_t block, int32_t x_bytes, pixels *at) {
    const int32_t across = (p->width + p->columns - 1) / p->columns, down = (p->height + p->lines - 1) / p->lines;
    at->image = block / (across * down);
    at->line = block / across % down * p->lines;
    at->column = block % across * p->columns;
    at->lines = TL_MIN(p->lines, p->height - at->line);
    at->columns = TL_MIN(p->columns, p->width - at->column);
    const int32_t x_line = ((p->columns - 1) * p->stride_width + p->reach_width) * p->channels;
    const ptrdiff_t y_bytes = tl_output_bytes(p->output_type);
    int32_t i = 0;
    for (int32_t line = 0; line < at->lines; ++line)
        for (int32_t column = 0; column < at->columns; ++column, ++i) {
            at->x[i] = x_bytes * (line * p->stride_height * x_line + column * p->stride_width * p->channels);
            at->y[i] =
                y_bytes * (at->image * (ptrdiff_t)p->output_image + (at->line + line) * (ptrdiff_t)p->output_line +
                           (at->column + column) * (ptrdiff_t)p->output_pixel + p->output_offset);
        }
}

/* load_*: what the block sees of its image x, as another type, with zero points around it. */
#define COPY(suffix, type, laid, flip)                                 \
    static void copy_##suffix(const type *x, size_t count, laid *a) {  \
        for (size_t i = 0; i < count; ++i) a[i] = (laid)(x[i] + flip); \
    }
#define LOAD(suffix, type, laid, flip)                                                                              \
    static void fill_##suffix(const params *p, size_t count, laid *a) {                                             \
        for (size_t i = 0; i < count; ++i) a[i] = (laid)(p->zero_point + flip);                                     \
    }                                                                                                               \
    static void load_transposed_##suffix(const params *p, const type *x, const pixels *at, laid *a) {               \
        const size_t channels = (size_t)p->channels;                                                                \
        for (size_t i = 0; i < (size_t)at->columns; ++i)                                                            \
            for (size_t c = 0; c < channels; ++c)                                                                   \
                a[i * channels + c] = (laid)(x[c * (size_t)p->input_width + (size_t)at->column + i] + flip);        \
    }                                                                                                               \
    static void load_##suffix(const params *p, const type *x, const pixels *at, laid *a) {                          \
        if (p->transposed) {                                                                                        \
            load_transposed_##suffix(p, x, at, a);                                                                  \
            return;                                                                                                 \
        }                                                                                                           \
        const size_t channels = (size_t)p->channels;                                                                \
        const int32_t room = (p->columns - 1) * p->stride_width + p->reach_width;                                   \
        const int32_t columns = (at->columns - 1) * p->stride_width + p->reach_width;                               \
        const int32_t lines = (at->lines - 1) * p->stride_height + p->reach_height;                                 \
        const int32_t top = at->line * p->stride_height - p->before_height;                                         \
        const int32_t left = at->column * p->stride_width - p->before_width;                                        \
        const int32_t before = tl_clamp(-left, 0, columns), end = tl_clamp(p->input_width - left, before, columns); \
        for (int32_t line = top; line < top + lines; ++line, a += (size_t)room * channels) {                        \
            if (line < 0 || line >= p->input_height || before == end) {                                             \
                fill_##suffix(p, (size_t)columns * channels, a);                                                    \
                continue;                                                                                           \
            }                                                                                                       \
            const type *from = x + ((size_t)line * (size_t)p->input_width + (size_t)(left + before)) * channels;    \
            fill_##suffix(p, (size_t)before * channels, a);                                                         \
            copy_##suffix(from, (size_t)(end - before) * channels, a + (size_t)before * channels);                  \
            fill_##suffix(p, (size_t)(columns - end) * channels, a + (size_t)end * channels);                       \
        }                                                                                                           \
    }
COPY(s8, int8_t, int16_t, 0)
COPY(u8, uint8_t, int16_t, 0)
COPY(s16, int16_t, int16_t, 0)
#if defined(__AVX512VNNI__)
static void copy_s8_quads(const int8_t *x, size_t count, int8_t *a) { tl_copy_bytes(x, count, TL_FLIP, a); }
static void copy_u8_quads(const uint8_t *x, size_t count, uint8_t *a) { tl_copy_bytes(x, count, 0, a); }
#else
COPY(s8_quads, int8_t, int8_t, TL_FLIP)
COPY(u8_quads, uint8_t, uint8_t, 0)
#endif
LOAD(s8, int8_t, int16_t, 0)
LOAD(u8, uint8_t, int16_t, 0)
LOAD(s16, int16_t, int16_t, 0)
LOAD(s8_quads, int8_t, int8_t, TL_FLIP)
LOAD(u8_quads, uint8_t, uint8_t, 0)

#if defined(__AVX512VNNI__)
/* What a filter's zero point adds to each pixel's sums, which are of differences from TL_FLIP. */
static void add_zero_points(const job *k, pixels *at, int32_t count) {
    for (int32_t i = 0; i < count; ++i) {
        int32_t sum = 0;
        for (int32_t run = 0; run < k->p->runs; ++run)
            sum += tl_sum_bytes((const uint8_t *)k->x + (at->x[i] + k->runs[run]), k->p->length);
        at->zero[i] = -k->p->filter_zero_point * sum;
    }
}

/* All pixels of a block by as many panels as there are together from the job's one on. */
static void quads(const job *k, const pixels *at, int32_t together) {
    const params *p = k->p;
    line_job line; /* An initializer would clear all of it. */
    line.p = p, line.runs = k->runs, line.start = k->start, line.zero = at->zero;
    line.weights = k->weights, line.panel_bytes = k->panel_bytes;
    line.x_step = p->stride_width * p->channels;
    line.y_step = p->output_pixel * tl_output_bytes(p->output_type);
    line.scales = k->scales;
    line.output = k->output;
    tl_prepare_output(&k->output, k->scales, together, k->outputs, &line.fast);
    for (int32_t i = 0; i < at->lines; ++i, line.zero += at->columns) {
        line.x = k->x + at->x[i * at->columns];
        line.y = k->y + at->y[i * at->columns];
        tiles_quads(&line, at->columns, together);
    }
}
#endif

/* Some panels for the block whose input lies in x. */
TL_INLINE void panels(const params *p, void *const *t, const char *x, pixels *at, int32_t part, const int kind) {
    const size_t y_bytes = (size_t)tl_output_bytes(p->output_type);
    const size_t start_bytes = PANEL * (p->flush ? sizeof(double) : sizeof(int32_t));
    const int32_t set = t[5] ? ((const int32_t *)t[5])[2 * at->image + 1] * p->panels : 0;
    const int32_t end = TL_MIN(p->panels, (part + 1) * p->part_panels), count = at->lines * at->columns;
    job k = {.p = p, .at = at, .runs = t[4], .output = TL_OUTPUT(p)};
    k.panel_bytes = (size_t)p->runs * (size_t)(p->steps * PANEL * TL_STEP_BYTES(kind));
    for (int32_t i = part * p->part_panels, together = 1; i < end; i += together) {
        const int32_t group = i / p->group_panels, first = i % p->group_panels;
        k.x = x + (size_t)(group * p->depth * (4 / TL_STEP(kind)));
        k.weights = (const char *)t[1] + (size_t)(set + i) * k.panel_bytes;
        k.start = (const char *)t[2] + (size_t)(set + i) * start_bytes;
        k.scales = (const char *)t[3] + (size_t)i * (size_t)tl_scales_bytes(p->rounding);
        k.y = (char *)t[6] + (size_t)(group * p->outputs + first * PANEL) * y_bytes;
#if defined(__AVX512VNNI__)
        if (kind == TL_QUADS_W8) {
            if (p->filter_zero_point && (!first || i == part * p->part_panels)) add_zero_points(&k, at, count);
            together = tl_quad_panels(TL_MIN(end - i, p->group_panels - first));
            k.outputs = TL_MIN(PANEL * together, p->outputs - first * PANEL);
            quads(&k, at, together);
            continue;
        }
#endif
        k.outputs = TL_MIN(PANEL, p->outputs - first * PANEL);
        k.is_fast = k.outputs == PANEL && tl_makes_bytes(&k.output);
        tiles(&k, count, kind);
    }
}

#define CONV(suffix, type, load, laid, kind)                                                                  \
    int32_t tl_conv_int_##suffix(const params *p, void *const *t, tl_range r) {                               \
        char *x = (char *)t[7] + (size_t)r.worker * (size_t)p->room;                                          \
        const int32_t parts = (p->panels + p->part_panels - 1) / p->part_panels;                              \
        int32_t loaded = -1;                                                                                  \
        pixels at;                                                                                            \
        for (int32_t item = r.begin; item < r.end; ++item) {                                                  \
            if (item / parts != loaded) {                                                                     \
                loaded = item / parts;                                                                        \
                locate(p, loaded, sizeof(laid), &at);                                                         \
                const int32_t image = t[5] ? ((const int32_t *)t[5])[2 * at.image] : at.image;                \
                load(p, (const type *)t[0] + (size_t)image * (size_t)p->input_image, &at, (laid *)(void *)x); \
            }                                                                                                 \
            panels(p, t, x, &at, item % parts, kind);                                                         \
        }                                                                                                     \
        return TL_OK;                                                                                         \
    }
CONV(s8w8, int8_t, load_s8, int16_t, TL_PAIRS_W8)
CONV(s8w16, int8_t, load_s8, int16_t, TL_PAIRS_W16)
CONV(u8w16, uint8_t, load_u8, int16_t, TL_PAIRS_W16)
CONV(s16w8, int16_t, load_s16, int16_t, TL_PAIRS_W8)
CONV(s16w16, int16_t, load_s16, int16_t, TL_PAIRS_W16)
CONV(s8w8_quads, int8_t, load_s8_quads, int8_t, TL_QUADS_W8)
CONV(u8w8_quads, uint8_t, load_u8_quads, uint8_t, TL_QUADS_W8)

/* Panels of filters that only the run knows: t[0] filters, laid out as the steps say, t[1] int32 or int64 bias of all
 * outputs or nothing, t[2] panels of int16, t[3] where their sums start. A work item is a panel. */
#define PACK(suffix, type)                                                                                     \
    int32_t tl_pack_int_##suffix(const tl_pack_int_params *p, void *const *t, tl_range r) {                    \
        const int32_t panels = (p->outputs + PANEL - 1) / PANEL;                                               \
        const size_t length = (size_t)p->runs * (size_t)(p->steps * PANEL * 2);                                \
        for (int32_t item = r.begin; item < r.end; ++item) {                                                   \
            const int32_t first = item % panels * PANEL, count = TL_MIN(PANEL, p->outputs - first);            \
            const type *x = (const type *)t[0] + (size_t)(item / panels) * (size_t)p->matrix_step +            \
                            (size_t)first * (size_t)p->output_step;                                            \
            int16_t *w = (int16_t *)t[2] + (size_t)item * length;                                              \
            int64_t total[PANEL] = {0};                                                                        \
            tl_fill(w, 0, length * sizeof *w);                                                                 \
            for (int32_t run = 0; run < p->runs; ++run, w += p->steps * PANEL * 2)                             \
                for (int32_t k = 0; k < TL_MIN(p->length, p->depth - run * p->length); ++k)                    \
                    for (int32_t n = 0; n < count; ++n) {                                                      \
                        const type *from = x + (size_t)n * (size_t)p->output_step +                            \
                                           (size_t)(run * p->length + k) * (size_t)p->depth_step;              \
                        w[(k / 2 * PANEL + n) * 2 + k % 2] = (int16_t)(*from - p->zero_point);                 \
                        total[n] += *from - p->zero_point;                                                     \
                    }                                                                                          \
            for (int32_t n = 0; n < PANEL; ++n) {                                                              \
                const int32_t output = item / panels * p->outputs + first + n;                                 \
                int64_t start = -p->input_zero_point * total[n];                                               \
                if (n < count && t[1])                                                                         \
                    start += p->wide_bias ? ((const int64_t *)t[1])[output] : ((const int32_t *)t[1])[output]; \
                if (p->wide)                                                                                   \
                    ((double *)t[3])[(size_t)item * PANEL + (size_t)n] = (double)start;                        \
                else                                                                                           \
                    ((int32_t *)t[3])[(size_t)item * PANEL + (size_t)n] = (int32_t)start;                      \
            }                                                                                                  \
        }                                                                                                      \
        return TL_OK;                                                                                          \
    }
PACK(s8, int8_t)
PACK(u8, uint8_t)
PACK(s16, int16_t)
