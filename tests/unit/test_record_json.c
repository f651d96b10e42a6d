/*
 * Records made by hand, as JSON: every field, what is unknown, names that are not UTF-8, and what is huge.
 */
#include "caller.h"
#include "denial.h"
#include "json_bytes.h"
#include "record_json.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* 2024-11-24T00:00:00Z */
#define MIDNIGHT 1732406400

static const struct timespec first = {MIDNIGHT, 123456789};
static const struct timespec last = {MIDNIGHT + 9, 1};
static const struct timespec end = {MIDNIGHT + 10, 999999999};

/* All of a record that has no other meaning than to be there. */
struct sample {
    struct caller caller;
    struct denial_record record;
};

/* What denial_report() would give for a caller of which /proc told nothing. */
static struct sample unknown_sample(void)
{
    struct sample sample = {
        .caller = {.tid = 0, .pid = -1, .pid_inside = -1, .real_uid = (uid_t)-1, .real_gid = (gid_t)-1},
        .record = {.facts = {.operation = DENIAL_MKDIR,
                             .why = DENIAL_NOT_DECLARED,
                             .error = EROFS,
                             .uid = 1000,
                             .gid = 1001,
                             .path = "/etc/foo",
                             .flags = -1,
                             .mode = S_IFDIR | 0755,
                             .place = DENIAL_PLACE_MADE,
                             .layer = -1},
                   .first = first,
                   .last = first,
                   .count = 1},
    };
    return sample;
}

/* The line, parsed: one line, ASCII only, one object. */
static json_t *parse(char *line)
{
    size_t length = strlen(line);
    g_assert_cmpint(line[length - 1], ==, '\n');
    g_assert_null(memchr(line, '\n', length - 1));
    for (size_t i = 0; i + 1 < length; i++)
        g_assert_true(line[i] >= ' ' && line[i] <= 0x7f);
    json_error_t error;
    json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    g_assert_true(json_is_object(json));
    g_free(line);
    return json;
}

static json_t *to_json(struct sample *sample, enum denial_event_kind kind)
{
    sample->record.caller = &sample->caller;
    struct denial_event event = {.kind = kind, .record = &sample->record, .time = end};
    return parse(record_json_event(&event, "web"));
}

/* @wanted: JSON text. */
static void assert_is(const json_t *object, const char *key, const char *wanted)
{
    json_t *have = json_object_get(object, key), *want = json_loads(wanted, JSON_DECODE_ANY, NULL);
    g_assert_nonnull(want);
    g_autofree char *shown = have != NULL ? json_dumps(have, JSON_ENCODE_ANY | JSON_COMPACT) : g_strdup("nothing");
    if (!json_equal(have, want))
        g_error("%s is %s instead of %s", key, shown, wanted);
    json_decref(want);
}

static void assert_missing(const json_t *object, const char *key)
{
    g_assert_null(json_object_get(object, key));
}

