/*
 * Lines of the log, read back: whatever is written is read as it was, and what the schema refuses is refused.
 */
#include "record_parse.h"

#include "app_error.h"
#include "caller.h"
#include "json_read.h"
#include "record_json.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A name of arbitrary bytes, or NULL now and then. @first: 0 = none. */
static char *random_name(GRand *random, char first, bool may_be_unknown)
{
    if (may_be_unknown && g_rand_int_range(random, 0, 5) == 0)
        return NULL;
    GString *name = g_string_new(NULL);
    if (first != '\0')
        g_string_append_c(name, first);
    bool is_ascii = g_rand_boolean(random);
    for (int n = g_rand_int_range(random, 0, 12); n > 0; n--)
        g_string_append_c(name,
                          (char)(is_ascii ? g_rand_int_range(random, 32, 127) : g_rand_int_range(random, 1, 256)));
    return g_string_free(name, FALSE);
}

static uint32_t random_id(GRand *random)
{
    return g_rand_int_range(random, 0, 5) == 0 ? UINT32_MAX : g_rand_int(random) % UINT32_MAX;
}

static struct timespec random_time(GRand *random)
{
    return (struct timespec){g_rand_int(random), g_rand_int_range(random, 0, 1000000000)};
}

static void random_holder(GRand *random, struct denial_facts *facts)
{
    static const char *const kinds[] = {"tmpfs", "volume", "bind", NULL};
    facts->place = (enum denial_place)g_rand_int_range(random, 0, 3);
    facts->layer = g_rand_int_range(random, 0, 100);
    if (facts->place == DENIAL_PLACE_IMAGE)
        facts->layer_dir = random_name(random, '/', true);
    if (facts->place == DENIAL_PLACE_ROUTE) {
        facts->route_target = random_name(random, '/', true);
        facts->route_kind = kinds[g_rand_int_range(random, 0, 4)];
    }
}

static struct caller *random_caller(GRand *random)
{
    struct caller *caller = g_new0(struct caller, 1);
    caller->pid = g_rand_int_range(random, -1, 100000);
    caller->tid = g_rand_int_range(random, 0, 100000);
    caller->pid_inside = g_rand_int_range(random, -1, 3);
    caller->comm = random_name(random, '\0', true);
    caller->exe = random_name(random, '/', true);
    caller->exe_deleted = g_rand_boolean(random);
    caller->n_args = (size_t)g_rand_int_range(random, 0, 5);
    caller->args = g_new0(char *, caller->n_args + 1);
    for (size_t i = 0; i < caller->n_args; i++)
        caller->args[i] = random_name(random, '\0', false);
    if (g_rand_int_range(random, 0, 5) == 0) {
        g_clear_pointer(&caller->args, g_strfreev);
        caller->n_args = 0;
    }
    caller->args_truncated = g_rand_boolean(random);
    caller->cwd = random_name(random, '/', true);
    caller->real_uid = random_id(random);
    caller->real_gid = random_id(random);
    caller->groups_known = g_rand_boolean(random);
    caller->groups_truncated = g_rand_boolean(random);
    caller->n_groups = (size_t)g_rand_int_range(random, 0, 4);
    caller->groups = g_new0(gid_t, 4);
    for (size_t i = 0; i < caller->n_groups; i++)
        caller->groups[i] = random_id(random);
    caller->has_start_time = g_rand_boolean(random);
    caller->start_time = random_time(random);
    caller->cgroup = random_name(random, '/', true);
    caller->container_id = g_rand_boolean(random) ? g_strnfill(64, 'a') : NULL;
    caller->n_parents = (size_t)g_rand_int_range(random, 0, CALLER_MAX_PARENTS + 1);
    for (size_t i = 0; i < caller->n_parents; i++)
        caller->parents[i] = (struct caller_parent){.pid = g_rand_int_range(random, -1, 100000),
                                                    .comm = random_name(random, '\0', true),
                                                    .exe = random_name(random, '/', true),
                                                    .home = (enum caller_home)g_rand_int_range(random, 0, 3)};
    return caller;
}

