/* UNIDIRECTIONAL_SEQUENCE_LSTM and LSTM of int8, in the form whose gates add up int16 parts ("8x8 to 16").
 *
 * Eight cells are computed side by side. Their weights lie as [GATES] panels of tl_dot.h, their biases as [GATES][8].
 * What a gate lets through is in Q0, its level before the activation in Q3. */
#include "tl_gemmlowp.h"
#include "tl_gemmlowp16.h"
#include "tl_params.h"
#include "tl_requantize.h"

enum { INPUT, FORGET, CELL, OUTPUT, GATES };

/* Where the vectors of all cells lie: rows of `width` numbers. */
enum { PEEPHOLES, NORMS = PEEPHOLES + 3, BIASES = NORMS + GATES };

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

/* What one member of the batch works on at one time: rows of the input and of h, centred; levels [GATES][width]. */
typedef struct {
    const params *p;
    const int16_t *x, *h;
    const int8_t *into, *recurrent;
    const int32_t *bias, *vectors;
    int32_t *levels;
    int16_t *c, *hidden;
    int32_t place; /* of the first cell, where peepholes begin to count */
} member;

TL_INLINE tl_s32x8 load(const int32_t *x) {
    tl_s32x8 y;
    tl_copy(&y, x, sizeof y);
    return y;
}

/* The levels of eight cells' gates, but for peepholes and norms. */
static void level_cells(const member *m, int32_t first) {
    const params *p = m->p;
    const size_t into_panel = (size_t)TL_PANEL(p->inputs), recurrent_panel = (size_t)TL_PANEL(p->outputs);
    for (int g = 0; g < GATES; g += 2) {
        const size_t panel = (size_t)(first / TL_LANES * GATES + g);
        const int32_t *bias = m->bias + panel * TL_LANES;
        tl_s32x8 now[2] = {load(bias), load(bias + TL_LANES)}, past[2] = {{0}, {0}};
        add_products(m->x, p->inputs, m->into + panel * into_panel, now);
        add_products(m->h, p->outputs, m->recurrent + panel * recurrent_panel, past);
        for (int i = 0; i < 2; ++i) {
            const tl_s32x8 part = rescale(now[i], p->into_mantissa[g + i], p->into_shift[g + i]);
            const tl_s32x8 rest = rescale(past[i], p->recurrent_mantissa[g + i], p->recurrent_shift[g + i]);
            const tl_s32x8 level = tl_saturate_s16x8(tl_saturate_s16x8(part) + rest);
            tl_copy(m->levels + (g + i) * p->width + first, &level, sizeof level);
        }
    }
}

/* Integer layer normalization of a gate's levels, into Q3. Means have 10 fraction bits, variances none. */
static void normalize(const params *p, int32_t gate, int32_t *level, const int32_t *norms, const int32_t *biases) {
    int64_t sum = 0, squares = 0;
    for (int32_t i = 0; i < p->cells; ++i) sum += level[i];
    for (int32_t i = 0; i < p->cells; ++i) squares += level[i] * level[i];
    const int64_t mean = sum * 1024 / p->cells;
    const int64_t variance = (squares * ((1 << 20) / p->cells) - mean * mean) / (1 << 20);
    const tl_multiplier inverse = tl_inverse_sqrt(variance < 1 ? p->least_variance[gate] : (int32_t)variance);
    for (int32_t i = 0; i < p->cells; ++i) {
        const int64_t centred = tl_rescale((int32_t)(1024 * level[i] - mean), inverse.mantissa, inverse.shift);
        const int64_t weighted = centred * norms[i] + biases[i];
        const int32_t rounded = (int32_t)((weighted + (weighted > 0 ? 512 : -512)) / 1024);
        level[i] = tl_saturate_s16(tl_rescale(rounded, p->norm_mantissa[gate], p->norm_shift[gate]));
    }
}

/* The levels of a gate that lack its peephole and norm. */
static void finish_gate(const member *m, int32_t gate) {
    const params *p = m->p;
    int32_t *level = m->levels + gate * p->width;
    if (p->peepholes && gate != CELL) {
        const int32_t which = gate == OUTPUT ? 2 : gate;
        const int32_t *w = m->vectors + (PEEPHOLES + which) * p->width;
        for (int32_t i = 0; i < p->cells && m->place + i < p->peepholes; ++i) {
            const int32_t product = w[(m->place + i) % p->peephole_width] * m->c[i];
            level[i] = tl_saturate_s16(
                level[i] + tl_clamp(tl_rescale(product, p->peephole_mantissa[which], p->peephole_shift[which]),
                                    -(1 << 30), 1 << 30));
        }
    }
    if (p->is_normalized)
        normalize(p, gate, level, m->vectors + (NORMS + gate) * p->width, m->vectors + (BIASES + gate) * p->width);
}

