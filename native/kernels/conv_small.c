/* CONV_2D and FULLY_CONNECTED of int8 for small machines: two pixels by two outputs at a time, little code, little
 * room.
 *
 * t[0] input [n, h, w, c]; t[1] filters, int8 [outputs / 2][words][2][4], a word being four inputs of a window, with
 * zeros for what is not whole; t[2] what sums start from, int32 [outputs], bias and zero point in one; t[3] mantissas,
 * int32 [outputs] or, where p->is_shared, [1]; t[4] shifts to the right, int8, as many; t[5] output [n, oh, ow,
 * outputs]; t[6] scratch, int16 [words][2 pairs][2 pixels][2], unless there is but one pixel that is a window. The work
 * items are the outputs' pixels. */
#include "tl_pairs.h"
#include "tl_params.h"

typedef tl_conv_small_params params;

#define MOST_BYTES 256 /* of a window that is no whole words: as in small.py */

/* Words to every second pair of the pixel's row of the scratch. */
static uint32_t *spread(const int8_t *from, int32_t words, uint32_t *to) {
    for (; words; --words, from += 4, to += 4) {
        const uint32_t word = tl_load_word(from);
        to[0] = tl_even_bytes(word);
        to[2] = tl_odd_bytes(word);
    }
    return to;
}

static uint32_t *spread_padding(uint32_t pair, int32_t words, uint32_t *to) {
    for (; words; --words, to += 4) to[0] = to[2] = pair;
    return to;
}

/* A line of a window: cells [left, left + width) of a line of the input, or padding. */
typedef struct {
    const int8_t *line;
    int32_t before, inside, after;
} cells;

static cells find(const params *p, const int8_t *image, int32_t row, int32_t left) {
    const int32_t width = p->filter_width;
    if (row < 0 || row >= p->input_height) return (cells){image, width, 0, 0};
    const int32_t before = left < 0 ? TL_MIN(-left, width) : 0;
    const int32_t inside = TL_MAX(TL_MIN(p->input_width - left, width) - before, 0);
    return (cells){image + (row * p->input_width + left + before) * p->channels, before, inside,
                   width - before - inside};
}

/* What the filters see from a pixel, to its row of the scratch. */
static void gather(const params *p, const int8_t *x, int32_t pixel, uint32_t *to) {
    if (p->is_direct) {
        spread(x + (size_t)pixel * (size_t)(p->words * 4), p->words, to);
        return;
    }
    const int32_t column = pixel % p->output_width, line = pixel / p->output_width;
    const int32_t left = column * p->stride_width - p->before_width;
    const int32_t top = line % p->output_height * p->stride_height - p->before_height;
    const int8_t *image =
        x + (size_t)(line / p->output_height) * (size_t)(p->input_height * p->input_width * p->channels);
    int8_t window[MOST_BYTES], *end = window;
    const uint32_t pair = (uint32_t)(uint16_t)p->zero_point * 0x10001u;
    for (int32_t row = top; row < top + p->filter_height; ++row) {
        const cells c = find(p, image, row, left);
        const int32_t channels = p->channels, words = channels / 4;
        if (p->is_whole) {
            to = spread_padding(pair, c.before * words, to);
            to = spread(c.line, c.inside * words, to);
            to = spread_padding(pair, c.after * words, to);
            continue;
        }
        tl_fill(end, p->zero_point, (size_t)(p->filter_width * channels));
        tl_copy(end + c.before * channels, c.line, (size_t)(c.inside * channels));
        end += p->filter_width * channels;
    }
    if (!p->is_whole) {
        tl_fill(end, 0, 3); /* what the last word lacks */
        spread(window, p->words, to);
    }
}

/* sums[pixel][output] += the products of all words. */
static void add_products(const uint32_t *x, const int8_t *w, const int8_t *end, int32_t sums[2][2]) {
    int32_t s00 = sums[0][0], s01 = sums[0][1], s10 = sums[1][0], s11 = sums[1][1];
    for (; w != end; w += 8, x += 4) {
        const uint32_t w0 = tl_load_word(w), w1 = tl_load_word(w + 4);
        const uint32_t a0 = tl_even_bytes(w0), a1 = tl_even_bytes(w1);
        const uint32_t x0 = x[0], x1 = x[1];
        s00 = tl_add_pair(s00, x0, a0);
        s01 = tl_add_pair(s01, x0, a1);
        s10 = tl_add_pair(s10, x1, a0);
        s11 = tl_add_pair(s11, x1, a1);
        const uint32_t b0 = tl_odd_bytes(w0), b1 = tl_odd_bytes(w1);
        const uint32_t y0 = x[2], y1 = x[3];
        s00 = tl_add_pair(s00, y0, b0);
        s01 = tl_add_pair(s01, y0, b1);
        s10 = tl_add_pair(s10, y1, b0);
        s11 = tl_add_pair(s11, y1, b1);
    }
    sums[0][0] = s00, sums[0][1] = s01, sums[1][0] = s10, sums[1][1] = s11;
}

