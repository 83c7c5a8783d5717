/* The tiers of this build: sets of instructions for which every kernel is compiled. */
#ifndef TL_TIERS_H
#define TL_TIERS_H

#include "tl_runtime.h"

/* A kernel, the bytes of its parameter block, and a number that changes with the block's fields. */
typedef struct {
    const char *name;
    tl_kernel kernel;
    uint32_t params, layout;
} tl_entry;

/* A kernel by name, in one tier, or one that was registered; NULL where there is none. */
TL_EXPORT const tl_entry *tl_find_entry(const char *tier, const char *name);

/* A kernel of tl_register_operators. */
const tl_entry *tl_find_registered(const char *name);

/* Best first: X(name, whether this machine can run it) for each. A build for tests may have one alone. */
#if defined(TL_ONLY_TIER)
#define TL_TIERS(X) TL_TIERS_(X, TL_ONLY_TIER)
#define TL_TIERS_(X, name) X(name, 1)
#elif defined(__x86_64__)
#define TL_TIERS(X)                                                                                                   \
    X(avx512vnni, __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&                       \
                      __builtin_cpu_supports("avx512vl"))                                                             \
    X(avx512,                                                                                                         \
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) \
    X(avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))                                          \
    X(baseline, 1)
#else
#define TL_TIERS(X) X(baseline, 1)
#endif

#endif
