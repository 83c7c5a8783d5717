/* Along one axis of [outer, n, inner]: the place of the extreme, running sums, the largest elements. */
#include "tl_params.h"

/* Columns that are worked on at once. */
enum { BLOCK = 64 };

/* t[2] = the first place of the extreme of t[0]; NaN counts only among NaN. A work item is a column of [outer, inner].
 */
#define EXTREME(name, type, exceeds)                                                                         \
    int32_t tl_##name(const tl_axis_params *p, void *const *t, tl_range r) {                                 \
        type best[BLOCK];                                                                                    \
        int32_t place[BLOCK];                                                                                \
        for (int32_t i = r.begin, columns; i < r.end; i += columns) {                                        \
            const int32_t outer = i / p->inner, first = i % p->inner;                                        \
            const type *x = (const type *)t[0] + (ptrdiff_t)outer * p->n * p->inner + first;                 \
            columns = TL_MIN(TL_MIN(BLOCK, p->inner - first), r.end - i);                                    \
            for (int32_t j = 0; j < columns; ++j) best[j] = x[j], place[j] = 0;                              \
            for (int32_t k = 1; k < p->n; ++k) {                                                             \
                x += p->inner;                                                                               \
                for (int32_t j = 0; j < columns; ++j) {                                                      \
                    const int32_t better = (x[j] exceeds best[j]) | ((best[j] != best[j]) & (x[j] == x[j])); \
                    best[j] = better ? x[j] : best[j];                                                       \
                    place[j] = better ? k : place[j];                                                        \
                }                                                                                            \
            }                                                                                                \
            for (int32_t j = 0; j < columns; ++j) {                                                          \
                if (p->wide)                                                                                 \
                    ((int64_t *)t[2])[i + j] = place[j];                                                     \
                else                                                                                         \
                    ((int32_t *)t[2])[i + j] = place[j];                                                     \
            }                                                                                                \
        }                                                                                                    \
        return TL_OK;                                                                                        \
    }
EXTREME(arg_max_f32, float, >)
EXTREME(arg_max_s8, int8_t, >)
EXTREME(arg_max_u8, uint8_t, >)
EXTREME(arg_max_i32, int32_t, >)
EXTREME(arg_min_f32, float, <)
EXTREME(arg_min_s8, int8_t, <)
EXTREME(arg_min_u8, uint8_t, <)
EXTREME(arg_min_i32, int32_t, <)

/* t[2] = the sums of t[0] up to each element, without it where exclusive; backward: from the end. A work item is a
 * column. */
#define CUMSUM(suffix, type)                                                                                     \
    static inline void sum_line_##suffix(type *y, const type *x, int32_t n, ptrdiff_t step, int32_t exclusive) { \
        type sum = 0;                                                                                            \
        for (int32_t k = 0; k < n; ++k, x += step, y += step) {                                                  \
            const type next = sum + *x;                                                                          \
            *y = exclusive ? sum : next;                                                                         \
            sum = next;                                                                                          \
        }                                                                                                        \
    }                                                                                                            \
    int32_t tl_cumsum_##suffix(const tl_axis_params *p, void *const *t, tl_range r) {                            \
        type sum[BLOCK];                                                                                         \
        const ptrdiff_t step = p->backward ? -(ptrdiff_t)p->inner : p->inner;                                    \
        for (int32_t i = r.begin, columns; i < r.end; i += columns) {                                            \
            const int32_t outer = i / p->inner, first = i % p->inner;                                            \
            const ptrdiff_t start = ((ptrdiff_t)outer * p->n + (p->backward ? p->n - 1 : 0)) * p->inner + first; \
            const type *x = (const type *)t[0] + start;                                                          \
            type *y = (type *)t[2] + start;                                                                      \
            columns = TL_MIN(TL_MIN(BLOCK, p->inner - first), r.end - i);                                        \
            if (columns == 1) {                                                                                  \
                sum_line_##suffix(y, x, p->n, step, p->exclusive);                                               \
                continue;                                                                                        \
            }                                                                                                    \
            for (int32_t j = 0; j < columns; ++j) sum[j] = 0;                                                    \
            for (int32_t k = 0; k < p->n; ++k, x += step, y += step)                                             \
                for (int32_t j = 0; j < columns; ++j) {                                                          \
                    const type next = sum[j] + x[j];                                                             \
                    y[j] = p->exclusive ? sum[j] : next;                                                         \
                    sum[j] = next;                                                                               \
                }                                                                                                \
        }                                                                                                        \
        return TL_OK;                                                                                            \
    }