/* The same for the first pixel alone. */
static void add_products_of_one(const uint32_t *x, const int8_t *w, const int8_t *end, int32_t *sums) {
    int32_t s0 = sums[0], s1 = sums[1];
    for (; w != end; w += 8, x += 4) {
        const uint32_t w0 = tl_load_word(w), w1 = tl_load_word(w + 4), x0 = x[0], y0 = x[2];
        s0 = tl_add_pair(s0, x0, tl_even_bytes(w0));
        s1 = tl_add_pair(s1, x0, tl_even_bytes(w1));
        s0 = tl_add_pair(s0, y0, tl_odd_bytes(w0));
        s1 = tl_add_pair(s1, y0, tl_odd_bytes(w1));
    }
    sums[0] = s0, sums[1] = s1;
}

/* The same for a pixel of the input as it lies there. */
static void add_products_of_bytes(const int8_t *x, const int8_t *w, const int8_t *end, int32_t *sums) {
    int32_t s0 = sums[0], s1 = sums[1];
    for (; w != end; w += 8, x += 4) {
        const uint32_t w0 = tl_load_word(w), w1 = tl_load_word(w + 4), word = tl_load_word(x);
        const uint32_t x0 = tl_even_bytes(word), y0 = tl_odd_bytes(word);
        s0 = tl_add_pair(s0, x0, tl_even_bytes(w0));
        s1 = tl_add_pair(s1, x0, tl_even_bytes(w1));
        s0 = tl_add_pair(s0, y0, tl_odd_bytes(w0));
        s1 = tl_add_pair(s1, y0, tl_odd_bytes(w1));
    }
    sums[0] = s0, sums[1] = s1;
}

/* One output of some pixels, `outputs` apart. */
TL_PAIRS void finish(const params *p, void *const *t, int32_t output, int32_t pixels, int32_t sums[2][2], int32_t which,
                     int8_t *y) {
    const tl_range_of_bytes range = {p->output_zero_point, p->low, p->high};
    const int32_t at = p->is_shared ? 0 : output;
    const int32_t mantissa = ((const int32_t *)t[3])[at], right = ((const int8_t *)t[4])[at], up = tl_up(right);
    for (int32_t m = 0; m < pixels; ++m) {
        const int32_t sum = sums[m][which];
        y[m * p->outputs] = tl_store_byte(&range, p->once ? tl_round_once(sum, mantissa, right)
                                                          : tl_round_twice(sum, mantissa, right, up));
    }
}

int32_t tl_conv_small_s8(const params *p, void *const *t, tl_range r) {
    const int is_alone = p->is_direct && r.end - r.begin == 1;
    const int32_t *start = t[2];
    const int32_t row_bytes = p->words * 8;
    for (int32_t pixel = r.begin; pixel < r.end; pixel += 2) {
        const int32_t pixels = TL_MIN(2, r.end - pixel);
        if (!is_alone) {
            gather(p, t[0], pixel, (uint32_t *)t[6]);
            if (pixels > 1) gather(p, t[0], pixel + 1, (uint32_t *)t[6] + 1);
        }
        const int8_t *w = t[1];
        int8_t *y = (int8_t *)t[5] + (size_t)pixel * (size_t)p->outputs;
        for (int32_t output = 0; output < p->outputs; output += 2, w += row_bytes) {
            const int32_t first = start[output], second = output + 1 < p->outputs ? start[output + 1] : 0;
            int32_t sums[2][2] = {{first, second}, {first, second}};
            if (pixels > 1)
                add_products(t[6], w, w + row_bytes, sums);
            else if (is_alone)
                add_products_of_bytes((const int8_t *)t[0] + (size_t)pixel * (size_t)(p->words * 4), w, w + row_bytes,
                                      sums[0]);
            else
                add_products_of_one(t[6], w, w + row_bytes, sums[0]);
            finish(p, t, output, pixels, sums, 0, y + output);
            if (output + 1 < p->outputs) finish(p, t, output + 1, pixels, sums, 1, y + output + 1);
        }
    }
    return TL_OK;
}