static char *random_line(GRand *random)
{
    struct denial_record record = {.first = random_time(random), .last = random_time(random)};
    struct denial_facts *facts = &record.facts;
    struct denial_event event = {.record = &record, .time = random_time(random)};
    event.kind = (enum denial_event_kind)g_rand_int_range(random, 0, 3);
    event.dropped = 1 + g_rand_int(random);
    event.dropped_error = g_rand_int_range(random, 0, 200);
    record.count = (uint64_t)g_rand_int(random) << 20 | 2;
    facts->operation = (enum denial_operation)g_rand_int_range(random, 0, DENIAL_N_OPERATIONS);
    facts->why = (enum denial_why)g_rand_int_range(random, 0, DENIAL_N_WHYS);
    facts->error = g_rand_int_range(random, 1, 200);
    facts->uid = random_id(random);
    facts->gid = random_id(random);
    g_autofree char *path = random_name(random, '/', false), *target = random_name(random, '\0', true);
    facts->path = path;
    facts->target = target;
    facts->learned = g_rand_boolean(random);
    facts->name_unknown = g_rand_boolean(random);
    facts->flags = g_rand_int_range(random, -1, INT32_MAX);
    facts->mode = g_rand_int_range(random, -1, 0200000);
    random_holder(random, facts);
    record.caller = random_caller(random);
    char *line = record_json_event(&event, "web");
    caller_free(record.caller);
    g_free((char *)facts->layer_dir);
    g_free((char *)facts->route_target);
    return line;
}

static void test_round_trip(void)
{
    GRand *random = g_rand_new_with_seed(g_test_rand_int());
    for (int i = 0; i < 3000; i++) {
        g_autofree char *line = random_line(random);
        GError *error = NULL;
        struct record_line *parsed = record_parse(line, strlen(line), &error);
        g_assert_no_error(error);
        g_assert_false(parsed->is_notice);
        g_assert_cmpstr(parsed->mount, ==, "web");
        g_autofree char *again = record_json_event(&parsed->event, parsed->mount);
        g_assert_cmpstr(again, ==, line);
        record_line_free(parsed);
    }
    g_rand_free(random);
}

static void test_notice(void)
{
    const struct timespec time = {1732406400, 5};
    g_autofree char *line = record_json_notice(&time, "some\nthing", "web");
    struct record_line *parsed = record_parse(line, strlen(line), NULL);
    g_assert_true(parsed->is_notice);
    g_assert_cmpstr(parsed->message, ==, "some\nthing");
    g_assert_cmpint(parsed->event.time.tv_nsec, ==, 5);
    record_line_free(parsed);
}

/* A right line as an object to spoil. */
static json_t *right_object(void)
{
    struct caller caller = {.tid = 5, .pid = 5, .pid_inside = 5, .n_parents = 1, .parents = {{.pid = 1}}};
    struct denial_record record = {.facts = {.operation = DENIAL_OPEN,
                                             .path = "/etc/x",
                                             .error = EROFS,
                                             .flags = O_WRONLY,
                                             .mode = 0644,
                                             .place = DENIAL_PLACE_IMAGE,
                                             .layer_dir = "/layer"},
                                   .count = 1,
                                   .caller = &caller};
    struct denial_event event = {.record = &record};
    g_autofree char *line = record_json_event(&event, "web");
    return json_loads(line, 0, NULL);
}

static void assert_refused(json_t *object, const char *message)
{
    char *text = json_dumps(object, 0);
    GError *error = NULL;
    g_test_message("%s", message);
    g_assert_null(record_parse(text, strlen(text), &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, message));
    g_clear_error(&error);
    free(text);
    json_decref(object);
}

