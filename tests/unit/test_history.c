/*
 * The daemon's memory of its log: who is told of an event, and when.
 */
#include "history.h"

#include "patience.h"

#include <glib.h>
#include <stdatomic.h>
#include <string.h>

/* A sink that takes its time, like the facts' where /proc is slow to answer. */
struct slow_sink {
    atomic_int n_done;
    bool is_closed;
};

static void write_slowly(void *data, const struct denial_event *event)
{
    struct slow_sink *slow = data;
    (void)event;
    g_usleep(20000);
    atomic_fetch_add(&slow->n_done, 1);
}

static void close_slow(void *data)
{
    struct slow_sink *slow = data;
    slow->is_closed = true;
}

static gpointer write_events(gpointer data)
{
    const struct denial_sink *sink = data;
    for (int i = 0; i < 5; i++)
        sink->write(sink->data,
                    &(struct denial_event){.kind = DENIAL_EVENT_DROPPED, .dropped = 1, .dropped_records = 1});
    return NULL;
}

static bool is_over_at_once(void *data)
{
    (void)data;
    return true;
}

/* Who asks for the facts as soon as he hears of a record, and then sleeps, would else never see it. */
static void test_told_when_the_first_is_done(void)
{
    struct slow_sink slow = {0};
    struct denial_sink sink;
    struct history *history = history_new("web");
    const struct denial_sink first = {.write = write_slowly, .close = close_slow, .data = &slow};
    history_sink(history, &first, &sink);
    GThread *thread = g_thread_new("writer", write_events, &sink);
    uint64_t cursor = 0, lost;
    for (int i = 1; i <= 5; i++) {
        g_autofree char *line = history_next(history, &cursor, 10000, &lost);
        g_assert_nonnull(strstr(line, "\"dropped\""));
        g_assert_cmpint(atomic_load(&slow.n_done), >=, i);
    }
    g_thread_join(thread);
    sink.close(sink.data);
    g_assert_true(slow.is_closed);
    history_unref(history);
}

/* Who was refused something and asks then finds it, though it is on its way; what was lost counts, notices do not. */
static void test_waits_for_what_is_on_its_way(void)
{
    struct slow_sink slow = {0};
    struct denial_sink sink;
    struct history *history = history_new("web");
    const struct denial_sink first = {.write = write_slowly, .close = close_slow, .data = &slow};
    history_sink(history, &first, &sink);
    history_notice(history, "something else");
    g_assert_true(history_wait(history, 0, 0, NULL));
    g_assert_false(history_wait(history, 1, 0, NULL));
    GThread *thread = g_thread_new("writer", write_events, &sink);
    g_assert_true(history_wait(history, 3, 60000, NULL));
    g_assert_cmpint(atomic_load(&slow.n_done), >=, 3);
    g_assert_true(history_wait(history, 5, 60000, NULL));
    const struct patience nobody = {is_over_at_once, NULL};
    g_assert_false(history_wait(history, 6, 60000, &nobody));
    g_thread_join(thread);
    sink.close(sink.data);
    history_unref(history);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/history/told when the first is done", test_told_when_the_first_is_done);
    g_test_add_func("/history/waits for what is on its way", test_waits_for_what_is_on_its_way);
    return g_test_run();
}
