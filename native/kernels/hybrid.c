/* Hybrid operators: float activations that are quantized on the fly, to meet integer weights.
 *
 * First each row (of a matrix, or a whole image) becomes steps, int16 from its zero point or bytes, then sums of their
 * products with the weights are exact integers, and last these become real numbers again. */
#include "tl_params.h"
#include "tl_quantize_row.h"
#include "tl_steps.h"

#if defined(__AVX512VNNI__)
#include "tl_quads.h"
#endif

/* The steps of images, laid out with steps of 0 around and between the elements: t[0] images [height][width] float32,
 * t[1] steps, t[2] scales, float32. An element is `channels` numbers. A work item is one image.
 *
 * _f32 makes int16 from the zero point; _quads bytes from -128 on plus TL_FLIP, four to a step of tl_steps.h, with what
 * the steps of 0 are in t[3], int32. */
#define QUANTIZE_ROWS(suffix, type, zero_of, keep)                                                                   \
    static void take_##suffix(const float *x, type *y, int32_t count, const tl_grid *grid, int32_t zero) {           \
        const tl_grid g = *grid; /* which no store can change */                                                     \
        for (int32_t i = 0; i < count; ++i) y[i] = (type)(tl_steps_of(x[i], &g) + zero);                             \
    }                                                                                                                \
    int32_t tl_quantize_rows_##suffix(const tl_quantize_rows_params *p, void *const *t, tl_range r) {                \
        const int32_t line = p->width * p->channels, count = p->height * line;                                       \
        const int32_t is_dense = p->row_step == line && p->column_step == p->channels;                               \
        for (int32_t i = r.begin; i < r.end; ++i) {                                                                  \
            const float *x = (const float *)t[0] + (size_t)i * count;                                                \
            type *y = (type *)t[1] + (size_t)i * p->image;                                                           \
            tl_grid g;                                                                                               \
            ((float *)t[2])[i] = p->symmetric ? tl_symmetric_grid(x, count, &g) : tl_asymmetric_grid(x, count, &g);  \
            const int32_t zero = zero_of;                                                                            \
            if (keep) ((int32_t *)t[3])[i] = zero;                                                                   \
            if (p->image > count) tl_fill(y, (char)zero, (size_t)p->image * sizeof *y);                              \
            y += p->start;                                                                                           \
            if (is_dense) {                                                                                          \
                take_##suffix(x, y, count, &g, zero);                                                                \
                continue;                                                                                            \
            }                                                                                                        \
            for (int32_t h = 0; h < p->height; ++h, x += line) {                                                     \
                type *row = y + (size_t)h * p->row_step;                                                             \
                if (p->column_step == p->channels)                                                                   \
                    take_##suffix(x, row, line, &g, zero);                                                           \
                else                                                                                                 \
                    for (int32_t w = 0; w < p->width; ++w)                                                           \
                        take_##suffix(x + w * p->channels, row + (size_t)w * p->column_step, p->channels, &g, zero); \
            }                                                                                                        \
        }                                                                                                            \
        return TL_OK;                                                                                                \
    }
QUANTIZE_ROWS(f32, int16_t, 0, 0)
QUANTIZE_ROWS(quads, uint8_t, g.zero_point + TL_FLIP, 1)

/* A work item is BLOCK neighbouring outputs (rows of a matrix, pixels) by one panel, or by some where machines take
 * several together. */
#define BLOCK 24
#define PANEL TL_PANEL_OUTPUTS
#define VECTORS TL_PANEL_VECTORS

typedef tl_hybrid_product_params params;

/* What an item works on: of each row where its window lies, its scale, what its steps of 0 are, and its result. */
typedef struct {
    const char *x[BLOCK], *w;
    float scale[BLOCK];
    int32_t zero[BLOCK];
    float *y[BLOCK];
    const float *scales, *bias;
    const int32_t *totals; /* of the filters, for each run that has scales; NULL where the steps of 0 are 0 */
    int32_t columns;
} block;

/* Real numbers to where they belong: plus bias, within the activation's range. */
TL_INLINE void finish(const params *p, const block *s, int i, int v, tl_vector y) {
    if (s->bias) y += tl_load(s->bias + v * TL_WIDTH);
    const int32_t columns = s->columns - v * TL_WIDTH;
    if (columns > 0) tl_store_up_to(s->y[i] + v * TL_WIDTH, tl_clip(y, tl_splat(p->low), tl_splat(p->high)), columns);
}

