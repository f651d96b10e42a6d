/* Times as people write them, and which events of a log are wanted. */
#include "app_error.h"
#include "caller.h"
#include "log_filter.h"
#include "log_time.h"

#include <errno.h>
#include <stdlib.h>

#define NOON 1767268800 /* 2026-01-01T12:00:00Z */

static void assert_time(const char *text, time_t seconds, long nanoseconds)
{
    const struct timespec now = {NOON, 5000};
    struct timespec got = {0};
    g_autoptr(GError) error = NULL;
    g_assert_true(log_time_parse("--since", text, &now, &got, &error));
    g_assert_no_error(error);
    g_test_message("%s", text);
    g_assert_cmpint(got.tv_sec, ==, seconds);
    g_assert_cmpint(got.tv_nsec, ==, nanoseconds);
}

static void test_times(void)
{
    assert_time("0s", NOON, 5000);
    assert_time("10m", NOON - 600, 5000);
    assert_time("2h", NOON - 7200, 5000);
    assert_time("3d", NOON - 3 * 86400, 5000);
    assert_time("1w", NOON - 7 * 86400, 5000);
    assert_time("11:30", NOON - 1800, 0);
    assert_time("11:30:15", NOON - 1785, 0);
    assert_time("9:30", NOON - 9000, 0);
    assert_time("9:30:15", NOON - 8985, 0);
    assert_time("2025-12-31 9:30", NOON - 86400 - 9000, 0);
    assert_time("12:00", NOON, 0);
    assert_time("12:01", NOON + 60 - 86400, 0); /* it is not so late yet: yesterday's */
    assert_time("23:59:59", NOON - 43201, 0);
    assert_time("2026-01-01", NOON - 12 * 3600, 0);
    assert_time("2025-12-31 12:00", NOON - 86400, 0);
    assert_time("2025-12-31T12:00:01", NOON - 86399, 0);
    assert_time("2026-01-01T12:00:00Z", NOON, 0);
    assert_time("2026-01-01T12:00:00.25+01:00", NOON - 3600, 250000000);
}

static void test_no_times(void)
{
    static const char *const words[] = {"",
                                        "10",
                                        "m",
                                        "-10m",
                                        "10 m",
                                        "10mm",
                                        "yesterday",
                                        "25:00",
                                        "2026-13-01",
                                        "2026-01",
                                        "T",
                                        "2026-01-01 ",
                                        "12:",
                                        "9:3",
                                        "9:",
                                        ":30",
                                        "99999999999999999999999s",
                                        "10m\n",
                                        "2026-01-01T12:00:00Zjunk"};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        const struct timespec now = {NOON, 0};
        struct timespec got;
        g_autoptr(GError) error = NULL;
        g_test_message("%s", words[i]);
        g_assert_false(log_time_parse("--since", words[i], &now, &got, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
    }
}

struct sample {
    struct caller caller;
    struct denial_record record;
    struct denial_event event;
};

static void fill(struct sample *sample)
{
    *sample = (struct sample){
        .caller =
            {.pid = 4242, .tid = 4243, .pid_inside = 7, .comm = (char *)"main thread", .exe = (char *)"/usr/bin/node"},
        .record = {.facts = {.operation = DENIAL_RENAME, .error = EROFS, .path = "/var/a/b", .target = "/srv/c"},
                   .first = {NOON, 0},
                   .last = {NOON + 5, 0},
                   .count = 3},
        .event = {.kind = DENIAL_EVENT_FOLDED, .time = {NOON + 10, 0}},
    };
    sample->record.caller = &sample->caller;
    sample->event.record = &sample->record;
}

static void test_process(void)
{
    static const struct {
        const char *word;
        bool is_it;
    } cases[] = {
        {"node", true}, {"/usr/bin/node", true}, {"main thread", true}, {"4242", true},  {"4243", true},
        {"7", true},    {"nod", false},          {"/bin/node", false},  {"main", false}, {"42", false},
        {"", false},    {"bin/node", false},     {"NODE", false},       {"007", true},   {"-1", false},
        {"0", false},
    };
    struct sample sample;
    fill(&sample);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct log_filter filter = {.process = cases[i].word};
        g_test_message("%s", cases[i].word);
        g_assert_cmpint(log_filter_takes(&filter, &sample.event), ==, cases[i].is_it);
    }
    /* What is unknown is no number and no name. */
    sample.caller = (struct caller){.pid = -1, .pid_inside = -1};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct log_filter filter = {.process = cases[i].word};
        g_assert_false(log_filter_takes(&filter, &sample.event));
    }
}

static void test_path(void)
{
    static const struct {
        const char *glob;
        bool is_it;
    } cases[] = {{"/var/*", true}, {"/var/a/b", true}, {"*b", true},    {"/srv/?", true},
                 {"/var", false},  {"/etc/*", false},  {"/var/", false}};
    struct sample sample;
    fill(&sample);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct log_filter filter = {.path = cases[i].glob};
        g_test_message("%s", cases[i].glob);
        g_assert_cmpint(log_filter_takes(&filter, &sample.event), ==, cases[i].is_it);
    }
    /* The text of a symbolic link is no path that was to be written. */
    sample.record.facts.operation = DENIAL_SYMLINK;
    const struct log_filter filter = {.path = "/srv/*"};
    g_assert_false(log_filter_takes(&filter, &sample.event));
}

static void test_since(void)
{
    struct sample sample;
    fill(&sample);
    /* A count belongs to a time if the last of its calls does. */
    struct log_filter filter = {.has_since = true, .since = {NOON + 5, 0}};
    g_assert_true(log_filter_takes(&filter, &sample.event));
    filter.since.tv_nsec = 1;
    g_assert_false(log_filter_takes(&filter, &sample.event));
    const struct denial_event lost = {.kind = DENIAL_EVENT_DROPPED, .dropped = 1, .time = {NOON + 6, 0}};
    g_assert_true(log_filter_takes(&filter, &lost));
    filter.process = "node";
    filter.path = "/x";
    g_assert_true(log_filter_takes(&filter, &lost));
    g_assert_false(log_filter_takes_notice(&filter, &lost.time));
    filter.process = filter.path = NULL;
    g_assert_true(log_filter_takes_notice(&filter, &lost.time));
    filter.since.tv_sec = NOON + 7;
    g_assert_false(log_filter_takes(&filter, &lost));
    g_assert_false(log_filter_takes_notice(&filter, &lost.time));
}

int main(int argc, char **argv)
{
    setenv("TZ", "UTC", 1);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log_time/times", test_times);
    g_test_add_func("/log_time/no-times", test_no_times);
    g_test_add_func("/log_filter/process", test_process);
    g_test_add_func("/log_filter/path", test_path);
    g_test_add_func("/log_filter/since", test_since);
    return g_test_run();
}
