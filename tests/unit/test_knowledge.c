/*
 * Each entry of the knowledge base does what its examples say, in words that docker and rofuse understand; and a file of the
 * user's own comes before it.
 */
#include "knowledge.h"

#include "app_error.h"
#include "caller.h"
#include "fact_make.h"
#include "knowledge_data.h"
#include "mount_options.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

static struct fact *fact_of(const char *executable, const char *path, const char *const *args)
{
    struct caller caller = {.pid = 7,
                            .exe = (char *)executable,
                            .comm = (char *)strrchr(executable, '/') + 1,
                            .args = (char **)args,
                            .n_args = args != NULL ? g_strv_length((char **)args) : 0};
    struct denial_record record = {
        .facts =
            {.operation = DENIAL_CREATE, .error = EROFS, .path = path, .uid = 33, .gid = 34, .flags = -1, .mode = -1},
        .count = 1,
        .caller = &caller};
    return fact_make(&record);
}

static struct fact *fact_of_example(const json_t *example)
{
    const json_t *arguments = json_object_get(example, "arguments");
    const char *args[16] = {NULL};
    for (size_t i = 0; i < MIN(json_array_size(arguments), 15); i++)
        args[i] = json_string_value(json_array_get(arguments, i));
    return fact_of(json_string_value(json_object_get(example, "executable")),
                   json_string_value(json_object_get(example, "path")), args);
}

/* As `rofuse mount` would take them, and more: narrow enough. */
static void assert_words(const struct fact *fact, const struct fact_fix *fix)
{
    struct mount_options *options = mount_options_new("/", NULL);
    GError *error = NULL;
    g_autofree char *tmpfs = fact_fix_tmpfs_value(fix, fact);
    if (tmpfs != NULL)
        mount_options_add_tmpfs(options, "--tmpfs", tmpfs, &error);
    g_assert_no_error(error);
    if (fix->kind == FACT_FIX_VOLUME) {
        g_autofree char *volume = g_strdup_printf("%s:%s", fix->name, fix->target);
        mount_options_add_volume(options, "-v", volume, &error);
        g_assert_no_error(error);
    }
    static const char *const never[] = {"/", "/etc", "/usr", "/var", "/home", "/root", "/opt", "/app", NULL};
    g_assert_false(fix->target != NULL && g_strv_contains(never, fix->target));
    mount_options_free(options);
}

static void assert_entry(const struct knowledge *knowledge, const json_t *entry)
{
    const char *id = json_string_value(json_object_get(entry, "id"));
    const char *class = json_string_value(json_object_get(entry, "class"));
    const json_t *examples = json_object_get(entry, "examples");
    g_assert_cmpuint(json_array_size(examples), >, 0);
    for (size_t i = 0; i < json_array_size(examples); i++) {
        struct fact *fact = fact_of_example(json_array_get(examples, i));
        g_test_message("%s: %s", id, fact->place);
        g_assert_true(knowledge_apply(knowledge, NULL, fact));
        g_assert_cmpstr(fact->knowledge, ==, id);
        g_assert_cmpuint(fact->fixes->len, ==, json_array_size(json_object_get(entry, "fixes")));
        g_assert_cmpstr(fact->note, !=, NULL);
        if (class != NULL)
            g_assert_cmpstr(fact_class_name(fact->class), ==, class);
        for (guint k = 0; k < fact->fixes->len; k++)
            assert_words(fact, g_ptr_array_index(fact->fixes, k));
        struct fact_fix *first = g_ptr_array_index(fact->fixes, 0);
        g_assert_false(first->also);
        fact_free(fact);
    }
}

