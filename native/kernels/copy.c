/* Elements moved without arithmetic, in four widths: t[1][...] = t[0][...], each tensor seen through offsets and
 * strides of its own; and what only computes shapes.
 *
 * Dimensions count from the outermost; the innermost two are the rows and columns of a plane. */
#include "tl_params.h"

enum { RANK = 8, ROWS = RANK - 2, COLUMNS = RANK - 1, LINE = 64 /* bytes of a cache line */ };

/* Where a plane begins. */
static inline int32_t plane_offset(const int32_t *size, const int32_t *stride, int32_t offset, int32_t plane) {
    for (int32_t d = ROWS - 1; plane > 0; plane /= size[d--]) offset += plane % size[d] * stride[d];
    return offset;
}

/* A work item is a piece of a row. */
#define STRIDED_COPY(suffix, type)                                                                                  \
    static inline void take_every_##suffix(type *restrict y, const type *restrict x, int32_t columns,               \
                                           ptrdiff_t step) {                                                        \
        for (int32_t j = 0; j < columns; ++j) y[j] = x[j * step];                                                   \
    }                                                                                                               \
    static void copy_rows_##suffix(type *y, const type *x, int32_t rows, int32_t columns, const int32_t *ty,        \
                                   const int32_t *tx) {                                                             \
        for (int32_t i = 0; i < rows; ++i, y += ty[0], x += tx[0]) {                                                \
            if (ty[1] == 1 && tx[1] == 1 && columns * sizeof(type) >= 32)                                           \
                tl_copy(y, x, columns * sizeof(type));                                                              \
            else if (ty[1] == 1 && tx[1] == 1)                                                                      \
                for (int32_t j = 0; j < columns; ++j) y[j] = x[j];                                                  \
            else if (ty[1] == 1 && tx[1] == 0) {                                                                    \
                const type same = *x;                                                                               \
                for (int32_t j = 0; j < columns; ++j) y[j] = same;                                                  \
            } else if (ty[1] == 1 && tx[1] == 2)                                                                    \
                take_every_##suffix(y, x, columns, 2);                                                              \
            else if (ty[1] == 1 && tx[1] == 3)                                                                      \
                take_every_##suffix(y, x, columns, 3);                                                              \
            else if (ty[1] == 1 && tx[1] == 4)                                                                      \
                take_every_##suffix(y, x, columns, 4);                                                              \
            else                                                                                                    \
                for (int32_t j = 0; j < columns; ++j) y[(ptrdiff_t)j * ty[1]] = x[(ptrdiff_t)j * tx[1]];            \
        }                                                                                                           \
    }                                                                                                               \
    int32_t tl_strided_copy_##suffix(const tl_copy_params *p, void *const *t, tl_range r) {                         \
        const int32_t *ty = p->target_stride, *tx = p->source_stride;                                               \
        for (int32_t i = r.begin, rows; i < r.end; i += rows) {                                                     \
            const int32_t line = i / p->pieces, row = line % p->size[ROWS], column = i % p->pieces * p->piece;      \
            const type *x = (const type *)t[0] + plane_offset(p->size, tx, p->source_offset, line / p->size[ROWS]); \
            type *y = (type *)t[1] + plane_offset(p->size, ty, p->target_offset, line / p->size[ROWS]);             \
            rows = p->pieces > 1 ? 1 : TL_MIN(p->size[ROWS] - row, r.end - i);                                      \
            copy_rows_##suffix(y + (ptrdiff_t)row * ty[ROWS] + (ptrdiff_t)column * ty[COLUMNS],                     \
                               x + (ptrdiff_t)row * tx[ROWS] + (ptrdiff_t)column * tx[COLUMNS], rows,               \
                               TL_MIN(p->piece, p->size[COLUMNS] - column), ty + ROWS, tx + ROWS);                  \
        }                                                                                                           \
        return TL_OK;                                                                                               \
    }
STRIDED_COPY(b8, uint8_t)
STRIDED_COPY(b16, uint16_t)
STRIDED_COPY(b32, uint32_t)
STRIDED_COPY(b64, uint64_t)

/* The same through a table, t[1], which has an element for each value that the unsigned x can have: t[2][...] =
 * t[1][t[0][...]]. A work item is a piece of a row. */
#define MAPPED_COPY(suffix, type)                                                                                     \
    int32_t tl_mapped_copy_##suffix(const tl_copy_params *p, void *const *t, tl_range r) {                            \
        const type *table = t[1];                                                                                     \
        for (int32_t i = r.begin; i < r.end; ++i) {                                                                   \
            const int32_t line = i / p->pieces, row = line % p->size[ROWS], begin = i % p->pieces * p->piece;         \
            const type *x =                                                                                           \
                (const type *)t[0] + plane_offset(p->size, p->source_stride, p->source_offset, line / p->size[ROWS]); \
            type *y = (type *)t[2] + plane_offset(p->size, p->target_stride, p->target_offset, line / p->size[ROWS]); \
            x += (ptrdiff_t)row * p->source_stride[ROWS];                                                             \
            y += (ptrdiff_t)row * p->target_stride[ROWS];                                                             \
            for (int32_t j = begin; j < TL_MIN(begin + p->piece, p->size[COLUMNS]); ++j)                              \
                y[(ptrdiff_t)j * p->target_stride[COLUMNS]] = table[x[(ptrdiff_t)j * p->source_stride[COLUMNS]]];     \
        }                                                                                                             \
        return TL_OK;                                                                                                 \
    }
