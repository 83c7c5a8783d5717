/* Recurrent cells of floats, with weights of float32 or, hybrid, of 8 bits: LSTM of every kind, simple cells, SVDF.
 *
 * All gates of a cell are rows of one matrix. A matrix lies in pairs of panels of eight outputs: float32
 * [pairs][inputs] [16], or int8 as tl_dot.h has it. */
#include "tl_math.h"
#include "tl_params.h"
#include "tl_quantize_row.h"

enum { FLOAT, SYMMETRIC, ASYMMETRIC }; /* kinds of weights, and how rows are quantized for them */

#define PAIR (2 * TL_LANES)

/* y[16] += x . w, of floats. Even and odd inputs have sums of their own, so that one addition need not wait for the
 * other. */
TL_INLINE void add_floats(const float *x, int32_t inputs, const float *w, float *y) {
    tl_f32x8 even[2] = {tl_load_f32(y), tl_load_f32(y + TL_LANES)}, odd[2] = {{0}, {0}};
    int32_t k = 0;
    for (; k + 2 <= inputs; k += 2, w += 2 * PAIR)
        for (int i = 0; i < 2; ++i) {
            even[i] += x[k] * tl_load_f32(w + i * TL_LANES);
            odd[i] += x[k + 1] * tl_load_f32(w + PAIR + i * TL_LANES);
        }
    if (k < inputs)
        for (int i = 0; i < 2; ++i) even[i] += x[k] * tl_load_f32(w + i * TL_LANES);
    for (int i = 0; i < 2; ++i) tl_store_f32(y + i * TL_LANES, even[i] + odd[i]);
}

/* y[16] += x . w, of steps worth `scale` each, and weights worth `scales`. */
TL_INLINE void add_steps(const int16_t *x, int32_t inputs, const int8_t *w, float scale, const float *scales,
                         float *y) {
    const int16_t *const rows[4] = {x, x, x, x};
    tl_s32x8 sums[8] = {{0}};
    tl_dot_s16(sums, rows, 1, w, (size_t)TL_PANEL(inputs), inputs);
    for (int i = 0; i < 2; ++i) {
        const tl_f32x8 total = __builtin_convertvector(sums[i], tl_f32x8);
        tl_store_f32(y + i * TL_LANES,
                     tl_load_f32(y + i * TL_LANES) + total * (scale * tl_load_f32(scales + i * TL_LANES)));
    }
}

/* y += x . matrix. scales: of each output; steps: room for a row and one more; outputs: a multiple of sixteen. */
static void add_product(int32_t kind, const float *x, int32_t inputs, const void *matrix, const float *scales,
                        int32_t outputs, int16_t *steps, float *y) {
    if (kind == FLOAT) {
        for (int32_t i = 0; i < outputs; i += PAIR)
            add_floats(x, inputs, (const float *)matrix + (size_t)i * (size_t)inputs, y + i);
        return;
    }
    tl_grid g;
    const float scale = kind == SYMMETRIC ? tl_symmetric_grid(x, inputs, &g) : tl_asymmetric_grid(x, inputs, &g);
    tl_take_steps(x, steps, inputs, &g);
    for (int32_t i = 0; i < outputs; i += PAIR)
        add_steps(steps, inputs, (const int8_t *)matrix + (size_t)(i / TL_LANES) * TL_PANEL(inputs), scale, scales + i,
                  y + i);
}

/* The fused activation: tanh where there are no bounds. */
TL_INLINE float activate(float x, float low, float high) {
    if (low > high) return tl_tanhf(x);
    x = x < low ? low : x;
    return x > high ? high : x;
}

TL_INLINE float clip(float x, float limit) {
    x = x < -limit ? -limit : x;
    return x > limit ? limit : x;
}

/* LSTM. */

enum { INPUT, FORGET, CELL, OUTPUT, GATES };

/* Where the operands of each cell lie: rows of `width` floats. */
enum {
    BIASES,
    PEEPHOLES = GATES,
    NORMS = PEEPHOLES + 3,
    DIAGONALS = NORMS + GATES,
    PROJECTION_BIAS = DIAGONALS + GATES
};

/* Each value less their mean, over their standard deviation; then times `norms`, plus `biases`. */
static void normalize(float *x, int32_t count, const float *norms, const float *biases) {
    float mean = 0, variance = 0;
    for (int32_t i = 0; i < count; ++i) mean += x[i];
    mean /= (float)count;
    for (int32_t i = 0; i < count; ++i) variance += (x[i] - mean) * (x[i] - mean);
    const float deviation = __builtin_sqrtf(variance / (float)count + 1e-8f);
    for (int32_t i = 0; i < count; ++i) x[i] = (x[i] - mean) / deviation * norms[i] + biases[i];
}

