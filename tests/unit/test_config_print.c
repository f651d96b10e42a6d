#include "config_print.h"

#include <glib.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static char *command[] = {(char *)"sh", (char *)"-c", (char *)"a b", NULL};
static char *nothing[] = {NULL};
static char *environment[] = {(char *)"A=1", (char *)"B=\x1b[m", NULL};

static struct route_spec routes[] = {
    {.kind = ROUTE_TMPFS, .target = (char *)"/tmp", .noexec = true, .size = 65536},
    {.kind = ROUTE_VOLUME, .target = (char *)"/a b"},
    {.kind = ROUTE_VOLUME, .target = (char *)"/data", .source = (char *)"p_data", .subpath = (char *)"x"},
};

static void test_text(void)
{
    const struct config_print config = {.service = "api",
                                        .file = "/srv/compose.yaml",
                                        .image = "i:1",
                                        .routes = routes,
                                        .n_routes = G_N_ELEMENTS(routes),
                                        .entrypoint = nothing,
                                        .command = command,
                                        .environment = environment,
                                        .init = true,
                                        .tty = true};
    g_autofree char *text = config_print_text(&config);
    g_assert_cmpstr(text, ==,
                    "api\n"
                    "  file     /srv/compose.yaml\n"
                    "  image    i:1\n"
                    "  routes   TARGET  KIND    SOURCE       OPTIONS\n"
                    "           /tmp    tmpfs   -            noexec,size=64k\n"
                    "           \"/a b\"  volume  (anonymous)  rw\n"
                    "           /data   volume  p_data       volume-subpath=x\n"
                    "  entry    (none)\n"
                    "  command  sh -c \"a b\"\n"
                    "  env      A=1\n"
                    "           B=\\x1b[m\n"
                    "  process  init, tty\n");
}

static void test_empty(void)
{
    const struct config_print config = {0};
    g_autofree char *text = config_print_text(&config);
    g_assert_cmpstr(text, ==, "(layers alone)\n  routes   none: everything is read-only\n");
}

static void test_json(void)
{
    const struct config_print config = {.service = "api",
                                        .routes = routes,
                                        .n_routes = G_N_ELEMENTS(routes),
                                        .entrypoint = nothing,
                                        .command = command,
                                        .user = "1000",
                                        .read_only = true};
    g_autofree char *text = config_print_json(&config);
    g_assert_true(g_str_has_suffix(text, "}\n"));
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    g_assert_nonnull(json);
    g_assert_cmpstr(json_string_value(json_object_get(json, "schema")), ==, "rofuse.config/1");
    g_assert_cmpuint(json_array_size(json_object_get(json, "routes")), ==, 3);
    const json_t *route = json_array_get(json_object_get(json, "routes"), 2);
    g_assert_cmpstr(json_string_value(json_object_get(route, "options")), ==, "volume-subpath=x");
    g_assert_cmpuint(json_array_size(json_object_get(json, "command")), ==, 3);
    g_assert_true(json_is_array(json_object_get(json, "entrypoint")));
    g_assert_cmpuint(json_array_size(json_object_get(json, "entrypoint")), ==, 0);
    static const char *const unsaid[] = {"file",        "project",  "image",       "source",      "layers",
                                         "environment", "hostname", "working_dir", "stop_signal", "external_volumes"};
    for (size_t i = 0; i < G_N_ELEMENTS(unsaid); i++)
        g_assert_true(json_is_null(json_object_get(json, unsaid[i])));
    g_assert_true(json_is_true(json_object_get(json, "read_only")));
    g_assert_true(json_is_false(json_object_get(json, "tty")));
    g_assert_cmpstr(json_string_value(json_object_get(json, "user")), ==, "1000");
    json_decref(json);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/config-print/text", test_text);
    g_test_add_func("/config-print/empty", test_empty);
    g_test_add_func("/config-print/json", test_json);
    return g_test_run();
}
