/* Pooling over windows of height and width, NHWC.
 * t[0] input [n, h, w, c], t[1] output [n, oh, ow, c]. A work item is one pixel of the output.
 *
 * Elements outside of the input do not count. Channels go through the window in registers, in groups as wide as
 * possible. */
#include "tl_broadcast.h"
#include "tl_fixedpoint.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi" /* All functions that take such vectors are inlined. */
#endif

#define BLOCK 128 /* channels that are summed up at once */
#define FEW 64    /* elements of a window that are combined in a row */
#define INLINE static inline __attribute__((always_inline, unused)) /* M-profile processors need no vectors */

typedef float f32x8 __attribute__((vector_size(32)));
typedef int32_t s32x8 __attribute__((vector_size(32)));
typedef int64_t s64x2 __attribute__((vector_size(16)));
typedef int16_t s16x8 __attribute__((vector_size(16)));
typedef int16_t s16x16 __attribute__((vector_size(32)));
typedef int8_t s8x8 __attribute__((vector_size(16))); /* in the lower half of a register */
typedef int8_t s8x32 __attribute__((vector_size(32)));
typedef uint8_t u8x8 __attribute__((vector_size(16)));
typedef uint8_t u8x32 __attribute__((vector_size(32)));

INLINE s32x8 load_32(const void *x) {
    s32x8 y;
    tl_copy(&y, x, sizeof y);
    return y;
}
INLINE s16x8 load_16(const void *x) {
    s16x8 y;
    tl_copy(&y, x, sizeof y);
    return y;
}
INLINE s64x2 load_8(const void *x) {
    int64_t y;
    tl_copy(&y, x, sizeof y);
    return (s64x2){y, 0};
}

/* The part of one output's window that lies inside of the input: where it begins there, and its sizes. */
typedef struct {
    ptrdiff_t first;
    int32_t rows, columns;
} tl_window;

/* Means are products with reciprocals where doubles are fast, else quotients. */
#if defined(__SSE2__) || defined(__aarch64__)
#define HAS_DOUBLES
#endif

/* Elements of a channel that windows of these sizes hold, as distances from their first; at most FEW of them at once.
 * Half and reciprocal are those of their number, for means. */
typedef struct {
    int32_t rows, count, columns;
#ifdef HAS_DOUBLES
    double half, reciprocal;
#else
    int32_t half;
    float reciprocal;
#endif
    ptrdiff_t distance[FEW];
} tl_taps;

/* An output pixel. */
typedef struct {
    int32_t image, y, x;
} tl_pixel;

static inline tl_pixel pixel_at(const tl_pool_params *p, int32_t item) {
    const int32_t row = item / p->output_width;
    return (tl_pixel){row / p->output_height, row % p->output_height, item % p->output_width};
}

static inline tl_pixel next_pixel(const tl_pool_params *p, tl_pixel at) {
    if (++at.x < p->output_width) return at;
    at.x = 0;
    if (++at.y < p->output_height) return at;
    return (tl_pixel){at.image + 1, 0, 0};
}

static inline tl_window window_of(const tl_pool_params *p, tl_pixel at) {
    const int32_t y = at.y * p->stride_height - p->before_height, x = at.x * p->stride_width - p->before_width;
    const int32_t top = TL_MAX(y, 0), bottom = TL_MIN(y + p->filter_height, p->input_height);
    const int32_t left = TL_MAX(x, 0), right = TL_MIN(x + p->filter_width, p->input_width);
    const ptrdiff_t row = (ptrdiff_t)at.image * p->input_height + top;
    return (tl_window){(row * p->input_width + left) * p->channels, TL_MAX(bottom - top, 0), TL_MAX(right - left, 0)};
}

/* The window's taps from one of them on. */
static void find_taps(tl_taps *taps, const tl_pool_params *p, int32_t rows, int32_t columns, int32_t from) {
    const int32_t count = rows * columns;
    taps->rows = rows, taps->columns = columns, taps->count = TL_MIN(count - from, FEW);
#ifdef HAS_DOUBLES
    taps->half = count / 2 + 0.5, taps->reciprocal = 1.0 / count;
#else
    taps->half = count / 2, taps->reciprocal = 1.0f / (float)count;
#endif
    for (int32_t i = 0; i < taps->count; ++i) {
        const ptrdiff_t row = (from + i) / columns, column = (from + i) % columns;
        taps->distance[i] = (row * p->input_width + column) * p->channels;
    }
}

