/* Reductions along some of a tensor's axes.
 * t[0] input, t[1] output. The input's axes are those that are kept, those that are reduced, and `inner` elements in a
 * row that are kept; where inner is 1 the last axis is reduced. A work item is one block of such a row, for one index
 * of the other kept axes. */
#include "tl_fixedpoint.h"
#include "tl_params.h"
#include "tl_vector.h"

#define BLOCK 128 /* kept elements in a row that are reduced at once */
/* Steps along an axis whose results are combined first, so that long sums of floats keep their digits. */
#define CHUNK 1024

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
/* NaN loses against every number. Functions, since eight macros inside each other that name `a` twice are 256. */
static inline float greater_f32(float a, float b) { return a >= b ? a : b == b ? b : a; }
static inline float less_f32(float a, float b) { return a <= b ? a : b == b ? b : a; }

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

static inline int32_t product_of_steps(const tl_reduce_params *p, int32_t total) {
    const int64_t steps = tl_rescale_wide(total, p->mantissa, p->shift);
    return (int32_t)TL_MAX(TL_MIN(steps, 70000), -70000) + p->zero_point;
}

/* In float32, to the nearest, halves away from zero. */
static inline int32_t sum_of_steps(const tl_reduce_params *p, int32_t total) {
    const float scaled = (float)total * p->ratio;
    const float steps = TL_MAX(TL_MIN(scaled + p->bias, 70000.0f), -70000.0f);
    const int32_t whole = (int32_t)steps;
    const float rest = steps - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f) + p->zero_point;
}

/* A row of integers: compilers combine its elements side by side. */
#define IN_A_ROW(name, type, sum_type, start, combine)                \
    static inline sum_type row_##name(const type *x, int32_t n) {     \
        sum_type total = start;                                       \
        for (int32_t i = 0; i < n; ++i) total = combine(total, x[i]); \
        return total;                                                 \
    }

/* Rows of floats, whose order counts for compilers. */
static inline float row_sum_f32(const float *x, int32_t n) {
    tl_vector a = tl_splat(0.0f), b = a, c = a, d = a;
    int32_t i = 0;
    for (; n - i >= 4 * TL_WIDTH; i += 4 * TL_WIDTH) {
        a += tl_load(x + i), b += tl_load(x + i + TL_WIDTH);
        c += tl_load(x + i + 2 * TL_WIDTH), d += tl_load(x + i + 3 * TL_WIDTH);
    }
    for (; n - i >= TL_WIDTH; i += TL_WIDTH) a += tl_load(x + i);
    if (i < n) b += tl_load_part(x + i, n - i);
    return tl_sum((a + b) + (c + d));
}

/* The infinity that stands for nothing may also be there, or all may be NaN. */
#define ROW_EXTREME_F32(name, sign, combine)                          \
    static inline float row_##name(const float *x, int32_t n) {       \
        const float most = tl_greatest_in(x, n, sign);                \
        if (most > -__builtin_inff()) return most * sign;             \
        float total = x[0];                                           \
        for (int32_t i = 1; i < n; ++i) total = combine(total, x[i]); \
        return total;                                                 \
    }
ROW_EXTREME_F32(max_f32, 1.0f, greater_f32)
ROW_EXTREME_F32(min_f32, -1.0f, less_f32)

#define FOUR(combine, total, x, i, c) \
    combine(combine(combine(combine(total, x[i][c]), x[i + 1][c]), x[i + 2][c]), x[i + 3][c])
#define EIGHT(combine, total, x, c) FOUR(combine, FOUR(combine, total, x, 0, c), x, 4, c)
#define EIGHT_BYTES(combine, total, x, c) \
    ((total) + (int16_t)(x[0][c] + x[1][c] + x[2][c] + x[3][c] + x[4][c] + x[5][c] + x[6][c] + x[7][c]))

/* Chunks are combined first and then with each other. Rows in memory that are reduced, one to one result, need no more
 * than the one loop. */
