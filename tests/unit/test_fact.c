/*
 * A fact: its id, its JSON and back, what is wrong in JSON of others, and a fix in docker's words.
 */
#include "fact.h"

#include "app_error.h"
#include "fact_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every field is set, names that are not UTF-8 among them. */
static struct fact *full_fact(void)
{
    struct fact *fact = fact_new();
    fact->place = g_strdup("/tmp/\xff*");
    fact->directory = g_strdup("/tmp");
    g_ptr_array_add(fact->alternatives, g_strdup("/var/tmp"));
    g_ptr_array_add(fact->alternatives, g_strdup("/\xfe"));
    g_ptr_array_add(fact->paths, g_strdup("/tmp/\xff"
                                          "12345"));
    fact->operations = 1U << DENIAL_CREATE | 1U << DENIAL_EXEC;
    fact->why = DENIAL_PERMISSION;
    fact->error = EACCES;
    fact->learned = true;
    fact->held_by = DENIAL_PLACE_ROUTE;
    fact->route_target = g_strdup("/tmp");
    fact->route_kind = g_strdup("tmpfs");
    fact->executable = g_strdup("/usr/bin/no\nde");
    fact->comm = g_strdup("node");
    g_strfreev(fact->args);
    fact->args = g_strsplit("node|\xff|", "|", -1);
    g_ptr_array_add(fact->parents, g_strdup("/bin/sh"));
    g_ptr_array_add(fact->parents, g_strdup("?"));
    g_ptr_array_add(fact->parents, g_strdup("/bin/launch"));
    fact->parents_inside = 1;
    fact->parents_outside = 4;
    fact->pid = 17;
    fact->uid = 1000;
    fact->gid = 0;
    gid_t group = 4294967294;
    g_array_append_val(fact->groups, group);
    fact->container_id = g_strdup("abc");
    fact->count = 3;
    fact->first = (struct timespec){1732406400, 1};
    fact->last = (struct timespec){1732406401, 999999999};
    fact->class = FACT_FATAL;
    fact->because = FACT_ENDED_LAST;
    g_free(fact->reason);
    fact->reason = g_strdup("it ended");
    fact->knowledge = g_strdup("npm");
    fact->note = g_strdup("a note");
    fact->reported = g_strdup("somewhere");
    struct fact_fix fix = {.kind = FACT_FIX_TMPFS, .target = (char *)"/tmp", .for_writer = true, .copy = true};
    g_ptr_array_add(fact->fixes, fact_fix_copy(&fix));
    struct fact_fix env = {.kind = FACT_FIX_ENV, .name = (char *)"HOME", .value = (char *)"/tmp"};
    g_ptr_array_add(fact->fixes, fact_fix_copy(&env));
    fact_set_id(fact);
    return fact;
}

static json_t *document_of(const struct fact *fact)
{
    g_autoptr(GPtrArray) facts = g_ptr_array_new();
    g_ptr_array_add(facts, (void *)fact);
    struct facts_head head = {
        .mount = (char *)"web", .image = (char *)"nginx:1", .denied = 3, .left_out = 1, .dropped = 2};
    return facts_to_json(&head, facts);
}

