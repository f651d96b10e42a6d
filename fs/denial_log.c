/*
 * The log: from the serving threads through one dispatcher, which folds, to the sinks' threads.
 *
 * Memory is bounded at every station, and no station waits for the next: a full queue counts what it lost.
 */
#include "denial.h"

#include "caller.h"
#include "caller_memory.h"
#include "event_queue.h"
#include "fold.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdatomic.h>

#define DEFAULT_CAPACITY 4096
#define MOST_WINDOWS 4096
#define MOST_PATIENCE_SECONDS 30
#define MOST_WINDOW_BYTES ((size_t)16 << 20)

/* A sink with its thread. Allocated by itself, as it outlives the log when it is stuck. */
struct outlet {
    struct denial_sink sink;
    struct event_queue queue;
    pthread_t thread;
    bool has_ended; /* its thread; the ending thread alone */
};

struct denial_log {
    struct caller_memory *memory; /* owned */
    struct event_queue queue;     /* from the serving threads */
    pthread_mutex_t fold_lock;
    struct fold *fold; /* [fold_lock] owned; NULL = folding is off */
    pthread_t dispatcher;
    struct outlet **outlets; /* owned, [n_outlets]; immutable */
    size_t n_outlets;
    atomic_uint_fast64_t denied, learned, folded, dropped;
    _Atomic dev_t mount; /* 0 = not known (yet) */
    denial_look *look;   /* NULL = nobody; immutable after the first report */
    void *look_data;
    bool has_ended; /* its threads; the ending thread alone */
};

static void *run_outlet(void *data)
{
    struct outlet *outlet = data;
    for (;;) {
        struct shared_event *event;
        struct denial_event dropped = {.kind = DENIAL_EVENT_DROPPED};
        struct event_queue_lost lost;
        switch (event_queue_pop(&outlet->queue, UINT64_MAX, &event, &lost)) {
        case EVENT_QUEUE_EVENT:
            outlet->sink.write(outlet->sink.data, shared_event_get(event));
            shared_event_unref(event);
            break;
        case EVENT_QUEUE_DROPPED:
            clock_gettime(CLOCK_REALTIME, &dropped.time);
            dropped.dropped = lost.calls;
            dropped.dropped_records = lost.records;
            outlet->sink.write(outlet->sink.data, &dropped);
            break;
        case EVENT_QUEUE_REOPEN:
            if (outlet->sink.reopen != NULL)
                outlet->sink.reopen(outlet->sink.data);
            break;
        case EVENT_QUEUE_TIMEOUT:
            break;
        case EVENT_QUEUE_END:
            event_queue_reader_done(&outlet->queue);
            return NULL;
        }
    }
}

static void distribute(struct denial_log *log, struct shared_event *event)
{
    for (size_t i = 0; i < log->n_outlets; i++)
        event_queue_push(&log->outlets[i]->queue, event);
}

static void end_windows(struct denial_log *log, uint64_t now_ns)
{
    for (bool more = log->fold != NULL; more;) {
        struct shared_event *event = NULL;
        pthread_mutex_lock(&log->fold_lock);
        more = fold_ended(log->fold, now_ns, &event);
        pthread_mutex_unlock(&log->fold_lock);
        if (event != NULL)
            distribute(log, event);
        shared_event_unref(event);
    }
}

/* Until when the dispatcher may sleep. A window can be opened while it does, hence the second. */
static uint64_t next_end(struct denial_log *log)
{
    if (log->fold == NULL)
        return UINT64_MAX;
    pthread_mutex_lock(&log->fold_lock);
    uint64_t end = fold_next_end(log->fold);
    pthread_mutex_unlock(&log->fold_lock);
    return MIN(end, event_queue_now() + UINT64_C(1000000000));
}

static void *run_dispatcher(void *data)
{
    struct denial_log *log = data;
    for (;;) {
        struct shared_event *event;
        struct event_queue_lost lost;
        enum event_queue_answer answer = event_queue_pop(&log->queue, next_end(log), &event, &lost);
        if (answer == EVENT_QUEUE_EVENT) {
            distribute(log, event);
            shared_event_unref(event);
        } else if (answer == EVENT_QUEUE_DROPPED) {
            for (size_t i = 0; i < log->n_outlets; i++)
                event_queue_lose(&log->outlets[i]->queue, &lost);
        }
        /* At the end every window ends; and where somebody wants to be told. */
        bool is_end = answer == EVENT_QUEUE_END || answer == EVENT_QUEUE_REOPEN;
        end_windows(log, is_end ? UINT64_MAX : event_queue_now());
        if (answer == EVENT_QUEUE_END)
            return NULL;
    }
}

