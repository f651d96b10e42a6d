#include "denial.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* A sink that keeps what it is told, and waits in write() as long as it is to be stuck. */
struct keeper {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_stuck;            /* [lock] */
    bool is_waiting;          /* [lock] a write() waits */
    GPtrArray *paths;         /* [lock] char *, of the records in order */
    uint64_t folded;          /* [lock] denials that stand behind the folded events, the first of each apart */
    uint64_t dropped;         /* [lock] */
    uint64_t dropped_records; /* [lock] of them, those that would have been told one by one */
    unsigned reopened, closed;
};

static void keeper_write(void *data, const struct denial_event *event)
{
    struct keeper *keeper = data;
    pthread_mutex_lock(&keeper->lock);
    while (keeper->is_stuck) {
        keeper->is_waiting = true;
        pthread_cond_broadcast(&keeper->changed);
        pthread_cond_wait(&keeper->changed, &keeper->lock);
    }
    if (event->kind == DENIAL_EVENT_RECORD)
        g_ptr_array_add(keeper->paths, g_strdup(event->record->facts.path));
    else if (event->kind == DENIAL_EVENT_FOLDED)
        keeper->folded += event->record->count - 1;
    else
        keeper->dropped += event->dropped, keeper->dropped_records += event->dropped_records;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
}

static void keeper_reopen(void *data)
{
    struct keeper *keeper = data;
    pthread_mutex_lock(&keeper->lock);
    keeper->reopened++;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
}

static void keeper_close(void *data)
{
    struct keeper *keeper = data;
    keeper->closed++;
}

static struct keeper *keeper_new(bool is_stuck)
{
    struct keeper *keeper = g_new0(struct keeper, 1);
    pthread_mutex_init(&keeper->lock, NULL);
    pthread_cond_init(&keeper->changed, NULL);
    keeper->paths = g_ptr_array_new_with_free_func(g_free);
    keeper->is_stuck = is_stuck;
    return keeper;
}

static void keeper_free(struct keeper *keeper)
{
    g_ptr_array_unref(keeper->paths);
    pthread_cond_destroy(&keeper->changed);
    pthread_mutex_destroy(&keeper->lock);
    g_free(keeper);
}

static struct denial_sink sink_of(struct keeper *keeper)
{
    return (struct denial_sink){.write = keeper_write, .reopen = keeper_reopen, .close = keeper_close, .data = keeper};
}

static void release(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    keeper->is_stuck = false;
    pthread_cond_broadcast(&keeper->changed);
    pthread_mutex_unlock(&keeper->lock);
}

static void wait_until_stuck(struct keeper *keeper)
{
    pthread_mutex_lock(&keeper->lock);
    while (!keeper->is_waiting)
        pthread_cond_wait(&keeper->changed, &keeper->lock);
    pthread_mutex_unlock(&keeper->lock);
}

static uint64_t accounted(const struct keeper *keeper)
{
    return keeper->paths->len + keeper->folded + keeper->dropped;
}

static void report(struct denial_log *log, const char *path)
{
    struct denial_facts facts = {.operation = DENIAL_MKDIR, .error = EROFS, .path = path, .flags = -1, .mode = -1};
    denial_report(log, &facts);
}

static struct denial_log *log_of(struct denial_options options, struct keeper *const *keepers, size_t n)
{
    g_autofree struct denial_sink *sinks = g_new0(struct denial_sink, n + 1);
    struct denial_log *log;
    for (size_t i = 0; i < n; i++)
        sinks[i] = sink_of(keepers[i]);
    g_assert_cmpint(denial_log_new(&options, sinks, n, &log), ==, 0);
    return log;
}

