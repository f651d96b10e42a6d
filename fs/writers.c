#include "writers.h"

#include "caller.h"
#include "counters.h"

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

#define LOOK_EVERY_NS INT64_C(1000000000)

struct writers {
    pthread_mutex_t lock;
    struct writer last[COUNTERS_ROUTES];   /* [lock] pid 0: none yet */
    _Atomic int64_t next[COUNTERS_ROUTES]; /* CLOCK_MONOTONIC ns before which nobody looks again */
};

struct writers *writers_new(void)
{
    struct writers *writers = g_new0(struct writers, 1);
    pthread_mutex_init(&writers->lock, NULL);
    return writers;
}

void writers_free(struct writers *writers)
{
    if (writers == NULL)
        return;
    for (unsigned i = 0; i < COUNTERS_ROUTES; i++)
        writer_clear(&writers->last[i]);
    pthread_mutex_destroy(&writers->lock);
    g_free(writers);
}

void writer_clear(struct writer *writer)
{
    g_free(writer->comm);
    g_free(writer->exe);
    g_free(writer->container_id);
    *writer = (struct writer){0};
}

/* Whether it is time to look, and nobody else does. */
static bool take_turn(_Atomic int64_t *next)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    int64_t ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec, due = atomic_load_explicit(next, memory_order_relaxed);
    return ns >= due && atomic_compare_exchange_strong_explicit(next, &due, ns + LOOK_EVERY_NS, memory_order_relaxed,
                                                                memory_order_relaxed);
}

void writers_note(struct writers *writers, unsigned route, pid_t tid, uid_t uid, gid_t gid)
{
    if (tid == 0 || route >= COUNTERS_ROUTES || !take_turn(&writers->next[route]))
        return;
    struct caller *caller = caller_read(tid, uid, gid, NULL, 0);
    struct writer writer = {
        .pid = caller->pid,
        .uid = uid,
        .comm = g_steal_pointer(&caller->comm),
        .exe = g_steal_pointer(&caller->exe),
        .container_id = g_steal_pointer(&caller->container_id),
    };
    caller_free(caller);
    clock_gettime(CLOCK_REALTIME, &writer.time);
    pthread_mutex_lock(&writers->lock);
    struct writer before = writers->last[route];
    writers->last[route] = writer;
    pthread_mutex_unlock(&writers->lock);
    writer_clear(&before);
}

bool writers_last(struct writers *writers, unsigned route, struct writer *ret)
{
    *ret = (struct writer){0};
    if (route >= COUNTERS_ROUTES)
        return false;
    pthread_mutex_lock(&writers->lock);
    const struct writer *last = &writers->last[route];
    if (last->pid != 0)
        *ret = (struct writer){
            .pid = last->pid,
            .uid = last->uid,
            .comm = g_strdup(last->comm),
            .exe = g_strdup(last->exe),
            .container_id = g_strdup(last->container_id),
            .time = last->time,
        };
    pthread_mutex_unlock(&writers->lock);
    return ret->pid != 0;
}