static int start_thread(pthread_t *thread, void *(*run)(void *), void *data)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, run, data);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

static int add_outlet(struct denial_log *log, const struct denial_sink *sink, unsigned capacity)
{
    struct outlet *outlet = g_new0(struct outlet, 1);
    outlet->sink = *sink;
    event_queue_init(&outlet->queue, capacity);
    int status = start_thread(&outlet->thread, run_outlet, outlet);
    if (status < 0) {
        sink->close(sink->data);
        event_queue_clear(&outlet->queue);
        g_free(outlet);
        return status;
    }
    log->outlets[log->n_outlets++] = outlet;
    return 0;
}

/*
 * Waits for a sink to end: @seconds, and again as long as it gets on with what is queued (a slow disk after a flood), but no
 * longer than MOST_PATIENCE_SECONDS. Returns whether it has.
 */
static bool wait_for_outlet(struct outlet *outlet, unsigned seconds)
{
    uint64_t now = event_queue_now(), end = now + MOST_PATIENCE_SECONDS * UINT64_C(1000000000);
    uint64_t before, after, lost;
    event_queue_length(&outlet->queue, &before, &lost);
    for (;; before = after) {
        uint64_t until = MIN(now + seconds * UINT64_C(1000000000), end);
        if (event_queue_wait_done(&outlet->queue, until))
            return true;
        event_queue_length(&outlet->queue, &after, &lost);
        now = event_queue_now();
        if (after >= before || now >= end)
            return false;
    }
}

/* One that is stuck is left behind. */
static void end_outlets(struct denial_log *log, unsigned seconds)
{
    for (size_t i = 0; i < log->n_outlets; i++)
        event_queue_stop(&log->outlets[i]->queue);
    for (size_t i = 0; i < log->n_outlets; i++) {
        struct outlet *outlet = log->outlets[i];
        outlet->has_ended = wait_for_outlet(outlet, seconds);
        if (outlet->has_ended)
            pthread_join(outlet->thread, NULL);
        else
            pthread_detach(outlet->thread);
    }
}

static void end_threads(struct denial_log *log, unsigned seconds)
{
    event_queue_stop(&log->queue);
    pthread_join(log->dispatcher, NULL);
    end_outlets(log, seconds);
    log->has_ended = true;
}

/* Once the threads have ended. */
static void free_log(struct denial_log *log)
{
    for (size_t i = 0; i < log->n_outlets; i++) {
        struct outlet *outlet = log->outlets[i];
        if (!outlet->has_ended)
            continue;
        outlet->sink.close(outlet->sink.data);
        event_queue_clear(&outlet->queue);
        g_free(outlet);
    }
    g_free(log->outlets);
    event_queue_clear(&log->queue);
    fold_free(log->fold);
    pthread_mutex_destroy(&log->fold_lock);
    caller_memory_free(log->memory);
    g_free(log);
}

int denial_log_new(const struct denial_options *options, const struct denial_sink *sinks, size_t n_sinks,
                   struct denial_log **ret)
{
    unsigned capacity = options->capacity != 0 ? options->capacity : DEFAULT_CAPACITY;
    struct denial_log *log = g_new0(struct denial_log, 1);
    log->memory = caller_memory_new();
    log->outlets = g_new0(struct outlet *, n_sinks + 1);
    log->fold = options->fold_seconds > 0 ? fold_new(options->fold_seconds, MOST_WINDOWS, MOST_WINDOW_BYTES) : NULL;
    event_queue_init(&log->queue, capacity);
    pthread_mutex_init(&log->fold_lock, NULL);
    int status = 0;
    size_t n_taken = 0;
    for (; n_taken < n_sinks && status == 0; n_taken++)
        status = add_outlet(log, &sinks[n_taken], capacity);
    if (status == 0)
        status = start_thread(&log->dispatcher, run_dispatcher, log);
    if (status < 0) {
        for (; n_taken < n_sinks; n_taken++)
            sinks[n_taken].close(sinks[n_taken].data);
        end_outlets(log, 1);
        free_log(log);
        return status;
    }
    *ret = log;
    return 0;
}

void denial_log_look(struct denial_log *log, denial_look *look, void *data)
{
    log->look = look;
    log->look_data = data;
}

