#include "record_parse.h"

#include "app_error.h"
#include "caller.h"
#include "json_read.h"
#include "record_names.h"
#include "route.h"
#include "text.h"

#include <limits.h>
#include <string.h>

#define LOG_SCHEMA "rofuse.log/1"
#define MOST_FLAGS 32
#define MOST_MODE_DIGITS 11

static void read_flags(struct json_read *read, const json_t *object, struct denial_facts *facts)
{
    const json_t *list = json_read_array(read, object, "flags", JSON_READ_OPTIONAL, MOST_FLAGS);
    facts->flags = -1;
    if (list == NULL)
        return;
    int flags = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name == NULL || !record_flag_parse(name, &flags))
            json_read_fail(read, "flags", "has a word that is no flag of open(2)");
    }
    facts->flags = flags;
}

static void read_mode(struct json_read *read, const json_t *object, struct denial_facts *facts)
{
    const char *text = json_read_word(read, object, "mode", JSON_READ_OPTIONAL);
    facts->mode = -1;
    if (text == NULL)
        return;
    guint64 mode = 0;
    if (strlen(text) > MOST_MODE_DIGITS || !g_ascii_string_to_unsigned(text, 8, 0, UINT32_MAX, &mode, NULL))
        json_read_fail(read, "mode", "is no mode in octal");
    else
        facts->mode = (int64_t)mode;
}

/* The name of a kind that the program knows, which outlives everything. */
static const char *read_route_kind(struct json_read *read, const json_t *holder)
{
    static const enum route_kind kinds[] = {ROUTE_TMPFS, ROUTE_VOLUME, ROUTE_BIND};
    const char *word = json_read_word(read, holder, "kind", JSON_READ_OPTIONAL);
    for (size_t i = 0; word != NULL && i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(word, route_kind_name(kinds[i])) == 0)
            return route_kind_name(kinds[i]);
    }
    if (word != NULL)
        json_read_fail(read, "kind", "is neither tmpfs nor volume nor bind");
    return NULL;
}

static void read_holder(struct json_read *read, const json_t *object, struct denial_facts *facts)
{
    const json_t *holder = json_read_object(read, object, "held_by", JSON_READ_REQUIRED);
    facts->layer = -1;
    facts->place = DENIAL_PLACE_MADE;
    if (json_object_get(holder, "layer") != NULL) {
        facts->place = DENIAL_PLACE_IMAGE;
        facts->layer = (int)json_read_integer(read, holder, "layer", JSON_READ_REQUIRED, 0, INT_MAX, -1);
        facts->layer_dir = json_read_path(read, holder, "directory", JSON_READ_OPTIONAL);
    } else if (json_object_get(holder, "route") != NULL) {
        facts->place = DENIAL_PLACE_ROUTE;
        facts->route_target = json_read_path(read, holder, "route", JSON_READ_OPTIONAL);
        facts->route_kind = read_route_kind(read, holder);
    } else if (!json_read_true(read, holder, "made")) {
        json_read_fail(read, "held_by", "names neither a layer nor a route");
    }
}

static pid_t read_pid(struct json_read *read, const json_t *object, const char *key, pid_t unknown)
{
    return (pid_t)json_read_integer(read, object, key, JSON_READ_OPTIONAL, 1, INT_MAX, unknown);
}

static enum caller_home read_home(struct json_read *read, const json_t *parent)
{
    if (json_object_get(parent, "outside") == NULL)
        return CALLER_HOME_UNKNOWN;
    return json_read_true(read, parent, "outside") ? CALLER_HOME_OUTSIDE : CALLER_HOME_INSIDE;
}