#define REDUCE(name, type, sum_type, start, combine, eight, join, row, saturate, finish)                         \
    int32_t tl_reduce_##name(const tl_reduce_params *params, void *const *t, tl_range r) {                       \
        const tl_reduce_params copy = *params, *const p = &copy;                                                 \
        const int32_t last = p->reduced_size[3], step = p->reduced_stride[3];                                    \
        const int32_t rows = p->reduced_size[0] * p->reduced_size[1] * p->reduced_size[2];                       \
        if (p->inner == 1 && p->kept_size[0] * p->kept_size[1] * p->kept_size[2] * rows == 1 && last <= CHUNK) { \
            const type *x = t[0];                                                                                \
            type *y = t[1];                                                                                      \
            for (int32_t item = r.begin; item < r.end; ++item)                                                   \
                y[item] = (type)saturate(finish(row(x + (ptrdiff_t)item * p->kept_stride[3], last)));            \
            return TL_OK;                                                                                        \
        }                                                                                                        \
        for (int32_t item = r.begin; item < r.end; ++item) {                                                     \
            const int32_t outer = item / p->blocks;                                                              \
            const int32_t first = (item - outer * p->blocks) * BLOCK, n = TL_MIN(p->inner - first, BLOCK);       \
            const type *x = (const type *)t[0] + offset_of(outer, p->kept_size, p->kept_stride, 4) + first;      \
            type *y = (type *)t[1] + (size_t)outer * (size_t)p->inner + first;                                   \
            sum_type total[BLOCK], part[BLOCK];                                                                  \
            for (int32_t c = 0; c < n; ++c) total[c] = start;                                                    \
            for (int32_t i = 0; i < rows; ++i) {                                                                 \
                const type *at = x + offset_of(i, p->reduced_size, p->reduced_stride, 3);                        \
                for (int32_t rest = last, chunk; rest > 0; rest -= chunk) {                                      \
                    chunk = TL_MIN(rest, CHUNK);                                                                 \
                    if (p->inner == 1) {                                                                         \
                        *total = join(*total, row(at, chunk));                                                   \
                        at += chunk;                                                                             \
                        continue;                                                                                \
                    }                                                                                            \
                    for (int32_t c = 0; c < n; ++c) part[c] = start;                                             \
                    int32_t j = 0;                                                                               \
                    for (; chunk - j >= 8; j += 8, at += 8 * (size_t)step) {                                     \
                        const type *x[8] = {at};                                                                 \
                        for (int k = 1; k < 8; ++k) x[k] = x[k - 1] + step;                                      \
                        for (int32_t c = 0; c < n; ++c) part[c] = eight(combine, part[c], x, c);                 \
                    }                                                                                            \
                    for (; j < chunk; ++j, at += step)                                                           \
                        for (int32_t c = 0; c < n; ++c) part[c] = combine(part[c], at[c]);                       \
                    for (int32_t c = 0; c < n; ++c) total[c] = join(total[c], part[c]);                          \
                }                                                                                                \
            }                                                                                                    \
            for (int32_t c = 0; c < n; ++c) y[c] = (type)saturate(finish(total[c]));                             \
        }                                                                                                        \
        return TL_OK;                                                                                            \
    }

