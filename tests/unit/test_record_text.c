/*
 * Records made by hand, as lines for people: complete lines are compared.
 */
#include "caller.h"
#include "denial.h"
#include "record_text.h"

#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIDNIGHT 1732406400

struct sample {
    struct caller caller;
    struct denial_record record;
};

static struct sample simple_sample(void)
{
    struct sample sample = {
        .caller = {.tid = 4243,
                   .pid = 4242,
                   .pid_inside = 4242,
                   .comm = (char *)"python3",
                   .exe = (char *)"/usr/bin/python3"},
        .record = {.facts = {.operation = DENIAL_MKDIR,
                             .why = DENIAL_NOT_DECLARED,
                             .error = EROFS,
                             .uid = 0,
                             .path = "/etc/foo",
                             .flags = -1,
                             .mode = -1,
                             .place = DENIAL_PLACE_IMAGE},
                   .first = {MIDNIGHT + 45296, 789000000},
                   .last = {MIDNIGHT + 45296, 789000000},
                   .count = 1},
    };
    return sample;
}

static void assert_event(struct sample *sample, enum denial_event_kind kind, const char *wanted)
{
    sample->record.caller = &sample->caller;
    const struct denial_event event = {.kind = kind, .record = &sample->record, .time = {MIDNIGHT + 45306, 790999999}};
    g_autofree char *line = record_text_event(&event);
    g_assert_cmpstr(line, ==, wanted);
    /* The journal's form is the same without time and newline. */
    g_autofree char *message = record_text_message(&event);
    g_autofree char *inside = g_strndup(wanted + strlen("12:34:56.789 "), strlen(wanted) - strlen("12:34:56.789 ") - 1);
    g_assert_cmpstr(message, ==, inside);
}

static void assert_line(struct sample *sample, const char *wanted)
{
    assert_event(sample, DENIAL_EVENT_RECORD, wanted);
}

static void test_simple(void)
{
    struct sample sample = simple_sample();
    assert_line(&sample, "12:34:56.789 mkdir /etc/foo EROFS /usr/bin/python3 pid 4242 uid 0: not-declared\n");
    sample.caller.pid_inside = 7;
    sample.record.facts.uid = 4294967294;
    assert_line(&sample, "12:34:56.789 mkdir /etc/foo EROFS /usr/bin/python3 pid 4242 (7 inside) uid 4294967294: "
                         "not-declared\n");
    sample.record.facts.learned = true;
    sample.record.facts.uid = 0;
    assert_line(&sample,
                "12:34:56.789 mkdir /etc/foo learned (would be EROFS) /usr/bin/python3 pid 4242 (7 inside) uid 0: "
                "not-declared\n");
}

static void test_target_and_route(void)
{
    struct sample sample = simple_sample();
    struct denial_facts *facts = &sample.record.facts;
    facts->operation = DENIAL_RENAME;
    facts->path = "/app/a";
    facts->target = "/app/b";
    facts->why = DENIAL_DECLARED_READ_ONLY;
    facts->place = DENIAL_PLACE_ROUTE;
    facts->route_target = "/app";
    facts->route_kind = "bind";
    assert_line(&sample,
                "12:34:56.789 rename /app/a -> /app/b EROFS /usr/bin/python3 pid 4242 uid 0: declared-read-only "
                "(bind /app)\n");
    facts->target = NULL;
    facts->operation = DENIAL_WRITE;
    facts->why = DENIAL_NO_SPACE;
    facts->error = ENOSPC;
    facts->route_kind = NULL;
    assert_line(&sample, "12:34:56.789 write /app/a ENOSPC /usr/bin/python3 pid 4242 uid 0: no-space (route /app)\n");
}

static void test_name_unknown(void)
{
    struct sample sample = simple_sample();
    sample.record.facts.name_unknown = true;
    assert_line(&sample, "12:34:56.789 mkdir /etc/foo/? EROFS /usr/bin/python3 pid 4242 uid 0: not-declared\n");
    sample.record.facts.path = "/";
    assert_line(&sample, "12:34:56.789 mkdir /? EROFS /usr/bin/python3 pid 4242 uid 0: not-declared\n");
}

static void test_who_is_unknown(void)
{
    struct sample sample = simple_sample();
    sample.caller.exe_deleted = true;
    assert_line(&sample, "12:34:56.789 mkdir /etc/foo EROFS /usr/bin/python3 (deleted) pid 4242 uid 0: not-declared\n");
    sample.caller.exe = NULL;
    sample.caller.comm = (char *)"kworker/0:1 a";
    sample.caller.pid = -1; /* the thread's number is better than none */
    sample.caller.pid_inside = -1;
    assert_line(&sample, "12:34:56.789 mkdir /etc/foo EROFS [kworker/0:1 a] pid 4243 uid 0: not-declared\n");
    sample.caller.comm = NULL;
    sample.caller.tid = 0;
    assert_line(&sample, "12:34:56.789 mkdir /etc/foo EROFS an unknown process pid ? uid 0: not-declared\n");
}

