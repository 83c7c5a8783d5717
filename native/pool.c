/* Threads that share one kernel call at a time. Workers claim pieces of its range until none are left; between calls
 * they spin for a short while, because the next call mostly follows at once, and then sleep. */
#define _POSIX_C_SOURCE 200809L

#include "tl_runtime.h"

#include <pthread.h>
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
    atomic_uint round; /* counts the calls; a change starts the workers */
    atomic_int busy;   /* workers that have not finished the call */
    atomic_int stop;
    atomic_llong next; /* first item that nobody has claimed */
    atomic_int status;
    int32_t sleeping;
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

/* Wait until the round is no longer `seen`. */
static void wait_for_round(tl_pool *pool, unsigned seen) {
    for (int spin = 0; spin < SPINS; ++spin) {
        if (atomic_load_explicit(&pool->round, memory_order_acquire) != seen) return;
        relax();
    }
    pthread_mutex_lock(&pool->lock);
    ++pool->sleeping;
    while (atomic_load(&pool->round) == seen) pthread_cond_wait(&pool->wake, &pool->lock);
    --pool->sleeping;
    pthread_mutex_unlock(&pool->lock);
}

static void start_round(tl_pool *pool) {
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->round, 1);
    if (pool->sleeping) pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

static void *serve(void *argument) {
    seat *mine = argument;
    tl_pool *pool = mine->pool;
    const int32_t number = mine->number;
    free(mine);
    unsigned seen = 0;
    for (;;) {
        wait_for_round(pool, seen);
        ++seen;
        if (atomic_load(&pool->stop)) return NULL;
        claim(pool, number);
        atomic_fetch_sub_explicit(&pool->busy, 1, memory_order_release);
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
        start_round(pool);
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
    atomic_store(&pool->busy, pool->workers - 1);
    start_round(pool);
    claim(pool, 0);
    while (atomic_load_explicit(&pool->busy, memory_order_acquire)) relax();
    return atomic_load(&pool->status);
}
