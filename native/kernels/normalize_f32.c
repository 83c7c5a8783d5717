/* Normalizations of floats by local norms. */
#include "tl_broadcast.h"
#include "tl_math.h"
#include "tl_vector.h"

/* L2_NORMALIZATION: t[0] input [rows, channels], t[1] output; each row is divided by its Euclidean norm, which counts
 * as 1e-6 where it is less. A work item is one row. */
int32_t tl_l2_normalization_f32(const tl_normalize_params *p, void *const *t, tl_range r) {
    const int32_t n = p->channels;
    for (int32_t row = r.begin; row < r.end; ++row) {
        const float *x = (const float *)t[0] + (ptrdiff_t)row * n;
        float *y = (float *)t[1] + (ptrdiff_t)row * n;
        tl_vector a = tl_splat(0.0f), b = a;
        int32_t i = 0;
        for (; n - i >= 2 * TL_WIDTH; i += 2 * TL_WIDTH) {
            const tl_vector u = tl_load(x + i), v = tl_load(x + i + TL_WIDTH);
            a += u * u, b += v * v;
        }
        for (; i < n; i += TL_WIDTH) {
            const tl_vector u = n - i >= TL_WIDTH ? tl_load(x + i) : tl_load_part(x + i, n - i);
            a += u * u;
        }
        const float norm = __builtin_sqrtf(tl_sum(a + b)), factor = 1.0f / (norm < 1e-6f ? 1e-6f : norm);
        TL_INDEPENDENT for (int32_t c = 0; c < n; ++c) y[c] = x[c] * factor;
    }
    return TL_OK;
}

/* The sum over a row of x - mean, or of its square; in four parts that do not wait for each other. */
TL_ALWAYS_INLINE float deviation(const float *x, int32_t n, float mean, const int squared) {
    tl_vector parts[4];
#pragma GCC unroll 4
    for (int q = 0; q < 4; ++q) parts[q] = tl_splat(0.0f);
    int32_t i = 0;
    for (; n - i >= 4 * TL_WIDTH; i += 4 * TL_WIDTH) {
#pragma GCC unroll 4
        for (int q = 0; q < 4; ++q) {
            const tl_vector u = tl_load(x + i + q * TL_WIDTH) - mean;
            parts[q] += squared ? u * u : u;
        }
    }
    for (; i < n; i += TL_WIDTH) {
        const tl_vector u = tl_select(tl_first(n - i), tl_load_up_to(x + i, n - i) - mean, tl_splat(0.0f));
        parts[0] += squared ? u * u : u;
    }
    return tl_sum((parts[0] + parts[1]) + (parts[2] + parts[3]));
}

/* LAYER_NORM: t[0] input [rows, channels], t[1] scales and t[2] offsets of the channels, t[3] output, which may be the
 * input's memory. A work item is one row. */
int32_t tl_layer_norm_f32(const tl_layer_norm_params *p, void *const *t, tl_range r) {
    const int32_t n = p->channels;
    const float *scale = t[1], *offset = t[2];
    for (int32_t row = r.begin; row < r.end; ++row) {
        const float *x = (const float *)t[0] + (ptrdiff_t)row * n;
        float *y = (float *)t[3] + (ptrdiff_t)row * n;
        const float mean = deviation(x, n, 0.0f, 0) / (float)n;
        const float factor = 1.0f / __builtin_sqrtf(deviation(x, n, mean, 1) / (float)n + p->epsilon);
        TL_INDEPENDENT for (int32_t c = 0; c < n; ++c) y[c] = (x[c] - mean) * factor * scale[c] + offset[c];
    }
    return TL_OK;
}

/* LOCAL_RESPONSE_NORMALIZATION: t[0] input [pixels, channels], t[1] output; each element is multiplied by (bias + alpha
 * * the sum of squares of the channels within the radius)^-beta. t[2] scratch of each worker: the squares of a pixel,
 * with `radius` zeros before and behind. A work item is one pixel. */
int32_t tl_local_response_f32(const tl_normalize_params *params, void *const *t, tl_range r) {
    const tl_normalize_params copy = *params, *const p = &copy;
    const int32_t n = p->channels, length = n + 2 * p->radius;
    float *squares = (float *)t[2] + (ptrdiff_t)r.worker * length;
    tl_fill(squares, 0, (size_t)length * sizeof *squares);
    for (int32_t pixel = r.begin; pixel < r.end; ++pixel) {
        const float *x = (const float *)t[0] + (ptrdiff_t)pixel * n;
        float *y = (float *)t[1] + (ptrdiff_t)pixel * n, *centre = squares + p->radius;
        TL_INDEPENDENT for (int32_t c = 0; c < n; ++c) centre[c] = x[c] * x[c], y[c] = 0.0f;
        for (int32_t k = 0; k <= 2 * p->radius; ++k)
            TL_INDEPENDENT for (int32_t c = 0; c < n; ++c) y[c] += squares[c + k];
        TL_INDEPENDENT for (int32_t c = 0; c < n; ++c) y[c] = x[c] * tl_powf(p->bias + p->alpha * y[c], -p->beta);
    }
    return TL_OK;
}
