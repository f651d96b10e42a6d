#include "status_text.h"

#include "status_use.h"

#include <glib.h>
#include <jansson.h>
#include <string.h>

static char *nothing[] = {NULL};
static char *layers[] = {"/layer", NULL};

static struct state some_state(void)
{
    return (struct state){.name = "one",
                          .mountpoint = "/mnt/root",
                          .pid = 42,
                          .ready = true,
                          .layers = layers,
                          .logs = nothing,
                          .log_formats = nothing,
                          .volume_dir = "/volumes",
                          .limits = nothing,
                          .read_only_at = nothing,
                          .natives = nothing};
}

static struct mount_status alive(const struct state *state)
{
    struct mount_status status = {.state = state, .is_alive = true, .is_mounted = true, .has_counters = true};
    strcpy(status.counters.library, "3.18.2");
    return status;
}

/* Whether the text has a line with this label and value. */
static void assert_line(const struct mount_status *status, const char *label, const char *value)
{
    g_autofree char *text = status_text(status, 1);
    g_autofree char *line = g_strdup_printf("\n  %-8s %s\n", label, value);
    if (strstr(text, line) == NULL)
        g_error("no line \"%s\" with \"%s\" in:\n%s", label, value, text);
}

static void words(void)
{
    struct state state = some_state();
    struct mount_status status = alive(&state);
    g_assert_cmpstr(status_word(&status), ==, "alive");
    status.is_mounted = false;
    g_assert_cmpstr(status_word(&status), ==, "detached");
    state.ready = false;
    g_assert_cmpstr(status_word(&status), ==, "starting");
    status.is_alive = false;
    g_assert_cmpstr(status_word(&status), ==, "dead");
    g_autofree char *none = status_text(NULL, 0);
    g_assert_cmpstr(none, ==, "no mounts\n");
}

static void feature_line(void)
{
    struct state state = some_state();
    struct mount_status status = alive(&state);
    assert_line(&status, "fuse", "libfuse 3.18.2");
    status.counters.features = COUNTERS_FEATURE_PASSTHROUGH;
    assert_line(&status, "fuse", "libfuse 3.18.2, passthrough");
    status.counters.features = COUNTERS_FEATURE_IO_URING | COUNTERS_FEATURE_KILLPRIV;
    assert_line(&status, "fuse", "libfuse 3.18.2, io_uring");
    status.counters.features |= COUNTERS_FEATURE_PASSTHROUGH;
    assert_line(&status, "fuse", "libfuse 3.18.2, passthrough, io_uring");
}

static void opened_line(void)
{
    struct state state = some_state();
    struct mount_status status = alive(&state);
    assert_line(&status, "opened", "0 by passthrough, 0 by the daemon");
    status.counters.files[COUNTERS_FILE_passthrough] = 12;
    status.counters.files[COUNTERS_FILE_daemon] = 3000000000;
    assert_line(&status, "opened", "12 by passthrough, 3000000000 by the daemon");
    status.counters.files[COUNTERS_FILE_small] = 1;
    status.counters.files[COUNTERS_FILE_refused] = 7;
    assert_line(&status, "opened", "12 by passthrough, 3000000000 by the daemon; 1 small; 7 refused by the kernel");
    status.counters.files[COUNTERS_FILE_nearly_full] = 2;
    assert_line(&status, "opened",
                "12 by passthrough, 3000000000 by the daemon; 1 small; 2 in a place that is nearly full; "
                "7 refused by the kernel");
}

/* The sum of all, and the five that were asked most. */
static void requests_line(void)
{
    struct state state = some_state();
    struct mount_status status = alive(&state);
    assert_line(&status, "requests", "0");
    status.counters.requests[COUNTERS_tmpfile] = 1;
    assert_line(&status, "requests", "1: tmpfile 1");
    for (int i = 0; i < COUNTERS_N_REQUESTS; i++)
        status.counters.requests[i] = 1;
    status.counters.requests[COUNTERS_lookup] = 5;
    status.counters.requests[COUNTERS_read] = 900;
    status.counters.requests[COUNTERS_tmpfile] = 30;
    status.counters.requests[COUNTERS_write] = 901;
    status.counters.requests[COUNTERS_mkdir] = 6;
    g_autofree char *line = g_strdup_printf("%d: write 901, read 900, tmpfile 30, mkdir 6, lookup 5",
                                            COUNTERS_N_REQUESTS - 5 + 5 + 900 + 30 + 901 + 6);
    assert_line(&status, "requests", line);
}

static void without_counters(void)
{
    struct state state = some_state();
    struct mount_status status = alive(&state);
    status.has_counters = false;
    g_autofree char *text = status_text(&status, 1);
    g_assert_null(strstr(text, "requests"));
    g_assert_null(strstr(text, "opened"));
    g_assert_null(strstr(text, "libfuse"));
    g_autofree char *dumped = status_json(&status, 1);
    json_t *json = json_loads(dumped, 0, NULL);
    const json_t *mount = json_array_get(json_object_get(json, "mounts"), 0);
    g_assert_true(json_is_null(json_object_get(mount, "requests")));
    g_assert_true(json_is_null(json_object_get(mount, "files")));
    g_assert_true(json_is_null(json_object_get(mount, "features")));
    json_decref(json);
}

