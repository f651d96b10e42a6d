#include "record_falco.h"

#include "caller.h"
#include "record_names.h"
#include "record_text.h"
#include "record_value.h"

/* As docker and Falco show a container's id. */
#define SHORT_ID 12

static json_t *alert(const struct timespec *time, const char *rule, const char *priority, const char *message)
{
    g_autofree char *when = record_time_utc(time);
    g_autofree char *output = g_strdup_printf("%s: %s %s", when, priority, message);
    json_t *object = json_object();
    record_put_text(object, "hostname", g_get_host_name());
    record_put_text(object, "output", output);
    json_object_set_new(object, "priority", json_string(priority));
    json_object_set_new(object, "rule", json_string(rule));
    json_object_set_new(object, "source", json_string("rofuse"));
    json_object_set_new(object, "tags", json_pack("[s, s]", "filesystem", "rofuse"));
    json_object_set_new(object, "time", json_string(when));
    return object;
}

/* Falco has null, and not nothing, where a field is unknown. */
static void set_text(json_t *fields, const char *key, const char *bytes)
{
    if (bytes != NULL)
        record_put_text(fields, key, bytes);
    else
        json_object_set_new(fields, key, json_null());
}

static void set_number(json_t *fields, const char *key, int64_t number, bool is_known)
{
    json_object_set_new(fields, key, is_known ? json_integer(number) : json_null());
}

static void set_time(json_t *fields, const struct timespec *time)
{
    /* Nanoseconds since 1970. */
    json_object_set_new(fields, "evt.time",
                        json_integer((json_int_t)time->tv_sec * G_GINT64_CONSTANT(1000000000) + time->tv_nsec));
}

static void set_file(json_t *fields, const struct denial_facts *facts)
{
    g_autofree char *name = facts->name_unknown ? NULL : record_base_name(facts->path);
    g_autofree char *directory = facts->name_unknown ? g_strdup(facts->path) : record_directory(facts->path);
    set_text(fields, "fd.name", facts->path);
    set_text(fields, "fd.directory", directory);
    set_text(fields, "fd.filename", name);
    if (facts->target != NULL)
        set_text(fields, "fs.path.target", facts->target);
}

static void set_process(json_t *fields, const struct caller *caller)
{
    const struct caller_parent *parent = caller->n_parents > 0 ? &caller->parents[0] : NULL;
    g_autofree char *line = record_command_line(caller), *name = record_process_name(caller);
    /* Falco's proc.name is the comm. */
    set_text(fields, "proc.name", caller->comm != NULL ? caller->comm : name);
    set_text(fields, "proc.exepath", caller->exe);
    set_text(fields, "proc.cmdline", line);
    set_text(fields, "proc.cwd", caller->cwd);
    set_text(fields, "proc.pname", parent != NULL ? parent->comm : NULL);
    set_number(fields, "proc.pid", caller->pid, caller->pid > 0);
    set_number(fields, "proc.ppid", parent != NULL ? parent->pid : 0, parent != NULL && parent->pid > 0);
    set_number(fields, "proc.vpid", caller->pid_inside, caller->pid_inside > 0);
    set_number(fields, "thread.tid", caller->tid, caller->tid > 0);
    g_autofree char *id = caller->container_id != NULL ? g_strndup(caller->container_id, SHORT_ID) : NULL;
    set_text(fields, "container.id", id);
    set_text(fields, "container.full_id", caller->container_id);
}

static json_t *denial_fields(const struct denial_event *event, const char *mount)
{
    const struct denial_facts *facts = &event->record->facts;
    g_autofree char *error = record_errno_name(facts->error);
    json_t *fields = json_object();
    set_time(fields, record_when(event));
    set_text(fields, "evt.type", denial_operation_name(facts->operation));
    set_text(fields, "evt.res", facts->learned ? "SUCCESS" : error);
    set_file(fields, facts);
    set_process(fields, event->record->caller);
    set_number(fields, "user.uid", facts->uid, facts->uid != (uid_t)-1);
    set_number(fields, "group.gid", facts->gid, facts->gid != (gid_t)-1);
    set_text(fields, "rofuse.mount", mount);
    set_text(fields, "rofuse.why", denial_why_name(facts->why));
    json_object_set_new(fields, "rofuse.count", json_integer(record_count(event)));
    return fields;
}

char *record_falco_event(const struct denial_event *event, const char *mount)
{
    g_autofree char *message = record_text_message(event);
    if (event->kind != DENIAL_EVENT_DROPPED) {
        bool is_denied = !event->record->facts.learned;
        json_t *object =
            alert(record_when(event), is_denied ? "Write denied by read-only root" : "Write let through by learn mode",
                  is_denied ? "Warning" : "Notice", message);
        json_object_set_new(object, "output_fields", denial_fields(event, mount));
        return record_line(object);
    }
    json_t *object = alert(&event->time, "rofuse: denials dropped", "Error", message);
    json_t *fields = json_object();
    set_time(fields, &event->time);
    set_text(fields, "rofuse.mount", mount);
    json_object_set_new(fields, "rofuse.dropped", json_integer((json_int_t)event->dropped));
    json_object_set_new(object, "output_fields", fields);
    return record_line(object);
}

char *record_falco_notice(const struct timespec *time, const char *message, const char *mount)
{
    json_t *object = alert(time, "rofuse: notice", "Notice", message);
    json_t *fields = json_object();
    set_time(fields, time);
    set_text(fields, "rofuse.mount", mount);
    json_object_set_new(object, "output_fields", fields);
    return record_line(object);
}