void denial_log_mounted(struct denial_log *log, dev_t device)
{
    atomic_store(&log->mount, device);
}

struct caller_memory *denial_log_memory(struct denial_log *log)
{
    return log->memory;
}

/* Shows a denial that is told as part of a count. */
static void show_folded(struct denial_log *log, const struct denial_facts *facts)
{
    struct denial_record *record = record_new(facts, log->memory, atomic_load(&log->mount));
    log->look(log->look_data, record, true);
    record_free(record);
}

/* Counts a denial whose fact is told already. */
static bool is_folded(struct denial_log *log, const char *executable, const struct denial_facts *facts)
{
    bool is_other = false;
    pthread_mutex_lock(&log->fold_lock);
    bool folded = fold_again(log->fold, executable, facts, event_queue_now(), &is_other);
    pthread_mutex_unlock(&log->fold_lock);
    if (folded)
        atomic_fetch_add(&log->folded, 1);
    if (is_other && log->look != NULL)
        show_folded(log, facts);
    return folded;
}

void denial_report(struct denial_log *log, const struct denial_facts *facts)
{
    atomic_fetch_add(facts->learned ? &log->learned : &log->denied, 1);
    g_autofree char *executable = log->fold != NULL ? caller_executable(facts->tid) : NULL;
    if (log->fold != NULL && is_folded(log, executable, facts))
        return;
    /* Before /proc is read for nothing: a flood is paid for by whoever makes it, and as little as can be. */
    if (event_queue_is_full(&log->queue)) {
        atomic_fetch_add(&log->dropped, 1);
        event_queue_lose(&log->queue, &(struct event_queue_lost){.calls = 1, .records = 1});
        if (log->look != NULL)
            log->look(log->look_data, NULL, false);
        return;
    }
    struct shared_event *event = shared_event_new(record_new(facts, log->memory, atomic_load(&log->mount)));
    if (log->look != NULL)
        log->look(log->look_data, shared_event_get(event)->record, false);
    if (!event_queue_push(&log->queue, event)) {
        atomic_fetch_add(&log->dropped, 1);
    } else if (log->fold != NULL) {
        pthread_mutex_lock(&log->fold_lock);
        fold_open(log->fold, executable, event, event_queue_now());
        pthread_mutex_unlock(&log->fold_lock);
    }
    shared_event_unref(event);
}

void denial_log_counters(struct denial_log *log, struct denial_counters *ret)
{
    uint64_t waiting, lost;
    event_queue_length(&log->queue, &waiting, &lost);
    *ret = (struct denial_counters){
        .waiting = waiting,
        .denied = atomic_load(&log->denied),
        .learned = atomic_load(&log->learned),
        .folded = atomic_load(&log->folded),
        .dropped = atomic_load(&log->dropped),
    };
}

bool denial_log_sink_counters(struct denial_log *log, size_t sink, struct denial_sink_counters *ret)
{
    if (sink >= log->n_outlets)
        return false;
    const struct denial_sink *own = &log->outlets[sink]->sink;
    event_queue_length(&log->outlets[sink]->queue, &ret->waiting, &ret->dropped);
    if (own->lost != NULL)
        ret->dropped += own->lost(own->data);
    return true;
}

void denial_log_reopen(struct denial_log *log)
{
    for (size_t i = 0; i < log->n_outlets; i++)
        event_queue_ask_reopen(&log->outlets[i]->queue);
}

void denial_log_tell(struct denial_log *log)
{
    event_queue_ask_reopen(&log->queue);
}

bool denial_log_has_told(struct denial_log *log)
{
    /* In this order: what has left one station is at the next. */
    bool has_told = event_queue_is_quiet(&log->queue);
    for (size_t i = 0; i < log->n_outlets && has_told; i++)
        has_told = event_queue_is_quiet(&log->outlets[i]->queue);
    return has_told;
}

void denial_log_end(struct denial_log *log, unsigned seconds)
{
    end_threads(log, seconds);
    for (size_t i = 0; i < log->n_outlets; i++) {
        const struct outlet *outlet = log->outlets[i];
        if (outlet->has_ended && outlet->sink.reopen != NULL)
            outlet->sink.reopen(outlet->sink.data);
    }
}

void denial_log_free(struct denial_log *log, unsigned seconds)
{
    if (log == NULL)
        return;
    if (!log->has_ended)
        end_threads(log, seconds);
    free_log(log);
}