static void in_order(void)
{
    struct keeper *keepers[] = {keeper_new(false), keeper_new(false)};
    struct denial_log *log = log_of((struct denial_options){.capacity = 1000}, keepers, 2);
    for (int i = 0; i < 500; i++) {
        g_autofree char *path = g_strdup_printf("/etc/%d", i);
        report(log, path);
    }
    struct denial_counters counters;
    denial_log_counters(log, &counters);
    g_assert_cmpuint(counters.denied, ==, 500);
    g_assert_cmpuint(counters.folded + counters.dropped, ==, 0);
    denial_log_free(log, 60);
    for (int k = 0; k < 2; k++) {
        g_assert_cmpuint(keepers[k]->paths->len, ==, 500);
        for (int i = 0; i < 500; i++) {
            g_autofree char *path = g_strdup_printf("/etc/%d", i);
            g_assert_cmpstr(g_ptr_array_index(keepers[k]->paths, i), ==, path);
        }
        g_assert_cmpuint(keepers[k]->closed, ==, 1);
        keeper_free(keepers[k]);
    }
}

static void no_sink(void)
{
    struct denial_log *log = log_of((struct denial_options){0}, NULL, 0);
    report(log, "/etc/new");
    struct denial_counters counters;
    denial_log_counters(log, &counters);
    g_assert_cmpuint(counters.denied, ==, 1);
    denial_log_free(log, 60);
    denial_log_free(NULL, 60);
}

struct looker {
    struct denial_log *log;
    atomic_uint n_seen, n_lost;
};

static void look(void *data, const struct denial_record *record, bool is_folded)
{
    struct looker *looker = data;
    if (!is_folded)
        atomic_fetch_add(record != NULL ? &looker->n_seen : &looker->n_lost, 1);
}

/* Whoever looks can tell when all that he has seen has come to the sinks. */
static void looked_at_and_lost(void)
{
    enum { DENIALS = 3000 };
    struct keeper *keepers[] = {keeper_new(false)};
    struct looker looker = {.log = log_of((struct denial_options){.capacity = 4}, keepers, 1)};
    denial_log_look(looker.log, look, &looker);
    struct denial_counters counters = {0};
    unsigned n = 0;
    for (; n < DENIALS || counters.dropped == 0; n++) {
        report(looker.log, "/etc/new");
        denial_log_counters(looker.log, &counters);
    }
    g_assert_cmpuint(atomic_load(&looker.n_lost), >, 0);
    g_assert_cmpuint(atomic_load(&looker.n_seen) + atomic_load(&looker.n_lost), ==, n);
    denial_log_free(looker.log, 60);
    g_assert_cmpuint(accounted(keepers[0]), ==, n);
    keeper_free(keepers[0]);
}

static void stuck_sink(void)
{
    enum { CAPACITY = 16, DENIALS = 5000 };
    struct keeper *keepers[] = {keeper_new(true), keeper_new(false)};
    struct denial_log *log = log_of((struct denial_options){.capacity = CAPACITY}, keepers, 2);
    report(log, "/etc/first");
    wait_until_stuck(keepers[0]);
    for (int i = 1; i < DENIALS; i++) /* none of these waits for the stuck one, or this never ends */
        report(log, "/etc/new");
    struct denial_counters counters;
    denial_log_counters(log, &counters);
    g_assert_cmpuint(counters.denied, ==, DENIALS);
    struct denial_sink_counters stuck, none;
    g_assert_true(denial_log_sink_counters(log, 0, &stuck));
    g_assert_false(denial_log_sink_counters(log, 2, &none));
    /* The dispatcher may have some of them in the first queue still. */
    g_assert_cmpuint(stuck.waiting, <=, CAPACITY);
    g_assert_cmpuint(stuck.dropped, <=, DENIALS);
    release(keepers[0]);
    denial_log_free(log, 60);
    for (int k = 0; k < 2; k++)
        g_assert_cmpuint(accounted(keepers[k]), ==, DENIALS);
    g_assert_cmpstr(g_ptr_array_index(keepers[0]->paths, 0), ==, "/etc/first");
    /* What it had in hand, what its queue and the one before it held. */
    g_assert_cmpuint(keepers[0]->paths->len, <=, 2 * CAPACITY + 2);
    g_assert_cmpuint(keepers[0]->dropped, >=, DENIALS - 2 * CAPACITY - 2);
    for (int k = 0; k < 2; k++)
        keeper_free(keepers[k]);
}

