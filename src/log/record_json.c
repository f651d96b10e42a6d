#include "record_json.h"

#include "caller.h"
#include "json_bytes.h"
#include "record_names.h"
#include "record_value.h"
#include "text.h"

#include <glib.h>

#define LOG_SCHEMA "rofuse.log/1"

static void set_string(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, text != NULL ? json_string(text) : json_null());
}

static void set_time(json_t *object, const char *key, const struct timespec *time)
{
    g_autofree char *text = record_time_utc(time);
    set_string(object, key, text);
}

/* Process ids: 0 and less are unknown. */
static void set_pid(json_t *object, const char *key, pid_t pid)
{
    json_object_set_new(object, key, pid > 0 ? json_integer(pid) : json_null());
}

/* (uid_t)-1 is no user but "unknown". */
static json_t *id_to_json(uint32_t id)
{
    return id != UINT32_MAX ? json_integer(id) : json_null();
}

static json_t *event_object(const char *event, const struct timespec *time, const char *mount)
{
    json_t *object = json_object();
    set_string(object, "schema", LOG_SCHEMA);
    set_string(object, "event", event);
    set_time(object, "time", time);
    set_string(object, "mount", mount);
    return object;
}

static void append_flag(void *data, const char *name)
{
    json_array_append_new(data, json_string(name));
}

static json_t *flags_to_json(int flags)
{
    if (flags < 0)
        return json_null();
    json_t *list = json_array();
    record_each_flag(flags, append_flag, list);
    return list;
}

static json_t *holder_to_json(const struct denial_facts *facts)
{
    json_t *holder = json_object();
    switch (facts->place) {
    case DENIAL_PLACE_IMAGE:
        json_object_set_new(holder, "layer", json_integer(MAX(facts->layer, 0)));
        json_bytes_set(holder, "directory", facts->layer_dir);
        break;
    case DENIAL_PLACE_ROUTE:
        json_bytes_set(holder, "route", facts->route_target);
        set_string(holder, "kind", facts->route_kind);
        break;
    default:
        json_object_set_new(holder, "made", json_true());
        break;
    }
    return holder;
}

static json_t *parents_to_json(const struct caller *caller)
{
    json_t *list = json_array();
    for (size_t i = 0; i < caller->n_parents; i++) {
        json_t *parent = json_object();
        set_pid(parent, "pid", caller->parents[i].pid);
        json_bytes_set(parent, "comm", caller->parents[i].comm);
        json_bytes_set(parent, "exe", caller->parents[i].exe);
        if (caller->parents[i].home != CALLER_HOME_UNKNOWN)
            json_object_set_new(parent, "outside", json_boolean(caller->parents[i].home == CALLER_HOME_OUTSIDE));
        json_array_append_new(list, parent);
    }
    return list;
}

static json_t *groups_to_json(const struct caller *caller)
{
    if (!caller->groups_known)
        return json_null();
    json_t *list = json_array();
    for (size_t i = 0; i < caller->n_groups; i++)
        json_array_append_new(list, id_to_json(caller->groups[i]));
    return list;
}

static void set_true(json_t *object, const char *key, bool is_set)
{
    if (is_set)
        json_object_set_new(object, key, json_true());
}

static json_t *process_to_json(const struct denial_record *record)
{
    const struct caller *caller = record->caller;
    json_t *process = json_object();
    set_pid(process, "pid", caller->pid);
    set_pid(process, "tid", caller->tid);
    set_pid(process, "pid_inside", caller->pid_inside);
    json_object_set_new(process, "parents", parents_to_json(caller));
    json_bytes_set(process, "comm", caller->comm);
    json_bytes_set(process, "exe", caller->exe);
    set_true(process, "exe_deleted", caller->exe_deleted);
    json_bytes_set_list(process, "args", (const char *const *)caller->args, caller->n_args);
    set_true(process, "args_truncated", caller->args_truncated);
    json_bytes_set(process, "cwd", caller->cwd);
    /* The request's own, which are right even where /proc could not be read. */
    json_object_set_new(process, "uid", id_to_json(record->facts.uid));
    json_object_set_new(process, "gid", id_to_json(record->facts.gid));
    json_object_set_new(process, "real_uid", id_to_json(caller->real_uid));
    json_object_set_new(process, "real_gid", id_to_json(caller->real_gid));
    json_object_set_new(process, "groups", groups_to_json(caller));
    set_true(process, "groups_truncated", caller->groups_truncated);
    if (caller->has_start_time)
        set_time(process, "start_time", &caller->start_time);
    else
        set_string(process, "start_time", NULL);
    json_bytes_set(process, "cgroup", caller->cgroup);
    set_string(process, "container_id", caller->container_id);
    return process;
}

static json_t *record_to_json(const struct denial_event *event, const char *mount)
{
    const struct denial_record *record = event->record;
    const struct denial_facts *facts = &record->facts;
    bool is_folded = event->kind == DENIAL_EVENT_FOLDED;
    /* A denial's time is that of the call, a count's time that of the end of its window. */
    json_t *object = event_object(is_folded ? "folded" : "denied", is_folded ? &event->time : &record->first, mount);
    set_string(object, "operation", denial_operation_name(facts->operation));
    json_bytes_set(object, "path", facts->path);
    json_bytes_set(object, "target", facts->target);
    set_true(object, "name_unknown", facts->name_unknown);
    json_object_set_new(object, "flags", flags_to_json(facts->flags));
    g_autofree char *mode = facts->mode >= 0 ? g_strdup_printf("%04o", (unsigned)facts->mode) : NULL;
    set_string(object, "mode", mode);
    g_autofree char *error = record_errno_name(facts->error);
    set_string(object, "errno", error);
    json_object_set_new(object, "errno_number", json_integer(facts->error));
    set_string(object, "why", denial_why_name(facts->why));
    set_true(object, "learned", facts->learned);
    json_object_set_new(object, "held_by", holder_to_json(facts));
    json_object_set_new(object, "process", process_to_json(record));
    json_object_set_new(object, "count", json_integer(is_folded ? (json_int_t)MAX(record->count, 1) : 1));
    set_time(object, "first", &record->first);
    set_time(object, "last", &record->last);
    return object;
}

char *record_json_event(const struct denial_event *event, const char *mount)
{
    if (event->kind != DENIAL_EVENT_DROPPED)
        return record_line(record_to_json(event, mount));
    json_t *object = event_object("dropped", &event->time, mount);
    json_object_set_new(object, "dropped", json_integer((json_int_t)event->dropped));
    record_put_dropped_error(object, event);
    return record_line(object);
}

char *record_json_notice(const struct timespec *time, const char *message, const char *mount)
{
    json_t *object = event_object("notice", time, mount);
    g_autofree char *repaired = text_repair(message);
    set_string(object, "message", repaired != NULL ? repaired : message);
    return record_line(object);
}
