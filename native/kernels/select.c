/* SELECT: t[3][...] = t[0][...] ? t[1][...] : t[2][...], with broadcasting; rows in which an operand is one element
 * have a loop of their own. A work item is one element of the result. */
#include "tl_broadcast.h"

enum { LAST = TL_RANK - 1 };

#define SELECT_ROW(c, a, b) TL_INDEPENDENT for (int32_t j = 0; j < count; ++j) y[j] = c ? a : b
#define SELECT(suffix, type)                                                                                        \
    static void select_row_##suffix(type *y, const uint8_t *c, const type *a, const type *b, const int32_t *step,   \
                                    int32_t count) {                                                                \
        if (!step[0]) {                                                                                             \
            const type *chosen = *c ? a : b;                                                                        \
            const int32_t stride = *c ? step[1] : step[2];                                                          \
            for (int32_t j = 0; j < count; ++j) y[j] = chosen[(ptrdiff_t)j * stride];                               \
        } else if (step[1] && step[2])                                                                              \
            SELECT_ROW(c[j], a[j], b[j]);                                                                           \
        else if (step[1])                                                                                           \
            SELECT_ROW(c[j], a[j], *b);                                                                             \
        else if (step[2])                                                                                           \
            SELECT_ROW(c[j], *a, b[j]);                                                                             \
        else                                                                                                        \
            SELECT_ROW(c[j], *a, *b);                                                                               \
    }                                                                                                               \
    int32_t tl_select_##suffix(const tl_select_params *p, void *const *t, tl_range r) {                             \
        const int32_t columns = p->extent[LAST];                                                                    \
        const int32_t step[3] = {p->condition_stride[LAST], p->first_stride[LAST], p->second_stride[LAST]};         \
        for (int32_t i = r.begin, count; i < r.end; i += count) {                                                   \
            const int32_t row = i / columns, column = i % columns;                                                  \
            count = TL_MIN(columns - column, r.end - i);                                                            \
            select_row_##suffix(                                                                                    \
                (type *)t[3] + i,                                                                                   \
                (const uint8_t *)t[0] + tl_row_offset(p->extent, p->condition_stride, row) +                        \
                    (ptrdiff_t)step[0] * column,                                                                    \
                (const type *)t[1] + tl_row_offset(p->extent, p->first_stride, row) + (ptrdiff_t)step[1] * column,  \
                (const type *)t[2] + tl_row_offset(p->extent, p->second_stride, row) + (ptrdiff_t)step[2] * column, \
                step, count);                                                                                       \
        }                                                                                                           \
        return TL_OK;                                                                                               \
    }
SELECT(b8, uint8_t)
SELECT(b16, uint16_t)
SELECT(b32, uint32_t)
SELECT(b64, uint64_t)