static void test_everything(void)
{
    gid_t groups[] = {4, 1001};
    char *args[] = {(char *)"python3", (char *)"-c", (char *)"two\nlines \"quoted\" \xe2\x82\xac", (char *)"", NULL};
    struct sample sample = unknown_sample();
    struct denial_facts *facts = &sample.record.facts;
    facts->operation = DENIAL_RENAME;
    facts->why = DENIAL_DECLARED_READ_ONLY;
    facts->path = "/conf/a";
    facts->target = "/conf/b";
    facts->mode = -1;
    facts->place = DENIAL_PLACE_ROUTE;
    facts->route_target = "/conf";
    facts->route_kind = "bind";
    sample.caller = (struct caller){
        .tid = 4243,
        .pid = 4242,
        .pid_inside = 7,
        .comm = (char *)"python3",
        .exe = (char *)"/usr/bin/python3.11",
        .args = args,
        .n_args = 4,
        .cwd = (char *)"/work",
        .uid = 1000,
        .gid = 1001,
        .real_uid = 0,
        .real_gid = 4294967294,
        .groups = groups,
        .n_groups = 2,
        .groups_known = true,
        .has_start_time = true,
        .start_time = {MIDNIGHT - 60, 0},
        .cgroup = (char *)"/system.slice/x.service",
        .container_id = (char *)"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .parents = {{.pid = 4000, .comm = (char *)"sh", .exe = (char *)"/usr/bin/dash", .home = CALLER_HOME_INSIDE},
                    {.pid = 3999, .home = CALLER_HOME_OUTSIDE},
                    {.pid = 1}},
        .n_parents = 3,
    };
    json_t *json = to_json(&sample, DENIAL_EVENT_RECORD), *process = json_object_get(json, "process");
    assert_is(json, "schema", "\"rofuse.log/1\"");
    assert_is(json, "event", "\"denied\"");
    assert_is(json, "time", "\"2024-11-24T00:00:00.123456789Z\"");
    assert_is(json, "mount", "\"web\"");
    assert_is(json, "operation", "\"rename\"");
    assert_is(json, "path", "\"/conf/a\"");
    assert_is(json, "target", "\"/conf/b\"");
    assert_is(json, "flags", "null");
    assert_is(json, "mode", "null");
    assert_is(json, "errno", "\"EROFS\"");
    assert_is(json, "errno_number", "30");
    assert_is(json, "why", "\"declared-read-only\"");
    assert_is(json, "held_by", "{\"route\": \"/conf\", \"kind\": \"bind\"}");
    assert_is(json, "count", "1");
    assert_is(json, "first", "\"2024-11-24T00:00:00.123456789Z\"");
    assert_is(json, "last", "\"2024-11-24T00:00:00.123456789Z\"");
    assert_missing(json, "name_unknown");
    g_assert_cmpuint(json_object_size(json), ==, 17);
    assert_is(process, "pid", "4242");
    assert_is(process, "tid", "4243");
    assert_is(process, "pid_inside", "7");
    assert_is(process, "parents",
              "[{\"pid\": 4000, \"comm\": \"sh\", \"exe\": \"/usr/bin/dash\", \"outside\": false},"
              " {\"pid\": 3999, \"comm\": null, \"exe\": null, \"outside\": true},"
              " {\"pid\": 1, \"comm\": null, \"exe\": null}]");
    assert_is(process, "comm", "\"python3\"");
    assert_is(process, "exe", "\"/usr/bin/python3.11\"");
    assert_is(process, "args", "[\"python3\", \"-c\", \"two\\nlines \\\"quoted\\\" \\u20ac\", \"\"]");
    assert_is(process, "cwd", "\"/work\"");
    assert_is(process, "uid", "1000");
    assert_is(process, "gid", "1001");
    assert_is(process, "real_uid", "0");
    assert_is(process, "real_gid", "4294967294");
    assert_is(process, "groups", "[4, 1001]");
    assert_is(process, "start_time", "\"2024-11-23T23:59:00.000000000Z\"");
    assert_is(process, "cgroup", "\"/system.slice/x.service\"");
    assert_is(process, "container_id", "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"");
    g_assert_cmpuint(json_object_size(process), ==, 16); /* none of the keys that are there on occasion only */
    json_decref(json);
}

static void test_unknown_is_null(void)
{
    struct sample sample = unknown_sample();
    json_t *json = to_json(&sample, DENIAL_EVENT_RECORD), *process = json_object_get(json, "process");
    static const char *const unknown[] = {"pid",        "tid",    "pid_inside",  "comm",     "exe",
                                          "args",       "cwd",    "real_uid",    "real_gid", "groups",
                                          "start_time", "cgroup", "container_id"};
    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
        assert_is(process, unknown[i], "null");
    assert_is(process, "parents", "[]");
    assert_is(process, "uid", "1000"); /* the request's own */
    assert_is(process, "gid", "1001");
    assert_is(json, "mode", "\"40755\"");
    assert_is(json, "held_by", "{\"made\": true}");
    json_decref(json);
}

static void test_no_groups_is_not_unknown(void)
{
    struct sample sample = unknown_sample();
    sample.caller.groups_known = true;
    json_t *json = to_json(&sample, DENIAL_EVENT_RECORD);
    assert_is(json_object_get(json, "process"), "groups", "[]");
    json_decref(json);
}

