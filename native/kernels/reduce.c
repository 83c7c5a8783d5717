/* Reductions along some of a tensor's axes.
 * t[0] input, t[1] output. The input's axes are those that are kept, those that are reduced, and `inner` elements in a
 * row that are kept; where inner is 1 the last axis is reduced. A work item is one block of such a row, for one index
 * of the other kept axes. */
#include "tl_fixedpoint.h"
#include "tl_params.h"

#define BLOCK 128 /* kept elements in a row that are reduced at once */
#define LANES 32  /* neighbours along a reduced axis that are combined side by side, and with each other in the end */
#define CHUNK \
    1024 /* steps along an axis whose results are combined first, so that long sums of floats keep their digits */

/* Elements before the i-th position of `count` axes. */
static inline size_t offset_of(int32_t i, const int32_t *size, const int32_t *stride, int count) {
    size_t offset = 0;
    while (count-- > 0) {
        offset += (size_t)(i % size[count]) * (size_t)stride[count];
        i /= size[count];
    }
    return offset;
}

#define ADD(a, b) ((a) + (b))
#define MULTIPLY(a, b) ((a) * (b))
#define ANY(a, b) ((a) | ((b) != 0))
#define ALL(a, b) ((a) & ((b) != 0))
#define GREATER(a, b) ((b) > (a) ? (b) : (a))
#define LESS(a, b) ((b) < (a) ? (b) : (a))
/* NaN loses against every number. */
#define GREATER_F32(a, b) ((a) >= (b) ? (a) : (b) == (b) ? (b) : (a))
#define LESS_F32(a, b) ((a) <= (b) ? (a) : (b) == (b) ? (b) : (a))

#define SAME(x) (x)
#define MEAN_F32(x) ((x) / (float)p->count)
#define MEAN_I32(x) ((x) / p->count)
#define MEAN_I64(x) ((int64_t)(x) / p->count)
#define MEAN_STORED(x) mean_of_steps(p, x)
#define SUM_STORED(x) sum_of_steps(p, x)

static inline int32_t mean_of_steps(const tl_reduce_params *p, int32_t total) {
    const int32_t steps = tl_rescale((int32_t)((uint32_t)total - (uint32_t)p->offset), p->mantissa, p->shift);
    return tl_clamp(steps, -70000, 70000) + p->zero_point; /* far outside of 16 bits, so that the sum saturates alike */
}

/* In float32, to the nearest, halves away from zero. */
static inline int32_t sum_of_steps(const tl_reduce_params *p, int32_t total) {
    const float scaled = (float)total * p->ratio;
    const float steps = TL_MAX(TL_MIN(scaled + p->bias, 70000.0f), -70000.0f);
    const int32_t whole = (int32_t)steps;
    const float rest = steps - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f) + p->zero_point;
}

#define REDUCE(name, type, sum_type, start, combine, join, saturate, finish)                                \
    int32_t tl_reduce_##name(const tl_reduce_params *p, void *const *t, tl_range r) {                       \
        const int in_a_row = p->inner == 1;                                                                 \
        const int32_t last = p->reduced_size[3], step = p->reduced_stride[3];                               \
        const int32_t rows = p->reduced_size[0] * p->reduced_size[1] * p->reduced_size[2];                  \
        for (int32_t item = r.begin; item < r.end; ++item) {                                                \
            const int32_t outer = item / p->blocks, first = item % p->blocks * BLOCK;                       \
            const int32_t n = TL_MIN(p->inner - first, BLOCK), lanes = in_a_row ? LANES : n;                \
            const type *x = (const type *)t[0] + offset_of(outer, p->kept_size, p->kept_stride, 4) + first; \
            type *y = (type *)t[1] + (size_t)outer * (size_t)p->inner + first;                              \
            sum_type total[BLOCK], part[BLOCK];                                                             \
            for (int32_t c = 0; c < lanes; ++c) total[c] = start;                                           \
            for (int32_t i = 0; i < rows; ++i) {                                                            \
                const type *row = x + offset_of(i, p->reduced_size, p->reduced_stride, 3);                  \
                for (int32_t j = 0; j < last;) {                                                            \
                    const int32_t stop = last - j < CHUNK ? last : j + CHUNK;                               \
                    for (int32_t c = 0; c < lanes; ++c) part[c] = start;                                    \
                    if (in_a_row) {                                                                         \
                        for (; stop - j >= LANES; j += LANES)                                               \
                            for (int32_t c = 0; c < LANES; ++c) part[c] = combine(part[c], row[j + c]);     \
                        for (int32_t c = 0; j < stop; ++c, ++j) part[c] = combine(part[c], row[j]);         \
                    } else {                                                                                \
                        for (; j < stop; ++j) {                                                             \
                            const type *at = row + (size_t)j * (size_t)step;                                \
                            for (int32_t c = 0; c < n; ++c) part[c] = combine(part[c], at[c]);              \
                        }                                                                                   \
                    }                                                                                       \
                    for (int32_t c = 0; c < lanes; ++c) total[c] = join(total[c], part[c]);                 \
                }                                                                                           \
            }                                                                                               \
            if (in_a_row)                                                                                   \
                for (int32_t c = 1; c < LANES; ++c) total[0] = join(total[0], total[c]);                    \
            for (int32_t c = 0; c < n; ++c) y[c] = (type)saturate(finish(total[c]));                        \
        }                                                                                                   \
        return TL_OK;                                                                                       \
    }

