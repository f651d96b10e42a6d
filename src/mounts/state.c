#include "state.h"

#include "json_bytes.h"
#include "process.h"

#include <string.h>

#define STATE_SCHEMA "rofuse.state/1"

void state_free(struct state *state)
{
    if (state == NULL)
        return;
    g_free(state->name);
    g_free(state->mountpoint);
    g_free(state->boot_id);
    g_free(state->image);
    g_strfreev(state->layers);
    for (size_t i = 0; i < state->n_routes; i++)
        route_spec_clear(&state->routes[i]);
    g_free(state->routes);
    g_free(state->indexes);
    g_strfreev(state->logs);
    g_strfreev(state->log_formats);
    g_free(state->volume_dir);
    g_strfreev(state->limits);
    g_strfreev(state->read_only_at);
    g_strfreev(state->natives);
    g_free(state);
}

struct route_spec state_copy_route(const struct route_spec *spec)
{
    struct route_spec copy = *spec;
    copy.target = g_strdup(spec->target);
    copy.source = g_strdup(spec->source);
    copy.subpath = g_strdup(spec->subpath);
    return copy;
}

unsigned state_counter(const struct state *state, size_t at)
{
    return state->indexes != NULL ? state->indexes[at] : (unsigned)at;
}

void state_add_route(struct state *state, struct route_spec *spec, unsigned index)
{
    state->routes = g_renew(struct route_spec, state->routes, state->n_routes + 1);
    state->indexes = g_renew(unsigned, state->indexes, state->n_routes + 1);
    state->routes[state->n_routes] = *spec;
    state->indexes[state->n_routes++] = index;
    *spec = (struct route_spec){0};
}

void state_remove_route(struct state *state, size_t at)
{
    size_t after = state->n_routes - at - 1;
    route_spec_clear(&state->routes[at]);
    memmove(&state->routes[at], &state->routes[at + 1], after * sizeof state->routes[0]);
    if (state->indexes != NULL)
        memmove(&state->indexes[at], &state->indexes[at + 1], after * sizeof state->indexes[0]);
    state->n_routes--;
}

json_t *state_route_to_json(const struct route_spec *spec)
{
    json_t *json = json_object();
    json_bytes_set(json, "target", spec->target);
    json_object_set_new(json, "kind", json_string(route_kind_name(spec->kind)));
    json_bytes_set(json, "source", spec->source);
    json_bytes_set(json, "subpath", spec->subpath);
    json_object_set_new(json, "read_only", json_boolean(spec->read_only));
    json_object_set_new(json, "noexec", json_boolean(spec->noexec));
    json_object_set_new(json, "nosuid", json_boolean(spec->nosuid));
    json_object_set_new(json, "nodev", json_boolean(spec->nodev));
    json_object_set_new(json, "nocopy", json_boolean(spec->nocopy));
    json_object_set_new(json, "tmpcopyup", json_boolean(spec->tmpcopyup));
    json_object_set_new(json, "create_source", json_boolean(spec->create_source));
    json_object_set_new(json, "native", json_boolean(spec->native));
    json_object_set_new(json, "size", json_integer((json_int_t)spec->size));
    json_object_set_new(json, "size_percent", json_integer(spec->size_percent));
    json_object_set_new(json, "nr_inodes", json_integer((json_int_t)spec->nr_inodes));
    g_autofree char *mode = spec->has_mode ? g_strdup_printf("%04o", spec->mode) : NULL;
    json_object_set_new(json, "mode", mode != NULL ? json_string(mode) : json_null());
    json_object_set_new(json, "uid", spec->has_uid ? json_integer(spec->uid) : json_null());
    json_object_set_new(json, "gid", spec->has_gid ? json_integer(spec->gid) : json_null());
    return json;
}

static bool get_bool(const json_t *json, const char *key)
{
    return json_is_true(json_object_get(json, key));
}

static uint64_t get_number(const json_t *json, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(json, key));
    return value > 0 ? (uint64_t)value : 0;
}

