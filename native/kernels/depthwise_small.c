/* DEPTHWISE_CONV_2D of int8 for small machines: four channels of a pixel at a time.
 *
 * t[0] input [n, h, w, c]; t[1] filters, int8 [taps][c]; t[2] what sums start from, int32 [c]; t[3] mantissas, int32
 * [c]; t[4] shifts to the right, int8 [c]; t[5] output [n, oh, ow, c]; t[6] scratch: a pixel of padding. c is a
 * multiple of 4. The work items are the outputs' pixels. */
#include "tl_pairs.h"
#include "tl_params.h"

typedef tl_depthwise_small_params params;

#define MOST_TAPS 64 /* as in small.py */

/* Where each tap of a pixel's window lies. */
static void find(const params *p, const int8_t *x, const int8_t *padding, int32_t pixel, const int8_t **taps) {
    const int32_t column = pixel % p->output_width, line = pixel / p->output_width;
    const int32_t left = column * p->stride_width - p->before_width;
    const int32_t top = line % p->output_height * p->stride_height - p->before_height;
    const int8_t *image =
        x + (size_t)(line / p->output_height) * (size_t)(p->input_height * p->input_width * p->channels);
    for (int32_t i = 0; i < p->filter_height; ++i) {
        const int32_t row = top + i * p->dilation_height;
        for (int32_t j = 0; j < p->filter_width; ++j) {
            const int32_t at = left + j * p->dilation_width;
            const int is_inside = row >= 0 && row < p->input_height && at >= 0 && at < p->input_width;
            *taps++ = is_inside ? image + (row * p->input_width + at) * p->channels : padding;
        }
    }
}

TL_PAIRS void finish(const params *p, void *const *t, int32_t channel, int32_t sum, int8_t *y) {
    const tl_range_of_bytes range = {p->output_zero_point, p->low, p->high};
    const int32_t right = ((const int8_t *)t[4])[channel];
    y[channel] = tl_store_byte(&range, tl_round_twice(sum, ((const int32_t *)t[3])[channel], right, tl_up(right)));
}

int32_t tl_depthwise_small_s8(const params *p, void *const *t, tl_range r) {
    const int8_t *taps[MOST_TAPS];
    const int32_t count = p->filter_height * p->filter_width, *start = t[2];
    tl_fill(t[6], p->zero_point, (size_t)p->channels);
    for (int32_t pixel = r.begin; pixel < r.end; ++pixel) {
        find(p, t[0], t[6], pixel, taps);
        int8_t *y = (int8_t *)t[5] + (size_t)pixel * (size_t)p->channels;
        for (int32_t c = 0; c < p->channels; c += 4) {
            int32_t s0 = start[c], s1 = start[c + 1], s2 = start[c + 2], s3 = start[c + 3];
            const int8_t *w = (const int8_t *)t[1] + c;
            for (const int8_t *const *tap = taps, *const *end = taps + count; tap != end; ++tap, w += p->channels) {
                const uint32_t x = tl_load_word(*tap + c), f = tl_load_word(w);
                const uint32_t x02 = tl_even_bytes(x), x13 = tl_odd_bytes(x);
                const uint32_t f02 = tl_even_bytes(f), f13 = tl_odd_bytes(f);
                s0 = tl_add_low(s0, x02, f02);
                s1 = tl_add_low(s1, x13, f13);
                s2 = tl_add_high(s2, x02, f02);
                s3 = tl_add_high(s3, x13, f13);
            }
            finish(p, t, c, s0, y);
            finish(p, t, c + 1, s1, y);
            finish(p, t, c + 2, s2, y);
            finish(p, t, c + 3, s3, y);
        }
    }
    return TL_OK;
}
