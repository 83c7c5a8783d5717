/* Elements taken from, or put to, positions that a tensor holds. Positions are integers of 2, 4 or 8 bytes, and are
 * checked. */
#include "tl_params.h"

static inline int64_t position_at(const void *positions, int32_t bytes, ptrdiff_t i) {
    return bytes == 4   ? ((const int32_t *)positions)[i]
           : bytes == 8 ? ((const int64_t *)positions)[i]
                        : ((const int16_t *)positions)[i];
}

/* The offset of the element that position vector i names; -1 where it lies outside. */
static inline int64_t offset_at(const tl_position_params *p, const void *positions, ptrdiff_t i) {
    int64_t offset = 0;
    for (int32_t d = 0; d < p->depth; ++d) {
        const int64_t at = position_at(positions, p->position_bytes, i * p->depth + d);
        if (at < 0 || at >= p->size[d]) return -1;
        offset += at * p->stride[d];
    }
    return offset;
}

static inline void copy_run(char *y, const char *x, int32_t bytes) {
    switch (bytes) {
    case 1:
        *y = *x;
        break;
    case 2:
        tl_copy(y, x, 2);
        break;
    case 4:
        tl_copy(y, x, 4);
        break;
    case 8:
        tl_copy(y, x, 8);
        break;
    default:
        tl_copy(y, x, (size_t)bytes);
    }
}

/* target[batch, outer, i, run] = source[batch, outer, positions[batch, i], run], in bytes. A work item is a run. */
int32_t tl_gather_any(const tl_position_params *p, void *const *t, tl_range r) {
    char *y = (char *)t[p->target] + (ptrdiff_t)r.begin * p->run;
    for (int32_t i = r.begin; i < r.end; ++i, y += p->run) {
        const int32_t line = i / p->count, batch = line / p->outer;
        const int64_t offset = offset_at(p, t[p->positions], (ptrdiff_t)batch * p->count + i % p->count);
        if (offset < 0) return TL_OUT_OF_RANGE;
        copy_run(y, (const char *)t[p->source] + line * p->outer_stride + offset, p->run);
    }
    return TL_OK;
}

/* target[positions[i], run] = source[i, run], or +=, in the order of i; in elements. A work item is one of a run. */
#define SCATTER(name, type, assign)                                                      \
    int32_t tl_scatter_##name(const tl_position_params *p, void *const *t, tl_range r) { \
        const type *x = t[p->source];                                                    \
        for (int32_t i = 0; i < p->count; ++i, x += p->outer_stride) {                   \
            const int64_t offset = offset_at(p, t[p->positions], i);                     \
            if (offset < 0) return TL_OUT_OF_RANGE;                                      \
            type *y = (type *)t[p->target] + offset;                                     \
            for (int32_t j = r.begin; j < r.end; ++j) y[j] assign x[j];                  \
        }                                                                                \
        return TL_OK;                                                                    \
    }
SCATTER(b8, uint8_t, =)
SCATTER(b16, uint16_t, =)
SCATTER(b32, uint32_t, =)
SCATTER(b64, uint64_t, =)
SCATTER(add_b8, uint8_t, +=)
SCATTER(add_b32, uint32_t, +=)
SCATTER(add_b64, uint64_t, +=)
SCATTER(add_f32, float, +=)
SCATTER(add_bool, uint8_t, |=)

/* t[2][o, position t[0][o, i], i] = t[1], where the position lies in [0, depth). A work item is a position. */
#define ONE_HOT(suffix, type)                                                                                      \
    int32_t tl_one_hot_##suffix(const tl_one_hot_params *p, void *const *t, tl_range r) {                          \
        for (int32_t i = r.begin; i < r.end; ++i) {                                                                \
            const int64_t at = position_at(t[0], p->position_bytes, i);                                            \
            if (at >= 0 && at < p->depth)                                                                          \
                ((type *)t[2])[((ptrdiff_t)(i / p->inner) * p->depth + (ptrdiff_t)at) * p->inner + i % p->inner] = \
                    *(const type *)t[1];                                                                           \
        }                                                                                                          \
        return TL_OK;                                                                                              \
    }
ONE_HOT(b8, uint8_t)
ONE_HOT(b16, uint16_t)
ONE_HOT(b32, uint32_t)
ONE_HOT(b64, uint64_t)

/* t[2] with t[0] written over it from the position t[1] on, which moves to keep it inside. A work item is a row of
 * t[0]. */
int32_t tl_update_slice_any(const tl_update_slice_params *p, void *const *t, tl_range r) {
    int64_t start = 0;
    for (int32_t d = 0; d < p->rank; ++d) {
        const int64_t at = position_at(t[1], p->position_bytes, d);
        start += TL_MAX(0, TL_MIN(at, p->limit[d])) * p->stride[d];
    }
    for (int32_t i = r.begin; i < r.end; ++i) {
        int64_t offset = start;
        for (int32_t d = p->rank - 2, row = i; row > 0; row /= p->size[d--]) offset += row % p->size[d] * p->stride[d];
        tl_copy((char *)t[2] + offset, (const char *)t[0] + (ptrdiff_t)i * p->run, (size_t)p->run);
    }
    return TL_OK;
}

/* t[2] is t[0], of shape [..., first, middle, second, run], where along one of first and second (the sequence) the
 * leading elements are turned around, as many as t[1] says for each place along the other. A work item is a run. */
int32_t tl_reverse_sequence_any(const tl_reverse_sequence_params *p, void *const *t, tl_range r) {
    const int32_t sequence = p->sequence_first ? p->first : p->second,
                  step = p->sequence_first ? p->middle * p->second : 1;
    for (int32_t i = r.begin; i < r.end; ++i) {
        const int32_t second = i % p->second, first = i / p->second / p->middle % p->first;
        const int32_t at = p->sequence_first ? first : second;
        const int64_t length = position_at(t[1], p->position_bytes, p->sequence_first ? second : first);
        if (length > sequence) return TL_OUT_OF_RANGE;
        const ptrdiff_t source = i + (at < length ? (ptrdiff_t)(length - 1 - 2 * at) * step : 0);
        copy_run((char *)t[2] + (ptrdiff_t)i * p->run, (const char *)t[0] + source * p->run, p->run);
    }
    return TL_OK;
}