/* What one step of a cell works on. */
typedef struct {
    const tl_lstm_full_params *p;
    const float *vectors;
    float *levels, *c;
} lstm;

/* The level of a gate that is complete but for its peephole. */
static void finish_gate(const lstm *s, int32_t gate) {
    const tl_lstm_full_params *p = s->p;
    float *level = s->levels + (size_t)gate * (size_t)p->width;
    if (p->has_peepholes && gate != CELL) {
        const float *w = s->vectors + (size_t)(PEEPHOLES + (gate == OUTPUT ? 2 : gate)) * (size_t)p->width;
        for (int32_t i = 0; i < p->cells; ++i) level[i] += w[i] * s->c[i];
    }
    if (p->is_normalized)
        normalize(level, p->cells, s->vectors + (size_t)(NORMS + gate) * (size_t)p->width,
                  s->vectors + (size_t)(BIASES + gate) * (size_t)p->width);
}

/* c and, in place of the output gate's level, the hidden values. */
static void step_cells(const lstm *s) {
    const tl_lstm_full_params *p = s->p;
    const size_t width = (size_t)p->width;
    float *c = s->c;
    for (int32_t gate = INPUT; gate <= CELL; ++gate)
        if (gate != INPUT || !p->is_coupled) finish_gate(s, gate);
    const float *input = s->levels, *forget = input + FORGET * width, *fresh = input + CELL * width;
    for (int32_t i = 0; i < p->cells; ++i) {
        const float keep = tl_logisticf(forget[i]);
        const float admit = p->is_coupled ? 1.0f - keep : tl_logisticf(input[i]);
        c[i] = clip(keep * c[i] + admit * activate(fresh[i], p->low, p->high), p->clip);
    }
    finish_gate(s, OUTPUT);
    float *output = s->levels + OUTPUT * width;
    for (int32_t i = 0; i < p->cells; ++i) output[i] = tl_logisticf(output[i]) * activate(c[i], p->low, p->high);
}

/* t[0] x, t[1] auxiliary input or none, t[2] h [batch][outputs] and t[3] c [batch][cells], which are updated, t[4]
 * matrix of the inputs, t[5] recurrent matrix, t[6] matrix of the auxiliary inputs, t[7] projection, t[8] their scales,
 * t[9] vectors, t[10] h after every step, t[11] and t[12] h and c again, t[13] scratch. A work item is one member of
 * the batch, which walks along time by itself. */
int32_t tl_lstm_full_f32(const tl_lstm_full_params *p, void *const *t, tl_range r) {
    const int32_t rows = GATES * p->width;
    const float *vectors = t[9], *into_scales = t[8], *recurrent_scales = into_scales + rows;
    const float *aux_scales = recurrent_scales + rows, *projection_scales = aux_scales + rows;
    float *levels = (float *)t[13] + (size_t)r.worker * (size_t)p->scratch, *projected = levels + rows;
    int16_t *steps = (int16_t *)(void *)(projected + p->projected);
    for (int32_t b = r.begin; b < r.end; ++b) {
        float *h = (float *)t[2] + (size_t)b * (size_t)p->outputs, *c = (float *)t[3] + (size_t)b * (size_t)p->cells;
        const lstm s = {p, vectors, levels, c};
        for (int32_t i = 0; i < p->times; ++i) {
            const int32_t time = p->is_reverse ? p->times - 1 - i : i;
            const size_t at = (size_t)b * (size_t)p->batch_step + (size_t)time * (size_t)p->time_step;
            if (p->is_normalized)
                tl_fill(levels, 0, (size_t)rows * sizeof *levels);
            else
                tl_copy(levels, vectors, (size_t)rows * sizeof *levels);
            add_product(p->kind, (const float *)t[0] + at * (size_t)p->inputs, p->inputs, t[4], into_scales, rows,
                        steps, levels);
            if (p->aux_inputs)
                add_product(p->kind, (const float *)t[1] + at * (size_t)p->aux_inputs, p->aux_inputs, t[6], aux_scales,
                            rows, steps, levels);
            if (!p->is_diagonal) add_product(p->kind, h, p->outputs, t[5], recurrent_scales, rows, steps, levels);
            for (int32_t g = 0; g < GATES && p->is_diagonal; ++g) {
                const float *diagonal = vectors + (size_t)(DIAGONALS + g) * (size_t)p->width;
                for (int32_t k = 0; k < p->cells; ++k) levels[g * p->width + k] += diagonal[k] * h[k];
            }
            step_cells(&s);
            const float *hidden = levels + (size_t)OUTPUT * (size_t)p->width;
            if (p->projected) {
                tl_copy(projected, vectors + (size_t)PROJECTION_BIAS * (size_t)p->width,
                        (size_t)p->projected * sizeof *projected);
                add_product(p->kind, hidden, p->cells, t[7], projection_scales, p->projected, steps, projected);
                for (int32_t k = 0; k < p->outputs; ++k) h[k] = clip(projected[k], p->projection_clip);
            } else {
                tl_copy(h, hidden, (size_t)p->outputs * sizeof *h);
            }
            tl_copy((float *)t[10] + at * (size_t)p->pitch + p->offset, h, (size_t)p->outputs * sizeof *h);
        }
    }
    return TL_OK;
}

