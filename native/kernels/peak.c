/* The most int8 arithmetic that a core can do: sums of products in registers, in as many chains as hide their latency.
 *
 * t: operations of one work item, int64; any 64 bytes. A work item is TL_STEPS steps. */
#include "tl_dot.h"
#include "tl_params.h"

enum { TL_STEPS = 1000, TL_CHAINS = 12 };

#if defined(__AVX512VNNI__)
typedef __m512i sums;
enum { TL_PRODUCTS = 64 };
/* In assembly, because GCC 12 copies the sum around its own intrinsic. */
TL_INLINE sums multiply_add(sums sum, sums weights) {
    __asm__("vpdpbusd %1, %1, %0" : "+v"(sum) : "v"(weights));
    return sum;
}
#else
typedef tl_s32x8 sums;
enum { TL_PRODUCTS = 16 };
/* The sum is a factor too, so that no two products are the same. */
TL_INLINE sums multiply_add(sums sum, sums weights) { return tl_add_pairs(sum, (tl_s16x16)sum, (tl_s16x16)weights); }
#endif

int32_t tl_peak_s8(const tl_peak_params *p, void *const *t, tl_range r) {
    const sums weights = (sums){0} + (int32_t)p->offset;
    sums x[TL_CHAINS];
    for (int chain = 0; chain < TL_CHAINS; ++chain) x[chain] = (sums){0} + chain; /* else they would be one */
    for (int32_t step = r.begin * TL_STEPS; step < r.end * TL_STEPS; ++step)
        for (int chain = 0; chain < TL_CHAINS; ++chain) x[chain] = multiply_add(x[chain], weights);
    for (int chain = 1; chain < TL_CHAINS; ++chain) x[0] += x[chain];
    *(int64_t *)t[0] = (int64_t)TL_STEPS * TL_CHAINS * TL_PRODUCTS * 2;
    tl_copy(t[1], &x[0], sizeof x[0]);
    return TL_OK;
}
