#include "facts_watch.h"

#include "app_error.h"
#include "caller.h"
#include "class_rule.h"
#include "fact_make.h"
#include "knowledge.h"
#include "patience.h"
#include "process_ends.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* Refusals whose process is still looked at; beyond that the oldest remains undecided. */
#define MOST_PENDING 1024

/* Ends come in crowds when a container ends: they are looked at together. */
#define CROWD_MS 20

/* Looking takes a fifth of a processor at most: so many times as long nobody looks. */
#define REST 4
#define MOST_REST_MS 500

/* How long somebody who waits for the facts waits for how a process ended that is gone, and between two looks. */
#define GONE_MS 200
#define LOOK_MS 10

struct pending {
    char id[FACTS_ID_SIZE];          /* of the fact; "" = that of @like, when it is there */
    struct fact *like;               /* owned; NULL = none */
    struct watched_process *process; /* a reference */
    struct process_refusal refusal;  /* of the record; its strings are owned */
    int64_t refused_ms;              /* the same by the clock of ends */
};

struct facts_watch {
    atomic_uint refs;            /* whoever made it, and each sink */
    struct knowledge *knowledge; /* owned */
    struct facts *facts;         /* owned */
    struct process_ends *ends;   /* owned */
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock;
    GQueue pending;           /* [lock] struct pending, owned, the oldest first */
    bool is_ending;           /* [lock] */
    _Atomic uint64_t n_looks; /* that were made at all of them */
    /* Calls that the log tells one by one, or has lost on their way. */
    _Atomic uint64_t n_refused;
};

static void free_pending(struct facts_watch *watch, struct pending *pending)
{
    process_ends_unref(watch->ends, pending->process);
    fact_free(pending->like);
    g_free((char *)pending->refusal.comm);
    g_free((char *)pending->refusal.executable);
    g_free(pending);
}

/* Decides what can be decided. Returns whether the case is closed. */
static bool decide(struct facts_watch *watch, struct pending *pending, int64_t now, int64_t *next)
{
    /* The first record of a folded call may still be on its way. */
    if (*pending->id == '\0' && !facts_find(watch->facts, pending->like, pending->id)) {
        *next = MIN(*next, pending->refused_ms + CLASS_WINDOW_MS);
        return pending->refused_ms + CLASS_WINDOW_MS <= now;
    }
    struct class_case what;
    struct class_verdict verdict;
    process_ends_case(watch->ends, pending->process, &pending->refusal, &what);
    what.refused_ms = pending->refused_ms;
    class_rule(&what, now, &verdict);
    process_ends_case_clear(&what);
    facts_decide(watch->facts, pending->id, verdict.class, verdict.because, verdict.reason);
    if (verdict.class != FACT_OPEN)
        return true;
    /* How it ended may become known yet. */
    int64_t again = verdict.because == FACT_WAITING ? verdict.look_again_ms : pending->refused_ms + CLASS_WINDOW_MS;
    *next = MIN(*next, again);
    return again <= now;
}

/* [lock] Looks at all. Returns how many milliseconds from now it is time again; -1 = there is nothing to wait for. */
static int decide_all(struct facts_watch *watch)
{
    int64_t now = process_ends_now(), next = INT64_MAX;
    for (GList *link = watch->pending.head, *after; link != NULL; link = after) {
        after = link->next;
        struct pending *pending = link->data;
        if (!decide(watch, pending, now, &next))
            continue;
        free_pending(watch, pending);
        g_queue_delete_link(&watch->pending, link);
    }
    if (g_queue_is_empty(&watch->pending))
        return -1;
    return (int)CLAMP(next - now, CROWD_MS, CLASS_WINDOW_MS);
}

static bool is_ending(struct facts_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    bool is_over = watch->is_ending;
    pthread_mutex_unlock(&watch->lock);
    return is_over;
}