static void read_parents(struct json_read *read, const json_t *process, struct caller *caller)
{
    const json_t *list = json_read_array(read, process, "parents", JSON_READ_REQUIRED, CALLER_MAX_PARENTS);
    for (size_t i = 0; i < json_array_size(list) && read->error == NULL; i++) {
        const json_t *parent = json_array_get(list, i);
        struct caller_parent *ret = &caller->parents[caller->n_parents++];
        if (!json_is_object(parent))
            json_read_fail(read, "parents", "is no list of objects");
        ret->pid = read_pid(read, parent, "pid", -1);
        ret->comm = json_read_bytes(read, parent, "comm", JSON_READ_OPTIONAL);
        ret->exe = json_read_bytes(read, parent, "exe", JSON_READ_OPTIONAL);
        ret->home = read_home(read, parent);
    }
}

static void read_groups(struct json_read *read, const json_t *process, struct caller *caller)
{
    const json_t *list = json_read_array(read, process, "groups", JSON_READ_OPTIONAL, CALLER_MAX_GROUPS);
    caller->groups_known = list != NULL;
    caller->groups_truncated = json_read_true(read, process, "groups_truncated");
    caller->groups = g_new0(gid_t, json_array_size(list) + 1);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *group = json_array_get(list, i);
        json_int_t id = json_integer_value(group);
        if (!json_is_null(group) && (!json_is_integer(group) || id < 0 || id >= (json_int_t)UINT32_MAX))
            json_read_fail(read, "groups", "has something that is no group");
        caller->groups[caller->n_groups++] = json_is_null(group) ? (gid_t)-1 : (gid_t)id;
    }
}