#define ADD(total, x) ((total) + (x))
#define ADD_SQUARE(total, x) ((total) + (x) * (x))
/* NaN loses against every number. */
#define GREATER(most, x) ((x) > (most) ? (x) : (most))

/* Vectors, loaded from so many bytes. */
#define LANES(vector, type, load) \
    INLINE vector load_##vector(const type *x) { return (vector)load(x); }
LANES(f32x8, float, load_32)
LANES(s8x32, int8_t, load_32)
LANES(u8x32, uint8_t, load_32)
LANES(s16x16, int16_t, load_32)
LANES(s8x8, int8_t, load_8)
LANES(u8x8, uint8_t, load_8)
LANES(s16x8, int16_t, load_16)

/* The greater one of each lane. */
#if defined(__AVX2__) /* what compilers do not find */
#define greater_f32x8(most, x) ((f32x8)_mm256_max_ps((__m256)(x), (__m256)(most)))
#define greater_s8x32(most, x) ((s8x32)_mm256_max_epi8((__m256i)(x), (__m256i)(most)))
#define greater_u8x32(most, x) ((u8x32)_mm256_max_epu8((__m256i)(x), (__m256i)(most)))
#define greater_s16x16(most, x) ((s16x16)_mm256_max_epi16((__m256i)(x), (__m256i)(most)))
#define greater_s8x8(most, x) ((s8x8)_mm_max_epi8((__m128i)(x), (__m128i)(most)))
#define greater_u8x8(most, x) ((u8x8)_mm_max_epu8((__m128i)(x), (__m128i)(most)))
#define greater_s16x8(most, x) ((s16x8)_mm_max_epi16((__m128i)(x), (__m128i)(most)))
#define widen_s8(x) ((s32x8)_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(x))))
#define widen_u8(x) ((s32x8)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)(x))))
#define widen_s16(x) ((s32x8)_mm256_cvtepi16_epi32(_mm_loadu_si128((const void *)(x))))
#else
#define GREATER_LANES(vector, mask)                                 \
    INLINE vector greater_##vector(vector most, vector x) {         \
        const mask above = (mask)(x > most);                        \
        return (vector)((above & (mask)x) | (~above & (mask)most)); \
    }
GREATER_LANES(f32x8, s32x8)
GREATER_LANES(s8x32, s8x32)
GREATER_LANES(u8x32, u8x32)
GREATER_LANES(s16x16, s16x16)
GREATER_LANES(s8x8, s8x8)
GREATER_LANES(u8x8, u8x8)
GREATER_LANES(s16x8, s16x8)
#define WIDEN(suffix, type) \
    INLINE s32x8 widen_##suffix(const type *x) { return (s32x8){x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]}; }
WIDEN(s8, int8_t)
WIDEN(u8, uint8_t)
WIDEN(s16, int16_t)
#endif

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
/* Where there are no vectors of such widths: one channel after the other. */
#define GROUPS(...)
#define ONE_GROUP(...)
#define COMBINE(name, lanes, narrow, type, result, combine)                                                           \
    INLINE void name##_all(result *y, const type *x, const type *end, int32_t n, const tl_taps *taps, result start) { \
        (void)end;                                                                                                    \
        for (int32_t c = 0; c < n; ++c) {                                                                             \
            result total = start;                                                                                     \
            for (int32_t i = 0; i < taps->count; ++i) total = combine(total, x[taps->distance[i] + c]);               \
            y[c] = total;                                                                                             \
        }                                                                                                             \
    }
#else
/* y = the taps of `lanes` channels combined. */
#define ONE_GROUP(name, type, vector, lanes, result, load, combine)                                    \
    INLINE void name(result *y, const type *x, const tl_taps *taps, result start) {                    \
        vector total = (vector){0} + start;                                                            \
        for (int32_t i = 0; i < taps->count; ++i) total = combine(total, load(x + taps->distance[i])); \
        tl_copy(y, &total, lanes * sizeof *y);                                                         \
    }