MAPPED_COPY(b8, uint8_t)
MAPPED_COPY(b16, uint16_t)

/* Square tiles in vectors of 16 bytes: zipping row i with row i + N/2, log2(N) times, transposes N x N elements. */
typedef uint8_t tile_b8 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint16_t tile_b16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint32_t tile_b32 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t tile_b64 __attribute__((vector_size(16), aligned(1), may_alias));
#define LOW_b8 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_b8 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define LOW_b16 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_b16 4, 12, 5, 13, 6, 14, 7, 15
#define LOW_b32 0, 4, 1, 5
#define HIGH_b32 2, 6, 3, 7
#define LOW_b64 0, 2
#define HIGH_b64 1, 3

/* Planes whose rows lie side by side in the source and whose columns do in the target.
 * A work item is a band of rows as wide as a cache line, in a piece of the columns. */
#define TRANSPOSE(suffix, type)                                                                                      \
    static inline void transpose_tile_##suffix(type *restrict y, int32_t ty, const type *restrict x, int32_t tx) {   \
        enum { N = 16 / sizeof(type) };                                                                              \
        tile_##suffix a[N], b[N];                                                                                    \
        for (int32_t i = 0; i < N; ++i) a[i] = *(const tile_##suffix *)(x + (ptrdiff_t)i * tx);                      \
        for (int32_t round = 1; round < N; round *= 2) {                                                             \
            for (int32_t i = 0; i < N / 2; ++i) {                                                                    \
                b[2 * i] = __builtin_shufflevector(a[i], a[i + N / 2], LOW_##suffix);                                \
                b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + N / 2], HIGH_##suffix);                           \
            }                                                                                                        \
            for (int32_t i = 0; i < N; ++i) a[i] = b[i];                                                             \
        }                                                                                                            \
        for (int32_t i = 0; i < N; ++i) *(tile_##suffix *)(y + (ptrdiff_t)i * ty) = a[i];                            \
    }                                                                                                                \
    static void transpose_band_##suffix(type *y, int32_t ty, const type *x, int32_t tx, int32_t rows,                \
                                        int32_t columns) {                                                           \
        enum { N = 16 / sizeof(type), BAND = LINE / sizeof(type) };                                                  \
        const int32_t whole_rows = rows / N * N, whole_columns = columns / N * N;                                    \
        for (int32_t j = 0, next; j < whole_columns; j = next) {                                                     \
            next = TL_MIN(j + BAND, whole_columns);                                                                  \
            for (int32_t i = 0; i < whole_rows; i += N)                                                              \
                for (int32_t k = j; k < next; k += N)                                                                \
                    transpose_tile_##suffix(y + (ptrdiff_t)i * ty + k, ty, x + (ptrdiff_t)k * tx + i, tx);           \
        }                                                                                                            \
        for (int32_t i = 0; i < rows; ++i)                                                                           \
            for (int32_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j)                                   \
                y[(ptrdiff_t)i * ty + j] = x[(ptrdiff_t)j * tx + i];                                                 \
    }                                                                                                                \
    int32_t tl_transpose_##suffix(const tl_copy_params *p, void *const *t, tl_range r) {                             \
        enum { BAND = LINE / sizeof(type) };                                                                         \
        const int32_t ty = p->target_stride[ROWS], tx = p->source_stride[COLUMNS];                                   \
        const int32_t bands = (p->size[ROWS] + BAND - 1) / BAND;                                                     \
        for (int32_t i = r.begin; i < r.end; ++i) {                                                                  \
            const int32_t column = i % p->pieces * p->piece, band = i / p->pieces;                                   \
            const int32_t plane = band / bands, row = band % bands * BAND;                                           \
            const type *x = (const type *)t[0] + plane_offset(p->size, p->source_stride, p->source_offset, plane);   \
            type *y = (type *)t[1] + plane_offset(p->size, p->target_stride, p->target_offset, plane);               \
            transpose_band_##suffix(y + (ptrdiff_t)row * ty + column, ty, x + (ptrdiff_t)column * tx + row, tx,      \
                                    TL_MIN(BAND, p->size[ROWS] - row), TL_MIN(p->piece, p->size[COLUMNS] - column)); \
        }                                                                                                            \
        return TL_OK;                                                                                                \
    }
TRANSPOSE(b8, uint8_t)
TRANSPOSE(b16, uint16_t)
TRANSPOSE(b32, uint32_t)
TRANSPOSE(b64, uint64_t)

/* t[2] is the shape that tensors of shapes t[0] and t[1] broadcast to. All of it is one work item. */
#define BROADCAST_ARGS(suffix, type)                                                                      \
    int32_t tl_broadcast_args_##suffix(const tl_broadcast_args_params *p, void *const *t, tl_range r) {   \
        const type *a = (const type *)t[0] + p->first, *b = (const type *)t[1] + p->second;               \
        type *y = (type *)t[2] + TL_MAX(p->first, p->second);                                             \
        (void)r;                                                                                          \
        for (int32_t i = 1; i <= TL_MAX(p->first, p->second); ++i) {                                      \
            const type left = i <= p->first ? a[-i] : 1, right = i <= p->second ? b[-i] : 1;              \
            if (left < 0 || right < 0 || (left != right && left != 1 && right != 1)) return TL_BAD_VALUE; \
            y[-i] = left == 1 ? right : left;                                                             \
        }                                                                                                 \
        return TL_OK;                                                                                     \
    }
BROADCAST_ARGS(i32, int32_t)
BROADCAST_ARGS(i64, int64_t)