/* The first one that matches an example is its own: no entry is in the shadow of another. */
static void test_examples(void)
{
    struct knowledge *knowledge = knowledge_new(NULL, NULL);
    g_assert_nonnull(knowledge);
    json_t *document = json_loadb((const char *)knowledge_data, knowledge_data_size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *entries = json_object_get(document, "entries");
    g_auto(GStrv) ids = knowledge_ids(knowledge);
    g_assert_cmpuint(g_strv_length(ids), ==, json_array_size(entries)); /* no id twice */
    g_assert_cmpuint(json_array_size(entries), >=, 30);
    for (size_t i = 0; i < json_array_size(entries); i++)
        assert_entry(knowledge, json_array_get(entries, i));
    json_decref(document);
    knowledge_free(knowledge);
}

/* What is told names the file that the program was about. */
static void test_group(void)
{
    struct knowledge *knowledge = knowledge_new(NULL, NULL);
    struct fact *fact = fact_of("/usr/bin/sed", "/etc/groupaB3xYz", NULL);
    g_assert_true(knowledge_apply(knowledge, NULL, fact));
    g_autofree char *words = fact_fix_words(g_ptr_array_index(fact->fixes, 0), fact);
    g_assert_nonnull(strstr(words, "/etc/group"));
    fact_free(fact);
    knowledge_free(knowledge);
}

static void test_no_match(void)
{
    struct knowledge *knowledge = knowledge_new(NULL, NULL);
    static const char *const table[][2] = {
        {"/usr/bin/own", "/srv/own/data"},
        {"/usr/sbin/nginx", "/srv/nginx/x"},
        {"/usr/bin/engine", "/var/cache/nginx/client_temp"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct fact *fact = fact_of(table[i][0], table[i][1], NULL);
        g_assert_false(knowledge_apply(knowledge, "nginx", fact));
        g_assert_null(fact->knowledge);
        fact_free(fact);
    }
    /* It is about places that are not declared. */
    struct fact *fact = fact_of("/usr/sbin/nginx", "/var/cache/nginx/client_temp", NULL);
    fact->why = DENIAL_PERMISSION;
    g_assert_false(knowledge_apply(knowledge, NULL, fact));
    fact_free(fact);
    knowledge_free(knowledge);
}

static char *write_file(const char *text)
{
    char *path = NULL;
    int fd = g_file_open_tmp("rofuse-knowledge-XXXXXX", &path, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

#define FILE_OF(entries) "{\"schema\":\"rofuse.knowledge/1\",\"entries\":[" entries "]}"
#define OWN(more)                                                                                                      \
    "{\"id\":\"own\",\"match\":{\"program\":[\"own\"]" more "},\"note\":\"ours\",\"fixes\":[{\"kind\":\"none\"}]}"

static void test_own_file(void)
{
    char *path = write_file(FILE_OF(OWN(
        ",\"image\":[\"ours/*\"],\"arguments\":[\"own -d*\"],\"why\":[\"permission\"]") ",{\"id\":\"nginx-cache\",\"match\":"
                                                                                        "{\"program\":[\"nginx\"]},\"note\":\"of our own\",\"fixes\":[]}"));
    GError *error = NULL;
    struct knowledge *knowledge = knowledge_new(path, &error);
    g_assert_no_error(error);
    struct fact *fact = fact_of("/usr/sbin/nginx", "/var/cache/nginx/client_temp", NULL);
    g_assert_true(knowledge_apply(knowledge, NULL, fact));
    g_assert_cmpstr(fact->note, ==, "of our own");
    fact_free(fact);
    static const char *const args[] = {"own", "-d", "x", NULL};
    fact = fact_of("/srv/own", "/srv/x", args);
    fact->why = DENIAL_PERMISSION;
    g_assert_false(knowledge_apply(knowledge, NULL, fact));
    g_assert_false(knowledge_apply(knowledge, "theirs/x", fact));
    g_assert_true(knowledge_apply(knowledge, "ours/x", fact));
    fact_free(fact);
    g_auto(GStrv) ids = knowledge_ids(knowledge);
    g_assert_cmpstr(ids[0], ==, "own");
    knowledge_free(knowledge);
    g_unlink(path);
    g_free(path);
}

static void test_wrong_files(void)
{
    static const char *const table[][2] = {
        {"", "is no JSON"},
        {"[]", "\"schema\" is missing"},
        {"{\"schema\":\"rofuse.knowledge/2\"}", "is not rofuse.knowledge/1"},
        {"{\"schema\":\"rofuse.knowledge/1\"}", "\"entries\" is missing"},
        {FILE_OF("7"), "entry 1 (?): \"id\" is missing"},
        {FILE_OF("{\"id\":\"a\"}"), "entry 1 (a): \"match\" is missing"},
        {FILE_OF("{\"id\":\"a\",\"match\":{}}"), "has neither"},
        {FILE_OF("{\"id\":\"a\",\"match\":{\"program\":\"x\"}}"), "\"program\" is no list"},
        {FILE_OF(
             OWN("") ",{\"id\":\"b\",\"match\":{\"program\":[\"x\"]},\"note\":\"n\",\"fixes\":[{\"kind\":\"pray\"}]}"),
         "entry 2 (b): \"kind\" is none of"},
        {FILE_OF("{\"id\":\"a\",\"match\":{\"program\":[\"x\"]},\"note\":\"n\",\"fixes\":[{\"kind\":\"tmpfs\"}]}"),
         "\"target\" is missing"},
        {FILE_OF(
             "{\"id\":\"a\",\"match\":{\"program\":[\"x\"]},\"note\":\"n\",\"fixes\":[{\"kind\":\"tmpfs\",\"target\":\"x\"}]}"),
         "\"target\" is neither"},
        {FILE_OF("{\"id\":\"a\",\"match\":{\"program\":[\"x\"]},\"class\":\"bad\",\"note\":\"n\",\"fixes\":[]}"),
         "\"class\" is none of"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        char *path = write_file(table[i][0]);
        GError *error = NULL;
        g_test_message("%s", table[i][0]);
        g_assert_null(knowledge_new(path, &error));
        g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
        g_assert_nonnull(strstr(error->message, table[i][1]));
        g_assert_nonnull(strstr(error->message, path));
        g_clear_error(&error);
        g_unlink(path);
        g_free(path);
    }
    GError *error = NULL;
    g_assert_null(knowledge_new("/nowhere/at/all", &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_USAGE);
    g_clear_error(&error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/knowledge/examples", test_examples);
    g_test_add_func("/knowledge/group", test_group);
    g_test_add_func("/knowledge/no-match", test_no_match);
    g_test_add_func("/knowledge/own-file", test_own_file);
    g_test_add_func("/knowledge/wrong-files", test_wrong_files);
    return g_test_run();
}