/* A name cannot end the line, move the terminal's cursor, or pass itself off as the next word. */
static void test_hostile_names(void)
{
    static const struct {
        const char *path, *shown;
    } cases[] = {
        {"/a\nb", "/a\\x0ab"},
        {"/a\r\x1b[2J", "/a\\x0d\\x1b[2J"},
        {"/a b", "\"/a b\""},
        {"/a\"b", "\"/a\\\"b\""},
        {"/a\\x0a", "/a\\\\x0a"},
        {"/\xff\xc3\xbc", "/\\xff\xc3\xbc"},
        {"/\xe2\x80\xae", "/\\xe2\\x80\\xae"}, /* right-to-left override */
        {"/\xe2\x80\xa8", "/\\xe2\\x80\\xa8"}, /* line separator */
        {"/\x7f\xc2\x85", "/\\x7f\\xc2\\x85"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sample sample = simple_sample();
        sample.record.facts.path = cases[i].path;
        g_autofree char *wanted = g_strdup_printf(
            "12:34:56.789 mkdir %s EROFS /usr/bin/python3 pid 4242 uid 0: not-declared\n", cases[i].shown);
        assert_line(&sample, wanted);
        sample = simple_sample();
        sample.caller.exe = (char *)cases[i].path;
        g_autofree char *by_exe =
            g_strdup_printf("12:34:56.789 mkdir /etc/foo EROFS %s pid 4242 uid 0: not-declared\n", cases[i].shown);
        assert_line(&sample, by_exe);
    }
    struct sample sample = simple_sample();
    sample.record.facts.operation = DENIAL_SYMLINK;
    sample.record.facts.target = "";
    assert_line(&sample, "12:34:56.789 symlink /etc/foo -> \"\" EROFS /usr/bin/python3 pid 4242 uid 0: not-declared\n");
}

static void test_folded(void)
{
    static const struct {
        int64_t seconds;
        long nanoseconds;
        const char *shown;
    } cases[] = {{0, 0, ""}, {0, 1000, " in 1 s"}, {1, 0, " in 1 s"}, {9, 5000000, " in 10 s"}, {10, 0, " in 10 s"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sample sample = simple_sample();
        sample.record.count = 17;
        sample.record.first = (struct timespec){MIDNIGHT, 0};
        sample.record.last = (struct timespec){MIDNIGHT + cases[i].seconds, cases[i].nanoseconds};
        /* Its time is that of the end of the window. */
        g_autofree char *wanted = g_strdup_printf("12:35:06.790 mkdir /etc/foo EROFS /usr/bin/python3 pid 4242 uid 0: "
                                                  "not-declared, 17 times%s\n",
                                                  cases[i].shown);
        assert_event(&sample, DENIAL_EVENT_FOLDED, wanted);
    }
}

static void test_dropped_and_notice(void)
{
    const struct denial_event event = {
        .kind = DENIAL_EVENT_DROPPED, .dropped = UINT64_C(18446744073709551615), .time = {MIDNIGHT, 0}};
    g_autofree char *line = record_text_event(&event);
    g_assert_cmpstr(line, ==, "00:00:00.000 18446744073709551615 denials are not in this log: it could not keep up\n");
    const struct denial_event unwritten = {
        .kind = DENIAL_EVENT_DROPPED, .dropped = 3, .dropped_error = ENOSPC, .time = {MIDNIGHT, 0}};
    g_autofree char *why = record_text_event(&unwritten);
    g_assert_cmpstr(why, ==, "00:00:00.000 3 denials are not in this log: it could not be written (ENOSPC)\n");
    g_autofree char *notice = record_text_notice(&(struct timespec){MIDNIGHT + 3723, 4999999}, "two\nlines");
    g_assert_cmpstr(notice, ==, "01:02:03.004 rofuse: two\\x0alines\n");
}

int main(int argc, char **argv)
{
    setenv("TZ", "UTC", 1);
    tzset();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/record_text/simple", test_simple);
    g_test_add_func("/record_text/target-and-route", test_target_and_route);
    g_test_add_func("/record_text/name-unknown", test_name_unknown);
    g_test_add_func("/record_text/who-is-unknown", test_who_is_unknown);
    g_test_add_func("/record_text/hostile-names", test_hostile_names);
    g_test_add_func("/record_text/folded", test_folded);
    g_test_add_func("/record_text/dropped-and-notice", test_dropped_and_notice);
    return g_test_run();
}