/* The same, and of four times as many. */
#define GROUPS(name, type, vector, lanes, result, load, combine)                                                \
    ONE_GROUP(name, type, vector, lanes, result, load, combine)                                                 \
    INLINE void name##_by_4(result *y, const type *x, const tl_taps *taps, result start) {                      \
        vector total0 = (vector){0} + start, total1 = total0, total2 = total0, total3 = total0;                 \
        for (int32_t i = 0; i < taps->count; ++i) {                                                             \
            const type *at = x + taps->distance[i];                                                             \
            total0 = combine(total0, load(at));                                                                 \
            total1 = combine(total1, load(at + lanes));                                                         \
            total2 = combine(total2, load(at + 2 * lanes));                                                     \
            total3 = combine(total3, load(at + 3 * lanes));                                                     \
        }                                                                                                       \
        tl_copy(y, &total0, lanes * sizeof *y), tl_copy(y + lanes, &total1, lanes * sizeof *y);                 \
        tl_copy(y + 2 * lanes, &total2, lanes * sizeof *y), tl_copy(y + 3 * lanes, &total3, lanes * sizeof *y); \
    }

/* The same for n channels: by vectors of `lanes`, or of 8, of which the last may do channels again that are done, or
 * read beyond the n where the input goes on. */
#define COMBINE(name, lanes, narrow, type, result, combine)                                                           \
    INLINE void name##_all(result *y, const type *x, const type *end, int32_t n, const tl_taps *taps, result start) { \
        int32_t c = 0;                                                                                                \
        for (; n - c >= 4 * lanes; c += 4 * lanes) name##_by_4(y + c, x + c, taps, start);                            \
        for (; n - c >= lanes; c += lanes) name(y + c, x + c, taps, start);                                           \
        if (lanes > 8)                                                                                                \
            for (; n - c >= 8; c += 8) narrow(y + c, x + c, taps, start);                                             \
        if (c == n) return;                                                                                           \
        if (n >= 8) {                                                                                                 \
            narrow(y + n - 8, x + n - 8, taps, start);                                                                \
        } else if (end - (x + taps->distance[taps->count - 1]) >= 8) {                                                \
            result some[8];                                                                                           \
            narrow(some, x, taps, start);                                                                             \
            for (; c < n; ++c) y[c] = some[c];                                                                        \
        } else {                                                                                                      \
            for (; c < n; ++c) {                                                                                      \
                result total = start;                                                                                 \
                for (int32_t i = 0; i < taps->count; ++i) total = combine(total, x[taps->distance[i] + c]);           \
                y[c] = total;                                                                                         \
            }                                                                                                         \
        }                                                                                                             \
    }
#endif

#define SUMS(name, type, vector, result, load, combine)  \
    GROUPS(name, type, vector, 8, result, load, combine) \
    COMBINE(name, 8, name, type, result, combine)
SUMS(sum_f32, float, f32x8, float, load_f32x8, ADD)
SUMS(sum_s8, int8_t, s32x8, int32_t, widen_s8, ADD)
SUMS(sum_u8, uint8_t, s32x8, int32_t, widen_u8, ADD)
SUMS(sum_s16, int16_t, s32x8, int32_t, widen_s16, ADD)
SUMS(squares_f32, float, f32x8, float, load_f32x8, ADD_SQUARE)

