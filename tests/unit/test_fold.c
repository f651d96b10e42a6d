#include "fold.h"

#include <errno.h>
#include <glib.h>

#define SECOND UINT64_C(1000000000)
#define START (UINT64_C(5000) * SECOND)

/* A made-up denial of mkdir(2) by nobody who can be looked at. */
static struct denial_facts mkdir_of(const char *path)
{
    return (struct denial_facts){
        .operation = DENIAL_MKDIR, .why = DENIAL_NOT_DECLARED, .error = EROFS, .path = path, .flags = -1, .mode = 0755};
}

/* What the log does with a denial: true when it was told, false when it was counted. */
static bool deny(struct fold *fold, const char *executable, const struct denial_facts *facts, uint64_t now)
{
    if (fold_again(fold, executable, facts, now, NULL))
        return false;
    struct shared_event *event = shared_event_new(record_new(facts, NULL, 0));
    fold_open(fold, executable, event, now);
    shared_event_unref(event);
    return true;
}

/* The count of the window that ended by @now: 1 = nothing to tell, 0 = none ended. */
static uint64_t ended(struct fold *fold, uint64_t now)
{
    struct shared_event *event = NULL;
    if (!fold_ended(fold, now, &event))
        return 0;
    if (event == NULL)
        return 1;
    g_assert_cmpint(shared_event_get(event)->kind, ==, DENIAL_EVENT_FOLDED);
    uint64_t count = shared_event_get(event)->record->count;
    shared_event_unref(event);
    return count;
}

static void window(void)
{
    struct fold *fold = fold_new(10, 100, SIZE_MAX);
    struct denial_facts facts = mkdir_of("/etc/new");
    g_assert_cmpuint(fold_next_end(fold), ==, UINT64_MAX);
    g_assert_true(deny(fold, "/bin/a", &facts, START));
    for (int i = 1; i < 10; i++)
        g_assert_false(deny(fold, "/bin/a", &facts, START + (uint64_t)i * SECOND));
    g_assert_cmpuint(fold_next_end(fold), ==, START + 10 * SECOND);
    g_assert_cmpuint(ended(fold, START + 10 * SECOND - 1), ==, 0);
    g_assert_cmpuint(ended(fold, START + 10 * SECOND), ==, 10);
    g_assert_cmpuint(ended(fold, UINT64_MAX), ==, 0);
    g_assert_true(deny(fold, "/bin/a", &facts, START + 20 * SECOND));
    /* Ended but not taken out yet: nothing is counted into the past. */
    g_assert_true(deny(fold, "/bin/a", &facts, START + 30 * SECOND));
    g_assert_cmpuint(ended(fold, START + 30 * SECOND), ==, 1);
    fold_free(fold);
}

/* Who else met with the same is told of, some of them, once each. */
static void others(void)
{
    struct fold *fold = fold_new(10, 100, SIZE_MAX);
    struct denial_facts facts = mkdir_of("/etc/new");
    bool is_other = true;
    g_assert_true(deny(fold, "/bin/a", &facts, START));
    g_assert_true(fold_again(fold, "/bin/a", &facts, START, &is_other));
    g_assert_false(is_other); /* nobody knows who it is */
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < FOLD_MOST_OTHERS + 4; i++) {
            facts.tid = 4000000 + i;
            g_assert_true(fold_again(fold, "/bin/a", &facts, START, &is_other));
            g_assert_cmpint(is_other, ==, round == 0 && i < FOLD_MOST_OTHERS);
        }
    }
    g_assert_cmpuint(ended(fold, UINT64_MAX), ==, 2 * (FOLD_MOST_OTHERS + 4) + 2);
    fold_free(fold);
}

/* A second program that tries as many names is not looked at for each: so many a second, of all windows together. */
static void others_of_many_windows(void)
{
    enum { WINDOWS = 3 * FOLD_MOST_OTHERS_A_SECOND };
    struct fold *fold = fold_new(10, WINDOWS, SIZE_MAX);
    unsigned n_others[2] = {0, 0};
    for (int i = 0; i < WINDOWS; i++) {
        g_autofree char *path = g_strdup_printf("/etc/%d", i);
        struct denial_facts facts = mkdir_of(path);
        g_assert_true(deny(fold, "/bin/a", &facts, START));
    }
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < WINDOWS; i++) {
            g_autofree char *path = g_strdup_printf("/etc/%d", i);
            struct denial_facts facts = mkdir_of(path);
            facts.tid = 4000000 + round;
            bool is_other;
            g_assert_true(fold_again(fold, "/bin/a", &facts, START + (uint64_t)round * SECOND, &is_other));
            n_others[round] += is_other;
        }
    }
    g_assert_cmpuint(n_others[0], ==, FOLD_MOST_OTHERS_A_SECOND);
    g_assert_cmpuint(n_others[1], ==, FOLD_MOST_OTHERS_A_SECOND);
    fold_free(fold);
}

