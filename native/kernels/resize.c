/* Resizing images [batch, height, width, channels]. A work item is one row of the output.
 *
 * RESIZE_BILINEAR: t[0] input; t[1] the two rows that each row of the output lies between, t[2] their weights; t[3] the
 * first elements of the two pixels that each pixel of an output row lies between, t[4] their weights; t[5] output;
 * t[6] scratch of each worker. Rows are combined first, as a whole, and then the pixels of the line that they make. */
#include "tl_broadcast.h"
#include "tl_fixedpoint.h"

#define FRACTION_BITS 10

/* Sums of two weighted elements, for weights that are either float or integers with FRACTION_BITS. */
#define RESIZE_BILINEAR(suffix, type, weight, product, finish)                                                 \
    int32_t tl_resize_bilinear_##suffix(const tl_resize_params *params, void *const *t, tl_range r) {          \
        const tl_resize_params copy = *params, *const p = &copy;                                               \
        const ptrdiff_t length = (ptrdiff_t)p->input_width * p->channels;                                      \
        const int32_t *rows = t[1], *pixels = t[3];                                                            \
        const weight *row_weights = t[2], *pixel_weights = t[4];                                               \
        weight *line = (weight *)t[6] + r.worker * length;                                                     \
        type *y = (type *)t[5] + (ptrdiff_t)r.begin * p->output_width * p->channels;                           \
        for (int32_t item = r.begin; item < r.end; ++item) {                                                   \
            const int32_t row = item % p->output_height * 2;                                                   \
            const type *x = (const type *)t[0] + item / p->output_height * p->input_height * length;           \
            const type *above = x + rows[row] * length, *below = x + rows[row + 1] * length;                   \
            const weight upper = row_weights[row], lower = row_weights[row + 1];                               \
            TL_INDEPENDENT for (int32_t i = 0; i < length; ++i) line[i] = above[i] * upper + below[i] * lower; \
            for (int32_t j = 0; j < p->output_width; ++j, y += p->channels) {                                  \
                const weight *left = line + pixels[2 * j], *right = line + pixels[2 * j + 1];                  \
                const product before = pixel_weights[2 * j], after = pixel_weights[2 * j + 1];                 \
                TL_INDEPENDENT for (int32_t c = 0; c < p->channels; ++c) y[c] =                                \
                    (type)finish(left[c] * before + right[c] * after);                                         \
            }                                                                                                  \
        }                                                                                                      \
        return TL_OK;                                                                                          \
    }

#define SAME(x) (x)
/* Halves away from zero. */
#define ROUND(x) (((x) + (1 << (2 * FRACTION_BITS - 1)) - ((x) < 0)) >> (2 * FRACTION_BITS))

RESIZE_BILINEAR(f32, float, float, float, SAME)
RESIZE_BILINEAR(s8, int8_t, int32_t, int32_t, ROUND)
RESIZE_BILINEAR(s16, int16_t, int32_t, int64_t, ROUND)

/* In float, term by term, because that decides how halves are rounded; the two weighted rows stay apart. */
int32_t tl_resize_bilinear_u8(const tl_resize_params *params, void *const *t, tl_range r) {
    const tl_resize_params copy = *params, *const p = &copy;
    const ptrdiff_t length = (ptrdiff_t)p->input_width * p->channels;
    const int32_t *rows = t[1], *pixels = t[3];
    const float *row_weights = t[2], *pixel_weights = t[4];
    float *line = (float *)t[6] + 2 * r.worker * length;
    uint8_t *y = (uint8_t *)t[5] + (ptrdiff_t)r.begin * p->output_width * p->channels;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t row = item % p->output_height * 2;
        const uint8_t *x = (const uint8_t *)t[0] + item / p->output_height * p->input_height * length;
        for (int k = 0; k < 2; ++k) {
            const uint8_t *source = x + rows[row + k] * length;
            const float weight = row_weights[row + k];
            TL_INDEPENDENT for (int32_t i = 0; i < length; ++i) line[k * length + i] = source[i] * weight;
        }
        for (int32_t j = 0; j < p->output_width; ++j, y += p->channels) {
            const float *left = line + pixels[2 * j], *right = line + pixels[2 * j + 1];
            const float before = pixel_weights[2 * j], after = pixel_weights[2 * j + 1];
            TL_INDEPENDENT for (int32_t c = 0; c < p->channels; ++c) {
                const float sum =
                    left[c] * before + left[c + length] * before + right[c] * after + right[c + length] * after;
                y[c] = (uint8_t)tl_clamp((int32_t)(sum + 0.5f), 0, 255);
            }
        }
    }
    return TL_OK;
}

/* `count` pixels of so many bytes, from their numbers; small ones without a call for each. */
static void pick_pixels(uint8_t *y, const uint8_t *x, const int32_t *numbers, int32_t count, size_t bytes) {
#define PICK(size)                                                                                              \
    case size:                                                                                                  \
        for (int32_t i = 0; i < count; ++i) tl_copy(y + (size_t)i * size, x + (size_t)numbers[i] * size, size); \
        return
    switch (bytes) {
        PICK(1);
        PICK(2);
        PICK(3);
        PICK(4);
        PICK(6);
        PICK(8);
        PICK(12);
        PICK(16);
    default:
        for (int32_t i = 0; i < count; ++i) tl_copy(y + (size_t)i * bytes, x + (size_t)numbers[i] * bytes, bytes);
    }
#undef PICK
}

/* RESIZE_NEAREST_NEIGHBOR: t[0] input, t[1] the input's row for each of the output, t[2] its pixel for each of a row,
 * t[3] output. `channels` counts bytes. */
int32_t tl_resize_nearest_any(const tl_resize_params *p, void *const *t, tl_range r) {
    const size_t input_row = (size_t)p->input_width * p->channels, row_size = (size_t)p->output_width * p->channels;
    const int32_t *rows = t[1];
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t row = item % p->output_height;
        const size_t above = (size_t)(item / p->output_height) * p->input_height;
        uint8_t *y = (uint8_t *)t[3] + item * row_size;
        if (item > r.begin && row > 0 && rows[row] == rows[row - 1])
            tl_copy(y, y - row_size, row_size);
        else
            pick_pixels(y, (const uint8_t *)t[0] + (above + rows[row]) * input_row, t[2], p->output_width, p->channels);
    }
    return TL_OK;
}