#define EXTREMES(suffix, type, wide, lanes, narrow)                                 \
    GROUPS(most_##suffix, type, wide, lanes, type, load_##wide, greater_##wide)     \
    ONE_GROUP(few_##suffix, type, narrow, 8, type, load_##narrow, greater_##narrow) \
    COMBINE(most_##suffix, lanes, few_##suffix, type, type, GREATER)
EXTREMES(f32, float, f32x8, 8, f32x8)
EXTREMES(s8, int8_t, s8x32, 32, s8x8)
EXTREMES(u8, uint8_t, u8x32, 32, u8x8)
EXTREMES(s16, int16_t, s16x16, 16, s16x8)

#define CLIP(x, low, high) ((x) < (low) ? (low) : (x) > (high) ? (high) : (x))
#define FINISH_MEAN_F32(x) CLIP((x) * (float)taps.reciprocal, p->low_f32, p->high_f32)
#define FINISH_ROOT_F32(x) CLIP(__builtin_sqrtf((x) * (float)taps.reciprocal), p->low_f32, p->high_f32)
#define FINISH_MEAN(x) tl_clamp(round_mean(x, &taps), p->low, p->high)
#define FINISH_MAX_F32(x) TL_MIN(x, p->high_f32)
#define FINISH_MAX(x) TL_MIN(x, p->high)

/* To the nearest integer, halves away from zero. */
#ifdef HAS_DOUBLES
/* The quotient is cut off, and since what is divided lies half a step above an integer, the rounding of the reciprocal
 * never carries it over one. */
static inline int32_t round_mean(int32_t sum, const tl_taps *taps) {
    const double x = sum;
    return (int32_t)((x + __builtin_copysign(taps->half, x)) * taps->reciprocal);
}
#else
static inline int32_t round_mean(int32_t sum, const tl_taps *taps) {
    return (sum < 0 ? sum - taps->half : sum + taps->half) / (taps->rows * taps->columns);
}
#endif

/* Where `type` is that of the results so far (is_direct), they go to the output at once, and are finished there if
 * there is an upper limit. Only a few taps are combined in a row, so that long sums of floats keep their digits. */
#define POOL(name, type, result, all, join, start, is_direct, finish)                                        \
    int32_t tl_##name(const tl_pool_params *params, void *const *t, tl_range r) {                            \
        const tl_pool_params copy = *params, *const p = &copy;                                               \
        const type *const end = (const type *)t[0] + p->elements;                                            \
        type *y = (type *)t[1] + (ptrdiff_t)r.begin * p->channels;                                           \
        tl_pixel at = pixel_at(p, r.begin);                                                                  \
        tl_taps taps = {0};                                                                                  \
        for (int32_t item = r.begin; item < r.end; ++item, at = next_pixel(p, at)) {                         \
            const tl_window w = window_of(p, at);                                                            \
            const type *x = (const type *)t[0] + w.first;                                                    \
            const int32_t count = w.rows * w.columns;                                                        \
            if (w.rows != taps.rows || w.columns != taps.columns) find_taps(&taps, p, w.rows, w.columns, 0); \
            for (int32_t rest = p->channels, n; rest > 0; rest -= n, x += n, y += n) {                       \
                result sum[BLOCK], part[BLOCK], *const total = is_direct ? (result *)y : sum;                \
                n = TL_MIN(rest, BLOCK);                                                                     \
                if (count > FEW) find_taps(&taps, p, w.rows, w.columns, 0);                                  \
                all(total, x, end, n, &taps, (result)(start));                                               \
                for (int32_t from = FEW; from < count; from += FEW) {                                        \
                    find_taps(&taps, p, w.rows, w.columns, from);                                            \
                    all(part, x, end, n, &taps, (result)(start));                                            \
                    for (int32_t c = 0; c < n; ++c) total[c] = join(total[c], part[c]);                      \
                }                                                                                            \
                if (is_direct && !p->has_high) continue;                                                     \
                TL_INDEPENDENT for (int32_t c = 0; c < n; ++c) y[c] = (type)finish(total[c]);                \
            }                                                                                                \
        }                                                                                                    \
        return TL_OK;                                                                                        \
    }

POOL(average_pool_f32, float, float, sum_f32_all, ADD, 0, 0, FINISH_MEAN_F32)
POOL(average_pool_s8, int8_t, int32_t, sum_s8_all, ADD, 0, 0, FINISH_MEAN)
POOL(average_pool_u8, uint8_t, int32_t, sum_u8_all, ADD, 0, 0, FINISH_MEAN)
POOL(average_pool_s16, int16_t, int32_t, sum_s16_all, ADD, 0, 0, FINISH_MEAN)
POOL(l2_pool_f32, float, float, squares_f32_all, ADD, 0, 0, FINISH_ROOT_F32)
POOL(max_pool_f32, float, float, most_f32_all, GREATER, TL_MAX(p->low_f32, -__FLT_MAX__), 1, FINISH_MAX_F32)
POOL(max_pool_s8, int8_t, int8_t, most_s8_all, GREATER, p->low, 1, FINISH_MAX)
POOL(max_pool_u8, uint8_t, uint8_t, most_u8_all, GREATER, p->low, 1, FINISH_MAX)
POOL(max_pool_s16, int16_t, int16_t, most_s16_all, GREATER, p->low, 1, FINISH_MAX)
