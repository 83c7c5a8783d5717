/* The tiers of this build: sets of instructions for which every kernel is compiled. */
#ifndef TL_TIERS_H
#define TL_TIERS_H

#include "tl_runtime.h"

typedef struct {
    const char *name;
    tl_kernel kernel;
} tl_entry;

/* Best first. The build defines TL_TIERS as X(name, whether this machine can run it) for each. */
#if defined(__x86_64__)
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