CUMSUM(f32, float)
CUMSUM(i32, uint32_t)
CUMSUM(i64, uint64_t)

/* t[2], t[3] = the `inner` largest of each row [n] of t[0] and their places: greater ones first, equals in order, NaN
 * last. They are a heap, its worst member on top, until the row is read, and are sorted then. A work item is a row. */
#define TOPK(suffix, type)                                                                                      \
    static inline int is_better_##suffix(type a, int32_t i, type b, int32_t j) {                                \
        if (a > b || (a == a && b != b)) return 1;                                                              \
        return (a == b || (a != a && b != b)) && i < j;                                                         \
    }                                                                                                           \
    /* Let a member sink from the top to where it belongs. */                                                   \
    static inline void sink_##suffix(type *values, int32_t *places, int32_t count, type value, int32_t place) { \
        int32_t at = 0;                                                                                         \
        for (int32_t child = 1; child < count; child = 2 * at + 1) {                                            \
            if (child + 1 < count &&                                                                            \
                is_better_##suffix(values[child], places[child], values[child + 1], places[child + 1]))         \
                ++child;                                                                                        \
            if (!is_better_##suffix(value, place, values[child], places[child])) break;                         \
            values[at] = values[child], places[at] = places[child];                                             \
            at = child;                                                                                         \
        }                                                                                                       \
        values[at] = value, places[at] = place;                                                                 \
    }                                                                                                           \
    int32_t tl_topk_##suffix(const tl_axis_params *p, void *const *t, tl_range r) {                             \
        const int32_t k = p->inner;                                                                             \
        for (int32_t i = r.begin; i < r.end; ++i) {                                                             \
            const type *x = (const type *)t[0] + (ptrdiff_t)i * p->n;                                           \
            type *values = (type *)t[2] + (ptrdiff_t)i * k;                                                     \
            int32_t *places = (int32_t *)t[3] + (ptrdiff_t)i * k;                                               \
            for (int32_t j = 0; j < k; ++j) {                                                                   \
                int32_t at = j;                                                                                 \
                for (int32_t up = (at - 1) / 2; at && is_better_##suffix(values[up], places[up], x[j], j);      \
                     up = (at - 1) / 2) {                                                                       \
                    values[at] = values[up], places[at] = places[up];                                           \
                    at = up;                                                                                    \
                }                                                                                               \
                values[at] = x[j], places[at] = j;                                                              \
            }                                                                                                   \
            for (int32_t j = k; k && j < p->n; ++j)                                                             \
                if (is_better_##suffix(x[j], j, *values, *places)) sink_##suffix(values, places, k, x[j], j);   \
            for (int32_t last = k - 1; last > 0; --last) {                                                      \
                const type value = values[last];                                                                \
                const int32_t place = places[last];                                                             \
                values[last] = *values, places[last] = *places;                                                 \
                sink_##suffix(values, places, last, value, place);                                              \
            }                                                                                                   \
        }                                                                                                       \
        return TL_OK;                                                                                           \
    }
TOPK(f32, float)
TOPK(s8, int8_t)
TOPK(u8, uint8_t)
TOPK(s16, int16_t)
TOPK(i32, int32_t)
TOPK(i64, int64_t)
