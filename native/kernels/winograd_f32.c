/* Convolutions of 3x3 with stride 1 by Winograd's minimal filtering, float32: F(4x4, 3x3), which takes 36 products
 * where the sums need 144, or F(2x2, 3x3), 16 where they need 36 (Lavin and Gray, "Fast Algorithms for Convolutional
 * Neural Networks", 2016).
 *
 * t[0] input [n, h, w, c], t[1] transformed filters in panels [size * size][panels][c][16], where size = tile + 2,
 * t[2] bias or nothing, t[3] output, t[4] scratch of each worker: size * size * block * (c + outputs) floats. A work
 * item is a block of output tiles, few enough for its transforms to stay in the cache. */
#include "tl_conv.h"

enum { MOST = 6 };

/* The transform of a window's column or row, in place: B^T d. */
TL_ALWAYS_INLINE void to_products(tl_vector *d, const int tile) {
    if (tile == 2) {
        const tl_vector d1 = d[1];
        d[0] -= d[2];
        d[1] += d[2];
        d[2] -= d1;
        d[3] = d1 - d[3];
    } else {
        const tl_vector even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1], difference = d[4] - d[2];
        const tl_vector twice = 2 * (d[3] - d[1]), last = 4 * d[1] - 5 * d[3] + d[5];
        d[0] = 4 * d[0] - 5 * d[2] + d[4];
        d[1] = even + odd;
        d[2] = even - odd;
        d[3] = difference + twice;
        d[4] = difference - twice;
        d[5] = last;
    }
}

/* The way back, to the `tile` outputs that come first: A^T m. */
TL_ALWAYS_INLINE void to_outputs(tl_vector *m, const int tile) {
    if (tile == 2) {
        m[0] += m[1] + m[2];
        m[1] -= m[2] + m[3];
    } else {
        const tl_vector sum = m[1] + m[2], difference = m[1] - m[2], sum2 = m[3] + m[4], difference2 = m[3] - m[4];
        m[0] += sum + sum2;
        m[1] = difference + 2 * difference2;
        m[2] = sum + 4 * sum2;
        m[3] = difference + 8 * difference2 + m[5];
    }
}

/* A tile's window of the input to its place among the products' operands, [size * size][block][c] from v on. */
TL_ALWAYS_INLINE void transform_window(const tl_winograd_params *p, const float *x, int32_t top, int32_t left, float *v,
                                       const int tile) {
    const int size = tile + 2;
    const ptrdiff_t c = p->channels, line = p->input_width * c, next = (ptrdiff_t)p->block * c;
    const int inside = top >= 0 && left >= 0 && top + size <= p->input_height && left + size <= p->input_width;
    for (ptrdiff_t k = 0; k < c; k += TL_WIDTH) {
        const ptrdiff_t at = TL_MIN(k, c - TL_WIDTH); /* the last step may take some channels once more */
        const float *from = x + top * line + left * c + at;
        tl_vector d[MOST][MOST];
        for (int i = 0; i < size; ++i) {
            tl_vector row[MOST];
#pragma GCC unroll 6
            for (int j = 0; j < size; ++j) {
                const int exists = inside || ((uint32_t)(top + i) < (uint32_t)p->input_height &&
                                              (uint32_t)(left + j) < (uint32_t)p->input_width);
                row[j] = exists ? tl_load(from + i * line + j * c) : (tl_vector){0};
            }
            to_products(row, tile);
#pragma GCC unroll 6
            for (int j = 0; j < size; ++j) d[j][i] = row[j];
        }
        for (int j = 0; j < size; ++j) {
            to_products(d[j], tile);
#pragma GCC unroll 6
            for (int i = 0; i < size; ++i) tl_store(v + (i * size + j) * next + at, d[j][i]);
        }
    }
}

/* A tile's products [size * size][block][outputs], from m on, to its outputs, of which some may lie outside of y. */
TL_ALWAYS_INLINE void finish_tile(const tl_winograd_params *p, const float *m, const float *bias, float *y, int32_t top,
                                  int32_t left, const int tile) {
    const int size = tile + 2;
    const ptrdiff_t n = p->outputs, line = p->output_width * n, next = (ptrdiff_t)p->block * n;
    const int32_t rows = TL_MIN(tile, p->output_height - top), columns = TL_MIN(tile, p->output_width - left);
    const tl_vector low = tl_splat(p->low), high = tl_splat(p->high);
    for (ptrdiff_t k = 0; k < n; k += TL_WIDTH) {
        const ptrdiff_t at = TL_MIN(k, n - TL_WIDTH);
        const tl_vector start = bias ? tl_load(bias + at) : (tl_vector){0};
        float *to = y + top * line + left * n + at;
        tl_vector d[MOST][MOST];
        for (int j = 0; j < size; ++j) {
            tl_vector column[MOST];
#pragma GCC unroll 6
            for (int i = 0; i < size; ++i) column[i] = tl_load(m + (i * size + j) * next + at);
            to_outputs(column, tile);
#pragma GCC unroll 4
            for (int i = 0; i < tile; ++i) d[i][j] = column[i];
        }
        for (int i = 0; i < rows; ++i) {
            to_outputs(d[i], tile);
            for (int j = 0; j < columns; ++j) tl_store(to + i * line + j * n, tl_clip(d[i][j] + start, low, high));
        }
    }
}

/* The tiles [first, first + count). */
TL_ALWAYS_INLINE void block_of(const tl_winograd_params *p, void *const *t, int32_t first, int32_t count, float *v,
                               const int tile) {
    const int size = tile + 2;
    const int32_t across = tl_parts(p->output_width, tile), down = tl_parts(p->output_height, tile);
    const size_t c = (size_t)p->channels, n = (size_t)p->outputs, panels = (size_t)tl_parts(p->outputs, TL_PANEL);
    const size_t input = c * p->input_height * p->input_width, output = n * p->output_height * p->output_width;
    float *m = v + size * size * p->block * c;
    for (int32_t i = 0; i < count; ++i) {
        const int32_t number = first + i, left = number % across * tile, top = number / across % down * tile;
        const float *x = (const float *)t[0] + number / across / down * input;
        transform_window(p, x, top - p->before_height, left - p->before_width, v + i * c, tile);
    }
    const tl_conv_params product = tl_product(p->block, p->channels, p->outputs);
    for (int32_t e = 0; e < size * size; ++e) {
        const tl_row row = {.x = v + e * p->block * c, .y = m + e * p->block * n, .rows = 1};
        const float *w = (const float *)t[1] + e * panels * c * TL_PANEL;
        for (int32_t k = 0; k < p->outputs; k += TL_PANELS * TL_PANEL)
            tl_panels(&product, &row, 0, count, w + k * c, NULL, k, TL_MIN(TL_PANELS * TL_PANEL, p->outputs - k));
    }
    for (int32_t i = 0; i < count; ++i) {
        const int32_t number = first + i, left = number % across * tile, top = number / across % down * tile;
        finish_tile(p, m + i * n, t[2], (float *)t[3] + number / across / down * output, top, left, tile);
    }
}

int32_t tl_winograd_f32(const tl_winograd_params *p, void *const *t, tl_range r) {
    const int32_t size = p->tile + 2;
    float *scratch = (float *)t[4] + (size_t)r.worker * size * size * p->block * (p->channels + p->outputs);
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t first = item * p->block, count = TL_MIN(p->block, p->tiles - first);
        if (p->tile == 2) {
            block_of(p, t, first, count, scratch, 2);
        } else {
            block_of(p, t, first, count, scratch, 4);
        }
    }
    return TL_OK;
}
