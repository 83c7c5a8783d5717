/* Sums of products in float32: convolutions (a fully connected layer is one of 1x1), grouped or not, and products of
 * matrices.
 *
 * tl_conv_f32: t[0] input [n, h, w, c], t[1] filters in panels [groups][panels][taps][depth][16], t[2] bias or nothing,
 * t[3] zeros [depth], t[4] output. A work item is a block of output pixels, up to `rows` by `segment`, for `panels`
 * panels of one group. */
#include "tl_conv.h"

int32_t tl_conv_f32(const tl_conv_params *p, void *const *t, tl_range r) {
    const float *filters = t[1], *bias = t[2];
    const int32_t panels = tl_parts(p->outputs, TL_PANEL), shares = tl_parts(panels, p->panels);
    const int32_t segments = tl_parts(p->output_width, p->segment), bands = tl_parts(p->output_height, p->rows);
    const size_t size = (size_t)p->filter_height * p->filter_width * p->depth * TL_PANEL;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t group = item / shares % p->groups, block = item / shares / p->groups;
        const int32_t ox = block % segments * p->segment, oy = block / segments % bands * p->rows,
                      image = block / segments / bands, from = item % shares * p->panels;
        const float *x = (const float *)t[0] + (size_t)group * p->depth;
        const size_t first = (size_t)group * p->outputs;
        const int32_t end = TL_MIN((from + p->panels) * TL_PANEL, p->outputs);
        for (int32_t n = from; n * TL_PANEL < end; n += TL_PANELS) {
            const int32_t output = n * TL_PANEL, count = TL_MIN(TL_PANELS * TL_PANEL, end - output);
            for (int32_t i = oy; i < TL_MIN(oy + p->rows, p->output_height); ++i) {
                const tl_row row = tl_locate(p, x, t[3], (float *)t[4] + first, image, i);
                tl_panels(p, &row, ox, TL_MIN(ox + p->segment, p->output_width),
                          filters + ((size_t)group * panels + n) * size, bias ? bias + first : bias, output, count);
            }
        }
    }
    return TL_OK;
}

/* Products of matrices: t[3] says which matrix of t[0] and of t[1] each result takes. A work item is a segment of one
 * result's rows, for some panels. */
int32_t tl_matmul_f32(const tl_conv_params *p, void *const *t, tl_range r) {
    const int32_t *table = t[3];
    const int32_t panels = tl_parts(p->outputs, TL_PANEL), shares = tl_parts(panels, p->panels),
                  segments = tl_parts(p->output_width, p->segment);
    const size_t size = (size_t)p->depth * TL_PANEL;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t from = item % shares * p->panels, ox = item / shares % segments * p->segment,
                      result = item / shares / segments;
        const float *x = (const float *)t[0] + (size_t)table[2 * result] * p->output_width * p->depth;
        const float *w = (const float *)t[1] + (size_t)table[2 * result + 1] * panels * size;
        float *y = (float *)t[4] + (size_t)result * p->output_width * p->outputs;
        const tl_row row = {.x = x, .zeros = x, .y = y, .rows = 1};
        const int32_t end = TL_MIN((from + p->panels) * TL_PANEL, p->outputs);
        for (int32_t n = from; n * TL_PANEL < end; n += TL_PANELS) {
            const int32_t output = n * TL_PANEL, count = TL_MIN(TL_PANELS * TL_PANEL, end - output);
            tl_panels(p, &row, ox, TL_MIN(ox + p->segment, p->output_width), w + n * size, t[2], output, count);
        }
    }
    return TL_OK;
}

/* Filters to panels while the program runs: t[0] as the steps say, t[1] [count][panels][taps][depth][lanes]. A work
 * item is a panel. */
int32_t tl_pack_f32(const tl_pack_params *p, void *const *t, tl_range r) {
    const int32_t panels = (p->outputs + p->lanes - 1) / p->lanes;
    const size_t length = (size_t)p->taps * p->depth * p->lanes;
    for (int32_t item = r.begin; item < r.end; ++item) {
        const int32_t first = item % panels * p->lanes, count = TL_MIN(p->lanes, p->outputs - first);
        const float *x =
            (const float *)t[0] + (size_t)(item / panels) * p->matrix_step + (size_t)first * p->output_step;
        float *y = (float *)t[1] + item * length;
        for (int32_t tap = 0; tap < p->taps; ++tap) {
            for (int32_t k = 0; k < p->depth; ++k, y += p->lanes) {
                const float *from = x + (size_t)tap * p->tap_step + (size_t)k * p->depth_step;
                for (int32_t n = 0; n < count; ++n) y[n] = from[(size_t)n * p->output_step];
                for (int32_t n = count; n < p->lanes; ++n) y[n] = 0;
            }
        }
    }
    return TL_OK;
}
