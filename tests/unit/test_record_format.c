/* The formats of other tools: each field where their readers look for it, and nothing where nothing is known. */
#include "caller.h"
#include "record_format.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NEW_YEAR 1767225600 /* 2026-01-01T00:00:00Z */

static char *args[] = {(char *)"nginx", (char *)"-g", (char *)"daemon off;", NULL};
static gid_t groups[] = {33};

struct sample {
    struct caller caller;
    struct denial_record record;
};

static void fill(struct sample *sample)
{
    *sample = (struct sample){
        .caller = {.tid = 4243,
                   .pid = 4242,
                   .pid_inside = 7,
                   .comm = (char *)"nginx: master",
                   .exe = (char *)"/usr/sbin/nginx",
                   .args = args,
                   .n_args = 3,
                   .cwd = (char *)"/srv",
                   .groups = groups,
                   .n_groups = 1,
                   .groups_known = true,
                   .has_start_time = true,
                   .start_time = {NEW_YEAR, 500000000},
                   .container_id = (char *)CONTAINER,
                   .parents = {{.pid = 4200, .comm = (char *)"sh", .exe = (char *)"/usr/bin/dash"},
                               {.pid = 1, .comm = (char *)"init"}},
                   .n_parents = 2},
        .record = {.facts = {.operation = DENIAL_MKDIR,
                             .why = DENIAL_NOT_DECLARED,
                             .error = EROFS,
                             .uid = 33,
                             .gid = 34,
                             .path = "/var/cache/nginx",
                             .flags = -1,
                             .mode = S_IFDIR | 0700,
                             .place = DENIAL_PLACE_IMAGE,
                             .layer = 2,
                             .layer_dir = "/layers/2"},
                   .first = {NEW_YEAR, 123456789},
                   .last = {NEW_YEAR + 3, 0},
                   .count = 1},
    };
    sample->record.caller = &sample->caller;
}

static json_t *format(enum log_format how, const struct denial_event *event)
{
    g_autofree char *line = record_format_event(how, event, "web");
    g_assert_true(g_str_has_suffix(line, "\n"));
    g_assert_null(memchr(line, '\n', strlen(line) - 1));
    for (const char *c = line; *c != '\0'; c++)
        g_assert_cmpint((unsigned char)*c, <, 128);
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    g_assert_nonnull(object);
    return object;
}

static json_t *format_sample(enum log_format how, struct sample *sample, enum denial_event_kind kind)
{
    const struct denial_event event = {.kind = kind, .record = &sample->record, .time = {NEW_YEAR + 10, 0}};
    return format(how, &event);
}

/* The value at "a.b.0.c"; NULL where there is none. */
static const json_t *at(const json_t *value, const char *path)
{
    g_auto(GStrv) steps = g_strsplit(path, ".", -1);
    for (char **step = steps; *step != NULL && value != NULL; step++)
        value = json_is_array(value) ? json_array_get(value, (size_t)g_ascii_strtoull(*step, NULL, 10))
                                     : json_object_get(value, *step);
    return value;
}

static void assert_text(const json_t *object, const char *path, const char *wanted)
{
    g_test_message("%s", path);
    g_assert_cmpstr(json_string_value(at(object, path)), ==, wanted);
}

static void assert_number(const json_t *object, const char *path, json_int_t wanted)
{
    g_test_message("%s", path);
    g_assert_true(json_is_integer(at(object, path)));
    g_assert_cmpint(json_integer_value(at(object, path)), ==, wanted);
}

