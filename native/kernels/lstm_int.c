/* UNIDIRECTIONAL_SEQUENCE_LSTM and LSTM of int8, in the form whose gates add up int16 parts ("8x8 to 16").
 *
 * Eight cells are computed side by side. Their weights lie as [GATES] panels of tl_dot.h, their biases as [GATES][8].
 * What a gate lets through is in Q0, its level before the activation in Q3. */
#include "tl_gemmlowp16.h"
#include "tl_params.h"
#include "tl_requantize.h"

enum { INPUT, FORGET, CELL, OUTPUT, GATES };

typedef tl_lstm_int_params params;

/* int8 less a zero point. */
TL_INLINE void centre(const int8_t *x, int32_t zero_point, int32_t count, int16_t *y) {
    for (int32_t i = 0; i < count; ++i) y[i] = (int16_t)(x[i] - zero_point);
}

/* tl_rescale of sums below 2^29. */
TL_INLINE tl_s32x8 rescale(tl_s32x8 x, int32_t mantissa, int32_t shift) {
    if (shift <= -1 && shift >= -29) return tl_rescale_fast(x, tl_splat_s32(mantissa), tl_splat_s32(-shift));
    int32_t lanes[TL_LANES];
    tl_copy(lanes, &x, sizeof lanes);
    for (int i = 0; i < TL_LANES; ++i) lanes[i] = tl_rescale(lanes[i], mantissa, shift);
    tl_copy(&x, lanes, sizeof lanes);
    return x;
}

/* x + row . weights, for two panels of outputs. */
TL_INLINE void add_products(const int16_t *row, int32_t length, const int8_t *w, tl_s32x8 *x) {
    const int16_t *const rows[4] = {row, row, row, row};
    tl_s32x8 sums[8] = {x[0], x[1]};
    tl_dot_s16(sums, rows, 1, w, (size_t)TL_PANEL(length), length);
    x[0] = sums[0];
    x[1] = sums[1];
}

/* The levels of eight cells' gates; x, h: centred. */
TL_INLINE void levels(const params *p, const int16_t *x, const int16_t *h, const int8_t *into, const int8_t *recurrent,
                      const int32_t *bias, tl_s32x8 *level) {
    for (int g = 0; g < GATES; g += 2) {
        tl_s32x8 now[2], past[2] = {{0}, {0}};
        tl_copy(&now[0], bias + g * TL_LANES, sizeof now[0]);
        tl_copy(&now[1], bias + (g + 1) * TL_LANES, sizeof now[1]);
        add_products(x, p->inputs, into + (size_t)g * (size_t)TL_PANEL(p->inputs), now);
        add_products(h, p->outputs, recurrent + (size_t)g * (size_t)TL_PANEL(p->outputs), past);
        for (int i = 0; i < 2; ++i) {
            const tl_s32x8 part = rescale(now[i], p->into_mantissa[g + i], p->into_shift[g + i]);
            const tl_s32x8 rest = rescale(past[i], p->recurrent_mantissa[g + i], p->recurrent_shift[g + i]);
            level[g + i] = tl_saturate_s16x8(tl_saturate_s16x8(part) + rest);
        }
    }
}

/* One step of eight cells, from their gates' levels; c in place. Returns the hidden value. */
TL_INLINE tl_s32x8 step(const params *p, const tl_s32x8 *level, tl_s32x8 *c) {
    const tl_s32x8 forget = tl_logistic_q(level[FORGET], 3);
    const tl_s32x8 admit = p->is_coupled ? 32767 - forget : tl_logistic_q(level[INPUT], 3);
    const tl_s32x8 kept = tl_divide_by_pot_s32(forget * *c, 15);
    const tl_s32x8 fresh = tl_divide_by_pot_s32(admit * tl_tanh_q(level[CELL], 3), p->cell_shift);
    *c = tl_clamp_s32(((kept << 16) >> 16) + ((fresh << 16) >> 16), p->cell_low, p->cell_high);
    const tl_s32x8 product = tl_logistic_q(level[OUTPUT], 3) * tl_tanh_q(*c, p->cell_bits);
    int32_t lanes[TL_LANES];
    tl_copy(lanes, &product, sizeof lanes);
    for (int i = 0; i < TL_LANES; ++i)
        lanes[i] = tl_saturate_s8(tl_rescale(lanes[i], p->hidden_mantissa, p->hidden_shift) + p->hidden_zero_point);
    tl_s32x8 hidden;
    tl_copy(&hidden, lanes, sizeof lanes);
    return hidden;
}

