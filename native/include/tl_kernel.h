/* What every kernel includes: its range of work, its result, and the name that it gets in each tier.
 *
 * A kernel is a loop over a 1-D range of work items:
 *     int32_t tl_<name>_<variant>(const tl_<name>_params *p, void *const *t, tl_range r);
 * p: parameters; t: the tensors (inputs, outputs, scratch), each pointing at its first element; what a work item is,
 * the kernel's own comment says. It returns TL_OK or an error code. It starts no threads, allocates nothing, and reads
 * no globals. */
#ifndef TL_KERNEL_H
#define TL_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* The items [begin, end); worker numbers the thread, from 0, so that each can have scratch memory of its own. */
typedef struct {
    int32_t begin, end, worker;
} tl_range;

enum {
    TL_OK = 0,
    TL_OUT_OF_RANGE = 1, /* an index points outside of its tensor */
    TL_BAD_VALUE = 2     /* an input holds a value that the operator is not defined for */
};

/* Why code stops that is no kernel's. */
enum {
    TL_ENDLESS = 101,      /* a loop that changes nothing will never end */
    TL_UNINITIALIZED = 102 /* a variable is read before it was written */
};

/* On a machine of several tiers each is compiled with its own TL_TIER, which becomes part of every kernel's name. */
#ifdef TL_TIER
#define TL_PASTE_(name, tier) name##__##tier
#define TL_PASTE(name, tier) TL_PASTE_(name, tier)
#define TL_TIERED(name) TL_PASTE(name, TL_TIER)
#else
#define TL_TIERED(name) name
#endif

#define TL_MIN(a, b) ((a) < (b) ? (a) : (b))
#define TL_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Kernels need no libc; a freestanding compiler turns these into loops or into the four functions that it demands of
 * any platform. */
#define tl_copy(to, from, bytes) __builtin_memcpy(to, from, bytes)
#define tl_move(to, from, bytes) __builtin_memmove(to, from, bytes)
#define tl_fill(to, byte, bytes) __builtin_memset(to, byte, bytes)

#endif