static void event(void)
{
    struct fold *fold = fold_new(1, 100, SIZE_MAX);
    char path[] = "/etc/new";
    struct denial_facts facts = mkdir_of(path);
    deny(fold, "/bin/a", &facts, START);
    deny(fold, "/bin/a", &facts, START);
    path[1] = 'x'; /* it keeps nothing of the caller's */
    struct shared_event *event = NULL;
    g_assert_true(fold_ended(fold, START + SECOND, &event));
    fold_free(fold);
    const struct denial_record *record = shared_event_get(event)->record;
    g_assert_cmpstr(record->facts.path, ==, "/etc/new");
    g_assert_cmpint(record->facts.error, ==, EROFS);
    g_assert_cmpuint(record->count, ==, 2);
    g_assert_true(record->last.tv_sec > record->first.tv_sec ||
                  (record->last.tv_sec == record->first.tv_sec && record->last.tv_nsec >= record->first.tv_nsec));
    g_assert_nonnull(record->caller);
    shared_event_unref(event);
}

static void facts_that_differ(void)
{
    struct fold *fold = fold_new(10, 100, SIZE_MAX);
    struct denial_facts facts = mkdir_of("/etc/new");
    g_assert_true(deny(fold, "/bin/a", &facts, START));
    g_assert_true(deny(fold, "/bin/b", &facts, START));
    facts.operation = DENIAL_RMDIR;
    g_assert_true(deny(fold, "/bin/a", &facts, START));
    facts.why = DENIAL_PERMISSION;
    g_assert_true(deny(fold, "/bin/a", &facts, START));
    facts.path = "/etc/newer";
    g_assert_true(deny(fold, "/bin/a", &facts, START));
    facts.learned = true;
    g_assert_true(deny(fold, "/bin/a", &facts, START));
    facts.learned = false;
    /* Another process of the same executable is the same fact. */
    facts.tid = 1;
    g_assert_false(deny(fold, "/bin/a", &facts, START));
    g_assert_cmpuint(ended(fold, START + SECOND), ==, 0);
    uint64_t windows = 0, counts = 0, count;
    for (; (count = ended(fold, UINT64_MAX)) > 0; windows++)
        counts += count;
    g_assert_cmpuint(windows, ==, 6);
    g_assert_cmpuint(counts, ==, 7);
    fold_free(fold);
}

static void two_at_once(void)
{
    struct fold *fold = fold_new(10, 100, SIZE_MAX);
    struct denial_facts facts = mkdir_of("/etc/new");
    struct shared_event *events[2];
    for (int i = 0; i < 2; i++) {
        g_assert_false(fold_again(fold, "/bin/a", &facts, START, NULL));
        events[i] = shared_event_new(record_new(&facts, NULL, 0));
    }
    for (int i = 0; i < 2; i++) { /* two threads that both found no window: both were told, one window is open */
        fold_open(fold, "/bin/a", events[i], START);
        shared_event_unref(events[i]);
    }
    g_assert_cmpuint(ended(fold, UINT64_MAX), ==, 1);
    g_assert_cmpuint(ended(fold, UINT64_MAX), ==, 0);
    fold_free(fold);
}

static void bounded(void)
{
    enum { MOST = 8, OPENED = 20 };
    struct fold *fold = fold_new(3600, MOST, SIZE_MAX);
    for (int i = 0; i < OPENED; i++) {
        g_autofree char *path = g_strdup_printf("/etc/%d", i);
        struct denial_facts facts = mkdir_of(path);
        g_assert_true(deny(fold, "/bin/a", &facts, START + (uint64_t)i));
        g_assert_false(deny(fold, "/bin/a", &facts, START + (uint64_t)i));
    }
    for (int i = 0; i < OPENED - MOST; i++) /* the oldest go early, with what they counted */
        g_assert_cmpuint(ended(fold, START + OPENED), ==, 2);
    g_assert_cmpuint(ended(fold, START + OPENED), ==, 0);
    struct denial_facts newest = mkdir_of("/etc/19"), oldest = mkdir_of("/etc/0");
    g_assert_true(fold_again(fold, "/bin/a", &newest, START + OPENED, NULL));
    g_assert_false(fold_again(fold, "/bin/a", &oldest, START + OPENED, NULL));
    fold_free(fold); /* with open windows */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fold/window", window);
    g_test_add_func("/fold/others", others);
    g_test_add_func("/fold/others-of-many-windows", others_of_many_windows);
    g_test_add_func("/fold/event", event);
    g_test_add_func("/fold/facts-that-differ", facts_that_differ);
    g_test_add_func("/fold/two-at-once", two_at_once);
    g_test_add_func("/fold/bounded", bounded);
    return g_test_run();
}
