/* The most float32 arithmetic that a core can do: multiply-adds in registers, in as many chains as hide their latency.
 *
 * t: operations of one work item, int64; any 64 bytes. A work item is TL_STEPS steps. */
#include "tl_params.h"
#include "tl_vector.h"

enum { TL_STEPS = 1000, TL_CHAINS = 12 };

int32_t tl_peak_f32(const tl_peak_params *p, void *const *t, tl_range r) {
    const tl_vector scale = tl_splat(p->scale), offset = tl_splat(p->offset);
    tl_vector x[TL_CHAINS];
    for (int chain = 0; chain < TL_CHAINS; ++chain) x[chain] = tl_splat((float)chain); /* else they would be one */
    for (int32_t step = r.begin * TL_STEPS; step < r.end * TL_STEPS; ++step)
        for (int chain = 0; chain < TL_CHAINS; ++chain) x[chain] = x[chain] * scale + offset;
    for (int chain = 1; chain < TL_CHAINS; ++chain) x[0] += x[chain];
    *(int64_t *)t[0] = (int64_t)TL_STEPS * TL_CHAINS * TL_WIDTH * 2;
    tl_store(t[1], x[0]);
    return TL_OK;
}