static void ends_with_a_stuck_sink(void)
{
    struct keeper *stuck = keeper_new(true), *good = keeper_new(false);
    struct keeper *keepers[] = {stuck, good};
    struct denial_log *log = log_of((struct denial_options){0}, keepers, 2);
    report(log, "/etc/new");
    wait_until_stuck(stuck);
    denial_log_free(log, 1);
    g_assert_cmpuint(good->paths->len, ==, 1);
    g_assert_cmpuint(good->closed, ==, 1);
    g_assert_cmpuint(stuck->closed, ==, 0);
    keeper_free(good); /* the stuck one has its thread for as long as the process lives */
}

/* For a process that leaves a command behind: all is told, and who asks for the counters still can. */
static void ends_before_it_is_freed(void)
{
    struct keeper *stuck = keeper_new(true), *good = keeper_new(false);
    struct keeper *keepers[] = {good, stuck};
    struct denial_log *log = log_of((struct denial_options){.fold_seconds = 3600}, keepers, 2);
    for (int i = 0; i < 3; i++)
        report(log, "/etc/new");
    wait_until_stuck(stuck);
    denial_log_end(log, 1);
    g_assert_cmpuint(good->paths->len, ==, 1);
    g_assert_cmpuint(good->folded, ==, 2);
    g_assert_cmpuint(good->reopened, ==, 1);
    struct denial_counters all;
    struct denial_sink_counters one;
    denial_log_counters(log, &all);
    g_assert_cmpuint(all.denied, ==, 3);
    g_assert_cmpuint(all.folded, ==, 2);
    for (size_t i = 0; i < G_N_ELEMENTS(keepers); i++)
        g_assert_true(denial_log_sink_counters(log, i, &one));
    g_assert_cmpuint(one.waiting, ==, 1);
    g_assert_cmpuint(good->closed + stuck->closed, ==, 0);
    denial_log_free(log, 60);
    g_assert_cmpuint(good->closed, ==, 1);
    g_assert_cmpuint(stuck->closed, ==, 0);
    keeper_free(good); /* the stuck one has its thread for as long as the process lives */
}

static void folding(void)
{
    struct keeper *keeper = keeper_new(false);
    struct denial_log *log = log_of((struct denial_options){.fold_seconds = 3600}, &keeper, 1);
    for (int i = 0; i < 50; i++)
        report(log, "/etc/new");
    report(log, "/etc/other");
    struct denial_counters counters;
    denial_log_counters(log, &counters);
    g_assert_cmpuint(counters.denied, ==, 51);
    g_assert_cmpuint(counters.folded, ==, 49);
    g_assert_cmpuint(counters.dropped, ==, 0);
    denial_log_free(log, 60);
    g_assert_cmpuint(keeper->paths->len, ==, 2);
    g_assert_cmpuint(keeper->folded, ==, 49);
    g_assert_cmpuint(keeper->dropped, ==, 0);
    keeper_free(keeper);
}

/* A window ends by itself: the count comes while the log lives. */
static void folding_ends(void)
{
    struct keeper *keeper = keeper_new(false);
    struct denial_log *log = log_of((struct denial_options){.fold_seconds = 1}, &keeper, 1);
    for (int i = 0; i < 20; i++)
        report(log, "/etc/new");
    pthread_mutex_lock(&keeper->lock);
    while (accounted(keeper) < 20)
        pthread_cond_wait(&keeper->changed, &keeper->lock);
    pthread_mutex_unlock(&keeper->lock);
    denial_log_free(log, 60);
    g_assert_cmpuint(accounted(keeper), ==, 20);
    keeper_free(keeper);
}

