/* DEPTHWISE_CONV_2D of int8 for small machines: four channels of a pixel at a time, of four pixels in turn.
 *
 * t[0] input [n, h, w, c]; t[1] filters, int8 [c / 4][taps][4]; t[2] what sums start from, int32 [c]; t[3], t[4] scales
 * (tl_bytes.h); t[5] output [n, oh, ow, c]; t[6] scratch: a pixel of padding. c is a multiple of 4. The work items are
 * the outputs' pixels. */
#include "tl_bytes.h"
#include "tl_params.h"

typedef tl_depthwise_small_params params;

#define MOST_TAPS 25 /* as in small.py */
#define GROUP 4

/* Where each tap of a pixel's window lies. */
static void find(const params *p, const int8_t *x, const int8_t *padding, int32_t pixel, const int8_t **taps) {
    const int32_t column = pixel % p->output_width, line = pixel / p->output_width;
    const int32_t left = column * p->stride_width - p->before_width;
    const int32_t top = line % p->output_height * p->stride_height - p->before_height;
    const int8_t *image =
        x + (size_t)(line / p->output_height) * (size_t)(p->input_height * p->input_width * p->channels);
    const int32_t width = p->input_width, step = p->dilation_width * p->channels;
    for (int32_t i = 0, row = top; i < p->filter_height; ++i, row += p->dilation_height) {
        const int32_t seen = row >= 0 && row < p->input_height ? width : 0;
        const int8_t *at = image + (row * width + left) * p->channels;
        for (int32_t j = 0, x_at = left; j < p->filter_width; ++j, x_at += p->dilation_width, at += step)
            *taps++ = (uint32_t)x_at < (uint32_t)seen ? at : padding;
    }
}

/* sums[channel][pixel] of four channels: those that `first` has, plus the products of all taps. */
TL_PAIRS void add_taps(const int8_t *const *taps, int32_t count, int32_t channel, const int8_t *w, const int32_t *first,
                       int32_t *sums) {
    int32_t s0 = first[0], s1 = first[1], s2 = first[2], s3 = first[3];
    for (const int8_t *const *const end = taps + count; taps != end; ++taps, w += 4) {
        const uint32_t x = tl_load_word(*taps + channel), f = tl_load_word(w);
        const uint32_t x02 = tl_even_bytes(x), x13 = tl_odd_bytes(x);
        const uint32_t f02 = tl_even_bytes(f), f13 = tl_odd_bytes(f);
        s0 = tl_add_low(s0, x02, f02);
        s1 = tl_add_low(s1, x13, f13);
        s2 = tl_add_high(s2, x02, f02);
        s3 = tl_add_high(s3, x13, f13);
    }
    sums[0] = s0, sums[GROUP] = s1, sums[2 * GROUP] = s2, sums[3 * GROUP] = s3;
}

int32_t tl_depthwise_small_s8(const params *p, void *const *t, tl_range r) {
    const int8_t *taps[GROUP][MOST_TAPS];
    const int32_t channels = p->channels, taps_count = p->filter_height * p->filter_width;
    const tl_bytes o = TL_BYTES(p, t);
    tl_fill(t[6], p->zero_point, (size_t)channels);
    for (int32_t pixel = r.begin; pixel < r.end; pixel += GROUP) {
        const int32_t count = TL_MIN(GROUP, r.end - pixel);
        for (int32_t m = 0; m < count; ++m) find(p, t[0], t[6], pixel + m, taps[m]);
        const int8_t *w = t[1];
        int8_t *y = (int8_t *)t[5] + (size_t)pixel * (size_t)channels;
        for (int32_t c = 0; c < channels; c += 4, w += 4 * taps_count) {
            int32_t sums[4 * GROUP];
            for (int32_t m = 0; m < count; ++m)
                add_taps(taps[m], taps_count, c, w, (const int32_t *)t[2] + c, sums + m);
            for (int32_t k = 0; k < 4; ++k) tl_store_bytes_of(&o, c + k, sums + k * GROUP, count, y + c + k, channels);
        }
    }
    return TL_OK;
}
