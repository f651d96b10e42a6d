#include "run_bundle.h"

#include "app_error.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

static struct run_spec make_spec(const char *command)
{
    struct run_spec spec = {
        .runtime = RUN_RUNC,
        .root = g_strdup("/mnt/web"),
        .name = g_strdup("web"),
        .hostname = g_strdup("box"),
        .argv = g_strsplit(command, " ", -1),
        .env = g_strsplit("PATH=/bin|KEY=a \"b\"", "|", -1),
        .working_dir = g_strdup("/srv"),
        .uid = geteuid(),
        .gid = getegid(),
        .groups = g_new0(gid_t, 1),
        .n_groups = 1,
    };
    return spec;
}

static char *make_directory(void)
{
    return g_dir_make_tmp("rofuse-bundle-XXXXXX", NULL);
}

static void remove_directory(char *directory)
{
    static const char *const names[] = {"config.json", "resolv.conf", "hosts", "hostname"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(directory, names[i], NULL);
        g_unlink(path);
    }
    g_assert_cmpint(g_rmdir(directory), ==, 0); /* nothing else is in it */
    g_free(directory);
}

static const char *get(const json_t *json, const char *first, const char *second)
{
    return json_string_value(json_object_get(json_object_get(json, first), second));
}

static bool has_namespace(const json_t *json, const char *type)
{
    const json_t *list = json_object_get(json_object_get(json, "linux"), "namespaces");
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (g_strcmp0(json_string_value(json_object_get(json_array_get(list, i), "type")), type) == 0)
            return true;
    }
    return false;
}

static void test_content(void)
{
    char *directory = make_directory();
    struct run_spec spec = make_spec("sh -c true");
    GError *error = NULL;
    g_assert_true(run_bundle_write(&spec, directory, &error));
    g_assert_no_error(error);
    g_autofree char *path = g_build_filename(directory, "config.json", NULL);
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    g_assert_nonnull(json);
    g_assert_cmpstr(get(json, "root", "path"), ==, "/mnt/web");
    /* With true the kernel would refuse by itself and the log would stay empty. */
    g_assert_true(json_is_false(json_object_get(json_object_get(json, "root"), "readonly")));
    g_assert_cmpstr(get(json, "process", "cwd"), ==, "/srv");
    const json_t *process = json_object_get(json, "process");
    g_assert_cmpuint(json_array_size(json_object_get(process, "args")), ==, 3);
    g_assert_cmpstr(json_string_value(json_array_get(json_object_get(process, "env"), 1)), ==, "KEY=a \"b\"");
    g_assert_true(json_is_true(json_object_get(process, "noNewPrivileges")));
    g_assert_true(has_namespace(json, "mount") && has_namespace(json, "pid") && has_namespace(json, "uts"));
    g_assert_false(has_namespace(json, "network"));
    json_decref(json);
    run_spec_clear(&spec);
    remove_directory(directory);
}

/* JSON has no bytes: that is said, and not another command run. */
static void test_not_utf8(void)
{
    char *directory = make_directory();
    struct run_spec spec = make_spec("sh \xff");
    g_autoptr(GError) error = NULL;
    g_assert_false(run_bundle_write(&spec, directory, &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "UTF-8"));
    run_spec_clear(&spec);
    remove_directory(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/run_bundle/content", test_content);
    g_test_add_func("/run_bundle/not_utf8", test_not_utf8);
    return g_test_run();
}
