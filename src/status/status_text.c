#include "status_text.h"

#include "json_bytes.h"
#include "status_use.h"
#include "text.h"
#include "text_table.h"

#include <glib.h>
#include <string.h>

#define COLUMNS 6

const char *status_word(const struct mount_status *status)
{
    if (!status->is_alive)
        return "dead";
    if (!status->state->ready)
        return "starting";
    return status->is_mounted ? "alive" : "detached";
}

/* Three digits that matter and a unit: "1.5M". */
static char *human_size(uint64_t size)
{
    static const char units[] = "\0kMGTPE";
    double value = (double)size;
    size_t unit = 0;
    while (value >= 1024 && unit + 2 < sizeof units) {
        value /= 1024;
        unit++;
    }
    if (unit == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT, size);
    return g_strdup_printf(value < 10 ? "%.1f%c" : "%.0f%c", value, units[unit]);
}

static void append_list(GString *text, const char *label, char *const *list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        g_autofree char *shown = text_escape(list[i]);
        text_table_append_line(text, i == 0 ? label : "", shown);
    }
}

static char *source_word(const struct route_spec *spec)
{
    if (spec->source != NULL)
        return text_word(spec->source);
    return g_strdup(spec->kind == ROUTE_VOLUME ? "(anonymous)" : "-");
}

/* One row, its cells owned by the array. */
static void add_row(GPtrArray *cells, const struct route_spec *spec, const struct guard_space *space)
{
    g_autofree char *options = state_route_options(spec);
    g_ptr_array_add(cells, text_word(spec->target));
    g_ptr_array_add(cells, g_strdup(route_kind_name(spec->kind)));
    g_ptr_array_add(cells, source_word(spec));
    g_ptr_array_add(cells, *options != '\0' ? text_word(options) : g_strdup("rw"));
    g_ptr_array_add(cells, space->known ? human_size(space->size) : g_strdup("?"));
    g_ptr_array_add(cells, space->known ? human_size(space->used) : g_strdup("?"));
}

static void append_routes(GString *text, const struct mount_status *status)
{
    static const char *const heads[COLUMNS] = {"TARGET", "KIND", "SOURCE", "OPTIONS", "SIZE", "USED"};
    const struct state *state = status->state;
    if (state->n_routes == 0) {
        text_table_append_line(text, "routes", "none: everything is read-only");
        return;
    }
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (int column = 0; column < COLUMNS; column++)
        g_ptr_array_add(cells, g_strdup(heads[column]));
    for (size_t i = 0; i < state->n_routes; i++)
        add_row(cells, &state->routes[i], &status->space[i]);
    text_table_append(text, "routes", cells, COLUMNS);
}

/* When, and by whom. */
static char *writer_words(const struct route_use *use)
{
    const json_t *pid = json_object_get(use->writer, "pid");
    g_autofree char *comm = json_bytes_get(use->writer, "comm"), *shown = comm != NULL ? text_word(comm) : NULL;
    if (use->writer == NULL)
        return g_strdup("?");
    return json_is_integer(pid)
               ? g_strdup_printf("%s (%" JSON_INTEGER_FORMAT ")", shown != NULL ? shown : "?", json_integer_value(pid))
               : g_strdup(shown != NULL ? shown : "?");
}

/* Of what the kernel wrote by itself only the growth of files is seen: then it is the least. */
static char *bytes_words(const struct route_use *use)
{
    g_autofree char *size = human_size(use->bytes + use->grown);
    return g_strdup_printf("%s%s", use->grown > 0 ? ">=" : "", size);
}

/* The time of a day, of today, or the day. */
static char *last_words(int64_t seconds)
{
    g_autoptr(GDateTime) last = g_date_time_new_from_unix_local(seconds);
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    if (last == NULL)
        return g_strdup("?");
    bool is_today = g_date_time_get_day_of_year(last) == g_date_time_get_day_of_year(now) &&
                    g_date_time_get_year(last) == g_date_time_get_year(now);
    return g_date_time_format(last, is_today ? "%H:%M:%S" : "%Y-%m-%d");
}

#define WRITTEN_COLUMNS 5

