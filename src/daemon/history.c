#include "history.h"

#include "patience.h"
#include "record_json.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define MOST_EVENTS 16384
#define MOST_BYTES ((size_t)4 << 20)

/* How often whoever waits is asked whether he still does. */
#define LOOK_MS 100

struct history {
    atomic_uint refs;
    char *mount; /* owned */
    pthread_mutex_t lock;
    pthread_cond_t added;     /* CLOCK_MONOTONIC */
    char *lines[MOST_EVENTS]; /* [lock] number n is at n % MOST_EVENTS; owned */
    uint64_t first, end;      /* [lock] numbers of the oldest, and of the next one to come */
    size_t bytes;             /* [lock] of the lines */
    uint64_t n_calls;         /* [lock] that have come */
    bool has_ended;           /* [lock] nothing comes any more */
};

struct history *history_new(const char *mount)
{
    struct history *history = g_new0(struct history, 1);
    atomic_init(&history->refs, 1);
    history->mount = g_strdup(mount);
    pthread_mutex_init(&history->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&history->added, &attributes);
    pthread_condattr_destroy(&attributes);
    return history;
}

static void drop_oldest_locked(struct history *history)
{
    char **line = &history->lines[history->first++ % MOST_EVENTS];
    history->bytes -= strlen(*line);
    g_free(*line);
    *line = NULL;
}

void history_unref(struct history *history)
{
    if (history == NULL || atomic_fetch_sub(&history->refs, 1) != 1)
        return;
    while (history->first < history->end)
        drop_oldest_locked(history);
    pthread_cond_destroy(&history->added);
    pthread_mutex_destroy(&history->lock);
    g_free(history->mount);
    g_free(history);
}

/* Takes the line, which ends in a newline. @n_calls: of how many refused calls it is what is told first, or last. */
static void add(struct history *history, char *line, uint64_t n_calls)
{
    size_t length = strcspn(line, "\n");
    line[length] = '\0';
    pthread_mutex_lock(&history->lock);
    while (history->first < history->end &&
           (history->end - history->first == MOST_EVENTS || history->bytes + length > MOST_BYTES))
        drop_oldest_locked(history);
    history->lines[history->end++ % MOST_EVENTS] = line;
    history->bytes += length;
    history->n_calls += n_calls;
    pthread_cond_broadcast(&history->added);
    pthread_mutex_unlock(&history->lock);
}

struct history_sink {
    struct history *history; /* a reference */
    struct denial_sink first;
};

/* The first of what is folded has come before. */
static uint64_t calls_of(const struct denial_event *event)
{
    return event->kind == DENIAL_EVENT_RECORD ? 1 : event->kind == DENIAL_EVENT_DROPPED ? event->dropped_records : 0;
}

static void write_event(void *data, const struct denial_event *event)
{
    struct history_sink *sink = data;
    sink->first.write(sink->first.data, event);
    add(sink->history, record_json_event(event, sink->history->mount), calls_of(event));
}

static void close_sink(void *data)
{
    struct history_sink *sink = data;
    sink->first.close(sink->first.data);
    history_unref(sink->history);
    g_free(sink);
}

void history_sink(struct history *history, const struct denial_sink *first, struct denial_sink *ret)
{
    struct history_sink *sink = g_new(struct history_sink, 1);
    *sink = (struct history_sink){.history = history, .first = *first};
    atomic_fetch_add(&history->refs, 1);
    *ret = (struct denial_sink){.write = write_event, .close = close_sink, .data = sink};
}

void history_notice(struct history *history, const char *message)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    add(history, record_json_notice(&now, message, history->mount), 0);
}

static struct timespec until(int timeout_ms)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += timeout_ms / 1000;
    time.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

char *history_next(struct history *history, uint64_t *cursor, int timeout_ms, uint64_t *ret_lost)
{
    const struct timespec end = until(timeout_ms);
    char *line = NULL;
    *ret_lost = 0;
    pthread_mutex_lock(&history->lock);
    while (*cursor >= history->end && timeout_ms > 0 && !history->has_ended)
        if (pthread_cond_timedwait(&history->added, &history->lock, &end) == ETIMEDOUT)
            break;
    if (*cursor < history->end) {
        if (*cursor < history->first) {
            *ret_lost = history->first - *cursor;
            *cursor = history->first;
        }
        line = g_strdup(history->lines[(*cursor)++ % MOST_EVENTS]);
    }
    pthread_mutex_unlock(&history->lock);
    return line;
}

void history_end(struct history *history)
{
    pthread_mutex_lock(&history->lock);
    history->has_ended = true;
    pthread_cond_broadcast(&history->added);
    pthread_mutex_unlock(&history->lock);
}

bool history_has_ended(struct history *history)
{
    pthread_mutex_lock(&history->lock);
    bool has_ended = history->has_ended;
    pthread_mutex_unlock(&history->lock);
    return has_ended;
}

bool history_wait(struct history *history, uint64_t n_calls, int timeout_ms, const struct patience *patience)
{
    const gint64 end = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
    pthread_mutex_lock(&history->lock);
    while (history->n_calls < n_calls && g_get_monotonic_time() < end && !patience_is_over(patience)) {
        const struct timespec look = until(LOOK_MS);
        (void)pthread_cond_timedwait(&history->added, &history->lock, &look);
    }
    bool have_come = history->n_calls >= n_calls;
    pthread_mutex_unlock(&history->lock);
    return have_come;
}
