#include "record_ocsf.h"

#include "caller.h"
#include "record_names.h"
#include "record_text.h"
#include "record_value.h"

#include <sys/stat.h>

#define OCSF_VERSION "1.3.0"

enum { CLASS_BASE = 0, CLASS_FILE = 1001 };
enum { CATEGORY_NONE = 0, CATEGORY_SYSTEM = 1 };
enum { SEVERITY_INFORMATIONAL = 1, SEVERITY_LOW = 2, SEVERITY_MEDIUM = 3 };
enum { ACTIVITY_OTHER = 99 };

struct activity {
    int id;
    const char *name;
};

static struct activity activity_of(enum denial_operation operation)
{
    switch (operation) {
    case DENIAL_OPEN:
        return (struct activity){14, "Open"};
    case DENIAL_CREATE:
    case DENIAL_TMPFILE:
    case DENIAL_MKDIR:
    case DENIAL_MKNOD:
    case DENIAL_SYMLINK:
    case DENIAL_LINK:
        return (struct activity){1, "Create"};
    case DENIAL_UNLINK:
    case DENIAL_RMDIR:
        return (struct activity){4, "Delete"};
    case DENIAL_RENAME:
        return (struct activity){5, "Rename"};
    case DENIAL_TRUNCATE:
    case DENIAL_WRITE:
    case DENIAL_FALLOCATE:
    case DENIAL_COPY:
        return (struct activity){3, "Update"};
    case DENIAL_EXEC:
        return (struct activity){ACTIVITY_OTHER, "Execute"};
    default:
        return (struct activity){6, "Set Attributes"};
    }
}

/* type_id of a file: 0 unknown, 1 regular, 2 directory, 3 character device, 4 block device, 5 socket, 6 pipe, 7 symbolic
 * link, as far as the call tells. */
static int file_type_of(const struct denial_facts *facts)
{
    switch (facts->operation) {
    case DENIAL_MKDIR:
    case DENIAL_RMDIR:
        return 2;
    case DENIAL_SYMLINK:
        return 7;
    case DENIAL_OPEN:
    case DENIAL_CREATE:
    case DENIAL_TMPFILE:
    case DENIAL_TRUNCATE:
    case DENIAL_WRITE:
    case DENIAL_FALLOCATE:
    case DENIAL_COPY:
    case DENIAL_EXEC:
        return facts->name_unknown ? 2 : 1;
    default:
        break;
    }
    if (facts->operation != DENIAL_MKNOD || facts->mode < 0)
        return 0;
    mode_t mode = (mode_t)facts->mode;
    return S_ISCHR(mode) ? 3 : S_ISBLK(mode) ? 4 : S_ISSOCK(mode) ? 5 : S_ISFIFO(mode) ? 6 : S_ISREG(mode) ? 1 : 0;
}

static json_t *file_object(const char *path, int type)
{
    g_autofree char *name = record_base_name(path), *directory = record_directory(path);
    json_t *file = json_object();
    record_put_text(file, "name", name);
    record_put_text(file, "path", path);
    record_put_text(file, "parent_folder", directory);
    json_object_set_new(file, "type_id", json_integer(type));
    return file;
}

static json_int_t milliseconds(const struct timespec *time)
{
    return (json_int_t)time->tv_sec * 1000 + time->tv_nsec / 1000000;
}

static json_t *parent_object(const struct caller_parent *parent)
{
    json_t *process = json_object();
    g_autofree char *name = parent->exe != NULL ? record_base_name(parent->exe) : g_strdup(parent->comm);
    record_put_pid(process, "pid", parent->pid);
    record_put_text(process, "name", name);
    if (parent->exe != NULL)
        json_object_set_new(process, "file", file_object(parent->exe, 1));
    return process;
}

/* Each parent is in its child. */
static json_t *parents(const struct caller *caller)
{
    json_t *inner = NULL;
    for (size_t i = caller->n_parents; i > 0; i--) {
        json_t *process = parent_object(&caller->parents[i - 1]);
        record_put(process, "parent_process", inner);
        inner = process;
    }
    return inner;
}

static json_t *user_object(const struct denial_record *record)
{
    json_t *user = json_object(), *groups = json_array(), *group = json_object();
    record_put_id(user, "uid", record->facts.uid);
    record_put_id(group, "uid", record->facts.gid);
    if (json_object_size(group) > 0)
        json_array_append(groups, group);
    json_decref(group);
    for (size_t i = 0; record->caller->groups_known && i < record->caller->n_groups; i++)
        json_array_append_new(groups, json_pack("{s:o}", "uid", json_sprintf("%u", record->caller->groups[i])));
    if (json_array_size(groups) > 0)
        json_object_set(user, "groups", groups);
    json_decref(groups);
    return record_unless_empty(user);
}