/* Simple cells: t[0] x, t[1] auxiliary input or none, t[2] h [batch][units], which is updated, t[3] matrix of the
 * inputs, t[4] recurrent matrix, t[5] matrix of the auxiliary inputs, t[6] their scales, t[7] bias, t[8] h after every
 * step, t[9] h again, t[10] scratch. A work item is one member of the batch. */
int32_t tl_rnn_f32(const tl_rnn_params *p, void *const *t, tl_range r) {
    const int32_t width = p->width;
    const float *into_scales = t[6], *recurrent_scales = into_scales + width, *aux_scales = recurrent_scales + width;
    float *levels = (float *)t[10] + (size_t)r.worker * (size_t)p->scratch;
    int16_t *steps = (int16_t *)(void *)(levels + width);
    for (int32_t b = r.begin; b < r.end; ++b) {
        float *h = (float *)t[2] + (size_t)b * (size_t)p->units;
        for (int32_t i = 0; i < p->times * p->passes; ++i) {
            const int32_t time = p->is_reverse ? p->times - 1 - i % p->times : i % p->times;
            const size_t at = (size_t)b * (size_t)p->batch_step + (size_t)time * (size_t)p->time_step;
            tl_copy(levels, t[7], (size_t)width * sizeof *levels);
            add_product(p->kind, (const float *)t[0] + at * (size_t)p->inputs, p->inputs, t[3], into_scales, width,
                        steps, levels);
            if (p->aux_inputs)
                add_product(p->kind, (const float *)t[1] + at * (size_t)p->aux_inputs, p->aux_inputs, t[5], aux_scales,
                            width, steps, levels);
            add_product(p->kind, h, p->units, t[4], recurrent_scales, width, steps, levels);
            for (int32_t k = 0; k < p->units; ++k) h[k] = activate(levels[k], p->low, p->high);
            tl_copy((float *)t[8] + at * (size_t)p->pitch + p->offset, h, (size_t)p->units * sizeof *h);
        }
    }
    return TL_OK;
}

/* SVDF: t[0] x [batch][inputs], t[1] state [batch][filters][memory], which is updated, t[2] matrix of the features,
 * t[3] its scales, t[4] filters over time [filters][memory], t[5] bias or none, t[6] y [batch][units], t[7] state
 * again, t[8] scratch. A work item is one member of the batch. */
int32_t tl_svdf_f32(const tl_svdf_params *p, void *const *t, tl_range r) {
    const int32_t memory = p->memory, units = p->filters / p->rank;
    float *newest = (float *)t[8] + (size_t)r.worker * (size_t)p->scratch;
    int16_t *steps = (int16_t *)(void *)(newest + p->width);
    for (int32_t b = r.begin; b < r.end; ++b) {
        float *state = (float *)t[1] + (size_t)b * (size_t)p->filters * (size_t)memory;
        const float *times = t[4];
        float *y = (float *)t[6] + (size_t)b * (size_t)units;
        tl_fill(newest, 0, (size_t)p->width * sizeof *newest);
        add_product(p->kind, (const float *)t[0] + (size_t)b * (size_t)p->inputs, p->inputs, t[2], t[3], p->width,
                    steps, newest);
        for (int32_t u = 0, f = 0; u < units; ++u) {
            float sum = 0;
            for (int32_t i = 0; i < p->rank; ++i, ++f, state += memory, times += memory) {
                tl_move(state, state + 1, (size_t)(memory - 1) * sizeof *state);
                state[memory - 1] = newest[f];
                float filtered = 0;
                for (int32_t k = 0; k < memory; ++k) filtered += state[k] * times[k];
                sum += filtered;
            }
            y[u] = activate(t[5] ? sum + ((const float *)t[5])[u] : sum, p->low, p->high);
        }
    }
    return TL_OK;
}
