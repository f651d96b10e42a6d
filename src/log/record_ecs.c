#include "record_ecs.h"

#include "caller.h"
#include "record_names.h"
#include "record_text.h"
#include "record_value.h"

#include <sys/stat.h>

#define ECS_VERSION "8.11.0"

static json_t *document(const struct timespec *time, const char *message)
{
    json_t *object = json_object();
    record_put_time(object, "@timestamp", time);
    json_object_set_new(object, "ecs", json_pack("{s:s}", "version", ECS_VERSION));
    record_put_text(object, "message", message);
    return object;
}

static json_t *event_fields(const char *action, const char *outcome)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kind", "event", "module", "rofuse", "provider", "rofuse",
                     "dataset", "rofuse.log", "action", action, "outcome", outcome);
}

/* What was to be done, in the words that the schema allows beside "denied". */
static const char *type_of(enum denial_operation operation)
{
    switch (operation) {
    case DENIAL_CREATE:
    case DENIAL_TMPFILE:
    case DENIAL_MKDIR:
    case DENIAL_MKNOD:
    case DENIAL_SYMLINK:
    case DENIAL_LINK:
        return "creation";
    case DENIAL_UNLINK:
    case DENIAL_RMDIR:
        return "deletion";
    case DENIAL_EXEC:
        return "access";
    default:
        return "change";
    }
}

static const char *file_type_of(const struct denial_facts *facts)
{
    switch (facts->operation) {
    case DENIAL_MKDIR:
    case DENIAL_RMDIR:
        return "dir";
    case DENIAL_SYMLINK:
        return "symlink";
    case DENIAL_MKNOD:
        return facts->mode >= 0 && S_ISREG((mode_t)facts->mode) ? "file" : NULL;
    case DENIAL_RENAME:
    case DENIAL_LINK:
    case DENIAL_UNLINK:
    case DENIAL_CHMOD:
    case DENIAL_CHOWN:
    case DENIAL_UTIMES:
    case DENIAL_SETXATTR:
    case DENIAL_REMOVEXATTR:
    case DENIAL_SETFLAGS:
        return NULL;
    default:
        return "file";
    }
}

static json_t *file_fields(const struct denial_facts *facts)
{
    json_t *file = json_object();
    record_put_text(file, "path", facts->path);
    if (facts->name_unknown) {
        record_put_text(file, "directory", facts->path);
    } else {
        g_autofree char *name = record_base_name(facts->path), *directory = record_directory(facts->path);
        record_put_text(file, "name", name);
        record_put_text(file, "directory", directory);
    }
    record_put_text(file, "target_path", facts->target);
    record_put_text(file, "type", file_type_of(facts));
    return file;
}

static json_t *parent_fields(const struct caller *caller)
{
    if (caller->n_parents == 0)
        return NULL;
    const struct caller_parent *nearest = &caller->parents[0];
    json_t *parent = json_object();
    g_autofree char *name = nearest->exe != NULL ? record_base_name(nearest->exe) : g_strdup(nearest->comm);
    record_put_pid(parent, "pid", nearest->pid);
    record_put_text(parent, "name", name);
    record_put_text(parent, "executable", nearest->exe);
    return record_unless_empty(parent);
}

static json_t *args_list(const struct caller *caller)
{
    if (caller->args == NULL || caller->n_args == 0)
        return NULL;
    json_t *holder = json_object(), *list = json_array();
    for (size_t i = 0; i < caller->n_args; i++) {
        record_put_text(holder, "arg", caller->args[i]);
        json_array_append(list, json_object_get(holder, "arg"));
    }
    json_decref(holder);
    return list;
}

static json_t *process_fields(const struct caller *caller)
{
    json_t *process = json_object();
    g_autofree char *name = record_process_name(caller), *line = record_command_line(caller);
    record_put_pid(process, "pid", caller->pid);
    record_put_pid(process, "vpid", caller->pid_inside);
    record_put_text(process, "name", name);
    record_put_text(process, "executable", caller->exe);
    record_put_text(process, "command_line", line);
    record_put(process, "args", args_list(caller));
    if (caller->args != NULL)
        json_object_set_new(process, "args_count", json_integer((json_int_t)caller->n_args));
    record_put_text(process, "working_directory", caller->cwd);
    if (caller->has_start_time)
        record_put_time(process, "start", &caller->start_time);
    record_put(process, "parent", parent_fields(caller));
    if (caller->tid > 0)
        json_object_set_new(process, "thread", json_pack("{s:I}", "id", (json_int_t)caller->tid));
    return record_unless_empty(process);
}

static json_t *user_fields(const struct denial_facts *facts)
{
    json_t *user = json_object(), *group = json_object();
    record_put_id(user, "id", facts->uid);
    record_put_id(group, "id", facts->gid);
    record_put(user, "group", record_unless_empty(group));
    return record_unless_empty(user);
}

/* All of them, as the schema has room for one parent alone. */
static json_t *parents_list(const struct caller *caller)
{
    json_t *list = json_array();
    for (size_t i = 0; i < caller->n_parents; i++) {
        json_t *parent = json_object();
        record_put_pid(parent, "pid", caller->parents[i].pid);
        record_put_text(parent, "executable", caller->parents[i].exe);
        record_put_text(parent, "name", caller->parents[i].comm);
        json_array_append_new(list, parent);
    }
    return list;
}

static void add_denial(json_t *object, const struct denial_event *event)
{
    const struct denial_record *record = event->record;
    const struct denial_facts *facts = &record->facts;
    json_t *fields = event_fields(denial_operation_name(facts->operation), facts->learned ? "success" : "failure");
    json_object_set_new(fields, "category", json_pack("[s]", "file"));
    json_object_set_new(fields, "type",
                        json_pack("[s, s]", facts->learned ? "allowed" : "denied", type_of(facts->operation)));
    record_put_text(fields, "reason", record_why_sentence(facts));
    if (event->kind == DENIAL_EVENT_FOLDED) {
        record_put_time(fields, "start", &record->first);
        record_put_time(fields, "end", &record->last);
    }
    json_object_set_new(object, "event", fields);
    g_autofree char *error = record_errno_name(facts->error);
    if (!facts->learned)
        json_object_set_new(object, "error", json_pack("{s:s}", "code", error));
    json_object_set_new(object, "file", file_fields(facts));
    record_put(object, "process", process_fields(record->caller));
    record_put(object, "user", user_fields(facts));
    if (record->caller->container_id != NULL)
        json_object_set_new(object, "container", json_pack("{s:s}", "id", record->caller->container_id));
}

char *record_ecs_event(const struct denial_event *event, const char *mount)
{
    g_autofree char *message = record_text_message(event);
    json_t *object = document(record_when(event), message);
    json_t *own = record_own_fields(event, mount);
    if (event->kind == DENIAL_EVENT_DROPPED) {
        json_t *fields = event_fields("dropped", "unknown");
        json_object_set_new(fields, "type", json_pack("[s]", "error"));
        json_object_set_new(object, "event", fields);
    } else {
        add_denial(object, event);
        if (event->record->caller->n_parents > 0)
            json_object_set_new(own, "parents", parents_list(event->record->caller));
    }
    json_object_set_new(object, "rofuse", own);
    return record_line(object);
}

char *record_ecs_notice(const struct timespec *time, const char *message, const char *mount)
{
    json_t *object = document(time, message);
    json_t *fields = event_fields("notice", "unknown");
    json_object_set_new(fields, "type", json_pack("[s]", "info"));
    json_object_set_new(object, "event", fields);
    json_object_set_new(object, "rofuse", json_pack("{s:s}", "mount", mount));
    return record_line(object);
}
