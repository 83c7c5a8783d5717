/* The kernel of AcmeShrink: y = x, and 0 where |x| is at most the threshold. A work item is one element; it may run in
 * place of its input. tl_acme_shrink.h is generated from the kernel's declaration in Python. */
#include "tl_acme_shrink.h"

int32_t tl_acme_shrink_f32(const tl_acme_shrink_params *p, void *const *t, tl_range r) {
    const float *x = t[0], threshold = p->threshold;
    float *y = t[1];
    for (int32_t i = r.begin; i < r.end; ++i) y[i] = x[i] > threshold || x[i] < -threshold ? x[i] : 0;
    return TL_OK;
}
