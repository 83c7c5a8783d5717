/* The executor: a loop over linear code. */
#include "tl_runtime.h"

/* A parallel assignment: with several parts, all sources are read into the scratch room before any target is written.
 */
static int32_t move(const tl_instruction *i) {
    const tl_part *part = i->params;
    char *room = i->scratch;
    int32_t changed = !i->must_change;
    for (int32_t k = 0; k < i->work; ++k)
        if (part[k].source_flag && !*part[k].source_flag) return TL_UNINITIALIZED;
    if (i->work == 1 && changed) {
        tl_move(part->target, part->source, (size_t)part->bytes);
    } else {
        for (int32_t k = 0; k < i->work; room += part[k++].bytes) {
            changed |= __builtin_memcmp(part[k].target, part[k].source, (size_t)part[k].bytes) != 0;
            tl_copy(room, part[k].source, (size_t)part[k].bytes);
        }
        room = i->scratch;
        for (int32_t k = 0; k < i->work; room += part[k++].bytes) tl_copy(part[k].target, room, (size_t)part[k].bytes);
    }
    for (int32_t k = 0; k < i->work; ++k)
        if (part[k].target_flag) *part[k].target_flag = 1;
    return changed ? TL_OK : TL_ENDLESS;
}

/* The next instruction of a jump that `i` is, or may be. */
static inline int32_t follow(const tl_instruction *i, int32_t position) {
    return i->kind == TL_JUMP || !*(const uint8_t *)i->args[0] ? i->target : position + 1;
}

static inline int32_t execute(const tl_instruction *i, tl_pool *pool) {
    switch (i->kind) {
    case TL_CALL:
        /* No kernel sees an empty tensor, by whose width it might divide. */
        return i->work ? tl_pool_run(pool, i->kernel, i->params, i->args, i->work, i->grain) : TL_OK;
    case TL_MOVE:
        return move(i);
    default:
        return TL_STOP_HOST;
    }
}

/* Run from *position on, and leave there where it stopped. Inlined, so that a run without timings does not ask for
 * them at every instruction. */
static inline __attribute__((always_inline)) int32_t advance(const tl_instruction *code, int32_t count,
                                                             int32_t *position, tl_pool *pool, tl_timing *timings) {
    int32_t status = TL_OK;
    while (status == TL_OK && *position < count) {
        const tl_instruction *i = code + *position;
        if (i->kind == TL_JUMP || i->kind == TL_JUMP_IF_FALSE) {
            *position = follow(i, *position);
            continue;
        }
        const int64_t begin = timings ? tl_now() : 0;
        status = execute(i, pool);
        if (timings && status == TL_OK) {
            timings[*position].nanoseconds += tl_now() - begin;
            ++timings[*position].calls;
        }
        *position += status == TL_OK;
    }
    return status;
}

int64_t tl_run(const tl_instruction *code, int32_t count, int32_t start, tl_pool *pool) {
    const int32_t status = advance(code, count, &start, pool, NULL);
    return (int64_t)start * 256 + status;
}

int32_t tl_start(tl_frame *f) {
    tl_pool_enter(f->pool);
    f->position = 0;
    const int32_t status = tl_resume(f);
    if (status == TL_OK) tl_pool_leave(f->pool);
    return status;
}

int32_t tl_resume(tl_frame *f) {
    return f->timings ? advance(f->code, f->count, &f->position, f->pool, f->timings)
                      : advance(f->code, f->count, &f->position, f->pool, NULL);
}