static void reopen(void)
{
    struct keeper *keeper = keeper_new(false);
    struct denial_log *log = log_of((struct denial_options){0}, &keeper, 1);
    denial_log_reopen(log);
    pthread_mutex_lock(&keeper->lock);
    while (keeper->reopened == 0)
        pthread_cond_wait(&keeper->changed, &keeper->lock);
    pthread_mutex_unlock(&keeper->lock);
    denial_log_free(log, 60);
    g_assert_cmpuint(keeper->reopened, ==, 1);
    keeper_free(keeper);
}

struct reporter {
    struct denial_log *log;
    int number;
};

static void *report_many(void *data)
{
    struct reporter *reporter = data;
    for (int i = 0; i < 1000; i++) {
        char path[64];
        snprintf(path, sizeof path, "/etc/%d-%d", reporter->number, i / 4);
        report(reporter->log, path);
        if (i % 100 == 0)
            denial_log_reopen(reporter->log);
    }
    return NULL;
}

/* Many at once, small queues: every sink accounts for every denial. */
static void many_at_once(gconstpointer data)
{
    enum { REPORTERS = 8 };
    struct keeper *keepers[] = {keeper_new(false), keeper_new(false)};
    struct denial_options options = {.capacity = 64, .fold_seconds = GPOINTER_TO_UINT(data)};
    struct denial_log *log = log_of(options, keepers, 2);
    struct looker looker = {.log = log};
    denial_log_look(log, look, &looker);
    pthread_t threads[REPORTERS];
    struct reporter reporters[REPORTERS];
    for (int i = 0; i < REPORTERS; i++) {
        reporters[i] = (struct reporter){.log = log, .number = i};
        g_assert_cmpint(pthread_create(&threads[i], NULL, report_many, &reporters[i]), ==, 0);
    }
    for (int i = 0; i < REPORTERS; i++)
        pthread_join(threads[i], NULL);
    struct denial_counters counters;
    denial_log_counters(log, &counters);
    denial_log_free(log, 60);
    g_assert_cmpuint(counters.denied, ==, REPORTERS * 1000);
    for (int k = 0; k < 2; k++) {
        g_assert_cmpuint(accounted(keepers[k]), ==, REPORTERS * 1000);
        /* What of each was to come by itself: who waits for all that was refused by now counts it. */
        g_assert_cmpuint(keepers[k]->paths->len + keepers[k]->dropped_records, ==,
                         atomic_load(&looker.n_seen) + atomic_load(&looker.n_lost));
        keeper_free(keepers[k]);
    }
}

static void names(void)
{
    for (int i = 0; i < DENIAL_N_OPERATIONS; i++) {
        const char *name = denial_operation_name((enum denial_operation)i);
        g_assert_nonnull(name);
        for (int j = 0; j < i; j++)
            g_assert_cmpstr(name, !=, denial_operation_name((enum denial_operation)j));
    }
    for (int i = 0; i < DENIAL_N_WHYS; i++)
        g_assert_nonnull(denial_why_name((enum denial_why)i));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    alarm(100); /* something that blocks fails instead of hanging */
    g_test_add_func("/denial-log/in-order", in_order);
    g_test_add_func("/denial-log/no-sink", no_sink);
    g_test_add_func("/denial-log/looked-at-and-lost", looked_at_and_lost);
    g_test_add_func("/denial-log/stuck-sink", stuck_sink);
    g_test_add_func("/denial-log/ends-with-a-stuck-sink", ends_with_a_stuck_sink);
    g_test_add_func("/denial-log/ends-before-it-is-freed", ends_before_it_is_freed);
    g_test_add_func("/denial-log/folding", folding);
    g_test_add_func("/denial-log/folding-ends", folding_ends);
    g_test_add_func("/denial-log/reopen", reopen);
    g_test_add_data_func("/denial-log/many-at-once", GUINT_TO_POINTER(0), many_at_once);
    g_test_add_data_func("/denial-log/many-at-once-folding", GUINT_TO_POINTER(3600), many_at_once);
    g_test_add_func("/denial-log/names", names);
    return g_test_run();
}
