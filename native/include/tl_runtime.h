/* Running a Program's code: what the Python binding fills in and calls. Kernels know nothing of this. */
#ifndef TL_RUNTIME_H
#define TL_RUNTIME_H

#include "tachylite.h"
#include "tl_kernel.h"

typedef int32_t (*tl_kernel)(const void *p, void *const *t, tl_range r);

typedef enum {
    TL_CALL = 0,
    TL_MOVE = 1,
    TL_JUMP = 2,
    TL_JUMP_IF_FALSE = 3,
    TL_HOST = 4,
    TL_DELEGATE = 5 /* in program files alone; to run code it is what TL_HOST is */
} tl_kind;

/* One part of a Move. The flags, where there are any, say whether a variable has been written: read checks its own,
 * write sets its own. */
typedef struct {
    void *target;
    const void *source;
    int64_t bytes;
    const uint8_t *source_flag;
    uint8_t *target_flag;
} tl_part;

/* One instruction; its kind says which fields count. */
typedef struct {
    int32_t kind;
    int32_t target;     /* jumps: the next instruction */
    int32_t work;       /* TL_CALL: number of work items */
    int32_t grain;      /* TL_CALL: the least number of items worth a thread's while */
    tl_kernel kernel;   /* TL_CALL */
    const void *params; /* TL_CALL: the parameter block; TL_MOVE: tl_part[work] */
    void *const *args;  /* TL_CALL: the tensors; TL_JUMP_IF_FALSE: args[0] is the condition, one byte */
    void
        *scratch; /* TL_MOVE of several parts: room for all of their bytes, since they are read before any is written */
    int32_t must_change; /* TL_MOVE: stop with TL_ENDLESS where it changes nothing */
    int32_t reserved;
} tl_instruction;

/* How a run stopped, beside what tl_kernel.h lists: at a TL_HOST instruction. Do it, and go on with the next. */
enum { TL_STOP_HOST = 100 };

typedef struct tl_pool tl_pool;

/* Threads for `workers` at once, the caller among them (so that 1 starts none). NULL where there is no memory or no
 * thread to be had. */
TL_EXPORT tl_pool *tl_pool_create(int32_t workers);
TL_EXPORT void tl_pool_destroy(tl_pool *pool);

/* Run a kernel over [0, work), in pieces of at least `grain` items, on all workers; returns when all are done, with the
 * first error. A pool of NULL runs it here, in one piece. */
TL_EXPORT int32_t tl_pool_run(tl_pool *pool, tl_kernel kernel, const void *p, void *const *t, int32_t work,
                              int32_t grain);

/* Runs of several threads that use one pool take turns: enter waits for the others' leave. A thread that is in may
 * enter again. */
TL_EXPORT void tl_pool_enter(tl_pool *pool);
TL_EXPORT void tl_pool_leave(tl_pool *pool);

/* Nanoseconds since some moment in the past. */
int64_t tl_now(void);

/* Run code[start .. count). Returns position * 256 + status: where it stopped, and why; {count, TL_OK} at the end. */
TL_EXPORT int64_t tl_run(const tl_instruction *code, int32_t count, int32_t start, tl_pool *pool);

/* What an instruction has taken so far. */
typedef struct {
    int64_t calls, nanoseconds;
} tl_timing;

/* A run in one structure, so that a binding passes one pointer. */
typedef struct {
    const tl_instruction *code;
    tl_pool *pool;
    tl_timing *timings; /* one an instruction; NULL: they are not measured */
    int32_t count;
    int32_t position; /* where to go on; where it stopped */
} tl_frame;

/* Run the code when no other thread runs in the pool. Returns TL_OK at its end. Otherwise it says why it stopped, and
 * has not left the pool: the caller may do what is asked, set the position and resume, and must leave in the end. */
TL_EXPORT int32_t tl_start(tl_frame *frame);

/* Run on from the frame's position, in a pool that the thread has entered. */
TL_EXPORT int32_t tl_resume(tl_frame *frame);

/* The tiers in this library that the machine can run, best first: names separated by spaces. */
TL_EXPORT const char *tl_tiers(void);

/* A kernel by name, in one tier; NULL where there is none. */
TL_EXPORT tl_kernel tl_find(const char *tier, const char *name);

#endif