static json_t *actor_object(const struct denial_record *record)
{
    const struct caller *caller = record->caller;
    json_t *process = json_object(), *actor = json_object();
    g_autofree char *name = record_process_name(caller), *line = record_command_line(caller);
    record_put_pid(process, "pid", caller->pid);
    record_put_pid(process, "tid", caller->tid);
    record_put_text(process, "name", name);
    record_put_text(process, "cmd_line", line);
    if (caller->exe != NULL)
        json_object_set_new(process, "file", file_object(caller->exe, 1));
    if (caller->has_start_time)
        json_object_set_new(process, "created_time", json_integer(milliseconds(&caller->start_time)));
    record_put(process, "parent_process", parents(caller));
    record_put(actor, "process", record_unless_empty(process));
    record_put(actor, "user", user_object(record));
    return actor;
}

static json_t *event_object(int class, int category, struct activity activity, const struct timespec *time,
                            const char *message)
{
    json_t *object =
        json_pack("{s:i, s:i, s:i, s:s, s:i, s:I, s:{s:s, s:{s:s, s:s}, s:s}}", "class_uid", class, "category_uid",
                  category, "activity_id", activity.id, "activity_name", activity.name, "type_uid",
                  class * 100 + activity.id, "time", milliseconds(time), "metadata", "version", OCSF_VERSION, "product",
                  "name", "rofuse", "vendor_name", "rofuse", "log_name", "rofuse.log");
    record_put_text(object, "message", message);
    return object;
}

static void set_severity(json_t *object, int id)
{
    static const char *const names[] = {"Unknown", "Informational", "Low", "Medium"};
    json_object_set_new(object, "severity_id", json_integer(id));
    json_object_set_new(object, "severity", json_string(names[id]));
}

static void set_outcome(json_t *object, const struct denial_facts *facts)
{
    g_autofree char *error = record_errno_name(facts->error);
    bool is_denied = !facts->learned;
    json_t *id = json_integer(is_denied ? 2 : 1);
    json_object_set(object, "action_id", id);
    json_object_set_new(object, "action", json_string(is_denied ? "Denied" : "Allowed"));
    json_object_set(object, "disposition_id", id);
    json_object_set_new(object, "disposition", json_string(is_denied ? "Blocked" : "Allowed"));
    json_object_set_new(object, "status_id", id);
    json_object_set_new(object, "status", json_string(is_denied ? "Failure" : "Success"));
    json_object_set_new(object, "status_code", json_string(error));
    json_object_set_new(object, "status_detail", json_string(record_why_sentence(facts)));
}

static json_t *unmapped(const struct denial_event *event, const char *mount)
{
    json_t *own = record_own_fields(event, mount);
    record_put_pid(own, "vpid", event->record->caller->pid_inside);
    record_put_text(own, "working_directory", event->record->caller->cwd);
    return own;
}

static json_t *denial_object(const struct denial_event *event, const char *mount, const char *message)
{
    const struct denial_record *record = event->record;
    const struct denial_facts *facts = &record->facts;
    json_t *object =
        event_object(CLASS_FILE, CATEGORY_SYSTEM, activity_of(facts->operation), record_when(event), message);
    json_object_set_new(json_object_get(object, "metadata"), "profiles",
                        json_pack("[s, s, s]", "host", "container", "security_control"));
    set_severity(object, SEVERITY_LOW);
    set_outcome(object, facts);
    json_t *device = json_pack("{s:i}", "type_id", 0);
    record_put_text(device, "hostname", g_get_host_name());
    json_object_set_new(object, "device", device);
    json_object_set_new(object, "file", file_object(facts->path, file_type_of(facts)));
    if (facts->target != NULL && facts->operation != DENIAL_SYMLINK)
        json_object_set_new(object, "file_result", file_object(facts->target, 0));
    json_object_set_new(object, "actor", actor_object(record));
    if (record->caller->container_id != NULL)
        json_object_set_new(object, "container", json_pack("{s:s}", "uid", record->caller->container_id));
    json_object_set_new(object, "count", json_integer(record_count(event)));
    if (event->kind == DENIAL_EVENT_FOLDED) {
        json_object_set_new(object, "start_time", json_integer(milliseconds(&record->first)));
        json_object_set_new(object, "end_time", json_integer(milliseconds(&record->last)));
    }
    json_t *own = unmapped(event, mount);
    if (facts->operation == DENIAL_SYMLINK)
        record_put_text(own, "target", facts->target);
    json_object_set_new(object, "unmapped", own);
    return object;
}

char *record_ocsf_event(const struct denial_event *event, const char *mount)
{
    g_autofree char *message = record_text_message(event);
    if (event->kind != DENIAL_EVENT_DROPPED)
        return record_line(denial_object(event, mount, message));
    json_t *object =
        event_object(CLASS_BASE, CATEGORY_NONE, (struct activity){ACTIVITY_OTHER, "Dropped"}, &event->time, message);
    set_severity(object, SEVERITY_MEDIUM);
    json_object_set_new(object, "unmapped", record_own_fields(event, mount));
    return record_line(object);
}

char *record_ocsf_notice(const struct timespec *time, const char *message, const char *mount)
{
    json_t *object =
        event_object(CLASS_BASE, CATEGORY_NONE, (struct activity){ACTIVITY_OTHER, "Notice"}, time, message);
    set_severity(object, SEVERITY_INFORMATIONAL);
    json_object_set_new(object, "unmapped", json_pack("{s:s}", "mount", mount));
    return record_line(object);
}
