/* SVDF of integers: t[0] x [batch][inputs], int8, t[1] state [batch][filters][memory], which is updated, t[2] features
 * [filters][inputs], int8, t[3] filters over time [filters][memory], of the state's type, t[4] bias, int32, or none,
 * t[5] y [batch][units], int8, t[6] state again. A work item is one member of the batch. */
#include "tl_fixedpoint.h"
#include "tl_params.h"

#define SVDF(suffix, type)                                                                                       \
    int32_t tl_svdf_int_##suffix(const tl_svdf_int_params *p, void *const *t, tl_range r) {                      \
        const int32_t memory = p->memory, units = p->filters / p->rank;                                          \
        for (int32_t b = r.begin; b < r.end; ++b) {                                                              \
            const int8_t *x = (const int8_t *)t[0] + (size_t)b * (size_t)p->inputs, *features = t[2];            \
            type *state = (type *)t[1] + (size_t)b * (size_t)p->filters * (size_t)memory;                        \
            const type *times = t[3];                                                                            \
            int8_t *y = (int8_t *)t[5] + (size_t)b * (size_t)units;                                              \
            for (int32_t u = 0; u < units; ++u) {                                                                \
                /* Sums may wrap around, as the reference's do. */                                               \
                uint32_t sum = t[4] ? (uint32_t)((const int32_t *)t[4])[u] : 0;                                  \
                for (int32_t i = 0; i < p->rank; ++i, features += p->inputs, state += memory, times += memory) { \
                    int32_t level = 0;                                                                           \
                    for (int32_t k = 0; k < p->inputs; ++k) level += (x[k] - p->input_zero_point) * features[k]; \
                    tl_move(state, state + 1, (size_t)(memory - 1) * sizeof *state);                             \
                    level = tl_clamp(tl_rescale(level, p->into_mantissa, p->into_shift), -(1 << 30), 1 << 30);   \
                    state[memory - 1] = tl_saturate_##suffix(level + p->state_zero_point);                       \
                    for (int32_t k = 0; k < memory; ++k)                                                         \
                        sum += (uint32_t)(state[k] - p->state_zero_point) * (uint32_t)times[k];                  \
                }                                                                                                \
                const int32_t step = tl_rescale((int32_t)sum, p->output_mantissa, p->output_shift);              \
                y[u] = tl_saturate_s8(tl_clamp(step, -(1 << 30), 1 << 30) + p->output_zero_point);               \
            }                                                                                                    \
        }                                                                                                        \
        return TL_OK;                                                                                            \
    }
SVDF(s16, int16_t)
SVDF(s8, int8_t)