/* c of eight cells. */
static void update_cells(const member *m, int32_t first) {
    const params *p = m->p;
    const int32_t *level = m->levels + first, count = TL_MIN(TL_LANES, p->cells - first);
    int32_t lanes[TL_LANES] = {0};
    for (int32_t i = 0; i < count; ++i) lanes[i] = m->c[first + i];
    const tl_s32x8 forget = tl_logistic_q(load(level + FORGET * p->width), 3);
    const tl_s32x8 admit = p->is_coupled ? 32767 - forget : tl_logistic_q(load(level + INPUT * p->width), 3);
    const tl_s32x8 candidate = tl_tanh_q(load(level + CELL * p->width), 3);
    const tl_s32x8 kept = tl_divide_by_pot_s32(forget * load(lanes), 15);
    const tl_s32x8 fresh = tl_divide_by_pot_s32(admit * candidate, p->cell_shift);
    const tl_s32x8 c = tl_clamp_s32(((kept << 16) >> 16) + ((fresh << 16) >> 16), p->cell_low, p->cell_high);
    tl_copy(lanes, &c, sizeof lanes);
    for (int32_t i = 0; i < count; ++i) m->c[first + i] = (int16_t)lanes[i];
}

/* The hidden values of eight cells. */
static void emit(const member *m, int32_t first) {
    const params *p = m->p;
    const int32_t count = TL_MIN(TL_LANES, p->cells - first);
    int32_t lanes[TL_LANES] = {0};
    for (int32_t i = 0; i < count; ++i) lanes[i] = m->c[first + i];
    const tl_s32x8 output = tl_logistic_q(load(m->levels + OUTPUT * p->width + first), 3);
    const tl_s32x8 product = output * tl_tanh_q(load(lanes), p->cell_bits);
    tl_copy(lanes, &product, sizeof lanes);
    for (int i = 0; i < TL_LANES; ++i)
        lanes[i] = tl_saturate_s8(tl_rescale(lanes[i], p->hidden_mantissa, p->hidden_shift) + p->hidden_zero_point);
    for (int32_t i = 0; i < count; ++i) m->hidden[first + i] = (int16_t)lanes[i];
}

/* One step of all cells. */
static void step(const member *m) {
    const int32_t cells = m->p->cells;
    for (int32_t k = 0; k < cells; k += TL_LANES) level_cells(m, k);
    for (int32_t gate = INPUT; gate <= CELL; ++gate)
        if (gate != INPUT || !m->p->is_coupled) finish_gate(m, gate);
    for (int32_t k = 0; k < cells; k += TL_LANES) update_cells(m, k);
    finish_gate(m, OUTPUT);
    for (int32_t k = 0; k < cells; k += TL_LANES) emit(m, k);
}

/* h from the hidden values, centred. */
TL_INLINE void project(const params *p, const int16_t *hidden, const int8_t *w, const int32_t *bias, int8_t *h) {
    const size_t panel = (size_t)TL_PANEL(p->cells);
    for (int32_t k = 0; k < p->outputs; k += 2 * TL_LANES) {
        tl_s32x8 sums[2] = {load(bias + k), load(bias + k + TL_LANES)};
        add_products(hidden, p->cells, w + (size_t)(k / TL_LANES) * panel, sums);
        for (int32_t i = 0; i < 2 && k + i * TL_LANES < p->outputs; ++i) {
            tl_s32x8 y = rescale(sums[i], p->projection_mantissa, p->projection_shift) + p->output_zero_point;
            y = tl_clamp_s32(y, p->output_low, p->output_high);
            int32_t lanes[TL_LANES];
            tl_copy(lanes, &y, sizeof lanes);
            for (int32_t j = k + i * TL_LANES; j < p->outputs && j < k + (i + 1) * TL_LANES; ++j)
                h[j] = (int8_t)lanes[j % TL_LANES];
        }
    }
}

/* t[0] x, t[1] h [batch][outputs] and t[2] c [batch][cells], which are updated, t[3] weights and t[4] recurrent weights
 * [blocks][GATES], t[5] biases [blocks][GATES][8], t[6] and t[7] weights and biases of the projection, t[8] vectors,
 * t[9] h after every step, t[10] and t[11] h and c again, t[12] scratch. A work item is one member of the batch. */
int32_t tl_lstm_int_s8(const params *p, void *const *t, tl_range r) {
    const int32_t cells = p->cells;
    int32_t *levels = (int32_t *)(void *)((char *)t[12] + (size_t)r.worker * (size_t)p->scratch_bytes);
    /* Each row may be read up to one value beyond its end. */
    int16_t *x_row = (int16_t *)(levels + GATES * p->width), *h_row = x_row + p->inputs + 1;
    int16_t *hidden = h_row + p->outputs + 1;
    for (int32_t b = r.begin; b < r.end; ++b) {
        const int8_t *x = (const int8_t *)t[0] + (size_t)b * (size_t)p->batch_step * (size_t)p->inputs;
        int8_t *y = (int8_t *)t[9] + (size_t)b * (size_t)p->batch_step * (size_t)p->outputs;
        int8_t *h = (int8_t *)t[1] + (size_t)b * (size_t)p->outputs;
        int16_t *c = (int16_t *)t[2] + (size_t)b * (size_t)cells;
        const member m = {p, x_row, h_row, t[3], t[4], t[5], t[8], levels, c, hidden, p->is_displaced ? b * cells : 0};
        for (int32_t i = 0; i < p->times; ++i) {
            centre(x, p->input_zero_point, p->inputs, x_row);
            centre(h, p->output_zero_point, p->outputs, h_row);
            step(&m);
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