static void test_marks(void)
{
    struct sample sample = unknown_sample();
    sample.record.facts.name_unknown = sample.record.facts.learned = true;
    sample.caller.exe_deleted = sample.caller.args_truncated = sample.caller.groups_truncated = true;
    json_t *json = to_json(&sample, DENIAL_EVENT_RECORD), *process = json_object_get(json, "process");
    assert_is(json, "name_unknown", "true");
    assert_is(json, "learned", "true");
    assert_is(process, "exe_deleted", "true");
    assert_is(process, "args_truncated", "true");
    assert_is(process, "groups_truncated", "true");
    json_decref(json);
}

static void test_layer(void)
{
    struct sample sample = unknown_sample();
    sample.record.facts.place = DENIAL_PLACE_IMAGE;
    sample.record.facts.layer = 3;
    sample.record.facts.layer_dir = "/layers/\xff";
    json_t *json = to_json(&sample, DENIAL_EVENT_RECORD);
    assert_is(json, "held_by",
              "{\"layer\": 3, \"directory\": \"/layers/\\\\xff\", \"directory_bytes\": \"L2xheWVycy//\"}");
    json_decref(json);
}

static void test_flags(void)
{
    static const struct {
        int flags;
        const char *names;
    } cases[] = {
        {0, "[\"O_RDONLY\"]"},
        {O_RDWR, "[\"O_RDWR\"]"},
        {O_WRONLY | O_CREAT | O_EXCL | O_TRUNC, "[\"O_WRONLY\", \"O_CREAT\", \"O_EXCL\", \"O_TRUNC\"]"},
        {O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK, "[\"O_WRONLY\", \"O_APPEND\", \"O_NONBLOCK\", \"O_CLOEXEC\"]"},
        {O_RDWR | O_TMPFILE, "[\"O_RDWR\", \"O_TMPFILE\"]"}, /* not O_DIRECTORY as well */
        {O_WRONLY | O_SYNC, "[\"O_WRONLY\", \"O_SYNC\"]"},   /* not O_DSYNC as well */
        {O_WRONLY | O_DSYNC, "[\"O_WRONLY\", \"O_DSYNC\"]"},
        {O_WRONLY | 0100000, "[\"O_WRONLY\"]"}, /* the kernel's O_LARGEFILE */
        {O_WRONLY | 0x40000000, "[\"O_WRONLY\", \"0x40000000\"]"},
        {-1, "null"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sample sample = unknown_sample();
        sample.record.facts.flags = cases[i].flags;
        json_t *json = to_json(&sample, DENIAL_EVENT_RECORD);
        assert_is(json, "flags", cases[i].names);
        json_decref(json);
    }
}

static void test_modes_and_errors(void)
{
    static const struct {
        int64_t mode;
        int error;
        const char *mode_text, *name;
    } cases[] = {
        {0, EACCES, "\"0000\"", "\"EACCES\""},
        {07777, ENOSPC, "\"7777\"", "\"ENOSPC\""},
        {S_IFSOCK | 0644, EDQUOT, "\"140644\"", "\"EDQUOT\""},
        {-1, 4000, "null", "\"4000\""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sample sample = unknown_sample();
        sample.record.facts.mode = cases[i].mode;
        sample.record.facts.error = cases[i].error;
        json_t *json = to_json(&sample, DENIAL_EVENT_RECORD);
        assert_is(json, "mode", cases[i].mode_text);
        assert_is(json, "errno", cases[i].name);
        g_assert_cmpint(json_integer_value(json_object_get(json, "errno_number")), ==, cases[i].error);
        json_decref(json);
    }
}

static void test_names_that_are_not_utf8(void)
{
    /* A byte on its own, a surrogate, an overlong slash, what ends too early; a backslash is doubled with them only. */
    char *args[] = {(char *)"fine \\x41", (char *)"bad \xff\\", (char *)"", (char *)"\xed\xa0\x80", NULL};
    struct sample sample = unknown_sample();
    sample.record.facts.path = "/a\xff\\b";
    sample.record.facts.target = "\xc0\xaf";
    sample.caller.comm = (char *)"cut \xe2\x82";
    sample.caller.exe = (char *)"/bin/\xf8";
    sample.caller.cwd = (char *)"/gr\xc3\xbc\xc3\x9f\\e";
    sample.caller.cgroup = (char *)"/\x80";
    sample.caller.args = args;
    sample.caller.n_args = 4;
    sample.caller.parents[0] = (struct caller_parent){.pid = 1, .comm = (char *)"\xfe", .exe = (char *)"/\xfe"};
    sample.caller.n_parents = 1;
    json_t *json = to_json(&sample, DENIAL_EVENT_RECORD), *process = json_object_get(json, "process");
    json_t *parent = json_array_get(json_object_get(process, "parents"), 0);
    assert_is(json, "path", "\"/a\\\\xff\\\\\\\\b\"");
    assert_is(process, "cwd", "\"/gr\\u00fc\\u00df\\\\e\"");
    assert_missing(process, "cwd_bytes");
    assert_is(process, "args", "[\"fine \\\\x41\", \"bad \\\\xff\\\\\\\\\", \"\", \"\\\\xed\\\\xa0\\\\x80\"]");
    const struct {
        json_t *object;
        const char *key, *bytes;
    } exact[] = {{json, "path", sample.record.facts.path},
                 {json, "target", sample.record.facts.target},
                 {process, "comm", sample.caller.comm},
                 {process, "exe", sample.caller.exe},
                 {process, "cgroup", "/\x80"},
                 {process, "cwd", sample.caller.cwd},
                 {parent, "comm", "\xfe"},
                 {parent, "exe", "/\xfe"}};
    for (size_t i = 0; i < G_N_ELEMENTS(exact); i++) {
        g_autofree char *bytes = json_bytes_get(exact[i].object, exact[i].key);
        g_assert_cmpstr(bytes, ==, exact[i].bytes);
    }
    g_auto(GStrv) back = json_bytes_get_list(process, "args");
    g_assert_true(g_strv_equal((const char *const *)back, (const char *const *)args));
    const json_t *args_bytes = json_object_get(process, "args_bytes");
    g_assert_cmpuint(json_array_size(args_bytes), ==, 4);
    g_assert_true(json_is_null(json_array_get(args_bytes, 0)));
    g_assert_true(json_is_string(json_array_get(args_bytes, 1)));
    json_decref(json);
}

/* Whatever the bytes are, there is a text, and the bytes can be had back. */
static void test_random_bytes(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed((guint32)g_test_rand_int());
    for (int round = 0; round < 5000; round++) {
        char bytes[24] = "/";
        int length = g_rand_int_range(random, 1, sizeof bytes);
        for (int i = 1; i < length; i++)
            bytes[i] = (char)g_rand_int_range(random, 1, 256);
        struct sample sample = unknown_sample();
        sample.record.facts.path = bytes;
        json_t *json = to_json(&sample, DENIAL_EVENT_RECORD);
        g_assert_true(json_is_string(json_object_get(json, "path")));
        g_autofree char *back = json_bytes_get(json, "path");
        g_assert_cmpstr(back, ==, bytes);
        json_decref(json);
    }
}

static void test_huge(void)
{
    enum { N_ARGS = CALLER_MAX_ARGS / 2 };
    g_autofree char *path = g_strnfill(PATH_MAX - 1, '\xff');
    path[0] = '/';
    g_autofree char **args = g_new0(char *, N_ARGS + 1);
    for (size_t i = 0; i < N_ARGS; i++)
        args[i] = (char *)"\xfe";
    g_autofree gid_t *groups = g_new(gid_t, CALLER_MAX_GROUPS);
    for (size_t i = 0; i < CALLER_MAX_GROUPS; i++)
        groups[i] = (gid_t)i;
    struct sample sample = unknown_sample();
    sample.record.facts.path = path;
    sample.caller.args = args;
    sample.caller.n_args = N_ARGS;
    sample.caller.args_truncated = true;
    sample.caller.groups = groups;
    sample.caller.n_groups = CALLER_MAX_GROUPS;
    sample.caller.groups_known = true;
    sample.caller.n_parents = CALLER_MAX_PARENTS;
    for (size_t i = 0; i < CALLER_MAX_PARENTS; i++)
        sample.caller.parents[i].pid = (pid_t)(i + 1);
    json_t *json = to_json(&sample, DENIAL_EVENT_RECORD), *process = json_object_get(json, "process");
    g_autofree char *back = json_bytes_get(json, "path");
    g_assert_cmpstr(back, ==, path);
    g_auto(GStrv) args_back = json_bytes_get_list(process, "args");
    g_assert_cmpuint(g_strv_length(args_back), ==, N_ARGS);
    g_assert_cmpstr(args_back[N_ARGS - 1], ==, "\xfe");
    g_assert_cmpuint(json_array_size(json_object_get(process, "groups")), ==, CALLER_MAX_GROUPS);
    g_assert_cmpuint(json_array_size(json_object_get(process, "parents")), ==, CALLER_MAX_PARENTS);
    json_decref(json);
}

static void test_folded(void)
{
    struct sample sample = unknown_sample();
    sample.record.last = last;
    sample.record.count = UINT64_C(5000000000);
    json_t *json = to_json(&sample, DENIAL_EVENT_FOLDED);
    assert_is(json, "event", "\"folded\"");
    assert_is(json, "time", "\"2024-11-24T00:00:10.999999999Z\"");
    assert_is(json, "first", "\"2024-11-24T00:00:00.123456789Z\"");
    assert_is(json, "last", "\"2024-11-24T00:00:09.000000001Z\"");
    assert_is(json, "count", "5000000000");
    json_decref(json);
}

static void test_dropped_and_notice(void)
{
    const struct denial_event event = {.kind = DENIAL_EVENT_DROPPED, .dropped = 17, .time = end};
    json_t *json = parse(record_json_event(&event, "web"));
    json_t *wanted =
        json_loads("{\"schema\": \"rofuse.log/1\", \"event\": \"dropped\", \"mount\": \"web\", \"dropped\": 17,"
                   "\"time\": \"2024-11-24T00:00:10.999999999Z\"}",
                   0, NULL);
    g_assert_true(json_equal(json, wanted));
    json_decref(json);
    json_decref(wanted);
    const struct denial_event unwritten = {
        .kind = DENIAL_EVENT_DROPPED, .dropped = 17, .dropped_error = ENOSPC, .time = end};
    json = parse(record_json_event(&unwritten, "web"));
    assert_is(json, "errno", "\"ENOSPC\"");
    assert_is(json, "errno_number", "28");
    json_decref(json);
    json = parse(record_json_notice(&first, "the log \xff is \xe2\x82\xac", "web"));
    assert_is(json, "event", "\"notice\"");
    assert_is(json, "message", "\"the log \\\\xff is \\u20ac\"");
    g_assert_cmpuint(json_object_size(json), ==, 5);
    json_decref(json);
}

/* Every operation and reason has a word of its own. */
static void test_words(void)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    for (int number = 0; number < DENIAL_N_OPERATIONS + DENIAL_N_WHYS; number++) {
        struct sample sample = unknown_sample();
        bool is_why = number >= DENIAL_N_OPERATIONS;
        if (is_why)
            sample.record.facts.why = (enum denial_why)(number - DENIAL_N_OPERATIONS);
        else
            sample.record.facts.operation = (enum denial_operation)number;
        json_t *json = to_json(&sample, DENIAL_EVENT_RECORD);
        const char *word = json_string_value(json_object_get(json, is_why ? "why" : "operation"));
        g_assert_nonnull(word);
        g_assert_false(g_ptr_array_find_with_equal_func(words, word, g_str_equal, NULL));
        g_ptr_array_add(words, g_strdup(word));
        json_decref(json);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/record_json/everything", test_everything);
    g_test_add_func("/record_json/unknown-is-null", test_unknown_is_null);
    g_test_add_func("/record_json/no-groups", test_no_groups_is_not_unknown);
    g_test_add_func("/record_json/marks", test_marks);
    g_test_add_func("/record_json/layer", test_layer);
    g_test_add_func("/record_json/flags", test_flags);
    g_test_add_func("/record_json/modes-and-errors", test_modes_and_errors);
    g_test_add_func("/record_json/not-utf8", test_names_that_are_not_utf8);
    g_test_add_func("/record_json/random-bytes", test_random_bytes);
    g_test_add_func("/record_json/huge", test_huge);
    g_test_add_func("/record_json/folded", test_folded);
    g_test_add_func("/record_json/dropped-and-notice", test_dropped_and_notice);
    g_test_add_func("/record_json/words", test_words);
    return g_test_run();
}
