#include "status_text.h"

#include "json_bytes.h"
#include "status_use.h"

#include <glib.h>

/* What was written to a route; null where that is not known. */
static void set_use(json_t *route, const struct mount_status *status, size_t at)
{
    struct route_use use = status_route_use(status, at);
    bool is_writable = use.is_known && !status->state->routes[at].read_only;
    json_t *written = json_null();
    if (use.is_known) {
        g_autoptr(GDateTime) last = use.last > 0 ? g_date_time_new_from_unix_utc(use.last) : NULL;
        g_autofree char *when = last != NULL ? g_date_time_format(last, "%Y-%m-%dT%H:%M:%SZ") : NULL;
        written =
            json_pack("{s:I, s:I, s:I, s:I, s:s?}", "changes", (json_int_t)use.changes, "files", (json_int_t)use.files,
                      "bytes", (json_int_t)use.bytes, "grown_bytes", (json_int_t)use.grown, "last", when);
    }
    json_object_set_new(route, "written", written);
    json_object_set_new(route, "never_written", is_writable ? json_boolean(use.is_never) : json_null());
    json_object_set_new(route, "last_writer", use.writer != NULL ? json_deep_copy(use.writer) : json_null());
}

static json_t *routes_to_json(const struct mount_status *status)
{
    json_t *routes = json_array();
    for (size_t i = 0; i < status->state->n_routes; i++) {
        const struct route_spec *spec = &status->state->routes[i];
        const struct guard_space *space = &status->space[i];
        json_t *route = state_route_to_json(spec);
        g_autofree char *options = state_route_options(spec);
        json_bytes_set(route, "options", options);
        json_t *statvfs = json_null();
        if (space->known)
            statvfs =
                json_pack("{s:I, s:I, s:I, s:I}", "size", (json_int_t)space->size, "used", (json_int_t)space->used,
                          "inodes", (json_int_t)space->inodes, "inodes_used", (json_int_t)space->inodes_used);
        json_object_set_new(route, "statvfs", statvfs);
        set_use(route, status, i);
        json_array_append_new(routes, route);
    }
    return routes;
}

/* How often the kernel asked what, and how open files are served; null where that is not known. */
static void set_counters(json_t *json, const struct mount_status *status)
{
    static const char *const requests[] = {COUNTERS_REQUESTS(COUNTERS_NAME)};
    static const char *const files[] = {COUNTERS_FILES(COUNTERS_NAME)};
    const struct counters *counters = &status->counters;
    if (!status->has_counters) {
        json_object_set_new(json, "requests", json_null());
        json_object_set_new(json, "files", json_null());
        json_object_set_new(json, "features", json_null());
        json_object_set_new(json, "learning", json_null());
        json_object_set_new(json, "learned", json_null());
        return;
    }
    json_t *asked = json_object(), *served = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++)
        json_object_set_new(asked, requests[i], json_integer((json_int_t)counters->requests[i]));
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++)
        json_object_set_new(served, files[i], json_integer((json_int_t)counters->files[i]));
    json_object_set_new(json, "requests", asked);
    json_object_set_new(json, "files", served);
    json_t *features =
        json_pack("{s:b, s:b, s:b, s:s}", "passthrough", (counters->features & COUNTERS_FEATURE_PASSTHROUGH) != 0,
                  "io_uring", (counters->features & COUNTERS_FEATURE_IO_URING) != 0, "killpriv",
                  (counters->features & COUNTERS_FEATURE_KILLPRIV) != 0, "libfuse", counters->library);
    json_object_set_new(json, "features", features);
    json_object_set_new(json, "learning", json_boolean(counters->features & COUNTERS_FEATURE_LEARN));
    json_object_set_new(json, "learned", json_integer((json_int_t)counters->learned));
}

static json_t *logs_to_json(const struct state *state)
{
    json_t *logs = json_array();
    for (size_t i = 0; state->logs[i] != NULL; i++) {
        json_t *log = json_object();
        json_bytes_set(log, "destination", state->logs[i]);
        json_object_set_new(log, "format", json_string(state->log_formats[i]));
        json_array_append_new(logs, log);
    }
    return logs;
}

static void set_live(json_t *json, const struct mount_status *status)
{
    static const char *const said[] = {"queue", "classes", "learn_layer"};
    for (size_t i = 0; i < G_N_ELEMENTS(said); i++) {
        const json_t *value = json_object_get(status->live, said[i]);
        json_object_set_new(json, said[i], value != NULL ? json_deep_copy(value) : json_null());
    }
    json_t *options = json_null();
    if (status->options != NULL) {
        options = json_object();
        json_bytes_set(options, "mount", status->options);
        json_bytes_set(options, "file_system", status->super_options);
    }
    json_object_set_new(json, "mount_options", options);
}

static json_t *status_to_json(const struct mount_status *status)
{
    const struct state *state = status->state;
    json_t *json = json_object();
    g_autoptr(GDateTime) since = g_date_time_new_from_unix_utc(state->since / G_USEC_PER_SEC);
    g_autofree char *when = since != NULL ? g_date_time_format(since, "%Y-%m-%dT%H:%M:%SZ") : NULL;
    json_bytes_set(json, "mountpoint", state->mountpoint);
    json_object_set_new(json, "name", json_string(state->name));
    json_object_set_new(json, "state", json_string(status_word(status)));
    json_object_set_new(json, "pid", json_integer(state->pid));
    json_bytes_set(json, "since", when);
    json_bytes_set(json, "image", state->image);
    json_bytes_set_list(json, "layers", (const char *const *)state->layers, g_strv_length(state->layers));
    json_object_set_new(json, "routes", routes_to_json(status));
    json_object_set_new(json, "logs", logs_to_json(state));
    json_object_set_new(json, "fold", json_integer(state->fold));
    json_bytes_set(json, "volume_dir", state->volume_dir);
    json_bytes_set_list(json, "read_only_at", (const char *const *)state->read_only_at,
                        g_strv_length(state->read_only_at));
    json_bytes_set_list(json, "limits", (const char *const *)state->limits, g_strv_length(state->limits));
    set_counters(json, status);
    set_live(json, status);
    return json;
}

char *status_json(const struct mount_status *statuses, size_t n)
{
    json_t *json = json_object(), *mounts = json_array();
    json_object_set_new(json, "schema", json_string("rofuse.status/1"));
    for (size_t i = 0; i < n; i++)
        json_array_append_new(mounts, status_to_json(&statuses[i]));
    json_object_set_new(json, "mounts", mounts);
    char *dumped = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    char *text = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    json_decref(json);
    return text;
}