#define SUM_AND_MEAN(suffix, type, sum_type, mean_type, eight, saturate, finish_sum, finish_mean)    \
    IN_A_ROW(sum_##suffix, type, sum_type, 0, ADD)                                                   \
    IN_A_ROW(mean_##suffix, type, mean_type, 0, ADD)                                                 \
    REDUCE(sum_##suffix, type, sum_type, 0, ADD, eight, ADD, row_sum_##suffix, saturate, finish_sum) \
    REDUCE(mean_##suffix, type, mean_type, 0, ADD, eight, ADD, row_mean_##suffix, saturate, finish_mean)
REDUCE(sum_f32, float, float, 0, ADD, EIGHT, ADD, row_sum_f32, SAME, SAME)
REDUCE(mean_f32, float, float, 0, ADD, EIGHT, ADD, row_sum_f32, SAME, MEAN_F32)
SUM_AND_MEAN(i32, int32_t, uint32_t, int64_t, EIGHT, SAME, SAME, MEAN_I32)
SUM_AND_MEAN(i64, int64_t, uint64_t, uint64_t, EIGHT, SAME, SAME, MEAN_I64)
SUM_AND_MEAN(s8, int8_t, int32_t, int32_t, EIGHT_BYTES, tl_saturate_s8, SUM_STORED, MEAN_STORED)
SUM_AND_MEAN(u8, uint8_t, int32_t, int32_t, EIGHT_BYTES, tl_saturate_u8, SUM_STORED, MEAN_STORED)
SUM_AND_MEAN(s16, int16_t, int32_t, int32_t, EIGHT, tl_saturate_s16, SUM_STORED, MEAN_STORED)

/* What is no sum. */
#define COMBINED(name, type, total_type, start, combine) \
    IN_A_ROW(name, type, total_type, start, combine)     \
    REDUCE(name, type, total_type, start, combine, EIGHT, combine, row_##name, SAME, SAME)
COMBINED(prod_f32, float, double, 1, MULTIPLY) /* may leave its range on the way */
COMBINED(prod_i32, int32_t, uint32_t, 1, MULTIPLY)
COMBINED(prod_i64, int64_t, uint64_t, 1, MULTIPLY)

/* Factors less their zero point are multiplied one by one, in order, and each product is scaled. */
#define PRODUCT_OF_STEPS(suffix, type)                                                                           \
    int32_t tl_reduce_prod_##suffix(const tl_reduce_params *p, void *const *t, tl_range r) {                     \
        const int32_t last = p->reduced_size[3], step = p->reduced_stride[3];                                    \
        const int32_t rows = p->reduced_size[0] * p->reduced_size[1] * p->reduced_size[2];                       \
        for (int32_t item = r.begin; item < r.end; ++item) {                                                     \
            const int32_t outer = item / p->blocks;                                                              \
            const int32_t first = (item - outer * p->blocks) * BLOCK, n = TL_MIN(p->inner - first, BLOCK);       \
            const type *x = (const type *)t[0] + offset_of(outer, p->kept_size, p->kept_stride, 4) + first;      \
            type *y = (type *)t[1] + (size_t)outer * (size_t)p->inner + first;                                   \
            int32_t total[BLOCK];                                                                                \
            for (int32_t c = 0; c < n; ++c) total[c] = x[c] - p->offset;                                         \
            for (int32_t i = 0; i < rows; ++i) {                                                                 \
                const type *at = x + offset_of(i, p->reduced_size, p->reduced_stride, 3);                        \
                for (int32_t j = i == 0; j < last; ++j)                                                          \
                    for (int32_t c = 0; c < n; ++c)                                                              \
                        total[c] = tl_rescale_s64((int64_t)total[c] * (at[(ptrdiff_t)j * step + c] - p->offset), \
                                                  p->mantissa, p->shift);                                        \
            }                                                                                                    \
            for (int32_t c = 0; c < n; ++c) y[c] = (type)tl_saturate_##suffix(product_of_steps(p, total[c]));    \
        }                                                                                                        \
        return TL_OK;                                                                                            \
    }
PRODUCT_OF_STEPS(s8, int8_t)
PRODUCT_OF_STEPS(s16, int16_t)

REDUCE(max_f32, float, float, __builtin_nanf(""), greater_f32, EIGHT, greater_f32, row_max_f32, SAME, SAME)
REDUCE(min_f32, float, float, __builtin_nanf(""), less_f32, EIGHT, less_f32, row_min_f32, SAME, SAME)
#define EXTREMES(suffix, type, least, greatest)        \
    COMBINED(max_##suffix, type, type, least, GREATER) \
    COMBINED(min_##suffix, type, type, greatest, LESS)
EXTREMES(i32, int32_t, INT32_MIN, INT32_MAX)
EXTREMES(i64, int64_t, INT64_MIN, INT64_MAX)
EXTREMES(s8, int8_t, INT8_MIN, INT8_MAX)
EXTREMES(u8, uint8_t, 0, UINT8_MAX)
EXTREMES(s16, int16_t, INT16_MIN, INT16_MAX)

COMBINED(any_bool, uint8_t, uint8_t, 0, ANY)
COMBINED(all_bool, uint8_t, uint8_t, 1, ALL)