bool state_route_from_json(const json_t *json, struct route_spec *ret)
{
    struct route_spec spec = {0};
    const char *kind = json_string_value(json_object_get(json, "kind"));
    int number = ROUTE_BIND;
    while (number >= 0 && (kind == NULL || strcmp(kind, route_kind_name((enum route_kind)number)) != 0))
        number--;
    spec.target = json_bytes_get(json, "target");
    if (number < 0 || spec.target == NULL) {
        g_free(spec.target);
        return false;
    }
    spec.kind = (enum route_kind)number;
    spec.source = json_bytes_get(json, "source");
    spec.subpath = json_bytes_get(json, "subpath");
    spec.read_only = get_bool(json, "read_only");
    spec.noexec = get_bool(json, "noexec");
    spec.nosuid = get_bool(json, "nosuid");
    spec.nodev = get_bool(json, "nodev");
    spec.nocopy = get_bool(json, "nocopy");
    spec.tmpcopyup = get_bool(json, "tmpcopyup");
    spec.create_source = get_bool(json, "create_source");
    spec.native = get_bool(json, "native");
    spec.size = get_number(json, "size");
    spec.size_percent = (unsigned)get_number(json, "size_percent");
    spec.nr_inodes = get_number(json, "nr_inodes");
    const char *mode = json_string_value(json_object_get(json, "mode"));
    spec.has_mode = mode != NULL;
    spec.mode = mode != NULL ? (mode_t)g_ascii_strtoull(mode, NULL, 8) & 07777 : 0;
    spec.has_uid = json_is_integer(json_object_get(json, "uid"));
    spec.uid = (uid_t)get_number(json, "uid");
    spec.has_gid = json_is_integer(json_object_get(json, "gid"));
    spec.gid = (gid_t)get_number(json, "gid");
    *ret = spec;
    return true;
}

static void set_list(json_t *json, const char *key, char *const *list)
{
    char *const empty[] = {NULL};
    const char *const *items = (const char *const *)(list != NULL ? list : empty);
    json_bytes_set_list(json, key, items, g_strv_length((char **)items));
}

json_t *state_to_json(const struct state *state)
{
    json_t *json = json_object();
    json_object_set_new(json, "schema", json_string(STATE_SCHEMA));
    json_object_set_new(json, "name", json_string(state->name));
    json_bytes_set(json, "mountpoint", state->mountpoint);
    json_object_set_new(json, "pid", json_integer(state->pid));
    json_object_set_new(json, "start_ticks", json_integer((json_int_t)state->start_ticks));
    json_object_set_new(json, "boot_id", json_string(state->boot_id));
    json_object_set_new(json, "device", json_integer((json_int_t)state->device));
    json_object_set_new(json, "ready", json_boolean(state->ready));
    json_object_set_new(json, "since", json_integer(state->since));
    json_bytes_set(json, "image", state->image);
    set_list(json, "layers", state->layers);
    json_t *routes = json_array();
    for (size_t i = 0; i < state->n_routes; i++)
        json_array_append_new(routes, state_route_to_json(&state->routes[i]));
    json_object_set_new(json, "routes", routes);
    json_t *indexes = json_array();
    for (size_t i = 0; i < state->n_routes; i++)
        json_array_append_new(indexes, json_integer(state_counter(state, i)));
    json_object_set_new(json, "indexes", indexes);
    set_list(json, "logs", state->logs);
    set_list(json, "log_formats", state->log_formats);
    json_object_set_new(json, "fold", json_integer(state->fold));
    json_bytes_set(json, "volume_dir", state->volume_dir);
    set_list(json, "limits", state->limits);
    set_list(json, "read_only_at", state->read_only_at);
    set_list(json, "natives", state->natives);
    return json;
}

