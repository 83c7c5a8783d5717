/* Threads that share one kernel call at a time. Workers claim pieces of its range until none are left; between calls
 * they spin for a short while, because the next call mostly follows at once, and then sleep. A worker that comes when
 * nothing is left to claim, because it was not given a core in time, is not waited for. */
#define _POSIX_C_SOURCE 200809L

#include "tl_runtime.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Meant to outlast the gap between two calls of a run, and to end long before a time slice does. */
enum { SPINS = 4000, PIECES_PER_WORKER = 4 };

struct tl_pool {
    int32_t workers;
    pid_t owner;          /* threads do not survive fork: a child runs its calls alone */
    pthread_mutex_t turn; /* of the runs that share the pool */
    pthread_t *threads;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_ullong gate; /* the round, which is odd while a call can be joined, and how many workers have joined it */
    atomic_int done;    /* workers that joined the call and have finished */
    atomic_int stop;
    atomic_llong next; /* first item that nobody has claimed */
    atomic_int status;
    atomic_int sleeping;
    tl_kernel kernel;
    const void *params;
    void *const *args;
    int32_t work, piece;
};

typedef struct {
    tl_pool *pool;
    int32_t number;
} seat;

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

static void claim(tl_pool *pool, int32_t worker) {
    for (;;) {
        /* In 64 bits: every worker claims once beyond the end. */
        const int64_t begin = atomic_fetch_add_explicit(&pool->next, pool->piece, memory_order_relaxed);
        if (begin >= pool->work) return;
        const int64_t end = TL_MIN(begin + pool->piece, pool->work);
        const int32_t status = pool->kernel(pool->params, pool->args, (tl_range){(int32_t)begin, (int32_t)end, worker});
        if (status != TL_OK) atomic_store(&pool->status, status);
    }
}

/* The gate of a round that nobody has joined. */
static inline unsigned long long gate_of(unsigned long long round) { return round << 16; }

static inline unsigned long long round_of(unsigned long long gate) { return gate >> 16; }

/* Whether there is something to do for a worker that was last in round `seen`. */
static inline int calls(tl_pool *pool, unsigned long long seen) {
    const unsigned long long round = round_of(atomic_load(&pool->gate));
    return (round & 1 && round != seen) || atomic_load(&pool->stop);
}

static void wait_for_call(tl_pool *pool, unsigned long long seen) {
    for (int spin = 0; spin < SPINS; ++spin) {
        if (calls(pool, seen)) return;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->sleeping, 1);
    while (!calls(pool, seen)) pthread_cond_wait(&pool->wake, &pool->lock);
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->lock);
}

/* Whoever falls asleep counts itself first and looks at the gate then, so that one of the two sees the other. */
static void wake_sleepers(tl_pool *pool) {
    if (!atomic_load(&pool->sleeping)) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

/* Join the call that is open, unless it was `seen` or is over: its round, or `seen`. */
static unsigned long long join(tl_pool *pool, unsigned long long seen) {
    unsigned long long gate = atomic_load(&pool->gate);
    while (round_of(gate) & 1 && round_of(gate) != seen)
        if (atomic_compare_exchange_weak(&pool->gate, &gate, gate + 1)) return round_of(gate);
    return seen;
}

static void *serve(void *argument) {
    seat *mine = argument;
    tl_pool *pool = mine->pool;
    const int32_t number = mine->number;
    free(mine);
    for (unsigned long long seen = 0;;) {
        wait_for_call(pool, seen);
        if (atomic_load(&pool->stop)) return NULL;
        const unsigned long long round = join(pool, seen);
        if (round == seen) continue;
        seen = round;
        claim(pool, number);
        atomic_fetch_add_explicit(&pool->done, 1, memory_order_release);
    }
}

static int recursive_mutex(pthread_mutex_t *mutex) {
    pthread_mutexattr_t kind;
    if (pthread_mutexattr_init(&kind)) return -1;
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    const int failed = pthread_mutex_init(mutex, &kind);
    pthread_mutexattr_destroy(&kind);
    return failed;
}

tl_pool *tl_pool_create(int32_t workers) {
    tl_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->owner = getpid();
    pool->workers = 1;
    pool->threads = calloc((size_t)TL_MAX(workers, 1), sizeof *pool->threads);
    if (!pool->threads || recursive_mutex(&pool->turn) || pthread_mutex_init(&pool->lock, NULL) ||
        pthread_cond_init(&pool->wake, NULL)) {
        free(pool->threads);
        free(pool);
        return NULL;
    }
    while (pool->workers < workers) {
        seat *next = malloc(sizeof *next);
        if (next) *next = (seat){pool, pool->workers};
        if (!next || pthread_create(pool->threads + pool->workers, NULL, serve, next)) {
            free(next);
            tl_pool_destroy(pool);
            return NULL;
        }
        ++pool->workers;
    }
    return pool;
}

void tl_pool_destroy(tl_pool *pool) {
    if (!pool) return;
    if (pool->owner == getpid()) {
        atomic_store(&pool->stop, 1);
        wake_sleepers(pool);
        for (int32_t w = 1; w < pool->workers; ++w) pthread_join(pool->threads[w], NULL);
    }
    free(pool->threads);
    free(pool);
}

void tl_pool_enter(tl_pool *pool) {
    if (pool) pthread_mutex_lock(&pool->turn);
}

void tl_pool_leave(tl_pool *pool) {
    if (pool) pthread_mutex_unlock(&pool->turn);
}

int32_t tl_pool_run(tl_pool *pool, tl_kernel kernel, const void *p, void *const *t, int32_t work, int32_t grain) {
    if (!pool || pool->workers == 1 || work / 2 < TL_MAX(grain, 1) || pool->owner != getpid())
        return kernel(p, t, (tl_range){0, work, 0});
    pool->kernel = kernel;
    pool->params = p;
    pool->args = t;
    pool->work = work;
    const int64_t pieces = (int64_t)pool->workers * PIECES_PER_WORKER;
    pool->piece = TL_MAX(TL_MAX(grain, 1), (int32_t)((work + pieces - 1) / pieces));
    atomic_store(&pool->next, 0);
    atomic_store(&pool->status, TL_OK);
    atomic_store(&pool->done, 0);
    const unsigned long long round = round_of(atomic_load(&pool->gate)) + 1;
    atomic_store(&pool->gate, gate_of(round));
    wake_sleepers(pool);
    claim(pool, 0);
    const int joined = (int)(atomic_exchange(&pool->gate, gate_of(round + 1)) - gate_of(round));
    for (int spin = 0; atomic_load_explicit(&pool->done, memory_order_acquire) < joined; ++spin)
        spin < SPINS ? relax() : (void)sched_yield();
    return atomic_load(&pool->status);
}
