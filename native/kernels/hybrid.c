/* Hybrid operators: float activations that are quantized on the fly, to meet integer weights.
 *
 * First each row (of a matrix, or a whole image) becomes int16 steps from its zero point, then sums of their products
 * with the weights are exact integers, and last these become real numbers again. */
#include "tl_params.h"
#include "tl_quantize_row.h"

/* t[0] images [height][width] float32, t[1] their steps, int16, laid out with zeros around and between the elements,
 * t[2] scales, float32. An element is `channels` numbers. A work item is one image. */
int32_t tl_quantize_rows_f32(const tl_quantize_rows_params *p, void *const *t, tl_range r) {
    const int32_t line = p->width * p->channels;
    const int32_t count = p->height * line;
    const int32_t is_dense = p->row_step == line && p->column_step == p->channels;
    for (int32_t i = r.begin; i < r.end; ++i) {
        const float *x = (const float *)t[0] + (size_t)i * count;
        int16_t *y = (int16_t *)t[1] + (size_t)i * p->image;
        tl_grid g;
        ((float *)t[2])[i] = p->symmetric ? tl_symmetric_grid(x, count, &g) : tl_asymmetric_grid(x, count, &g);
        if (p->image > count) tl_fill(y, 0, (size_t)p->image * sizeof *y);
        y += p->start;
        if (is_dense) {
            tl_take_steps(x, y, count, &g);
            continue;
        }
        for (int32_t h = 0; h < p->height; ++h, x += line) {
            int16_t *row = y + (size_t)h * p->row_step;
            if (p->column_step == p->channels)
                tl_take_steps(x, row, line, &g);
            else
                for (int32_t w = 0; w < p->width; ++w)
                    tl_take_steps(x + w * p->channels, row + (size_t)w * p->column_step, p->channels, &g);
        }
    }
    return TL_OK;
}

/* A tile is TILE neighbouring outputs (rows of a matrix, pixels) by two panels. */
#define TILE 4
#define PANELS 2
#define COLUMNS (PANELS * TL_LANES)

/* What a tile works on. */
typedef struct {
    const int16_t *x[TILE];
    float scale[TILE];
    float *y[TILE];
    const int8_t *w;
    const float *scales, *bias;
    int32_t columns;
} tile;

/* Real numbers to where they belong: plus bias, within the activation's range. */
TL_INLINE void finish(const tl_hybrid_product_params *p, const tile *s, int r, int c, tl_f32x8 y) {
    if (s->bias) y += tl_load_f32(s->bias + c * TL_LANES);
    y = tl_clamp_f32(y, p->low, p->high);
    const int32_t columns = s->columns - c * TL_LANES;
    if (columns >= TL_LANES)
        tl_store_f32(s->y[r] + c * TL_LANES, y);
    else if (columns > 0)
        tl_copy(s->y[r] + c * TL_LANES, &y, (size_t)columns * sizeof(float));
}

/* The sums of one run of neighbouring inputs. */
TL_INLINE void add_run(const tl_hybrid_product_params *p, const tile *s, int rows, int32_t run, tl_s32x8 *sums) {
    const size_t at = (size_t)(run / p->run_columns) * p->run_row_step + (size_t)(run % p->run_columns) * p->run_step;
    const int16_t *x[TILE];
    for (int r = 0; r < rows; ++r) x[r] = s->x[r] + at;
    const size_t panel = TL_PANEL(p->length);
    tl_dot_s16(sums, x, rows, s->w + (size_t)run * panel, (size_t)p->runs * panel, p->length);
}

/* One scale for each output, over all of its inputs. */
TL_INLINE void whole(const tl_hybrid_product_params *p, const tile *s, int rows) {
    tl_s32x8 sums[TILE * PANELS] = {{0}};
    for (int32_t run = 0; run < p->runs; ++run) add_run(p, s, rows, run, sums);
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < PANELS; ++c) {
            const tl_f32x8 scales = tl_load_f32(s->scales + c * TL_LANES);
            const tl_f32x8 total = __builtin_convertvector(sums[r * PANELS + c], tl_f32x8);
            finish(p, s, r, c, p->scales_first ? total * scales * s->scale[r] : total * (scales * s->scale[r]));
        }
}

