#include "record.h"

#include "caller.h"

#include <glib.h>
#include <stdatomic.h>
#include <string.h>

const char *denial_operation_name(enum denial_operation operation)
{
    static const char *const names[DENIAL_N_OPERATIONS] = {
        [DENIAL_OPEN] = "open",           [DENIAL_CREATE] = "create",
        [DENIAL_TMPFILE] = "tmpfile",     [DENIAL_MKDIR] = "mkdir",
        [DENIAL_MKNOD] = "mknod",         [DENIAL_SYMLINK] = "symlink",
        [DENIAL_LINK] = "link",           [DENIAL_UNLINK] = "unlink",
        [DENIAL_RMDIR] = "rmdir",         [DENIAL_RENAME] = "rename",
        [DENIAL_TRUNCATE] = "truncate",   [DENIAL_CHMOD] = "chmod",
        [DENIAL_CHOWN] = "chown",         [DENIAL_UTIMES] = "utimes",
        [DENIAL_SETXATTR] = "setxattr",   [DENIAL_REMOVEXATTR] = "removexattr",
        [DENIAL_SETFLAGS] = "setflags",   [DENIAL_WRITE] = "write",
        [DENIAL_FALLOCATE] = "fallocate", [DENIAL_COPY] = "copy",
        [DENIAL_EXEC] = "exec",
    };
    return names[operation];
}

const char *denial_why_name(enum denial_why why)
{
    static const char *const names[DENIAL_N_WHYS] = {
        [DENIAL_NOT_DECLARED] = "not-declared",       [DENIAL_DECLARED_READ_ONLY] = "declared-read-only",
        [DENIAL_PERMISSION] = "permission",           [DENIAL_NO_SPACE] = "no-space",
        [DENIAL_DECLARED_NOEXEC] = "declared-noexec", [DENIAL_DECLARED_NOSUID] = "declared-nosuid",
    };
    return names[why];
}

struct denial_record *record_new(const struct denial_facts *facts, struct caller_memory *memory, dev_t mount)
{
    struct denial_record *record = g_new0(struct denial_record, 1);
    record->facts = *facts;
    record->facts.path = g_strdup(facts->path);
    record->facts.target = g_strdup(facts->target);
    record->facts.layer_dir = g_strdup(facts->layer_dir);
    record->facts.route_target = g_strdup(facts->route_target);
    /* route_kind is static text */
    clock_gettime(CLOCK_REALTIME, &record->first);
    record->last = record->first;
    record->count = 1;
    record->caller = caller_read(facts->tid, facts->uid, facts->gid, memory, mount);
    return record;
}

void record_free(struct denial_record *record)
{
    if (record == NULL)
        return;
    g_free((char *)record->facts.path);
    g_free((char *)record->facts.target);
    g_free((char *)record->facts.layer_dir);
    g_free((char *)record->facts.route_target);
    caller_free(record->caller);
    g_free(record);
}

static size_t text_size(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

size_t record_size(const struct denial_record *record)
{
    const struct caller *caller = record->caller;
    size_t size = sizeof *record + sizeof *caller + text_size(record->facts.path) + text_size(record->facts.target) +
                  text_size(caller->exe) + text_size(caller->cwd) + text_size(caller->cgroup);
    for (char **arg = caller->args; arg != NULL && *arg != NULL; arg++)
        size += text_size(*arg) + sizeof *arg + 2 * sizeof(size_t);
    for (size_t i = 0; i < caller->n_parents; i++)
        size += text_size(caller->parents[i].exe) + 32;
    return size;
}

struct shared_event {
    atomic_uint refs;
    size_t size;
    struct denial_event event;
    struct denial_record own;     /* FOLDED: the first record with other numbers; its pointers are first's */
    struct shared_event *first;   /* FOLDED: a ref */
    struct denial_record *record; /* RECORD: owned */
};

struct shared_event *shared_event_new(struct denial_record *record)
{
    struct shared_event *event = g_new0(struct shared_event, 1);
    atomic_init(&event->refs, 1);
    event->size = sizeof *event + record_size(record);
    event->record = record;
    event->event = (struct denial_event){.kind = DENIAL_EVENT_RECORD, .record = record, .time = record->first};
    return event;
}

struct shared_event *shared_event_folded(struct shared_event *first, uint64_t count, struct timespec last)
{
    struct shared_event *event = g_new0(struct shared_event, 1);
    atomic_init(&event->refs, 1);
    event->size = sizeof *event;
    event->first = shared_event_ref(first);
    event->own = *first->record;
    event->own.count = count;
    event->own.last = last;
    event->event = (struct denial_event){.kind = DENIAL_EVENT_FOLDED, .record = &event->own};
    clock_gettime(CLOCK_REALTIME, &event->event.time);
    return event;
}

struct shared_event *shared_event_ref(struct shared_event *event)
{
    atomic_fetch_add(&event->refs, 1);
    return event;
}

void shared_event_unref(struct shared_event *event)
{
    if (event == NULL || atomic_fetch_sub(&event->refs, 1) != 1)
        return;
    record_free(event->record);
    shared_event_unref(event->first);
    g_free(event);
}

const struct denial_event *shared_event_get(const struct shared_event *event)
{
    return &event->event;
}

size_t shared_event_size(const struct shared_event *event)
{
    return event->size;
}
