/* UNIDIRECTIONAL_SEQUENCE_LSTM and LSTM in float32, of cells without any extras but a clip.
 *
 * A block is TL_LANES cells, computed side by side from the row [x, h]; its weights lie as [inputs +
 * cells][GATES][TL_LANES], its biases as [GATES][TL_LANES]. */
#include "tl_dot.h"
#include "tl_math.h"
#include "tl_params.h"

enum { INPUT, FORGET, CELL, OUTPUT, GATES };

/* So that each sum stays in a register. */
#define UNROLL _Pragma("GCC unroll 4")

/* The levels of a block's gates, before their activations. Even and odd elements of the row have sums of their own, so
 * that one addition need not wait for the other. */
TL_INLINE void levels(const float *row, const float *w, const float *bias, int32_t length, float (*level)[TL_LANES]) {
    tl_f32x8 even[GATES], odd[GATES];
    UNROLL for (int g = 0; g < GATES; ++g) even[g] = tl_load_f32(bias + g * TL_LANES);
    UNROLL for (int g = 0; g < GATES; ++g) odd[g] = (tl_f32x8){0};
    int32_t k = 0;
    for (; k + 2 <= length; k += 2, w += 2 * GATES * TL_LANES) UNROLL for (int g = 0; g < GATES; ++g) {
            even[g] += row[k] * tl_load_f32(w + g * TL_LANES);
            odd[g] += row[k + 1] * tl_load_f32(w + (GATES + g) * TL_LANES);
        }
    if (k < length) UNROLL for (int g = 0; g < GATES; ++g) even[g] += row[k] * tl_load_f32(w + g * TL_LANES);
    UNROLL for (int g = 0; g < GATES; ++g) tl_store_f32(level[g], even[g] + odd[g]);
}

/* One step of the cells of one block; c in place. */
static void step(const tl_lstm_params *p, const float *row, const float *w, const float *bias, float *c, float *h,
                 int32_t lanes) {
    float level[GATES][TL_LANES], cell[TL_LANES] = {0}, out[TL_LANES];
    levels(row, w, bias, p->inputs + p->cells, level);
    tl_copy(cell, c, (size_t)lanes * sizeof *c);
    for (int i = 0; i < TL_LANES; ++i) {
        const float kept = tl_logisticf(level[FORGET][i]) * cell[i];
        float next = kept + tl_logisticf(level[INPUT][i]) * tl_tanhf(level[CELL][i]);
        next = next < -p->clip ? -p->clip : next;
        next = next > p->clip ? p->clip : next;
        cell[i] = next;
        out[i] = tl_logisticf(level[OUTPUT][i]) * tl_tanhf(next);
    }
    tl_copy(c, cell, (size_t)lanes * sizeof *c);
    tl_copy(h, out, (size_t)lanes * sizeof *h);
}

/* t[0] x, t[1] h [batch][cells] and t[2] c [batch][cells], which are updated, t[3] weights, t[4] bias, t[5] h after
 * every step, t[6] and t[7] h and c again, t[8] a row for each worker. A work item is one member of the batch, which
 * walks along time by itself. */
int32_t tl_lstm_f32(const tl_lstm_params *p, void *const *t, tl_range r) {
    const int32_t inputs = p->inputs, cells = p->cells;
    const size_t block = (size_t)(inputs + cells) * GATES * TL_LANES;
    float *row = (float *)t[8] + (size_t)r.worker * (size_t)(inputs + cells);
    for (int32_t b = r.begin; b < r.end; ++b) {
        const float *x = (const float *)t[0] + (size_t)b * (size_t)p->batch_step * (size_t)inputs;
        float *y = (float *)t[5] + (size_t)b * (size_t)p->batch_step * (size_t)cells;
        float *h = (float *)t[1] + (size_t)b * (size_t)cells, *c = (float *)t[2] + (size_t)b * (size_t)cells;
        for (int32_t i = 0; i < p->times; ++i) {
            tl_copy(row, x, (size_t)inputs * sizeof *row);
            tl_copy(row + inputs, h, (size_t)cells * sizeof *row);
            for (int32_t k = 0; k < cells; k += TL_LANES)
                step(p, row, (const float *)t[3] + (size_t)(k / TL_LANES) * block,
                     (const float *)t[4] + (size_t)k * GATES, c + k, h + k, TL_MIN(TL_LANES, cells - k));
            tl_copy(y, h, (size_t)cells * sizeof *y);
            x += (size_t)p->time_step * (size_t)inputs;
            y += (size_t)p->time_step * (size_t)cells;
        }
    }
    return TL_OK;
}