static void json(void)
{
    static const char *const requests[] = {COUNTERS_REQUESTS(COUNTERS_NAME)};
    static const char *const files[] = {COUNTERS_FILES(COUNTERS_NAME)};
    struct state state = some_state();
    struct mount_status status = alive(&state);
    for (int i = 0; i < COUNTERS_N_REQUESTS; i++)
        status.counters.requests[i] = (uint64_t)i * 1000000007;
    for (int i = 0; i < COUNTERS_N_FILES; i++)
        status.counters.files[i] = (uint64_t)i + 5;
    status.counters.features = COUNTERS_FEATURE_KILLPRIV;
    g_autofree char *dumped = status_json(&status, 1);
    json_t *all = json_loads(dumped, JSON_REJECT_DUPLICATES, NULL);
    g_assert_cmpstr(json_string_value(json_object_get(all, "schema")), ==, "rofuse.status/1");
    const json_t *mount = json_array_get(json_object_get(all, "mounts"), 0);
    const json_t *asked = json_object_get(mount, "requests"), *served = json_object_get(mount, "files");
    g_assert_cmpuint(json_object_size(asked), ==, COUNTERS_N_REQUESTS);
    g_assert_cmpuint(json_object_size(served), ==, COUNTERS_N_FILES);
    for (size_t i = 0; i < COUNTERS_N_REQUESTS; i++)
        g_assert_cmpint(json_integer_value(json_object_get(asked, requests[i])), ==, (json_int_t)i * 1000000007);
    for (size_t i = 0; i < COUNTERS_N_FILES; i++)
        g_assert_cmpint(json_integer_value(json_object_get(served, files[i])), ==, (json_int_t)i + 5);
    const json_t *features = json_object_get(mount, "features");
    g_assert_true(json_is_false(json_object_get(features, "passthrough")));
    g_assert_true(json_is_false(json_object_get(features, "io_uring")));
    g_assert_true(json_is_true(json_object_get(features, "killpriv")));
    g_assert_cmpstr(json_string_value(json_object_get(features, "libfuse")), ==, "3.18.2");
    json_decref(all);
}

/* Routes that were written, never were, cannot be, or are the kernel's alone; and one whose counters are elsewhere. */
static void written(void)
{
    struct route_spec routes[] = {{.kind = ROUTE_TMPFS, .target = (char *)"/tmp"},
                                  {.kind = ROUTE_TMPFS, .target = (char *)"/never"},
                                  {.kind = ROUTE_VOLUME, .target = (char *)"/ro", .read_only = true},
                                  {.kind = ROUTE_TMPFS, .target = (char *)"/native", .native = true},
                                  {.kind = ROUTE_TMPFS, .target = (char *)"/later"}};
    struct state state = some_state();
    struct mount_status status = alive(&state);
    struct guard_space spaces[G_N_ELEMENTS(routes)] = {0};
    state.routes = routes;
    state.n_routes = G_N_ELEMENTS(routes);
    status.space = spaces;
    status.counters.changes[0] = 3;
    status.counters.written[0].files = 2;
    status.counters.written[0].bytes = 1000;
    status.counters.written[0].grown = 24;
    status.counters.written[9].files = 5;
    status.counters.changes[9] = 5;
    json_t *live = json_pack("{s:[{s:s, s:i, s:{s:i, s:s}}, {s:s, s:i, s:n}]}", "routes", "target", "/tmp", "index", 0,
                             "last_writer", "pid", 42, "comm", "sh", "target", "/later", "index", 9, "last_writer");
    status.live = live;
    struct route_use use = status_route_use(&status, 0);
    g_assert_true(use.is_known && !use.is_never && use.writer != NULL);
    g_assert_true(status_route_use(&status, 1).is_never);
    g_assert_false(status_route_use(&status, 2).is_never);
    g_assert_false(status_route_use(&status, 3).is_known);
    g_assert_cmpuint(status_route_use(&status, 4).files, ==, 5);
    g_autofree char *text = status_text(&status, 1);
    g_assert_nonnull(strstr(text, "  written  TARGET   FILES   BYTES   LAST        BY\n"));
    g_assert_nonnull(strstr(text, "/tmp     2       >=1.0k  "));
    g_assert_nonnull(strstr(text, "sh (42)\n"));
    g_assert_nonnull(strstr(text, "/never   never\n"));
    g_assert_nonnull(strstr(text, "/ro      -\n"));
    g_assert_nonnull(strstr(text, "/native  native\n"));
    json_decref(live);
}

/* What was lost, and where. */
static void queue_line(void)
{
    struct state state = some_state();
    struct mount_status status = alive(&state);
    json_t *live =
        json_pack("{s:{s:i, s:i, s:i, s:i, s:[{s:s, s:i, s:i}]}}", "queue", "denied", 9, "folded", 4, "dropped", 1,
                  "waiting", 0, "logs", "destination", "file:/log", "waiting", 0, "dropped", 2);
    status.live = live;
    assert_line(&status, "denied", "9, 4 folded, 1 lost; 2 not in file:/log");
    json_decref(live);
    /* An answer of another version. */
    status.live = live = json_pack("{s:i, s:i}", "queue", 3, "routes", 4);
    g_autofree char *text = status_text(&status, 1);
    g_assert_null(strstr(text, "denied"));
    json_decref(live);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/status/words", words);
    g_test_add_func("/status/feature-line", feature_line);
    g_test_add_func("/status/opened-line", opened_line);
    g_test_add_func("/status/requests-line", requests_line);
    g_test_add_func("/status/without-counters", without_counters);
    g_test_add_func("/status/json", json);
    g_test_add_func("/status/written", written);
    g_test_add_func("/status/queue-line", queue_line);
    return g_test_run();
}