/* The sums of one run of neighbouring inputs. */
TL_INLINE void add_run(const params *p, const block *s, int i, const int rows, const int kind, int32_t run,
                       tl_row_sums *sums) {
    const size_t at = (size_t)(run / p->run_columns) * p->run_row_step + (size_t)(run % p->run_columns) * p->run_step;
    const int32_t steps = (p->length + TL_STEP(kind) - 1) / TL_STEP(kind);
    const char *w = s->w + (size_t)run * (size_t)(steps * PANEL * TL_STEP_BYTES(kind)), *x[TL_ROWS];
#pragma GCC unroll 16
    for (int m = 0; m < rows; ++m) x[m] = s->x[i + m] + at * (4 / TL_STEP(kind));
    if (rows > 1) {
        tl_add_steps(sums, x, w, steps, rows, VECTORS, kind);
    } else {
        tl_row_sums parts[TL_PARTS] = {{{0}}};
        tl_add_steps_of_one(parts, x[0], w, steps, VECTORS, kind);
        tl_add_parts(sums[0], parts, VECTORS);
    }
}

/* Sums of products with what steps are from their zero point. */
TL_INLINE tl_vector centred(const block *s, int i, int v, const int kind, int32_t run, tl_lanes sums) {
    if (kind == TL_QUADS_W8) {
        tl_lanes totals;
        tl_copy(&totals, s->totals + run * PANEL + v * TL_WIDTH, sizeof totals);
        sums -= totals * s->zero[i];
    }
    return __builtin_convertvector(sums, tl_vector);
}

/* One scale for each output, over all of its inputs. */
TL_INLINE void whole(const params *p, const block *s, int i, const int rows, const int kind) {
    tl_row_sums sums[TL_ROWS];
#pragma GCC unroll 16
    for (int m = 0; m < rows; ++m) tl_fill(sums[m], 0, sizeof sums[m]);
    for (int32_t run = 0; run < p->runs; ++run) add_run(p, s, i, rows, kind, run, sums);
#pragma GCC unroll 16
    for (int m = 0; m < rows; ++m) {
        const float scale = s->scale[i + m];
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) {
            const tl_vector scales = tl_load(s->scales + v * TL_WIDTH),
                            total = centred(s, i + m, v, kind, 0, sums[m][v]);
            finish(p, s, i + m, v, p->scales_first ? total * scales * scale : total * (scales * scale));
        }
    }
}

/* One scale for each output and run. */
TL_INLINE void blockwise(const params *p, const block *s, int i, const int rows, const int kind) {
    tl_vector totals[TL_ROWS][VECTORS] = {{{0}}};
    for (int32_t run = 0; run < p->runs; ++run) {
        tl_row_sums sums[TL_ROWS] = {{{0}}};
        add_run(p, s, i, rows, kind, run, sums);
        const float *scales = s->scales + (size_t)run * p->scale_step;
        for (int m = 0; m < rows; ++m)
            for (int v = 0; v < VECTORS; ++v)
                totals[m][v] += centred(s, i + m, v, kind, run, sums[m][v]) * tl_load(scales + v * TL_WIDTH);
    }
    for (int m = 0; m < rows; ++m)
        for (int v = 0; v < VECTORS; ++v) finish(p, s, i + m, v, totals[m][v] * s->scale[i + m]);
}

#if defined(__AVX512VNNI__)
/* The same by several panels. */
typedef struct {
    const params *p;
    const block *s;
    size_t panel_bytes;
} wide_block;

