/* Loops over two operands with broadcasting. */
#ifndef TL_BROADCAST_H
#define TL_BROADCAST_H

#include "tl_elementwise.h"

enum { TL_RANK = sizeof(((tl_broadcast_params *)0)->extent) / sizeof(int32_t) };

/* Where a row of the result begins in an operand. */
static inline ptrdiff_t tl_row_offset(const int32_t *extent, const int32_t *stride, int32_t row) {
    ptrdiff_t offset = 0;
    for (int32_t d = TL_RANK - 2; row > 0; row /= extent[d--]) offset += (ptrdiff_t)(row % extent[d]) * stride[d];
    return offset;
}

/* A kernel of this name that does a row of t[2] from rows of t[0] and t[1] at a time, which may be parts of rows:
 * row(p, a, stride of a, b, stride of b, y, count). May run in place of t[0]. A work item is one element of the
 * result. */
#define TL_BINARY_ROWS(name, type, result, row)                                                                       \
    int32_t name(const tl_broadcast_params *params, void *const *t, tl_range r) {                                     \
        const tl_broadcast_params copy = *params, *const p = &copy; /* which bytes of the result cannot alias */      \
        const int32_t columns = p->extent[TL_RANK - 1];                                                               \
        const int32_t sa = p->first_stride[TL_RANK - 1], sb = p->second_stride[TL_RANK - 1];                          \
        for (int32_t i = r.begin, count; i < r.end; i += count) {                                                     \
            const int32_t line = i / columns, column = i % columns;                                                   \
            count = TL_MIN(columns - column, r.end - i);                                                              \
            row(p, (const type *)t[0] + tl_row_offset(p->extent, p->first_stride, line) + (ptrdiff_t)sa * column, sa, \
                (const type *)t[1] + tl_row_offset(p->extent, p->second_stride, line) + (ptrdiff_t)sb * column, sb,   \
                (result *)t[2] + i, count);                                                                           \
        }                                                                                                             \
        return TL_OK;                                                                                                 \
    }

/* The same of t[2][...] = f(p, t[0][...], t[1][...]); rows in which an operand is one element have a loop of their own.
 */
#define TL_BINARY(name, type, result, f)                                                                              \
    static inline void name##_row(const tl_broadcast_params *p, const type *a, int32_t sa, const type *b, int32_t sb, \
                                  result *y, int32_t count) {                                                         \
        (void)p;                                                                                                      \
        if (sa != 0 && sb != 0) {                                                                                     \
            TL_INDEPENDENT for (int32_t j = 0; j < count; ++j) y[j] = f(p, a[j], b[j]);                               \
        } else if (sa != 0) {                                                                                         \
            const type same = *b;                                                                                     \
            TL_INDEPENDENT for (int32_t j = 0; j < count; ++j) y[j] = f(p, a[j], same);                               \
        } else {                                                                                                      \
            const type same = *a;                                                                                     \
            TL_INDEPENDENT for (int32_t j = 0; j < count; ++j) y[j] = f(p, same, b[j]);                               \
        }                                                                                                             \
    }                                                                                                                 \
    TL_BINARY_ROWS(name, type, result, name##_row)

#endif