static void test_ecs(void)
{
    struct sample sample;
    fill(&sample);
    json_t *object = format_sample(LOG_ECS, &sample, DENIAL_EVENT_RECORD);
    static const char *const texts[][2] = {
        {"@timestamp", "2026-01-01T00:00:00.123456789Z"},
        {"ecs.version", "8.11.0"},
        {"event.kind", "event"},
        {"event.category.0", "file"},
        {"event.type.0", "denied"},
        {"event.type.1", "creation"},
        {"event.action", "mkdir"},
        {"event.outcome", "failure"},
        {"event.reason", "no place that may be written is declared here"},
        {"event.start", NULL},
        {"error.code", "EROFS"},
        {"file.path", "/var/cache/nginx"},
        {"file.name", "nginx"},
        {"file.directory", "/var/cache"},
        {"file.type", "dir"},
        {"file.target_path", NULL},
        {"process.name", "nginx"},
        {"process.executable", "/usr/sbin/nginx"},
        {"process.command_line", "nginx -g daemon off;"},
        {"process.args.2", "daemon off;"},
        {"process.working_directory", "/srv"},
        {"process.start", "2026-01-01T00:00:00.500000000Z"},
        {"process.parent.name", "dash"},
        {"process.parent.executable", "/usr/bin/dash"},
        {"user.id", "33"},
        {"user.group.id", "34"},
        {"container.id", CONTAINER},
        {"rofuse.mount", "web"},
        {"rofuse.why", "not-declared"},
        {"rofuse.mode", "40700"},
        {"rofuse.held_by.directory", "/layers/2"},
        {"rofuse.parents.1.name", "init"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        assert_text(object, texts[i][0], texts[i][1]);
    assert_number(object, "process.pid", 4242);
    assert_number(object, "process.vpid", 7);
    assert_number(object, "process.thread.id", 4243);
    assert_number(object, "process.parent.pid", 4200);
    assert_number(object, "process.args_count", 3);
    assert_number(object, "rofuse.held_by.layer", 2);
    json_decref(object);
}

static void test_ocsf(void)
{
    struct sample sample;
    fill(&sample);
    json_t *object = format_sample(LOG_OCSF, &sample, DENIAL_EVENT_RECORD);
    static const struct {
        const char *path;
        json_int_t number;
    } numbers[] = {
        {"class_uid", 1001},
        {"category_uid", 1},
        {"activity_id", 1},
        {"type_uid", 100101},
        {"action_id", 2},
        {"disposition_id", 2},
        {"status_id", 2},
        {"severity_id", 2},
        {"time", G_GINT64_CONSTANT(1767225600123)},
        {"count", 1},
        {"device.type_id", 0},
        {"file.type_id", 2},
        {"actor.process.pid", 4242},
        {"actor.process.tid", 4243},
        {"actor.process.created_time", G_GINT64_CONSTANT(1767225600500)},
        {"actor.process.parent_process.pid", 4200},
        {"actor.process.parent_process.parent_process.pid", 1},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        assert_number(object, numbers[i].path, numbers[i].number);
    static const char *const texts[][2] = {
        {"activity_name", "Create"},
        {"metadata.version", "1.3.0"},
        {"metadata.product.name", "rofuse"},
        {"metadata.profiles.2", "security_control"},
        {"status_code", "EROFS"},
        {"file.path", "/var/cache/nginx"},
        {"file.name", "nginx"},
        {"file.parent_folder", "/var/cache"},
        {"file_result.path", NULL},
        {"actor.process.name", "nginx"},
        {"actor.process.file.path", "/usr/sbin/nginx"},
        {"actor.process.cmd_line", "nginx -g daemon off;"},
        {"actor.process.parent_process.file.path", "/usr/bin/dash"},
        {"actor.process.parent_process.parent_process.name", "init"},
        {"actor.user.uid", "33"},
        {"actor.user.groups.0.uid", "34"},
        {"actor.user.groups.1.uid", "33"},
        {"container.uid", CONTAINER},
        {"unmapped.mount", "web"},
        {"unmapped.working_directory", "/srv"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        assert_text(object, texts[i][0], texts[i][1]);
    g_assert_null(at(object, "start_time"));
    json_decref(object);
}

static void test_falco(void)
{
    struct sample sample;
    fill(&sample);
    json_t *object = format_sample(LOG_FALCO, &sample, DENIAL_EVENT_RECORD);
    assert_text(object, "rule", "Write denied by read-only root");
    assert_text(object, "priority", "Warning");
    assert_text(object, "source", "rofuse");
    assert_text(object, "time", "2026-01-01T00:00:00.123456789Z");
    const char *output = json_string_value(at(object, "output"));
    g_assert_true(g_str_has_prefix(output, "2026-01-01T00:00:00.123456789Z: Warning mkdir /var/cache/nginx EROFS "));
    const json_t *fields = json_object_get(object, "output_fields");
    static const char *const texts[][2] = {
        {"fd.name", "/var/cache/nginx"},
        {"fd.directory", "/var/cache"},
        {"fd.filename", "nginx"},
        {"proc.name", "nginx: master"},
        {"proc.exepath", "/usr/sbin/nginx"},
        {"proc.cmdline", "nginx -g daemon off;"},
        {"proc.pname", "sh"},
        {"proc.cwd", "/srv"},
        {"evt.type", "mkdir"},
        {"evt.res", "EROFS"},
        {"container.id", "0123456789ab"},
        {"container.full_id", CONTAINER},
        {"rofuse.why", "not-declared"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_assert_cmpstr(json_string_value(json_object_get(fields, texts[i][0])), ==, texts[i][1]);
    static const struct {
        const char *key;
        json_int_t number;
    } numbers[] = {{"proc.pid", 4242},   {"proc.ppid", 4200}, {"proc.vpid", 7},
                   {"thread.tid", 4243}, {"user.uid", 33},    {"evt.time", G_GINT64_CONSTANT(1767225600123456789)}};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        g_assert_cmpint(json_integer_value(json_object_get(fields, numbers[i].key)), ==, numbers[i].number);
    json_decref(object);
}

/* Every operation has its place in the two schemas that sort them. */
static void test_operations(void)
{
    static const struct {
        enum denial_operation operation;
        int activity;
        const char *type;
    } cases[] = {
        {DENIAL_OPEN, 14, "change"},       {DENIAL_CREATE, 1, "creation"}, {DENIAL_TMPFILE, 1, "creation"},
        {DENIAL_MKDIR, 1, "creation"},     {DENIAL_MKNOD, 1, "creation"},  {DENIAL_SYMLINK, 1, "creation"},
        {DENIAL_LINK, 1, "creation"},      {DENIAL_UNLINK, 4, "deletion"}, {DENIAL_RMDIR, 4, "deletion"},
        {DENIAL_RENAME, 5, "change"},      {DENIAL_TRUNCATE, 3, "change"}, {DENIAL_CHMOD, 6, "change"},
        {DENIAL_CHOWN, 6, "change"},       {DENIAL_UTIMES, 6, "change"},   {DENIAL_SETXATTR, 6, "change"},
        {DENIAL_REMOVEXATTR, 6, "change"}, {DENIAL_SETFLAGS, 6, "change"}, {DENIAL_WRITE, 3, "change"},
        {DENIAL_FALLOCATE, 3, "change"},   {DENIAL_COPY, 3, "change"},     {DENIAL_EXEC, 99, "access"},
    };
    g_assert_cmpint(G_N_ELEMENTS(cases), ==, DENIAL_N_OPERATIONS);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sample sample;
        fill(&sample);
        sample.record.facts.operation = cases[i].operation;
        json_t *ocsf = format_sample(LOG_OCSF, &sample, DENIAL_EVENT_RECORD);
        assert_number(ocsf, "activity_id", cases[i].activity);
        assert_number(ocsf, "type_uid", 100100 + cases[i].activity);
        json_decref(ocsf);
        json_t *ecs = format_sample(LOG_ECS, &sample, DENIAL_EVENT_RECORD);
        assert_text(ecs, "event.type.1", cases[i].type);
        json_decref(ecs);
    }
}

/* mknod(2) tells by its mode what was to be made. */
static void test_types_of_nodes(void)
{
    static const struct {
        mode_t mode;
        int type;
    } cases[] = {{S_IFREG, 1}, {0, 0}, {S_IFCHR, 3}, {S_IFBLK, 4}, {S_IFSOCK, 5}, {S_IFIFO, 6}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct sample sample;
        fill(&sample);
        sample.record.facts.operation = DENIAL_MKNOD;
        sample.record.facts.mode = (int64_t)(cases[i].mode | 0600);
        json_t *object = format_sample(LOG_OCSF, &sample, DENIAL_EVENT_RECORD);
        assert_number(object, "file.type_id", cases[i].type);
        json_decref(object);
    }
}

static void test_two_names(void)
{
    struct sample sample;
    fill(&sample);
    sample.record.facts.operation = DENIAL_RENAME;
    sample.record.facts.target = "/var/new";
    json_t *ocsf = format_sample(LOG_OCSF, &sample, DENIAL_EVENT_RECORD);
    assert_text(ocsf, "file_result.path", "/var/new");
    json_decref(ocsf);
    json_t *ecs = format_sample(LOG_ECS, &sample, DENIAL_EVENT_RECORD);
    assert_text(ecs, "file.target_path", "/var/new");
    json_decref(ecs);
    /* The text of a symbolic link is no second file. */
    sample.record.facts.operation = DENIAL_SYMLINK;
    ocsf = format_sample(LOG_OCSF, &sample, DENIAL_EVENT_RECORD);
    g_assert_null(at(ocsf, "file_result"));
    assert_text(ocsf, "unmapped.target", "/var/new");
    json_decref(ocsf);
}

static void test_folded(void)
{
    struct sample sample;
    fill(&sample);
    sample.record.count = 17;
    json_t *ocsf = format_sample(LOG_OCSF, &sample, DENIAL_EVENT_FOLDED);
    assert_number(ocsf, "count", 17);
    assert_number(ocsf, "time", G_GINT64_CONSTANT(1767225610000));
    assert_number(ocsf, "start_time", G_GINT64_CONSTANT(1767225600123));
    assert_number(ocsf, "end_time", G_GINT64_CONSTANT(1767225603000));
    json_decref(ocsf);
    json_t *ecs = format_sample(LOG_ECS, &sample, DENIAL_EVENT_FOLDED);
    assert_number(ecs, "rofuse.count", 17);
    assert_text(ecs, "@timestamp", "2026-01-01T00:00:10.000000000Z");
    assert_text(ecs, "event.start", "2026-01-01T00:00:00.123456789Z");
    assert_text(ecs, "event.end", "2026-01-01T00:00:03.000000000Z");
    json_decref(ecs);
    json_t *falco = format_sample(LOG_FALCO, &sample, DENIAL_EVENT_FOLDED);
    g_assert_cmpint(json_integer_value(json_object_get(json_object_get(falco, "output_fields"), "rofuse.count")), ==,
                    17);
    json_decref(falco);
}

static void test_learned(void)
{
    struct sample sample;
    fill(&sample);
    sample.record.facts.learned = true;
    json_t *ecs = format_sample(LOG_ECS, &sample, DENIAL_EVENT_RECORD);
    assert_text(ecs, "event.outcome", "success");
    assert_text(ecs, "event.type.0", "allowed");
    g_assert_true(json_is_true(at(ecs, "rofuse.learned")));
    g_assert_null(at(ecs, "error"));
    json_decref(ecs);
    json_t *ocsf = format_sample(LOG_OCSF, &sample, DENIAL_EVENT_RECORD);
    assert_number(ocsf, "action_id", 1);
    assert_number(ocsf, "disposition_id", 1);
    assert_number(ocsf, "status_id", 1);
    json_decref(ocsf);
    json_t *falco = format_sample(LOG_FALCO, &sample, DENIAL_EVENT_RECORD);
    assert_text(falco, "priority", "Notice");
    g_assert_cmpstr(json_string_value(json_object_get(json_object_get(falco, "output_fields"), "evt.res")), ==,
                    "SUCCESS");
    json_decref(falco);
}

static void test_nothing_is_known(void)
{
    struct caller caller = {.pid = -1, .pid_inside = -1, .real_uid = (uid_t)-1, .real_gid = (gid_t)-1};
    struct denial_record record = {.facts = {.operation = DENIAL_CHMOD,
                                             .why = DENIAL_NOT_DECLARED,
                                             .error = EROFS,
                                             .uid = (uid_t)-1,
                                             .gid = (gid_t)-1,
                                             .path = "/",
                                             .flags = -1,
                                             .mode = -1,
                                             .place = DENIAL_PLACE_MADE},
                                   .caller = &caller,
                                   .count = 1};
    const struct denial_event event = {.kind = DENIAL_EVENT_RECORD, .record = &record};
    json_t *ecs = format(LOG_ECS, &event);
    g_assert_null(json_object_get(ecs, "process"));
    g_assert_null(json_object_get(ecs, "user"));
    g_assert_null(json_object_get(ecs, "container"));
    assert_text(ecs, "file.path", "/");
    assert_text(ecs, "file.directory", "/");
    json_decref(ecs);
    json_t *ocsf = format(LOG_OCSF, &event);
    g_assert_true(json_is_object(json_object_get(ocsf, "actor")));
    g_assert_null(at(ocsf, "actor.process"));
    json_decref(ocsf);
    json_t *falco = format(LOG_FALCO, &event);
    const json_t *fields = json_object_get(falco, "output_fields");
    static const char *const unknown[] = {"proc.name", "proc.exepath", "proc.cmdline", "proc.pname",   "proc.pid",
                                          "proc.ppid", "proc.vpid",    "user.uid",     "container.id", "thread.tid"};
    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
        g_assert_true(json_is_null(json_object_get(fields, unknown[i])));
    json_decref(falco);
}

static void test_names_are_bytes(void)
{
    struct sample sample;
    fill(&sample);
    sample.record.facts.path = "/a\xff\n";
    sample.record.facts.name_unknown = true;
    json_t *ecs = format_sample(LOG_ECS, &sample, DENIAL_EVENT_RECORD);
    assert_text(ecs, "file.path", "/a\\xff\n");
    assert_text(ecs, "file.name", NULL);
    assert_text(ecs, "file.directory", "/a\\xff\n");
    json_decref(ecs);
    json_decref(format_sample(LOG_OCSF, &sample, DENIAL_EVENT_RECORD));
    json_decref(format_sample(LOG_FALCO, &sample, DENIAL_EVENT_RECORD));
}

static void test_dropped_and_notices(void)
{
    const struct denial_event event = {.kind = DENIAL_EVENT_DROPPED, .dropped = 5, .time = {NEW_YEAR, 0}};
    json_t *ecs = format(LOG_ECS, &event);
    assert_text(ecs, "event.action", "dropped");
    assert_number(ecs, "rofuse.dropped", 5);
    json_decref(ecs);
    json_t *ocsf = format(LOG_OCSF, &event);
    assert_number(ocsf, "class_uid", 0);
    assert_number(ocsf, "type_uid", 99);
    assert_number(ocsf, "unmapped.dropped", 5);
    json_decref(ocsf);
    json_t *falco = format(LOG_FALCO, &event);
    assert_text(falco, "rule", "rofuse: denials dropped");
    json_decref(falco);
    for (int i = LOG_JSON; i < LOG_N_FORMATS; i++) {
        g_autofree char *line = record_format_notice((enum log_format)i, &event.time, "it is read-only", "web");
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        g_assert_nonnull(object);
        g_assert_nonnull(strstr(line, "it is read-only"));
        json_decref(object);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/record_format/ecs", test_ecs);
    g_test_add_func("/record_format/ocsf", test_ocsf);
    g_test_add_func("/record_format/falco", test_falco);
    g_test_add_func("/record_format/operations", test_operations);
    g_test_add_func("/record_format/types-of-nodes", test_types_of_nodes);
    g_test_add_func("/record_format/two-names", test_two_names);
    g_test_add_func("/record_format/folded", test_folded);
    g_test_add_func("/record_format/learned", test_learned);
    g_test_add_func("/record_format/nothing-is-known", test_nothing_is_known);
    g_test_add_func("/record_format/names-are-bytes", test_names_are_bytes);
    g_test_add_func("/record_format/dropped-and-notices", test_dropped_and_notices);
    return g_test_run();
}
