/* The time, for profiles. */
#define _POSIX_C_SOURCE 200809L

#include "tl_runtime.h"

#include <time.h>

int64_t tl_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
