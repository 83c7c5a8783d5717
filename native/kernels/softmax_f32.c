/* SOFTMAX and LOG_SOFTMAX of floats, over the last axis.
 * t[0] input [rows, columns], t[1] output, alike; may run in place. A work item is one row. */
#include "tl_math.h"
#include "tl_params.h"
#include "tl_vector.h"

/* exp(x) for x <= 0, down to exp(-87); NaN stays. As tl_expf, without its care for subnormal numbers. */
TL_ALWAYS_INLINE tl_vector exp_of_negative(tl_vector x) {
    x = tl_greater(tl_splat(-87.0f), x);
    const tl_vector shifted = x * 1.44269504f + TL_ROUND_F32;
    const tl_vector k = shifted - TL_ROUND_F32;
    const tl_vector r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
    tl_vector p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * r) * r + r + 1.0f;
    return p * (tl_vector)(((tl_lanes)shifted - tl_bits_of_f32(TL_ROUND_F32) + 127) << 23);
}

/* y = exp((x - most) * beta), where y is wanted. Returns the sum. */
TL_ALWAYS_INLINE float exponentials(float *y, const float *x, int32_t n, float most, float beta) {
    tl_vector sum = tl_splat(0.0f);
    int32_t i = 0;
    for (; n - i >= TL_WIDTH; i += TL_WIDTH) {
        const tl_vector power = exp_of_negative((tl_load(x + i) - most) * beta);
        if (y) tl_store(y + i, power);
        sum += power;
    }
    if (i < n) {
        const tl_vector power = exp_of_negative((tl_load_part(x + i, n - i) - most) * beta);
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
