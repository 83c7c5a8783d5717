/* CONV_2D and FULLY_CONNECTED of int8 for small machines: two pixels by two outputs at a time, little code, little
 * room.
 *
 * t[0] input [n, h, w, c]; t[1] filters, int8 [outputs / 2][words][2][4], a word being four inputs of a window, with
 * zeros for what is not whole; t[2] what sums start from, int32 [outputs], bias and zero point in one; t[3], t[4]
 * scales of each output or, where p->is_shared, of all (tl_bytes.h); t[5] output [n, oh, ow, outputs]; t[6] scratch,
 * int16 [group / 2][words][2 pairs][2 pixels][2], for `group` pixels that share the reading of scales; a group of 1 is
 * all there is, a pixel that is a window, and takes no scratch. The work items are the outputs' pixels. */
#include "tl_bytes.h"
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
    int8_t window[MOST_BYTES + 8], *end = window;
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
        tl_fill(end, 0, 8); /* what the last words lack */
        spread(window, p->words, to);
    }
}

#define GROUP 4 /* pixels at most, or outputs of one pixel */

/* A pixel that is a window: four outputs at a time. */
static void convolve_one(const params *p, void *const *t, const tl_bytes *o) {
    const int32_t row_bytes = p->words * 8, outputs = p->outputs;
    const int8_t *w = t[1];
    for (int32_t i = 0; i < outputs; i += GROUP, w += 2 * row_bytes) {
        const int32_t count = TL_MIN(GROUP, outputs - i);
        int32_t sums[GROUP] = {0};
        tl_copy(sums, (const int32_t *)t[2] + i, (size_t)count * sizeof *sums);
        tl_add_one_by_four(t[0], w, w + row_bytes, count > 2 ? w + row_bytes : w, sums);
        int8_t *y = (int8_t *)t[5] + i;
        if (p->is_shared)
            tl_store_bytes_of(o, 0, sums, count, y, 1);
        else
            for (int32_t k = 0; k < count; ++k) tl_store_bytes_of(o, i + k, sums + k, 1, y + k, 1);
    }
}

int32_t tl_conv_small_s8(const params *p, void *const *t, tl_range r) {
    const int32_t outputs = p->outputs, row_bytes = p->words * 8, is_shared = p->is_shared, group = p->group;
    const tl_bytes o = TL_BYTES(p, t);
    if (group == 1) {
        convolve_one(p, t, &o);
        return TL_OK;
    }
    for (int32_t pixel = r.begin; pixel < r.end; pixel += group) {
        const int32_t count = TL_MIN(group, r.end - pixel), pairs = (count + 1) / 2;
        uint32_t *const seen = t[6];
        for (int32_t m = 0; m < 2 * pairs; ++m) /* the last pixel may be done twice */
            gather(p, t[0], pixel + TL_MIN(m, count - 1), seen + m / 2 * p->words * 4 + m % 2);
        const int8_t *w = t[1];
        int8_t *y = (int8_t *)t[5] + (size_t)pixel * (size_t)outputs;
        for (int32_t i = 0; i < outputs; i += 2, w += row_bytes) {
            const int32_t next = i + 1 < outputs ? i + 1 : i;
            const int32_t first = ((const int32_t *)t[2])[i], second = ((const int32_t *)t[2])[next];
            int32_t sums[2 * GROUP] = {first, first, first, first, second, second, second, second};
            for (int32_t m = 0; m < pairs; ++m)
                tl_add_two_by_two(seen + m * p->words * 4, w, w + row_bytes, sums + 2 * m, GROUP);
            tl_store_bytes_of(&o, is_shared ? 0 : i, sums, count, y + i, outputs);
            if (next > i) tl_store_bytes_of(&o, is_shared ? 0 : next, sums + GROUP, count, y + next, outputs);
        }
    }
    return TL_OK;
}
