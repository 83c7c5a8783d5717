/* Functions of one float. */
#include "tl_elementwise.h"
#include "tl_math.h"

/* The chance of a normal number below x. */
static inline float normal_chance(float x) {
    const float tail = tl_normal_tailf(__builtin_fabsf(x));
    return x < 0.0f ? tail : 1.0f - tail;
}

#define UNARY(name, expression) TL_UNARY(tl_##name##_f32, tl_no_params, float, float, expression)

UNARY(abs, __builtin_fabsf(x))
UNARY(neg, -x)
UNARY(sign, x != x ? x : (float)(x > 0.0f) - (float)(x < 0.0f))
UNARY(square, x *x)
UNARY(sqrt, __builtin_sqrtf(x))
UNARY(rsqrt, 1.0f / __builtin_sqrtf(x))
UNARY(exp, tl_expf(x))
UNARY(log, tl_logf(x))
UNARY(floor, tl_floorf(x))
UNARY(ceil, tl_ceilf(x))
UNARY(round, tl_rintf(x))
UNARY(logistic, tl_logisticf(x))
UNARY(tanh, tl_tanhf(x))
UNARY(gelu, x *normal_chance(x))
UNARY(gelu_by_tanh, 0.5f * x * (1.0f + tl_tanhf(0.79788456f * (x + 0.044715f * x * x * x))))

/* exp(x) - 1 by way of a function that keeps its relative error small around zero. */
static inline float exp_minus_one(float x) {
    const float half = tl_tanhf(0.5f * x);
    return 2.0f * half / (1.0f - half);
}
UNARY(elu, x < 0.0f ? exp_minus_one(x) : x)

/* Within [low, high]; NaN stays. */
static inline float clip(float x, float low, float high) { return x < low ? low : x > high ? high : x; }
UNARY(hard_swish, x *clip(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f))
TL_UNARY(tl_clip_f32, tl_clip_params, float, float, clip(x, p->low, p->high))

/* Sine of x + quadrant * pi / 2. Angles are taken a block at a time, since great ones need a reduction that is no
 * vector code. */
static inline int32_t sine(void *const *t, tl_range r, int64_t quadrant) {
    enum { BLOCK = 64 };
    const float *x = t[0];
    float *y = t[1];
    for (int32_t i = r.begin, end; i < r.end; i = end) {
        int32_t is_far = 0;
        end = TL_MIN(i + BLOCK, r.end);
        for (int32_t j = i; j < end; ++j) is_far |= !(__builtin_fabsf(x[j]) < TL_NEAR_ANGLE);
        if (is_far) {
            for (int32_t j = i; j < end; ++j)
                y[j] = __builtin_fabsf(x[j]) < TL_NEAR_ANGLE ? tl_sine(x[j], quadrant) : tl_sine_far(x[j], quadrant);
        } else {
            TL_INDEPENDENT for (int32_t j = i; j < end; ++j) y[j] = tl_sine(x[j], quadrant);
        }
    }
    return TL_OK;
}
int32_t tl_sin_f32(const tl_no_params *p, void *const *t, tl_range r) { return (void)p, sine(t, r, 0); }
int32_t tl_cos_f32(const tl_no_params *p, void *const *t, tl_range r) { return (void)p, sine(t, r, 1); }
