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

int64_t tl_run(const tl_instruction *code, int32_t count, int32_t start, tl_pool *pool) {
    int32_t position = start;
    int32_t status = TL_OK;
    while (position < count) {
        const tl_instruction *i = code + position;
        switch (i->kind) {
        case TL_CALL:
            status = tl_pool_run(pool, i->kernel, i->params, i->args, i->work, i->grain);
            break;
        case TL_MOVE:
            status = move(i);
            break;
        case TL_JUMP:
            position = i->target;
            continue;
        case TL_JUMP_IF_FALSE:
            position = *(const uint8_t *)i->args[0] ? position + 1 : i->target;
            continue;
        default:
            status = TL_STOP_HOST;
        }
        if (status != TL_OK) break;
        ++position;
    }
    return (int64_t)position * 256 + status;
}