struct state *state_from_json(const json_t *json)
{
    const char *schema = json_string_value(json_object_get(json, "schema"));
    if (schema == NULL || strcmp(schema, STATE_SCHEMA) != 0)
        return NULL;
    struct state *state = g_new0(struct state, 1);
    state->name = json_bytes_get(json, "name");
    state->mountpoint = json_bytes_get(json, "mountpoint");
    state->boot_id = json_bytes_get(json, "boot_id");
    state->pid = (pid_t)get_number(json, "pid");
    state->start_ticks = get_number(json, "start_ticks");
    state->device = (dev_t)get_number(json, "device");
    state->ready = get_bool(json, "ready");
    state->since = (int64_t)get_number(json, "since");
    state->image = json_bytes_get(json, "image");
    state->layers = json_bytes_get_list(json, "layers");
    const json_t *routes = json_object_get(json, "routes");
    const json_t *indexes = json_object_get(json, "indexes");
    for (size_t i = 0; i < json_array_size(routes); i++) {
        struct route_spec spec;
        if (state_route_from_json(json_array_get(routes, i), &spec))
            state_add_route(state, &spec, (unsigned)json_integer_value(json_array_get(indexes, i)));
    }
    state->logs = json_bytes_get_list(json, "logs");
    state->log_formats = json_bytes_get_list(json, "log_formats");
    state->fold = (unsigned)get_number(json, "fold");
    state->volume_dir = json_bytes_get(json, "volume_dir");
    state->limits = json_bytes_get_list(json, "limits");
    state->read_only_at = json_bytes_get_list(json, "read_only_at");
    state->natives = json_bytes_get_list(json, "natives");
    if (state->name == NULL || state->mountpoint == NULL || state->boot_id == NULL || state->pid <= 0 ||
        g_strv_length(state->logs) != g_strv_length(state->log_formats)) {
        state_free(state);
        return NULL;
    }
    return state;
}

/* The largest unit that tells a size exactly, as it would be typed. */
static void append_size(GString *words, uint64_t size)
{
    static const char units[] = {'\0', 'k', 'm', 'g', 't'};
    size_t unit = 0;
    while (unit + 1 < G_N_ELEMENTS(units) && size % 1024 == 0) {
        size /= 1024;
        unit++;
    }
    g_string_append_printf(words, "size=%" G_GUINT64_FORMAT, size);
    if (unit > 0)
        g_string_append_c(words, units[unit]);
}

static GString *next_word(GString *words)
{
    if (words->len > 0)
        g_string_append_c(words, ',');
    return words;
}

char *state_route_options(const struct route_spec *spec)
{
    GString *words = g_string_new(NULL);
    const struct {
        bool is_set;
        const char *word;
    } flags[] = {
        {spec->read_only, "ro"},  {spec->noexec, "noexec"},       {spec->nosuid, "nosuid"}, {spec->nodev, "nodev"},
        {spec->nocopy, "nocopy"}, {spec->tmpcopyup, "tmpcopyup"}, {spec->native, "native"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (flags[i].is_set)
            g_string_append(next_word(words), flags[i].word);
    }
    if (spec->size > 0)
        append_size(next_word(words), spec->size);
    if (spec->size_percent > 0)
        g_string_append_printf(next_word(words), "size=%u%%", spec->size_percent);
    if (spec->nr_inodes > 0)
        g_string_append_printf(next_word(words), "nr_inodes=%" G_GUINT64_FORMAT, spec->nr_inodes);
    if (spec->has_mode)
        g_string_append_printf(next_word(words), "mode=%04o", spec->mode);
    if (spec->has_uid)
        g_string_append_printf(next_word(words), "uid=%u", spec->uid);
    if (spec->has_gid)
        g_string_append_printf(next_word(words), "gid=%u", spec->gid);
    if (spec->subpath != NULL)
        g_string_append_printf(next_word(words), "volume-subpath=%s", spec->subpath);
    return g_string_free(words, FALSE);
}

bool state_is_alive(const struct state *state)
{
    g_autofree char *boot_id = process_boot_id();
    return strcmp(boot_id, state->boot_id) == 0 && state->start_ticks != 0 &&
           process_start_ticks(state->pid) == state->start_ticks;
}