REDUCE(sum_f32, float, float, 0, ADD, ADD, SAME, SAME)
REDUCE(sum_i32, int32_t, uint32_t, 0, ADD, ADD, SAME, SAME)
REDUCE(sum_i64, int64_t, uint64_t, 0, ADD, ADD, SAME, SAME)
REDUCE(sum_s8, int8_t, int32_t, 0, ADD, ADD, tl_saturate_s8, SUM_STORED)
REDUCE(sum_u8, uint8_t, int32_t, 0, ADD, ADD, tl_saturate_u8, SUM_STORED)
REDUCE(sum_s16, int16_t, int32_t, 0, ADD, ADD, tl_saturate_s16, SUM_STORED)

REDUCE(mean_f32, float, float, 0, ADD, ADD, SAME, MEAN_F32)
REDUCE(mean_i32, int32_t, int64_t, 0, ADD, ADD, SAME, MEAN_I32)
REDUCE(mean_i64, int64_t, uint64_t, 0, ADD, ADD, SAME, MEAN_I64)
REDUCE(mean_s8, int8_t, int32_t, 0, ADD, ADD, tl_saturate_s8, MEAN_STORED)
REDUCE(mean_u8, uint8_t, int32_t, 0, ADD, ADD, tl_saturate_u8, MEAN_STORED)
REDUCE(mean_s16, int16_t, int32_t, 0, ADD, ADD, tl_saturate_s16, MEAN_STORED)

/* Products of floats may leave their range on the way. */
REDUCE(prod_f32, float, double, 1, MULTIPLY, MULTIPLY, SAME, SAME)
REDUCE(prod_i32, int32_t, uint32_t, 1, MULTIPLY, MULTIPLY, SAME, SAME)
REDUCE(prod_i64, int64_t, uint64_t, 1, MULTIPLY, MULTIPLY, SAME, SAME)

#define EXTREMES(suffix, type, least, greatest)                           \
    REDUCE(max_##suffix, type, type, least, GREATER, GREATER, SAME, SAME) \
    REDUCE(min_##suffix, type, type, greatest, LESS, LESS, SAME, SAME)
REDUCE(max_f32, float, float, __builtin_nanf(""), GREATER_F32, GREATER_F32, SAME, SAME)
REDUCE(min_f32, float, float, __builtin_nanf(""), LESS_F32, LESS_F32, SAME, SAME)
EXTREMES(i32, int32_t, INT32_MIN, INT32_MAX)
EXTREMES(i64, int64_t, INT64_MIN, INT64_MAX)
EXTREMES(s8, int8_t, INT8_MIN, INT8_MAX)
EXTREMES(u8, uint8_t, 0, UINT8_MAX)
EXTREMES(s16, int16_t, INT16_MIN, INT16_MAX)

REDUCE(any_bool, uint8_t, uint8_t, 0, ANY, ANY, SAME, SAME)
REDUCE(all_bool, uint8_t, uint8_t, 1, ALL, ALL, SAME, SAME)
