/*
 * event_queue - a bounded queue of events between threads. What does not fit is counted, never waited for.
 */
#ifndef ROFUSE_FS_EVENT_QUEUE_H
#define ROFUSE_FS_EVENT_QUEUE_H

#include "record.h"

#include <glib.h>
#include <pthread.h>

/* What did not fit. */
struct event_queue_lost {
    uint64_t calls;
    uint64_t records; /* of them the calls that had a record of their own: the others would have been counted only */
};

struct event_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;          /* CLOCK_MONOTONIC */
    GQueue events;                   /* [lock] struct shared_event, a ref each, the oldest first */
    size_t bytes;                    /* [lock] of the events */
    struct event_queue_lost dropped; /* [lock] that did not fit and were not told of yet */
    uint64_t lost;                   /* [lock] that did not fit, ever */
    bool reopen;                     /* [lock] the reader is to reopen what it writes to */
    bool stopping;                   /* [lock] nothing more will come */
    bool busy;                       /* [lock] the reader is at work on what it got last */
    bool done;                       /* [lock] the reader has ended */
    unsigned capacity;               /* events; immutable */
};

enum event_queue_answer {
    EVENT_QUEUE_EVENT,
    EVENT_QUEUE_DROPPED,
    EVENT_QUEUE_REOPEN,
    EVENT_QUEUE_TIMEOUT,
    EVENT_QUEUE_END,
};

void event_queue_init(struct event_queue *queue, unsigned capacity);
void event_queue_clear(struct event_queue *queue);

/* Adds an event and takes a ref; false (and counted) when there is no room. */
bool event_queue_push(struct event_queue *queue, struct shared_event *event);
/* Whether there is no room for one more. */
bool event_queue_is_full(struct event_queue *queue);
/* Counts what was lost before it came here. */
void event_queue_lose(struct event_queue *queue, const struct event_queue_lost *lost);
/* How many events wait, and how many did not fit so far. */
void event_queue_length(struct event_queue *queue, uint64_t *ret_waiting, uint64_t *ret_lost);
/* Whether nothing waits, nor is to be told of what was dropped, and the reader is at rest. */
bool event_queue_is_quiet(struct event_queue *queue);
void event_queue_ask_reopen(struct event_queue *queue);
void event_queue_stop(struct event_queue *queue);

/*
 * event_queue_pop - waits for what is next, until @until_ns of CLOCK_MONOTONIC (UINT64_MAX: for ever).
 *
 * Events come in order; what was dropped (in @ret_dropped) is told when the events before them are gone.
 */
enum event_queue_answer event_queue_pop(struct event_queue *queue, uint64_t until_ns, struct shared_event **ret_event,
                                        struct event_queue_lost *ret_dropped);

/* The reader says that it ends; somebody waits for that until a time. Returns whether it did. */
void event_queue_reader_done(struct event_queue *queue);
bool event_queue_wait_done(struct event_queue *queue, uint64_t until_ns);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t event_queue_now(void);

#endif