static void add_use(GPtrArray *cells, const struct mount_status *status, size_t at)
{
    struct route_use use = status_route_use(status, at);
    bool is_read_only = status->state->routes[at].read_only, is_native = status->state->routes[at].native;
    g_ptr_array_add(cells, text_word(status->state->routes[at].target));
    if (!use.is_known || is_read_only || use.is_never) {
        g_ptr_array_add(cells, g_strdup(is_read_only ? "-" : is_native ? "native" : use.is_known ? "never" : "?"));
        for (int column = 2; column < WRITTEN_COLUMNS; column++)
            g_ptr_array_add(cells, g_strdup(""));
        return;
    }
    g_ptr_array_add(cells, g_strdup_printf("%" G_GUINT64_FORMAT, use.files));
    g_ptr_array_add(cells, bytes_words(&use));
    g_ptr_array_add(cells, last_words(use.last));
    g_ptr_array_add(cells, writer_words(&use));
}

/* What was written where; nothing where nobody knows. */
static void append_written(GString *text, const struct mount_status *status)
{
    static const char *const heads[WRITTEN_COLUMNS] = {"TARGET", "FILES", "BYTES", "LAST", "BY"};
    if (!status->has_counters || status->state->n_routes == 0)
        return;
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (int column = 0; column < WRITTEN_COLUMNS; column++)
        g_ptr_array_add(cells, g_strdup(heads[column]));
    for (size_t i = 0; i < status->state->n_routes; i++)
        add_use(cells, status, i);
    text_table_append(text, "written", cells, WRITTEN_COLUMNS);
}

/* Refused writes, and which of them are in no log. */
static void append_queue(GString *text, const struct mount_status *status)
{
    const json_t *queue = json_object_get(status->live, "queue"), *logs = json_object_get(queue, "logs");
    if (!json_is_object(queue))
        return;
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_printf(line, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(queue, "denied")));
    static const struct {
        const char *key, *words;
    } parts[] = {{"folded", "folded"}, {"waiting", "not yet in the log"}, {"dropped", "lost"}};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        json_int_t n = json_integer_value(json_object_get(queue, parts[i].key));
        if (n > 0)
            g_string_append_printf(line, ", %" JSON_INTEGER_FORMAT " %s", n, parts[i].words);
    }
    for (size_t i = 0; i < json_array_size(logs); i++) {
        json_int_t n = json_integer_value(json_object_get(json_array_get(logs, i), "dropped"));
        g_autofree char *dest = json_bytes_get(json_array_get(logs, i), "destination");
        g_autofree char *shown = dest != NULL ? text_escape(dest) : NULL;
        if (n > 0)
            g_string_append_printf(line, "; %" JSON_INTEGER_FORMAT " not in %s", n, shown != NULL ? shown : "?");
    }
    text_table_append_line(text, "denied", line->str);
}

/* What the refusals meant, the worst first. */
static void append_classes(GString *text, const struct mount_status *status)
{
    const char *class;
    json_t *calls;
    g_autoptr(GString) line = g_string_new(NULL);
    json_object_foreach(json_object_get(status->live, "classes"), class, calls)
    {
        if (json_integer_value(calls) > 0)
            g_string_append_printf(line, "%s%" JSON_INTEGER_FORMAT " %s", line->len > 0 ? ", " : "",
                                   json_integer_value(calls), class);
    }
    if (line->len > 0)
        text_table_append_line(text, "classes", line->str);
}

/* As the kernel has them, on two lines of their own. */
static void append_options(GString *text, const struct mount_status *status)
{
    if (status->options == NULL)
        return;
    g_autofree char *mount = text_escape(status->options), *file_system = text_escape(status->super_options);
    text_table_append_line(text, "mounted", mount);
    text_table_append_line(text, "", file_system);
}

static void append_logs(GString *text, const struct state *state)
{
    for (size_t i = 0; state->logs[i] != NULL; i++) {
        g_autofree char *dest = strcmp(state->logs[i], "-") == 0 ? g_strdup("stderr") : text_escape(state->logs[i]);
        g_autofree char *fold =
            state->fold > 0 ? g_strdup_printf("folded over %u s", state->fold) : g_strdup("not folded");
        g_autofree char *line = g_strdup_printf("%s (%s, %s)", dest, state->log_formats[i], fold);
        text_table_append_line(text, i == 0 ? "log" : "", line);
    }
}

#define REQUESTS_SHOWN 5