TL_INLINE void quads_tile(const wide_block *k, int32_t i, const int rows, const int panels) {
    const params *p = k->p;
    const block *s = k->s;
    const int32_t steps = (p->length + 3) / 4;
    const char *w = s->w;
    tl_quad_sums sums;
#pragma GCC unroll 12
    for (int m = 0; m < rows; ++m) {
#pragma GCC unroll 4
        for (int v = 0; v < panels; ++v) sums[m][v] = (tl_lanes){0};
    }
    for (int32_t run = 0; run < p->runs; ++run, w += steps * PANEL * 4) {
        const size_t at =
            (size_t)(run / p->run_columns) * p->run_row_step + (size_t)(run % p->run_columns) * p->run_step;
        tl_quad_rows x;
#pragma GCC unroll 12
        for (int m = 0; m < rows; ++m) x.x[m] = s->x[i + m] + at;
        if (rows == 1)
            tl_add_quads_of_one(sums, x.x[0], w, k->panel_bytes, steps, panels);
        else
            tl_add_quads(sums, &x, 0, w, k->panel_bytes, steps, rows, panels);
    }
    const tl_vector low = tl_splat(p->low), high = tl_splat(p->high);
    const int32_t columns = s->columns, scales_first = p->scales_first;
#pragma GCC unroll 4
    for (int v = 0; v < panels; ++v) {
        const tl_vector scales = tl_load(s->scales + v * PANEL),
                        bias = s->bias ? tl_load(s->bias + v * PANEL) : tl_splat(0);
        tl_lanes totals;
        tl_copy(&totals, s->totals + v * PANEL, sizeof totals);
#pragma GCC unroll 12
        for (int m = 0; m < rows; ++m) {
            const float scale = s->scale[i + m];
            const tl_vector total = __builtin_convertvector(sums[m][v] - totals * s->zero[i + m], tl_vector);
            tl_vector y = scales_first ? total * scales * scale : total * (scales * scale);
            if (s->bias) y += bias;
            tl_store_up_to(s->y[i + m] + v * PANEL, tl_clip(y, low, high), columns - v * PANEL);
        }
    }
}
TL_QUAD_TILES(wide_quads, quads_tile, const wide_block *)
#endif

/* All rows of an item. */
#define ROWS_OF(name, tile, kind)                                                              \
    static void name(const params *p, const block *s, int32_t count) {                         \
        int32_t i = 0;                                                                         \
        for (; i + TL_ROWS <= count; i += TL_ROWS) tile(p, s, i, TL_ROWS, kind);               \
        for (; i + 4 <= count && TL_ROWS > 4; i += 4) tile(p, s, i, TL_MIN(4, TL_ROWS), kind); \
        for (; i + 2 <= count && TL_ROWS > 2; i += 2) tile(p, s, i, 2, kind);                  \
        for (; i < count; ++i) tile(p, s, i, 1, kind);                                         \
    }
ROWS_OF(whole_pairs, whole, TL_PAIRS_W8)
ROWS_OF(whole_quads, whole, TL_QUADS_W8)
ROWS_OF(blockwise_pairs, blockwise, TL_PAIRS_W8)
ROWS_OF(blockwise_quads, blockwise, TL_QUADS_W8)

/* Where the rows of an item lie: `first` counts outputs of one image after another. */
static void locate(const params *p, block *s, const char *x, int32_t bytes, const float *scale, const int32_t *zero,
                   float *y, int32_t first, int32_t rows) {
    const int32_t pixels = p->height * p->width;
    int32_t image = first / pixels, h = first % pixels / p->width, w = first % p->width;
    for (int32_t r = 0; r < rows; ++r) {
        s->x[r] =
            x + bytes * ((size_t)image * p->image + (size_t)h * p->row_step + (size_t)w * p->column_step + p->start);
        s->scale[r] = scale[image];
        s->zero[r] = zero ? zero[image] : 0;
        s->y[r] = y + (size_t)(first + r) * (size_t)(p->groups * p->outputs);
        if (++w < p->width) continue;
        w = 0;
        if (++h < p->height) continue;
        h = 0;
        ++image;
    }
}

