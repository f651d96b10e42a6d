#include "event_queue.h"

#include <errno.h>
#include <time.h>

/* A record is a few hundred bytes to 20 KiB; a queue of the largest ones must not fill the memory. */
#define BYTES_PER_EVENT 4096

uint64_t event_queue_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void event_queue_init(struct event_queue *queue, unsigned capacity)
{
    *queue = (struct event_queue){.capacity = capacity};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&queue->lock, NULL);
    g_queue_init(&queue->events);
}

void event_queue_clear(struct event_queue *queue)
{
    struct shared_event *event;
    while ((event = g_queue_pop_head(&queue->events)) != NULL)
        shared_event_unref(event);
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

static bool is_full_locked(const struct event_queue *queue)
{
    return queue->events.length >= queue->capacity || queue->bytes >= (size_t)queue->capacity * BYTES_PER_EVENT;
}

/* What is lost with an event; the first call of a folded event was told by an event of its own. */
static struct event_queue_lost weight(struct shared_event *event)
{
    const struct denial_event *told = shared_event_get(event);
    bool is_count = told->kind == DENIAL_EVENT_FOLDED;
    return (struct event_queue_lost){.calls = is_count ? told->record->count - 1 : 1, .records = is_count ? 0 : 1};
}

static void lose_locked(struct event_queue *queue, const struct event_queue_lost *lost)
{
    queue->dropped.calls += lost->calls;
    queue->dropped.records += lost->records;
    queue->lost += lost->calls;
}

bool event_queue_push(struct event_queue *queue, struct shared_event *event)
{
    pthread_mutex_lock(&queue->lock);
    bool room = !is_full_locked(queue);
    if (room) {
        g_queue_push_tail(&queue->events, shared_event_ref(event));
        queue->bytes += shared_event_size(event);
        pthread_cond_broadcast(&queue->changed);
    } else {
        const struct event_queue_lost lost = weight(event);
        lose_locked(queue, &lost);
    }
    pthread_mutex_unlock(&queue->lock);
    return room;
}

bool event_queue_is_full(struct event_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool full = is_full_locked(queue);
    pthread_mutex_unlock(&queue->lock);
    return full;
}

void event_queue_lose(struct event_queue *queue, const struct event_queue_lost *lost)
{
    pthread_mutex_lock(&queue->lock);
    lose_locked(queue, lost);
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void event_queue_length(struct event_queue *queue, uint64_t *ret_waiting, uint64_t *ret_lost)
{
    pthread_mutex_lock(&queue->lock);
    *ret_waiting = queue->events.length;
    *ret_lost = queue->lost;
    pthread_mutex_unlock(&queue->lock);
}

bool event_queue_is_quiet(struct event_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool is_quiet = !queue->busy && !queue->reopen && queue->events.length == 0 && queue->dropped.calls == 0;
    pthread_mutex_unlock(&queue->lock);
    return is_quiet;
}

void event_queue_ask_reopen(struct event_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->reopen = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void event_queue_stop(struct event_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->stopping = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

/* Waits for a change; false when the time is over. */
static bool wait_locked(struct event_queue *queue, uint64_t until_ns)
{
    if (until_ns == UINT64_MAX)
        return pthread_cond_wait(&queue->changed, &queue->lock) == 0;
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000)};
    return pthread_cond_timedwait(&queue->changed, &queue->lock, &until) != ETIMEDOUT;
}

enum event_queue_answer event_queue_pop(struct event_queue *queue, uint64_t until_ns, struct shared_event **ret_event,
                                        struct event_queue_lost *ret_dropped)
{
    enum event_queue_answer answer = EVENT_QUEUE_TIMEOUT;
    pthread_mutex_lock(&queue->lock);
    queue->busy = false;
    do {
        if (queue->reopen) {
            queue->reopen = false;
            answer = EVENT_QUEUE_REOPEN;
        } else if (queue->events.length > 0) {
            *ret_event = g_queue_pop_head(&queue->events);
            queue->bytes -= shared_event_size(*ret_event);
            answer = EVENT_QUEUE_EVENT;
        } else if (queue->dropped.calls > 0) {
            *ret_dropped = queue->dropped;
            queue->dropped = (struct event_queue_lost){0};
            answer = EVENT_QUEUE_DROPPED;
        } else if (queue->stopping) {
            answer = EVENT_QUEUE_END;
        }
    } while (answer == EVENT_QUEUE_TIMEOUT && wait_locked(queue, until_ns));
    queue->busy = true;
    pthread_mutex_unlock(&queue->lock);
    return answer;
}

void event_queue_reader_done(struct event_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->done = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

bool event_queue_wait_done(struct event_queue *queue, uint64_t until_ns)
{
    pthread_mutex_lock(&queue->lock);
    while (!queue->done && wait_locked(queue, until_ns))
        ;
    bool done = queue->done;
    pthread_mutex_unlock(&queue->lock);
    return done;
}