/* How often the kernel asked, and for what most of all. */
static void append_requests(GString *text, const struct counters *counters)
{
    static const char *const names[] = {COUNTERS_REQUESTS(COUNTERS_NAME)};
    bool shown[G_N_ELEMENTS(names)] = {false};
    uint64_t all = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        all += counters->requests[i];
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_printf(line, "%" G_GUINT64_FORMAT, all);
    for (int rank = 0; rank < REQUESTS_SHOWN; rank++) {
        size_t most = 0;
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
            if (!shown[i] && (shown[most] || counters->requests[i] > counters->requests[most]))
                most = i;
        shown[most] = true;
        if (counters->requests[most] > 0)
            g_string_append_printf(line, "%s %s %" G_GUINT64_FORMAT, rank == 0 ? ":" : ",", names[most],
                                   (uint64_t)counters->requests[most]);
    }
    text_table_append_line(text, "requests", line->str);
}

/* Of learn mode's layer, where it is on and the daemon answers. */
static void append_learn_layer(GString *line, const json_t *live)
{
    const json_t *layer = json_object_get(live, "learn_layer");
    if (!json_is_object(layer))
        return;
    g_autofree char *used =
        g_format_size_full((guint64)json_integer_value(json_object_get(layer, "used")), G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *size =
        g_format_size_full((guint64)json_integer_value(json_object_get(layer, "size")), G_FORMAT_SIZE_IEC_UNITS);
    g_string_append_printf(line, "; the layer holds %s of %s", used, size);
}

static void append_counters(GString *text, const struct mount_status *status)
{
    const struct counters *counters = &status->counters;
    static const char *const reasons[] = {
        [COUNTERS_FILE_small] = "small",
        [COUNTERS_FILE_nearly_full] = "in a place that is nearly full",
        [COUNTERS_FILE_refused] = "refused by the kernel",
    };
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_printf(line, "libfuse %s%s%s", counters->library,
                    counters->features & COUNTERS_FEATURE_PASSTHROUGH ? ", passthrough" : "",
                    counters->features & COUNTERS_FEATURE_IO_URING ? ", io_uring" : "");
    text_table_append_line(text, "fuse", line->str);
    g_string_printf(line, "%" G_GUINT64_FORMAT " by passthrough, %" G_GUINT64_FORMAT " by the daemon",
                    (uint64_t)counters->files[COUNTERS_FILE_passthrough],
                    (uint64_t)counters->files[COUNTERS_FILE_daemon]);
    for (size_t i = COUNTERS_FILE_small; i < G_N_ELEMENTS(reasons); i++)
        if (counters->files[i] > 0)
            g_string_append_printf(line, "; %" G_GUINT64_FORMAT " %s", (uint64_t)counters->files[i], reasons[i]);
    text_table_append_line(text, "opened", line->str);
    if ((counters->features & COUNTERS_FEATURE_LEARN) || counters->learned > 0) {
        g_string_printf(line, "%s; %" G_GUINT64_FORMAT " changes would have been refused",
                        counters->features & COUNTERS_FEATURE_LEARN ? "on" : "off", (uint64_t)counters->learned);
        append_learn_layer(line, status->live);
        text_table_append_line(text, "learning", line->str);
    }
    append_requests(text, counters);
}

static void append_status(GString *text, const struct mount_status *status)
{
    const struct state *state = status->state;
    g_autofree char *point = text_word(state->mountpoint);
    g_autoptr(GDateTime) since = g_date_time_new_from_unix_local(state->since / G_USEC_PER_SEC);
    g_autofree char *when = since != NULL ? g_date_time_format(since, "%Y-%m-%d %H:%M:%S") : g_strdup("?");
    g_autofree char *pid = g_strdup_printf("%d, since %s", (int)state->pid, when);
    g_string_append_printf(text, "%s\n", point);
    text_table_append_line(text, "name", state->name);
    text_table_append_line(text, "state", status_word(status));
    text_table_append_line(text, "pid", pid);
    if (state->image != NULL) {
        g_autofree char *image = text_word(state->image);
        text_table_append_line(text, "image", image);
    }
    if (state->layers == NULL || state->layers[0] == NULL)
        text_table_append_line(text, "layers", "none");
    append_list(text, "layers", state->layers);
    append_options(text, status);
    append_routes(text, status);
    append_written(text, status);
    append_logs(text, state);
    append_queue(text, status);
    append_classes(text, status);
    if (status->has_counters)
        append_counters(text, status);
    /* Others have made it so, and what is refused there is in no log. */
    append_list(text, "readonly", state->read_only_at);
    append_list(text, "limits", state->limits);
}

char *status_text(const struct mount_status *statuses, size_t n)
{
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            g_string_append_c(text, '\n');
        append_status(text, &statuses[i]);
    }
    if (n == 0)
        g_string_append(text, "no mounts\n");
    return g_string_free(text, FALSE);
}