TL_INLINE int32_t product(const params *p, void *const *t, tl_range r, const int kind) {
    const int32_t down = (p->rows + BLOCK - 1) / BLOCK, panels = (p->outputs + PANEL - 1) / PANEL;
    const int32_t parts = (panels + p->together - 1) / p->together;
    const int32_t across = parts * p->groups, steps = (p->length + TL_STEP(kind) - 1) / TL_STEP(kind);
    const size_t panel_bytes = (size_t)p->runs * (size_t)(steps * PANEL * TL_STEP_BYTES(kind));
    const int32_t bytes = 4 / TL_STEP(kind), runs = p->scale_step ? p->runs : 1;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t at_row = p->columns_inner ? item / across : item % down;
        const int32_t at_column = p->columns_inner ? item % across : item / down;
        const int32_t group = at_column / parts, panel = at_column % parts * p->together;
        const size_t at_panel = (size_t)(group * panels + panel);
        const int32_t first = at_row * BLOCK, rows = TL_MIN(BLOCK, p->rows - first);
        block s;
        locate(p, &s, (const char *)t[0] + (size_t)(group * p->length * bytes), bytes, t[1], t[5],
               (float *)t[7] + (size_t)group * p->outputs + (size_t)panel * PANEL, p->first + first, rows);
        s.w = (const char *)t[2] + at_panel * panel_bytes;
        s.scales = (const float *)t[3] + at_panel * PANEL;
        s.bias = t[4] ? (const float *)t[4] + at_panel * PANEL : NULL;
        s.totals = t[6] ? (const int32_t *)t[6] + at_panel * (size_t)runs * PANEL : NULL;
        s.columns = p->outputs - panel * PANEL;
#if defined(__AVX512VNNI__)
        if (p->together > 1) {
            for (int32_t left = TL_MIN(p->together, panels - panel), taken; left; left -= taken) {
                const wide_block k = {p, &s, panel_bytes};
                taken = tl_quad_panels(left);
                wide_quads(&k, rows, taken);
                s.w += (size_t)taken * panel_bytes, s.scales += taken * PANEL, s.totals += taken * PANEL;
                s.columns -= taken * PANEL;
                if (s.bias) s.bias += taken * PANEL;
                for (int32_t m = 0; m < rows; ++m) s.y[m] += taken * PANEL;
            }
            continue;
        }
#endif
        if (kind == TL_QUADS_W8)
            (p->scale_step ? blockwise_quads : whole_quads)(p, &s, rows);
        else
            (p->scale_step ? blockwise_pairs : whole_pairs)(p, &s, rows);
    }
    return TL_OK;
}

/* t[0] steps and t[1] scales as quantize_rows leaves them, t[2] panels of weights of all groups, see tl_steps.h, t[3] a
 * scale for each output, t[4] bias or NULL, all padded to whole panels, t[5] and t[6] nothing, t[7] the result,
 * float32. */
int32_t tl_hybrid_product_f32(const params *p, void *const *t, tl_range r) { return product(p, t, r, TL_PAIRS_W8); }

/* The same of steps as quantize_rows_quads leaves them, t[5] what those of 0 are, t[6] totals of the weights: int32
 * [panels][runs that have scales][PANEL]. */
int32_t tl_hybrid_product_quads(const params *p, void *const *t, tl_range r) { return product(p, t, r, TL_QUADS_W8); }

/* t[0] steps and t[1] scales as quantize_rows leaves them, t[2] weights [taps][channels], int8, t[3] a scale for each
 * channel, t[4] bias or NULL, t[5] the result, float32. Each channel goes through its own filter. A work item is a row
 * of an image. */
int32_t tl_hybrid_depthwise_f32(const tl_hybrid_depthwise_params *p, void *const *t, tl_range r) {
    const int32_t channels = p->channels;
    const int8_t *const weights = t[2];
    const float *const scales = t[3], *const bias = t[4];
    for (int32_t i = r.begin; i < r.end; ++i) {
        const int32_t image = i / p->height, h = i % p->height;
        const float scale = ((const float *)t[1])[image];
        const int16_t *line = (const int16_t *)t[0] + p->start + (size_t)image * p->image + (size_t)h * p->row_step;
        float *y = (float *)t[5] + (size_t)i * p->width * channels;
        for (int32_t w = 0; w < p->width; ++w, line += p->column_step)
            for (int32_t first = 0; first < channels; first += 32) {
                const int32_t count = TL_MIN(32, channels - first);
                int32_t sums[32] = {0};
                for (int32_t tap = 0; tap < p->taps; ++tap) {
                    const int16_t *x = line + (size_t)(tap / p->tap_columns) * p->tap_row_step +
                                       (size_t)(tap % p->tap_columns) * p->tap_step;
                    const int8_t *v = weights + (size_t)tap * channels + first;
                    if (p->multiplier == 1)
                        for (int32_t c = 0; c < count; ++c) sums[c] += x[first + c] * v[c];
                    else
                        for (int32_t c = 0; c < count; ++c) sums[c] += x[(first + c) / p->multiplier] * v[c];
                }
                for (int32_t c = 0; c < count; ++c) {
                    float real = (float)sums[c] * scales[first + c] * scale;
                    if (bias) real += bias[first + c];
                    real = real < p->low ? p->low : real;
                    y[c] = real > p->high ? p->high : real;
                }
                y += count;
            }
    }
    return TL_OK;
}
