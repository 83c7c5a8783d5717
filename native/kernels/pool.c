/* Pooling over windows of height and width, NHWC.
 * t[0] input [n, h, w, c], t[1] output [n, oh, ow, c]. A work item is one pixel of the output.
 *
 * Elements outside of the input do not count; channels are combined in blocks, whose accumulators stay in the cache. */
#include "tl_fixedpoint.h"
#include "tl_params.h"

#define BLOCK 128

/* The part of one output's window that lies inside the input, and how many elements it has. */
typedef struct {
    int32_t top, bottom, left, right, count;
    size_t image; /* elements before the picture */
} tl_window;

static inline tl_window window_at(const tl_pool_params *p, int32_t item) {
    const int32_t ox = item % p->output_width;
    const int32_t row = item / p->output_width;
    const int32_t y = row % p->output_height * p->stride_height - p->before_height;
    const int32_t x = ox * p->stride_width - p->before_width;
    tl_window w = {
        .top = TL_MAX(y, 0),
        .bottom = TL_MIN(y + p->filter_height, p->input_height),
        .left = TL_MAX(x, 0),
        .right = TL_MIN(x + p->filter_width, p->input_width),
        .image = (size_t)(row / p->output_height) * p->input_height * p->input_width * p->channels,
    };
    w.count = TL_MAX(w.bottom - w.top, 0) * TL_MAX(w.right - w.left, 0);
    return w;
}

#define ADD(total, x) ((total) + (x))
#define ADD_SQUARE(total, x) ((total) + (x) * (x))
/* NaN loses against every number. */
#define GREATER(most, x) ((x) > (most) ? (x) : (most))
#define SUM(total, part) ((total) + (part))

#define CLIP(x, low, high) ((x) < (low) ? (low) : (x) > (high) ? (high) : (x))
#define FINISH_MEAN_F32(x) CLIP((x) / (float)w.count, p->low_f32, p->high_f32)
#define FINISH_ROOT_F32(x) CLIP(__builtin_sqrtf((x) / (float)w.count), p->low_f32, p->high_f32)
#define FINISH_MAX_F32(x) CLIP(x, p->low_f32, p->high_f32)
#define FINISH_MAX(x) CLIP(x, p->low, p->high)
#define FINISH_MEAN(x) CLIP(round_quotient(x, w.count), p->low, p->high)

/* total / count to the nearest integer, halves away from zero. In float64 the quotient of integers of 32 bits is cut
 * off exactly. */
static inline int32_t round_quotient(int32_t total, int32_t count) {
    const int32_t half = total < 0 ? -(count / 2) : count / 2;
    return (int32_t)((double)(total + half) / (double)count);
}

/* Rows of the window are combined first and then with each other, so that long sums of floats keep their digits. */
#define POOL(name, type, sum_type, start, combine, join, finish)                                      \
    int32_t tl_##name(const tl_pool_params *p, void *const *t, tl_range r) {                          \
        const size_t channels = (size_t)p->channels;                                                  \
        for (int32_t item = r.begin; item < r.end; ++item) {                                          \
            const tl_window w = window_at(p, item);                                                   \
            const type *image = (const type *)t[0] + w.image;                                         \
            type *y = (type *)t[1] + (size_t)item * channels;                                         \
            for (size_t first = 0; first < channels; first += BLOCK) {                                \
                const int32_t n = (int32_t)TL_MIN(channels - first, (size_t)BLOCK);                   \
                sum_type total[BLOCK], part[BLOCK];                                                   \
                for (int32_t c = 0; c < n; ++c) total[c] = start;                                     \
                for (int32_t i = w.top; i < w.bottom; ++i) {                                          \
                    const type *x = image + ((size_t)i * p->input_width + w.left) * channels + first; \
                    for (int32_t c = 0; c < n; ++c) part[c] = start;                                  \
                    for (int32_t j = w.left; j < w.right; ++j, x += channels)                         \
                        for (int32_t c = 0; c < n; ++c) part[c] = combine(part[c], x[c]);             \
                    for (int32_t c = 0; c < n; ++c) total[c] = join(total[c], part[c]);               \
                }                                                                                     \
                for (int32_t c = 0; c < n; ++c) y[first + c] = (type)finish(total[c]);                \
            }                                                                                         \
        }                                                                                             \
        return TL_OK;                                                                                 \
    }

POOL(average_pool_f32, float, float, 0, ADD, SUM, FINISH_MEAN_F32)
POOL(average_pool_s8, int8_t, int32_t, 0, ADD, SUM, FINISH_MEAN)
POOL(average_pool_u8, uint8_t, int32_t, 0, ADD, SUM, FINISH_MEAN)
POOL(average_pool_s16, int16_t, int32_t, 0, ADD, SUM, FINISH_MEAN)
POOL(l2_pool_f32, float, float, 0, ADD_SQUARE, SUM, FINISH_ROOT_F32)
POOL(max_pool_f32, float, float, -__FLT_MAX__, GREATER, GREATER, FINISH_MAX_F32)
POOL(max_pool_s8, int8_t, int8_t, INT8_MIN, GREATER, GREATER, FINISH_MAX)
POOL(max_pool_u8, uint8_t, uint8_t, 0, GREATER, GREATER, FINISH_MAX)
POOL(max_pool_s16, int16_t, int16_t, INT16_MIN, GREATER, GREATER, FINISH_MAX)