/* What is written, read and written again is the same; of a copy too. */
static void assert_round_trip(struct fact *fact)
{
    g_assert_cmpstr(fact->id, !=, NULL);
    struct fact *copy = fact_copy(fact);
    json_t *document = document_of(copy);
    fact_free(copy);
    char *text = json_dumps(document, JSON_COMPACT);
    GError *error = NULL;
    struct facts_head head;
    GPtrArray *facts = facts_from_text(text, strlen(text), "facts", &head, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(facts->len, ==, 1);
    g_assert_cmpstr(head.mount, ==, "web");
    g_assert_cmpuint(head.dropped, ==, 2);
    json_t *again = facts_to_json(&head, facts);
    g_assert_true(json_equal(document, again));
    struct fact *read = g_ptr_array_index(facts, 0);
    g_assert_cmpstr(read->place, ==, fact->place);
    g_assert_cmpuint(read->operations, ==, fact->operations);
    facts_head_clear(&head);
    g_ptr_array_unref(facts);
    json_decref(again);
    json_decref(document);
    free(text);
    fact_free(fact);
}

static struct fact *bare_fact(void)
{
    struct fact *fact = fact_new();
    fact->place = g_strdup("/etc/x");
    fact->directory = g_strdup("/etc");
    fact->operations = 1U << DENIAL_MKDIR;
    fact->error = EROFS;
    fact->held_by = DENIAL_PLACE_IMAGE;
    fact->layer = 0;
    fact_set_id(fact);
    return fact;
}

static void test_round_trip(void)
{
    assert_round_trip(full_fact());
    assert_round_trip(bare_fact());
}

/* What programs read: rofuse.facts/1, to the letter. */
static void test_document(void)
{
    static const char expected[] =
        "{\"schema\":\"rofuse.facts/1\",\"mount\":\"web\",\"image\":\"nginx:1\",\"denied\":3,\"left_out\":1,\"dropped\":2,"
        "\"facts\":[{\"id\":\"f-f9f42f24241a90c4\",\"class\":\"fatal\","
        "\"because\":\"ended-last\",\"reason\":\"it ended\","
        "\"place\":\"/tmp/\\\\xff*\",\"place_bytes\":\"L3RtcC//Kg==\","
        "\"directory\":\"/tmp\","
        "\"alternatives\":[\"/var/tmp\",\"/\\\\xfe\"],\"alternatives_bytes\":[null,\"L/4=\"],"
        "\"paths\":[\"/tmp/\\\\xff12345\"],\"paths_bytes\":[\"L3RtcC//MTIzNDU=\"],"
        "\"operations\":[\"create\",\"exec\"],"
        "\"why\":\"permission\",\"errno\":\"EACCES\",\"errno_number\":13,"
        "\"learned\":true,\"held_by\":{\"route\":\"/tmp\",\"kind\":\"tmpfs\"},"
        "\"executable\":\"/usr/bin/no\\nde\",\"comm\":\"node\","
        "\"args\":[\"node\",\"\\\\xff\",\"\"],\"args_bytes\":[null,\"/w==\",null],"
        "\"parents\":[\"/bin/sh\",\"?\",\"/bin/launch\"],\"parents_outside\":[false,null,true],\"pid\":17,\"uid\":1000,\"gid\":0,\"groups\":[4294967294],"
        "\"container_id\":\"abc\",\"count\":3,"
        "\"first\":\"2024-11-24T00:00:00.000000001Z\",\"last\":\"2024-11-24T00:00:01.999999999Z\","
        "\"knowledge\":{\"id\":\"npm\","
        "\"note\":\"a note\",\"reported\":\"somewhere\","
        "\"fixes\":[{\"kind\":\"tmpfs\",\"target\":\"/tmp\",\"for_writer\":true,\"copy\":true},{\"kind\":\"env\",\"name\":\"HOME\",\"value\":\"/tmp\"}]}}]}";
    struct fact *fact = full_fact();
    json_t *document = document_of(fact), *wanted = json_loads(expected, 0, NULL);
    g_assert_nonnull(wanted);
    if (!json_equal(document, wanted)) {
        char *text = json_dumps(document, JSON_COMPACT);
        g_test_message("%s", text);
        free(text);
        g_test_fail();
    }
    json_decref(wanted);
    json_decref(document);
    fact_free(fact);
}

/* It is the program's, the place's and the reason's, and nothing else's. */
static void test_id(void)
{
    struct fact *fact = full_fact(), *other = fact_copy(fact);
    other->pid = 1;
    other->count = 100;
    other->uid = 5;
    other->class = FACT_OPEN;
    fact_set_id(other);
    g_assert_cmpstr(other->id, ==, fact->id);
    g_assert_cmpuint(strlen(fact->id), ==, 18);
    other->learned = false;
    fact_set_id(other);
    g_assert_cmpstr(other->id, !=, fact->id);
    other->learned = true;
    g_free(other->place);
    other->place = g_strdup("/tmp");
    fact_set_id(other);
    g_assert_cmpstr(other->id, !=, fact->id);
    fact_free(other);
    fact_free(fact);
}

static void test_wrong_documents(void)
{
    static const struct {
        const char *key, *value, *message;
    } table[] = {
        {"id", "\"f-0000000000000000\"", "is not the id of this fact"},
        {"class", "\"bad\"", "is not the name of a class"},
        {"class", "7", "is no string"},
        {"because", "null", "is missing"},
        {"directory", "\"tmp\"", "is no absolute path"},
        {"paths", "{}", "is no list"},
        {"paths", "[1]", "is no list of strings"},
        {"paths", "[\"/1\",\"/2\",\"/3\",\"/4\",\"/5\",\"/6\",\"/7\",\"/8\",\"/9\"]", "is too long"},
        {"paths_bytes", "[\"eC95LmRi\"]", "\"paths\" has a path that is not absolute"},
        {"alternatives", "[\"tmp\",\"/x\"]", "has a path that is not absolute"},
        {"args_bytes", "[null]", "is not as long"},
        {"args_bytes", "[null,\"!!\",null]", "base64"},
        {"args_bytes", "[null,\"AGFi\",null]", "base64"},
        {"operations", "[\"fly\"]", "no operation"},
        {"why", "\"because\"", "is not the name of a reason"},
        {"errno_number", "0", "is out of range"},
        {"errno_number", "99999999999", "is out of range"},
        {"learned", "1", "neither true nor false"},
        {"pid", "-4", "is out of range"},
        {"uid", "4294967295", "is out of range"},
        {"groups", "[\"x\"]", "no group"},
        {"first", "\"yesterday\"", "is no time"},
        {"first", "\"2024-13-24T00:00:00.000000000Z\"", "is no time"},
        {"knowledge", "{\"id\":\"a\",\"fixes\":[{\"kind\":\"tmpfs\"}]}", "without its target"},
        {"knowledge", "{\"id\":\"a\",\"fixes\":[{\"kind\":\"magic\"}]}", "not the name of a fix"},
        {"knowledge", "{\"id\":\"a\",\"fixes\":[7]}", "is missing"},
    };
    struct fact *fact = full_fact();
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        json_t *document = document_of(fact);
        json_t *object = json_array_get(json_object_get(document, "facts"), 0);
        json_object_set_new(object, table[i].key, json_loads(table[i].value, JSON_DECODE_ANY, NULL));
        GError *error = NULL;
        g_test_message("%s: %s", table[i].key, table[i].value);
        g_assert_null(facts_from_json(document, "facts.json", NULL, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
        g_assert_nonnull(strstr(error->message, table[i].message));
        g_assert_true(g_str_has_prefix(error->message, "facts.json: \""));
        g_clear_error(&error);
        json_decref(document);
    }
    fact_free(fact);
}

static void test_no_document(void)
{
    static const char *const table[] = {
        "", "[]", "{", "{\"schema\":\"rofuse.log/1\"}", "{\"schema\":\"rofuse.facts/1\"}", "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        GError *error = NULL;
        g_assert_null(facts_from_text(table[i], strlen(table[i]), "x", NULL, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
        g_clear_error(&error);
    }
}

static void test_fix_words(void)
{
    static const struct {
        struct fact_fix fix;
        const char *words;
    } table[] = {
        {{.kind = FACT_FIX_TMPFS, .target = (char *)"/tmp"}, "--tmpfs /tmp"},
        {{.kind = FACT_FIX_TMPFS,
          .target = (char *)"/run/x",
          .options = (char *)"mode=0700",
          .for_writer = true,
          .copy = true},
         "--tmpfs /run/x:mode=0700,uid=1000,gid=0,tmpcopyup"},
        {{.kind = FACT_FIX_TMPFS, .target = (char *)"/run/x", .copy = true}, "--tmpfs /run/x:tmpcopyup"},
        {{.kind = FACT_FIX_VOLUME, .target = (char *)"/data", .name = (char *)"data"}, "-v data:/data"},
        {{.kind = FACT_FIX_ENV, .name = (char *)"A", .value = (char *)"b c"}, "-e A=b c"},
        {{.kind = FACT_FIX_REBUILD, .value = (char *)"do it"}, "do it"},
        {{.kind = FACT_FIX_NONE}, ""},
    };
    struct fact *fact = full_fact();
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *words = fact_fix_words(&table[i].fix, fact);
        g_assert_cmpstr(words, ==, table[i].words);
    }
    fact->uid = (uid_t)-1;
    g_autofree char *unknown = fact_fix_words(&table[1].fix, fact);
    g_assert_cmpstr(unknown, ==, "--tmpfs /run/x:mode=0700,tmpcopyup");
    fact_free(fact);
}

static void test_names(void)
{
    struct fact *fact = full_fact();
    g_autofree char *program = fact_program(fact);
    g_assert_cmpstr(program, ==, "no\nde");
    g_clear_pointer(&fact->executable, g_free);
    g_autofree char *comm = fact_program(fact);
    g_assert_cmpstr(comm, ==, "node");
    g_assert_true(fact_is_write(fact));
    fact->operations = 1U << DENIAL_CHMOD | 1U << DENIAL_UTIMES;
    g_assert_false(fact_is_write(fact));
    g_assert_true(fact_has(fact, DENIAL_CHMOD));
    g_assert_false(fact_has(fact, DENIAL_OPEN));
    for (int i = 0; i < FACT_N_BECAUSES; i++) {
        enum fact_because because;
        g_assert_true(fact_because_parse(fact_because_name((enum fact_because)i), &because));
        g_assert_cmpint(because, ==, i);
    }
    fact_free(fact);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fact/round-trip", test_round_trip);
    g_test_add_func("/fact/document", test_document);
    g_test_add_func("/fact/id", test_id);
    g_test_add_func("/fact/wrong-documents", test_wrong_documents);
    g_test_add_func("/fact/no-document", test_no_document);
    g_test_add_func("/fact/fix-words", test_fix_words);
    g_test_add_func("/fact/names", test_names);
    return g_test_run();
}