/* Notes who ends, and decides nothing meanwhile: in a flood every refusal would else have all of them looked at again. */
static void rest(struct facts_watch *watch, int64_t ms)
{
    int64_t end = process_ends_now() + ms;
    for (int64_t now; !is_ending(watch) && (now = process_ends_now()) < end;)
        process_ends_wait(watch->ends, (int)(end - now));
}

static void *run(void *data)
{
    struct facts_watch *watch = data;
    for (;;) {
        int64_t start = process_ends_now();
        pthread_mutex_lock(&watch->lock);
        bool is_over = watch->is_ending;
        int timeout_ms = decide_all(watch);
        pthread_mutex_unlock(&watch->lock);
        atomic_fetch_add(&watch->n_looks, 1);
        if (is_over)
            return NULL;
        int64_t took = process_ends_now() - start;
        process_ends_wait(watch->ends, timeout_ms);
        rest(watch, CLAMP(took * REST, CROWD_MS, MOST_REST_MS));
    }
}

static bool start_thread(struct facts_watch *watch)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    watch->has_thread = pthread_create(&watch->thread, NULL, run, watch) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return watch->has_thread;
}

struct facts_watch *facts_watch_new(const struct facts_options *options, struct knowledge *knowledge, GError **error)
{
    struct process_ends *ends = process_ends_new(error);
    if (ends == NULL) {
        knowledge_free(knowledge);
        return NULL;
    }
    struct facts_watch *watch = g_new0(struct facts_watch, 1);
    struct facts_options watched = *options;
    watched.is_watched = true;
    watched.knowledge = watch->knowledge = knowledge;
    atomic_init(&watch->refs, 1);
    watch->ends = ends;
    watch->facts = facts_new(&watched);
    pthread_mutex_init(&watch->lock, NULL);
    g_queue_init(&watch->pending);
    if (start_thread(watch))
        return watch;
    app_error_failed(error, "cannot start the thread that watches how processes end");
    facts_watch_free(watch);
    return NULL;
}

static void unref(struct facts_watch *watch)
{
    if (atomic_fetch_sub(&watch->refs, 1) != 1)
        return;
    while (!g_queue_is_empty(&watch->pending))
        free_pending(watch, g_queue_pop_head(&watch->pending));
    process_ends_free(watch->ends);
    facts_free(watch->facts);
    knowledge_free(watch->knowledge);
    pthread_mutex_destroy(&watch->lock);
    g_free(watch);
}

void facts_watch_free(struct facts_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->has_thread) {
        pthread_mutex_lock(&watch->lock);
        watch->is_ending = true;
        pthread_mutex_unlock(&watch->lock);
        process_ends_wake(watch->ends);
        pthread_join(watch->thread, NULL);
    }
    unref(watch);
}