static void test_wrong_members(void)
{
    static const struct {
        const char *key, *value, *message;
    } table[] = {
        {"schema", "\"rofuse.log/2\"", "\"schema\" is not"},
        {"event", "\"born\"", "\"event\" is not"},
        {"event", "null", "\"event\" is missing"},
        {"mount", "5", "\"mount\" is no string"},
        {"time", "\"2024-11-24\"", "\"time\" is no time"},
        {"operation", "\"fly\"", "\"operation\" is not"},
        {"path", "\"etc\"", "\"path\" is no absolute path"},
        {"path", "null", "\"path\" is missing"},
        {"path_bytes", "\"=\"", "\"path_bytes\" is not the base64"},
        {"flags", "[\"O_FLY\"]", "\"flags\" has a word"},
        {"flags", "[\"0xfffffffff\"]", "\"flags\" has a word"},
        {"flags", "[7]", "\"flags\" has a word"},
        {"mode", "\"8\"", "\"mode\" is no mode"},
        {"mode", "\"000000000000000644\"", "\"mode\" is no mode"},
        {"errno_number", "0", "\"errno_number\" is out"},
        {"why", "\"because\"", "\"why\" is not"},
        {"held_by", "{}", "\"held_by\" names"},
        {"held_by", "{\"layer\":-1}", "\"layer\" is out"},
        {"held_by", "{\"route\":\"/x\",\"kind\":\"nfs\"}", "\"kind\" is neither"},
        {"held_by", "{\"route\":\"x\",\"kind\":null}", "\"route\" is no absolute"},
        {"process", "[]", "\"process\" is no object"},
        {"count", "2", "\"count\" is out"},
        {"learned", "7", "\"learned\" is neither"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        json_t *object = right_object();
        json_object_set_new(object, table[i].key, json_loads(table[i].value, JSON_DECODE_ANY, NULL));
        assert_refused(object, table[i].message);
    }
}

static void test_wrong_process(void)
{
    static const struct {
        const char *key, *value, *message;
    } table[] = {
        {"pid", "0", "\"pid\" is out"},
        {"parents", "null", "\"parents\" is missing"},
        {"parents", "[{\"outside\": 1}]", "\"outside\" is neither true nor false"},
        {"parents", "[{\"outside\": null}]", "\"outside\" is neither true nor false"},
        {"parents", "[1]", "\"parents\" is no list"},
        {"parents", "[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]", "\"parents\" is too long"},
        {"uid", "-1", "\"uid\" is out"},
        {"uid", "4294967295", "\"uid\" is out"},
        {"groups", "[\"wheel\"]", "\"groups\" has"},
        {"container_id", "\"abc\"", "\"container_id\" is no"},
        {"args", "{}", "\"args\" is no list"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        json_t *object = right_object();
        json_object_set_new(json_object_get(object, "process"), table[i].key,
                            json_loads(table[i].value, JSON_DECODE_ANY, NULL));
        assert_refused(object, table[i].message);
    }
}

static void test_no_record(void)
{
    static const char *const table[] = {"", "\n", "[]", "{", "7", "{\"a\":1,\"a\":1}", "\xff", "{}"};
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        GError *error = NULL;
        g_assert_null(record_parse(table[i], strlen(table[i]), &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
        g_assert_null(strchr(error->message, '\n'));
        g_clear_error(&error);
    }
    g_autofree char *huge = g_strnfill(RECORD_PARSE_MOST_LINE + 1, '[');
    g_assert_null(record_parse(huge, RECORD_PARSE_MOST_LINE + 1, NULL));
    g_assert_null(record_parse(huge, RECORD_PARSE_MOST_LINE, NULL));
}

/* Of a later version, perhaps. */
static void test_unknown_keys_are_passed_over(void)
{
    json_t *object = right_object();
    json_object_set_new(object, "later", json_true());
    char *text = json_dumps(object, 0);
    struct record_line *parsed = record_parse(text, strlen(text), NULL);
    g_assert_nonnull(parsed);
    g_assert_cmpstr(parsed->event.record->facts.path, ==, "/etc/x");
    record_line_free(parsed);
    free(text);
    json_decref(object);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/record-parse/round-trip", test_round_trip);
    g_test_add_func("/record-parse/notice", test_notice);
    g_test_add_func("/record-parse/wrong-members", test_wrong_members);
    g_test_add_func("/record-parse/wrong-process", test_wrong_process);
    g_test_add_func("/record-parse/no-record", test_no_record);
    g_test_add_func("/record-parse/unknown-keys", test_unknown_keys_are_passed_over);
    return g_test_run();
}
