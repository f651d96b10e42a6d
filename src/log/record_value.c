#include "record_value.h"

#include "caller.h"
#include "record_names.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

void record_put(json_t *object, const char *key, json_t *value)
{
    if (value != NULL)
        json_object_set_new(object, key, value);
}

void record_put_text(json_t *object, const char *key, const char *bytes)
{
    if (bytes == NULL)
        return;
    g_autofree char *repaired = text_repair(bytes);
    json_object_set_new(object, key, json_string(repaired != NULL ? repaired : bytes));
}

void record_put_pid(json_t *object, const char *key, pid_t pid)
{
    if (pid > 0)
        json_object_set_new(object, key, json_integer(pid));
}

void record_put_id(json_t *object, const char *key, uint32_t id)
{
    if (id != UINT32_MAX)
        json_object_set_new(object, key, json_sprintf("%u", (unsigned)id));
}

void record_put_time(json_t *object, const char *key, const struct timespec *time)
{
    g_autofree char *text = record_time_utc(time);
    json_object_set_new(object, key, json_string(text));
}

json_t *record_unless_empty(json_t *object)
{
    if (json_object_size(object) > 0)
        return object;
    json_decref(object);
    return NULL;
}

char *record_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return g_strdup(slash != NULL && slash[1] != '\0' ? slash + 1 : path);
}

char *record_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return g_strdup("/");
    return g_strndup(path, (gsize)(slash - path));
}

char *record_process_name(const struct caller *caller)
{
    return caller->exe != NULL ? record_base_name(caller->exe) : g_strdup(caller->comm);
}

char *record_command_line(const struct caller *caller)
{
    return caller->args != NULL && caller->n_args > 0 ? g_strjoinv(" ", caller->args) : NULL;
}

const struct timespec *record_when(const struct denial_event *event)
{
    return event->kind == DENIAL_EVENT_RECORD ? &event->record->first : &event->time;
}

json_int_t record_count(const struct denial_event *event)
{
    return event->kind == DENIAL_EVENT_FOLDED ? (json_int_t)MAX(event->record->count, 1) : 1;
}

const char *record_why_sentence(const struct denial_facts *facts)
{
    static const char *const sentences[DENIAL_N_WHYS] = {
        [DENIAL_NOT_DECLARED] = "no place that may be written is declared here",
        [DENIAL_DECLARED_READ_ONLY] = "the place that is declared here is read-only",
        [DENIAL_PERMISSION] = "the file's owner, mode or ACL refuses this user",
        [DENIAL_NO_SPACE] = "the place that is declared here is full",
        [DENIAL_DECLARED_NOEXEC] = "programs may not be run in the place that is declared here",
        [DENIAL_DECLARED_NOSUID] = "set-user-ID programs may not be run in the place that is declared here",
    };
    /* What no route holds can be full in learn mode alone. */
    if (facts->why == DENIAL_NO_SPACE && facts->place != DENIAL_PLACE_ROUTE)
        return "learn mode's throw-away layer is full";
    return sentences[facts->why];
}

static void append_flag(void *data, const char *name)
{
    json_array_append_new(data, json_string(name));
}

static json_t *held_by(const struct denial_facts *facts)
{
    json_t *holder = json_object();
    if (facts->place == DENIAL_PLACE_IMAGE) {
        json_object_set_new(holder, "layer", json_integer(MAX(facts->layer, 0)));
        record_put_text(holder, "directory", facts->layer_dir);
    } else if (facts->place == DENIAL_PLACE_ROUTE) {
        record_put_text(holder, "route", facts->route_target);
        record_put_text(holder, "kind", facts->route_kind);
    }
    return record_unless_empty(holder);
}

void record_put_dropped_error(json_t *object, const struct denial_event *event)
{
    if (event->dropped_error == 0)
        return;
    g_autofree char *name = record_errno_name(event->dropped_error);
    record_put_text(object, "errno", name);
    json_object_set_new(object, "errno_number", json_integer(event->dropped_error));
}

json_t *record_own_fields(const struct denial_event *event, const char *mount)
{
    json_t *object = json_object();
    record_put_text(object, "mount", mount);
    if (event->kind == DENIAL_EVENT_DROPPED) {
        json_object_set_new(object, "dropped", json_integer((json_int_t)event->dropped));
        record_put_dropped_error(object, event);
        return object;
    }
    const struct denial_facts *facts = &event->record->facts;
    g_autofree char *error = record_errno_name(facts->error);
    record_put_text(object, "operation", denial_operation_name(facts->operation));
    record_put_text(object, "why", denial_why_name(facts->why));
    record_put_text(object, "errno", error);
    json_object_set_new(object, "count", json_integer(record_count(event)));
    if (facts->learned)
        json_object_set_new(object, "learned", json_true());
    if (facts->name_unknown)
        json_object_set_new(object, "name_unknown", json_true());
    if (facts->flags >= 0) {
        json_t *flags = json_array();
        record_each_flag(facts->flags, append_flag, flags);
        json_object_set_new(object, "flags", flags);
    }
    if (facts->mode >= 0)
        json_object_set_new(object, "mode", json_sprintf("%04o", (unsigned)facts->mode));
    record_put(object, "held_by", held_by(facts));
    return object;
}

char *record_line(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(object);
    char *line = g_strconcat(text, "\n", NULL);
    free(text);
    return line;
}
