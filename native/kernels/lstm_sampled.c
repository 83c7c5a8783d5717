/* UNIDIRECTIONAL_SEQUENCE_LSTM of int16 with int8 weights. Eight cells are computed side by side; their weights lie as
 * [GATES] panels of tl_dot.h, their biases, int64, as [GATES][8]. Levels are Q3.12, what a gate lets through is Q0.15.
 */
#include "tl_dot.h"
#include "tl_fixedpoint.h"
#include "tl_params.h"

enum { INPUT, FORGET, CELL, OUTPUT, GATES };

typedef tl_lstm_sampled_params params;

/* The sigmoid at steps / 2^bits of its samples, with as many more fractional bits; `limit` beyond its last sample. */
TL_INLINE int32_t interpolate(const uint16_t *samples, int32_t steps, int32_t bits, int32_t limit) {
    const int32_t index = steps >> bits;
    if (index >= 255) return limit;
    return (samples[index] << bits) + (steps & ((1 << bits) - 1)) * (samples[index + 1] - samples[index]);
}

TL_INLINE int16_t sigmoid(const uint16_t *samples, int32_t x) {
    const int32_t y = interpolate(samples, x < 0 ? -x : x, 9, 0x7FFF << 10);
    return (int16_t)((x >= 0 ? y + 512 : (1 << 25) - y + 511) >> 10);
}

/* By tanh(x) = 2 sigmoid(2 x) - 1. */
TL_INLINE int16_t hyperbolic_tangent(const uint16_t *samples, int32_t x) {
    const int32_t y = interpolate(samples, x < 0 ? -x : x, 8, 0xFFFF << 8);
    return (int16_t)((x >= 0 ? y - (1 << 23) + 128 : (1 << 23) - y + 127) >> 8);
}

/* The shares of eight cells' gates: row . weights + bias, if there is one. */
static void shares(const int16_t *row, int32_t length, const int8_t *w, const int64_t *bias, const int32_t *mantissas,
                   const int32_t *shifts, int16_t (*share)[TL_LANES]) {
    const int16_t *const rows[4] = {row, row, row, row};
    for (int g = 0; g < GATES; g += 2) {
        tl_s32x8 sums[8] = {{0}};
        int32_t lanes[2 * TL_LANES];
        tl_dot_s16(sums, rows, 1, w + (size_t)g * (size_t)TL_PANEL(length), (size_t)TL_PANEL(length), length);
        tl_copy(lanes, sums, sizeof lanes);
        for (int i = 0; i < 2 * TL_LANES; ++i) {
            const int gate = g + i / TL_LANES;
            const int64_t sum = lanes[i] + (bias ? bias[g * TL_LANES + i] : 0);
            share[gate][i % TL_LANES] = tl_saturate_s16(tl_rescale_s64(sum, mantissas[gate], shifts[gate]));
        }
    }
}

/* a * b, scaled. */
TL_INLINE int32_t multiply(int32_t a, int32_t b, int32_t mantissa, int32_t shift, int32_t zero_point) {
    return tl_saturate_s16(tl_clamp(tl_rescale(a * b, mantissa, shift), -(1 << 30), 1 << 30) + zero_point);
}

/* One step of a cell, from the levels of its gates; c in place. Returns h. */
TL_INLINE int16_t step(const params *p, const uint16_t *samples, const int32_t *level, int16_t *c) {
    const int32_t admit = sigmoid(samples, 3 * level[INPUT]), forget = sigmoid(samples, 3 * level[FORGET]);
    const int32_t candidate = hyperbolic_tangent(samples, 3 * level[CELL]);
    const int32_t fresh = multiply(admit, candidate, p->admit_mantissa, p->admit_shift, 0);
    const int32_t kept = multiply(forget, *c, p->keep_mantissa, p->keep_shift, 0);
    *c = (int16_t)tl_clamp(kept + fresh, p->low, p->high);
    const int32_t scaled = (*c * p->tanh_multiplier + ((1 << p->tanh_shift) >> 1)) >> p->tanh_shift;
    const int32_t output = sigmoid(samples, 3 * level[OUTPUT]);
    return (int16_t)multiply(hyperbolic_tangent(samples, scaled), output, p->emit_mantissa, p->emit_shift, 0);
}

/* t[0] x, t[1] h [batch][cells] and t[2] c [batch][cells], which are updated, t[3] weights and t[4] recurrent weights
 * [blocks][GATES], t[5] biases [blocks][GATES][8], t[6] samples of the sigmoid, t[7] h after every step, t[8] and t[9]
 * h and c again, t[10] scratch. A work item is one member of the batch. */
int32_t tl_lstm_sampled_s16(const params *p, void *const *t, tl_range r) {
    const int32_t cells = p->cells;
    const size_t into_bytes = (size_t)(GATES * TL_PANEL(p->inputs)), past_bytes = (size_t)(GATES * TL_PANEL(cells));
    /* Each row may be read up to one value beyond its end. */
    int16_t *x_row = (int16_t *)t[10] + (size_t)r.worker * (size_t)p->scratch, *h_row = x_row + p->inputs + 1;
    for (int32_t b = r.begin; b < r.end; ++b) {
        const int16_t *x = (const int16_t *)t[0] + (size_t)b * (size_t)p->batch_step * (size_t)p->inputs;
        int16_t *y = (int16_t *)t[7] + (size_t)b * (size_t)p->batch_step * (size_t)cells;
        int16_t *h = (int16_t *)t[1] + (size_t)b * (size_t)cells, *c = (int16_t *)t[2] + (size_t)b * (size_t)cells;
        for (int32_t i = 0; i < p->times; ++i) {
            tl_copy(x_row, x, (size_t)p->inputs * sizeof *x);
            tl_copy(h_row, h, (size_t)cells * sizeof *h);
            for (int32_t first = 0; first < cells; first += TL_LANES) {
                int16_t into[GATES][TL_LANES], past[GATES][TL_LANES];
                const size_t block = (size_t)(first / TL_LANES);
                shares(x_row, p->inputs, (const int8_t *)t[3] + block * into_bytes,
                       (const int64_t *)t[5] + block * GATES * TL_LANES, p->into_mantissa, p->into_shift, into);
                shares(h_row, cells, (const int8_t *)t[4] + block * past_bytes, NULL, p->recurrent_mantissa,
                       p->recurrent_shift, past);
                for (int32_t k = 0; k < TL_LANES && first + k < cells; ++k) {
                    int32_t level[GATES];
                    for (int g = 0; g < GATES; ++g) level[g] = tl_saturate_s16(into[g][k] + past[g][k]);
                    h[first + k] = step(p, t[6], level, c + first + k);
                }
            }
            tl_copy(y, h, (size_t)cells * sizeof *y);
            x += (size_t)p->time_step * (size_t)p->inputs;
            y += (size_t)p->time_step * (size_t)cells;
        }
    }
    return TL_OK;
}
