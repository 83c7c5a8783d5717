/* SOFTMAX and LOG_SOFTMAX of floats, over the last axis.
 * t[0] input [rows, columns], t[1] output, alike; may run in place. A work item is one row. */
#include "tl_math.h"
#include "tl_params.h"
#include "tl_vector.h"

/* 2^x for x <= 0, down to 2^-126, within 2e-7; NaN stays. A number plus TURN has, in its last bits, the exponent that a
 * power of its nearest integer needs. */
#define TURN (TL_ROUND_F32 + 127.0f)
TL_ALWAYS_INLINE tl_vector power_of_2(tl_vector x) {
    x = tl_greater(tl_splat(-126.0f), x);
    const tl_vector shifted = x + TURN;
    const tl_vector r = x - (shifted - TURN);
    tl_vector p = r * 1.3264718e-3f + 9.6715130e-3f;
    p = p * r + 5.5507340e-2f;
    p = p * r + 2.4022242e-1f;
    p = p * r + 6.9314700e-1f;
    p = p * r + 1.0f;
    return p * (tl_vector)((tl_lanes)shifted << 23);
}

/* y = exp((x - most) * beta), where y is wanted. Returns the sum. */
TL_ALWAYS_INLINE float exponentials(float *y, const float *x, int32_t n, float most, float beta) {
    const float factor = beta * 1.44269504f; /* of log2(e) */
    tl_vector sum = tl_splat(0.0f);
    int32_t i = 0;
    for (; n - i >= TL_WIDTH; i += TL_WIDTH) {
        const tl_vector power = power_of_2((tl_load(x + i) - most) * factor);
        if (y) tl_store(y + i, power);
        sum += power;
    }
    if (i < n) {
        const tl_vector power = power_of_2((tl_load_part(x + i, n - i) - most) * factor);
        if (y) tl_store_part(y + i, power, n - i);
        sum += tl_select(tl_first(n - i), power, tl_splat(0.0f));
    }
    return tl_sum(sum);
}

int32_t tl_softmax_f32(const tl_softmax_params *p, void *const *t, tl_range r) {
    const int32_t columns = p->columns;
    for (int32_t row = r.begin; row < r.end; ++row) {
        const float *x = (const float *)t[0] + (size_t)row * columns;
        float *y = (float *)t[1] + (size_t)row * columns;
        /* Of NaN the greatest knows nothing; the sum brings it back. */
        const float share = 1.0f / exponentials(y, x, columns, tl_greatest_in(x, columns, 1.0f), p->beta);
        int32_t i = 0;
        for (; columns - i >= TL_WIDTH; i += TL_WIDTH) tl_store(y + i, tl_load(y + i) * share);
        if (i < columns) tl_store_part(y + i, tl_load_part(y + i, columns - i) * share, columns - i);
    }
    return TL_OK;
}

int32_t tl_log_softmax_f32(const tl_softmax_params *p, void *const *t, tl_range r) {
    const int32_t columns = p->columns;
    for (int32_t row = r.begin; row < r.end; ++row) {
        const float *x = (const float *)t[0] + (size_t)row * columns;
        float *y = (float *)t[1] + (size_t)row * columns;
        const float most = tl_greatest_in(x, columns, 1.0f);
        const float log_of_sum = tl_logf(exponentials(NULL, x, columns, most, 1.0f));
        int32_t i = 0;
        for (; columns - i >= TL_WIDTH; i += TL_WIDTH) tl_store(y + i, (tl_load(x + i) - most) - log_of_sum);
        if (i < columns) tl_store_part(y + i, (tl_load_part(x + i, columns - i) - most) - log_of_sum, columns - i);
    }
    return TL_OK;
}