/* One scale for each output and run. */
TL_INLINE void blockwise(const tl_hybrid_product_params *p, const tile *s, int rows) {
    tl_f32x8 totals[TILE * PANELS] = {{0}};
    for (int32_t run = 0; run < p->runs; ++run) {
        tl_s32x8 sums[TILE * PANELS] = {{0}};
        add_run(p, s, rows, run, sums);
        const float *scales = s->scales + (size_t)run * p->scale_step;
        for (int i = 0; i < rows * PANELS; ++i)
            totals[i] += __builtin_convertvector(sums[i], tl_f32x8) * tl_load_f32(scales + i % PANELS * TL_LANES);
    }
    for (int r = 0; r < rows; ++r)
        for (int c = 0; c < PANELS; ++c) finish(p, s, r, c, totals[r * PANELS + c] * s->scale[r]);
}

#define BY_ROWS(function)                                                                         \
    static void function##_tile(const tl_hybrid_product_params *p, const tile *s, int32_t rows) { \
        switch (rows) {                                                                           \
        case 1:                                                                                   \
            function(p, s, 1);                                                                    \
            break;                                                                                \
        case 2:                                                                                   \
            function(p, s, 2);                                                                    \
            break;                                                                                \
        case 3:                                                                                   \
            function(p, s, 3);                                                                    \
            break;                                                                                \
        default:                                                                                  \
            function(p, s, TILE);                                                                 \
        }                                                                                         \
    }
BY_ROWS(whole)
BY_ROWS(blockwise)

/* Where the rows of a tile lie: `first` counts outputs of one image after another. */
static void locate(const tl_hybrid_product_params *p, tile *s, const int16_t *x, const float *scale, float *y,
                   int32_t first, int32_t rows) {
    const int32_t pixels = p->height * p->width;
    int32_t image = first / pixels, h = first % pixels / p->width, w = first % p->width;
    for (int32_t r = 0; r < rows; ++r) {
        s->x[r] = x + (size_t)image * p->image + (size_t)h * p->row_step + (size_t)w * p->column_step;
        s->scale[r] = scale[image];
        s->y[r] = y + (size_t)(first + r) * (size_t)(p->groups * p->outputs);
        if (++w < p->width) continue;
        w = 0;
        if (++h < p->height) continue;
        h = 0;
        ++image;
    }
}

/* t[0] steps and t[1] scales as quantize_rows leaves them, t[2] panels of weights, t[3] a scale for each output, t[4]
 * bias or NULL, t[5] the result, float32. Scales and bias are padded to whole tiles. A work item is a tile. */
int32_t tl_hybrid_product_f32(const tl_hybrid_product_params *p, void *const *t, tl_range r) {
    const int32_t tiles = (p->rows + TILE - 1) / TILE;
    const int32_t blocks = (p->outputs + COLUMNS - 1) / COLUMNS, all_blocks = blocks * p->groups;
    const size_t block_bytes = (size_t)p->runs * TL_PANEL(p->length) * PANELS;
    for (int32_t i = r.begin; i < r.end; ++i) {
        const int32_t at_row = p->columns_inner ? i / all_blocks : i % tiles;
        const int32_t at_column = p->columns_inner ? i % all_blocks : i / tiles;
        const int32_t group = at_column / blocks, block = at_column % blocks;
        const int32_t first = at_row * TILE, rows = TL_MIN(TILE, p->rows - first);
        tile s;
        locate(p, &s, (const int16_t *)t[0] + p->start + (size_t)group * p->length, t[1],
               (float *)t[5] + (size_t)group * p->outputs + (size_t)block * COLUMNS, p->first + first, rows);
        s.w = (const int8_t *)t[2] + (size_t)at_column * block_bytes;
        s.scales = (const float *)t[3] + (size_t)at_column * COLUMNS;
        s.bias = t[4] ? (const float *)t[4] + (size_t)at_column * COLUMNS : NULL;
        s.columns = p->outputs - block * COLUMNS;
        (p->scale_step ? blockwise_tile : whole_tile)(p, &s, rows);
    }
    return TL_OK;
}

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