static bool is_container_id(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

static void read_process(struct json_read *read, const json_t *object, struct denial_record *record)
{
    const json_t *process = json_read_object(read, object, "process", JSON_READ_REQUIRED);
    struct caller *caller = record->caller;
    caller->pid = read_pid(read, process, "pid", -1);
    caller->tid = read_pid(read, process, "tid", 0);
    caller->pid_inside = read_pid(read, process, "pid_inside", -1);
    read_parents(read, process, caller);
    caller->comm = json_read_bytes(read, process, "comm", JSON_READ_OPTIONAL);
    caller->exe = json_read_bytes(read, process, "exe", JSON_READ_OPTIONAL);
    caller->exe_deleted = json_read_true(read, process, "exe_deleted");
    caller->args = json_read_bytes_list(read, process, "args", JSON_READ_OPTIONAL, CALLER_MOST_ARGS);
    caller->n_args = caller->args != NULL ? g_strv_length(caller->args) : 0;
    caller->args_truncated = json_read_true(read, process, "args_truncated");
    caller->cwd = json_read_bytes(read, process, "cwd", JSON_READ_OPTIONAL);
    caller->uid = record->facts.uid = json_read_id(read, process, "uid");
    caller->gid = record->facts.gid = json_read_id(read, process, "gid");
    caller->real_uid = json_read_id(read, process, "real_uid");
    caller->real_gid = json_read_id(read, process, "real_gid");
    read_groups(read, process, caller);
    caller->start_time = json_read_time(read, process, "start_time", &caller->has_start_time);
    caller->cgroup = json_read_bytes(read, process, "cgroup", JSON_READ_OPTIONAL);
    caller->container_id = json_read_bytes(read, process, "container_id", JSON_READ_OPTIONAL);
    if (caller->container_id != NULL && !is_container_id(caller->container_id))
        json_read_fail(read, "container_id", "is no id of a container");
    record->facts.tid = caller->tid;
}

static void read_words(struct json_read *read, const json_t *object, struct denial_facts *facts)
{
    const char *operation = json_read_word(read, object, "operation", JSON_READ_REQUIRED);
    if (operation != NULL && !record_operation_parse(operation, &facts->operation))
        json_read_fail(read, "operation", "is not the name of an operation");
    const char *why = json_read_word(read, object, "why", JSON_READ_REQUIRED);
    if (why != NULL && !record_why_parse(why, &facts->why))
        json_read_fail(read, "why", "is not the name of a reason");
}

static void read_record(struct json_read *read, const json_t *object, bool is_folded, struct denial_record *record)
{
    struct denial_facts *facts = &record->facts;
    read_words(read, object, facts);
    facts->path = json_read_path(read, object, "path", JSON_READ_REQUIRED);
    facts->target = json_read_bytes(read, object, "target", JSON_READ_OPTIONAL);
    facts->learned = json_read_true(read, object, "learned");
    facts->name_unknown = json_read_true(read, object, "name_unknown");
    read_flags(read, object, facts);
    read_mode(read, object, facts);
    facts->error = (int)json_read_integer(read, object, "errno_number", JSON_READ_REQUIRED, 1, INT_MAX, 0);
    read_holder(read, object, facts);
    read_process(read, object, record);
    record->count =
        (uint64_t)json_read_integer(read, object, "count", JSON_READ_REQUIRED, 1, is_folded ? INT64_MAX : 1, 1);
    record->first = json_read_time(read, object, "first", NULL);
    record->last = json_read_time(read, object, "last", NULL);
}

static void read_event(struct json_read *read, const json_t *object, struct record_line *line)
{
    const char *schema = json_read_word(read, object, "schema", JSON_READ_REQUIRED);
    const char *word = json_read_word(read, object, "event", JSON_READ_REQUIRED);
    if (schema != NULL && strcmp(schema, LOG_SCHEMA) != 0)
        json_read_fail(read, "schema", "is not " LOG_SCHEMA);
    line->mount = g_strdup(json_read_word(read, object, "mount", JSON_READ_REQUIRED));
    line->event.time = json_read_time(read, object, "time", NULL);
    if (read->error != NULL)
        return;
    if (strcmp(word, "dropped") == 0) {
        line->event.kind = DENIAL_EVENT_DROPPED;
        line->event.dropped = (uint64_t)json_read_integer(read, object, "dropped", JSON_READ_REQUIRED, 1, INT64_MAX, 0);
        line->event.dropped_error = (int)json_read_integer(read, object, "errno_number", 0, 1, INT_MAX, 0);
    } else if (strcmp(word, "notice") == 0) {
        line->is_notice = true;
        line->message = g_strdup(json_read_word(read, object, "message", JSON_READ_REQUIRED));
    } else if (strcmp(word, "denied") == 0 || strcmp(word, "folded") == 0) {
        struct denial_record *record = g_new0(struct denial_record, 1);
        record->caller = g_new0(struct caller, 1);
        line->event.record = record;
        line->event.kind = *word == 'f' ? DENIAL_EVENT_FOLDED : DENIAL_EVENT_RECORD;
        read_record(read, object, *word == 'f', record);
    } else {
        json_read_fail(read, "event", "is not the name of an event");
    }
}

struct record_line *record_parse(const char *text, size_t size, GError **error)
{
    json_error_t wrong;
    if (size > RECORD_PARSE_MOST_LINE) {
        app_error_failed(error, "a line of the log is longer than any record");
        return NULL;
    }
    json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &wrong);
    if (!json_is_object(object)) {
        g_autofree char *why = text_escape(object == NULL ? wrong.text : "no object");
        app_error_failed(error, "a line of the log is no JSON: %s", why);
        json_decref(object);
        return NULL;
    }
    struct record_line *line = g_new0(struct record_line, 1);
    struct json_read read = {.what = "a line of the log"};
    read_event(&read, object, line);
    json_decref(object);
    if (json_read_end(&read, error))
        return line;
    record_line_free(line);
    return NULL;
}

static void free_record(const struct denial_record *record)
{
    if (record == NULL)
        return;
    g_free((char *)record->facts.path);
    g_free((char *)record->facts.target);
    g_free((char *)record->facts.layer_dir);
    g_free((char *)record->facts.route_target);
    caller_free(record->caller);
    g_free((void *)record);
}

void record_line_free(struct record_line *line)
{
    if (line == NULL)
        return;
    free_record(line->event.record);
    g_free(line->mount);
    g_free(line->message);
    g_free(line);
}
