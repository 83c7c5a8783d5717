/* Loops whose iterations touch elements of their own only. */
#ifndef TL_ELEMENTWISE_H
#define TL_ELEMENTWISE_H

#include "tl_params.h"

/* Before such a loop: it stays one where it runs in place. */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* not every machine has vectors */
#define TL_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define TL_INDEPENDENT _Pragma("GCC ivdep")
#endif

/* A kernel of this name: t[1][i] = expression, a function of x = t[0][i] and of the parameters p. May run in place
 * where both types are one. A work item is one element. */
#define TL_UNARY(name, block, from, to, expression)                                                \
    int32_t name(const block *params, void *const *t, tl_range r) {                                \
        const block copy = *params, *const p = &copy; /* which bytes of the result cannot alias */ \
        const from *source = (const from *)t[0] + r.begin;                                         \
        to *target = (to *)t[1] + r.begin;                                                         \
        (void)p;                                                                                   \
        TL_INDEPENDENT for (int32_t i = 0; i < r.end - r.begin; ++i) {                             \
            const from x = source[i];                                                              \
            target[i] = (to)(expression);                                                          \
        }                                                                                          \
        return TL_OK;                                                                              \
    }

#endif