/* The first `count` lanes to bytes. */
TL_INLINE void store_bytes(int8_t *y, tl_s32x8 x, int32_t count) {
    int32_t lanes[TL_LANES];
    tl_copy(lanes, &x, sizeof lanes);
    for (int32_t i = 0; i < count; ++i) y[i] = (int8_t)lanes[i];
}

/* h from the hidden values, centred. */
TL_INLINE void project(const params *p, const int16_t *hidden, const int8_t *w, const int32_t *bias, int8_t *h) {
    const size_t panel = (size_t)TL_PANEL(p->cells);
    for (int32_t k = 0; k < p->outputs; k += 2 * TL_LANES) {
        tl_s32x8 sums[2];
        tl_copy(&sums[0], bias + k, sizeof sums[0]);
        tl_copy(&sums[1], bias + k + TL_LANES, sizeof sums[1]);
        add_products(hidden, p->cells, w + (size_t)(k / TL_LANES) * panel, sums);
        for (int32_t i = 0; i < 2 && k + i * TL_LANES < p->outputs; ++i) {
            tl_s32x8 y = rescale(sums[i], p->projection_mantissa, p->projection_shift) + p->output_zero_point;
            y = tl_clamp_s32(y, p->output_low, p->output_high);
            store_bytes(h + k + i * TL_LANES, y, TL_MIN(TL_LANES, p->outputs - k - i * TL_LANES));
        }
    }
}

/* t[0] x, t[1] h [batch][outputs] and t[2] c [batch][cells], which are updated, t[3] weights and t[4] recurrent weights
 * [blocks][GATES], t[5] biases [blocks][GATES][8], t[6] and t[7] weights and biases of the projection, t[8] h after
 * every step, t[9] and t[10] h and c again, t[11] scratch. A work item is one member of the batch. */
int32_t tl_lstm_int_s8(const params *p, void *const *t, tl_range r) {
    const int32_t cells = p->cells;
    const size_t into_bytes = (size_t)(GATES * TL_PANEL(p->inputs)),
                 recurrent_bytes = (size_t)(GATES * TL_PANEL(p->outputs));
    /* Each row may be read up to one value beyond its end. */
    int16_t *x_row = (int16_t *)t[11] + (size_t)r.worker * (size_t)p->scratch;
    int16_t *h_row = x_row + p->inputs + 1, *hidden = h_row + p->outputs + 1;
    for (int32_t b = r.begin; b < r.end; ++b) {
        const int8_t *x = (const int8_t *)t[0] + (size_t)b * (size_t)p->batch_step * (size_t)p->inputs;
        int8_t *y = (int8_t *)t[8] + (size_t)b * (size_t)p->batch_step * (size_t)p->outputs;
        int8_t *h = (int8_t *)t[1] + (size_t)b * (size_t)p->outputs;
        int16_t *c = (int16_t *)t[2] + (size_t)b * (size_t)cells;
        for (int32_t i = 0; i < p->times; ++i) {
            centre(x, p->input_zero_point, p->inputs, x_row);
            centre(h, p->output_zero_point, p->outputs, h_row);
            for (int32_t k = 0; k < cells; k += TL_LANES) {
                const size_t block = (size_t)(k / TL_LANES);
                const int32_t lanes = TL_MIN(TL_LANES, cells - k);
                tl_s32x8 level[GATES];
                levels(p, x_row, h_row, (const int8_t *)t[3] + block * into_bytes,
                       (const int8_t *)t[4] + block * recurrent_bytes, (const int32_t *)t[5] + block * GATES * TL_LANES,
                       level);
                int32_t cell[TL_LANES] = {0};
                for (int32_t j = 0; j < lanes; ++j) cell[j] = c[k + j];
                tl_s32x8 memory;
                tl_copy(&memory, cell, sizeof memory);
                const tl_s32x8 out = step(p, level, &memory);
                tl_copy(cell, &memory, sizeof memory);
                for (int32_t j = 0; j < lanes; ++j) c[k + j] = (int16_t)cell[j];
                int32_t values[TL_LANES];
                tl_copy(values, &out, sizeof values);
                for (int32_t j = 0; j < lanes; ++j) hidden[k + j] = (int16_t)values[j];
            }
            if (p->is_projected) {
                for (int32_t k = 0; k < cells; ++k) hidden[k] = (int16_t)(hidden[k] - p->hidden_zero_point);
                project(p, hidden, t[6], t[7], h);
            } else {
                for (int32_t k = 0; k < cells; ++k) h[k] = (int8_t)hidden[k];
            }
            tl_copy(y, h, (size_t)p->outputs);
            x += (size_t)p->time_step * (size_t)p->inputs;
            y += (size_t)p->time_step * (size_t)p->outputs;
        }
    }
    return TL_OK;
}