/* Milliseconds from a time of the wall clock until now; 0 where the clock was set back since. */
static int64_t passed_ms(const struct timespec *time)
{
    int64_t now = g_get_real_time() / 1000;
    return MAX(now - ((int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000), 0);
}

/* Nobody looks at a case any more. */
static void give_up(struct facts_watch *watch, struct pending *pending)
{
    if (*pending->id != '\0')
        facts_decide(watch->facts, pending->id, FACT_OPEN, FACT_NOT_SEEN,
                     g_strdup("too many programs were refused at once to see how each went on"));
    free_pending(watch, pending);
}

/* @process: taken over; so is @like. */
static void add_pending(struct facts_watch *watch, const char *id, struct fact *like, struct watched_process *process,
                        const struct denial_record *record)
{
    struct pending *pending = g_new0(struct pending, 1);
    g_strlcpy(pending->id, id, sizeof pending->id);
    pending->like = like;
    pending->process = process;
    pending->refusal = (struct process_refusal){.first = record->first,
                                                .comm = g_strdup(process_ends_name(record->caller)),
                                                .executable = g_strdup(record->caller->exe)};
    pending->refused_ms = process_ends_now() - MIN(passed_ms(&record->first), CLASS_WINDOW_MS);
    struct pending *oldest = NULL;
    int64_t next = INT64_MAX;
    pthread_mutex_lock(&watch->lock);
    /* At once where it is the fact's own record: of a process that has ended the records before it may be decided already,
     * and whoever asks in between would be told that they were not the last. */
    bool is_decided = *id != '\0' && decide(watch, pending, process_ends_now(), &next);
    if (!is_decided)
        g_queue_push_tail(&watch->pending, pending);
    if (watch->pending.length > MOST_PENDING)
        oldest = g_queue_pop_head(&watch->pending);
    pthread_mutex_unlock(&watch->lock);
    if (is_decided)
        free_pending(watch, pending);
    if (oldest != NULL)
        give_up(watch, oldest);
    process_ends_wake(watch->ends);
}

/* One of a fact's later processes, of which no record will come. */
static void add_folded(struct facts_watch *watch, const struct denial_record *record)
{
    struct watched_process *process = process_ends_find(watch->ends, record);
    if (process != NULL)
        add_pending(watch, "", fact_make(record), process, record);
}

void facts_watch_refused(void *data, const struct denial_record *record, bool is_folded)
{
    struct facts_watch *watch = data;
    if (!is_folded)
        atomic_fetch_add(&watch->n_refused, 1);
    if (record == NULL || record->facts.learned)
        return;
    bool is_noise = fact_is_noise(record->facts.path);
    process_ends_refused(watch->ends, record, is_noise);
    if (is_folded && !is_noise)
        add_folded(watch, record);
}

static void add_recorded(struct facts_watch *watch, const char *id, const struct denial_record *record)
{
    struct watched_process *process = process_ends_find(watch->ends, record);
    if (process != NULL)
        add_pending(watch, id, NULL, process, record);
    else
        facts_decide(watch->facts, id, FACT_OPEN, FACT_NOT_SEEN, g_strdup("nobody saw how the program went on"));
}

static void write_event(void *data, const struct denial_event *event)
{
    struct facts_watch *watch = data;
    struct facts_place place;
    facts_add(watch->facts, event, &place);
    if (event->kind == DENIAL_EVENT_RECORD && *place.id != '\0' && !place.is_noise && !event->record->facts.learned)
        add_recorded(watch, place.id, event->record);
}

static void close_sink(void *data)
{
    unref(data);
}

void facts_watch_sink(struct facts_watch *watch, struct denial_sink *ret)
{
    atomic_fetch_add(&watch->refs, 1);
    *ret = (struct denial_sink){.write = write_event, .close = close_sink, .data = watch};
}

/* Whether something is on its way, or to be seen yet. @gone: of processes that are gone, too. */
static bool is_unsettled(struct facts_watch *watch, bool gone)
{
    g_autoptr(GPtrArray) list = facts_list(watch->facts);
    for (guint i = 0; i < list->len; i++) {
        const struct fact *fact = g_ptr_array_index(list, i);
        if (fact->because == FACT_WAITING || (gone && fact->because == FACT_NOT_SEEN))
            return true;
    }
    return false;
}

void facts_watch_settle(struct facts_watch *watch, int timeout_ms, const struct patience *patience)
{
    int64_t start = process_ends_now(), waited = 0;
    uint64_t looks = UINT64_MAX;
    bool gone = true;
    while (waited < timeout_ms && !patience_is_over(patience) && is_unsettled(watch, gone)) {
        g_usleep(LOOK_MS * 1000);
        waited = process_ends_now() - start;
        /* The thread may rest, or find no processor, for longer than that: it is to have looked since. One look may be
         * under way. */
        if (waited >= GONE_MS && looks == UINT64_MAX)
            looks = atomic_load(&watch->n_looks) + 2;
        gone = looks == UINT64_MAX || atomic_load(&watch->n_looks) < looks;
        if (looks != UINT64_MAX && gone)
            process_ends_wake(watch->ends);
    }
}

uint64_t facts_watch_count(struct facts_watch *watch)
{
    return atomic_load(&watch->n_refused);
}

struct facts *facts_watch_facts(struct facts_watch *watch)
{
    return watch->facts;
}
