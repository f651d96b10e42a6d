/*
 * The journal's native protocol, spoken by GLib. A record is a set of fields, so that journalctl can select by them
 * (journalctl ROFUSE_MOUNT=web ROFUSE_ERRNO=EROFS); bytes stay bytes, as the protocol takes them with their length.
 */
#include "sink.h"

#include "app_error.h"
#include "caller.h"
#include "record_json.h"
#include "record_names.h"
#include "record_text.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FIELDS_MAX 32

struct journald_sink {
    char *mount;                    /* owned */
    struct notice_box *box;         /* a reference */
    int error;                      /* why the journal took nothing at last; 0 = it has taken everything */
    uint64_t lost;                  /* denials since the journal last took something */
    atomic_uint_fast64_t lost_ever; /* those that were given to us; what others lost is not counted again */
};

/* The fields of one entry; the values that are made for it are owned. */
struct entry {
    GLogField fields[FIELDS_MAX];
    size_t n;
    GPtrArray *owned;
};

static void add(struct entry *entry, const char *key, const char *value)
{
    if (value == NULL || entry->n == FIELDS_MAX)
        return;
    entry->fields[entry->n++] = (GLogField){key, value, (gssize)strlen(value)};
}

static void add_owned(struct entry *entry, const char *key, char *value)
{
    g_ptr_array_add(entry->owned, value);
    add(entry, key, value);
}

static void add_number(struct entry *entry, const char *key, int64_t number)
{
    add_owned(entry, key, g_strdup_printf("%" G_GINT64_FORMAT, number));
}

static void add_pid(struct entry *entry, const char *key, pid_t pid)
{
    if (pid > 0)
        add_number(entry, key, pid);
}

static void begin(struct entry *entry, const struct journald_sink *sink, const char *event, const char *priority)
{
    entry->n = 0;
    entry->owned = g_ptr_array_new_with_free_func(g_free);
    add(entry, "PRIORITY", priority);
    add(entry, "SYSLOG_IDENTIFIER", "rofuse");
    add(entry, "ROFUSE_MOUNT", sink->mount);
    add(entry, "ROFUSE_EVENT", event);
}

/* Sends the entry and frees what it owns. Returns 0, or why the journal did not take it (errno). */
static int end(struct entry *entry)
{
    errno = 0; /* GLib tells only that it failed, and leaves what sendmsg(2) said */
    bool done = g_log_writer_journald(G_LOG_LEVEL_MESSAGE, entry->fields, entry->n, NULL) == G_LOG_WRITER_HANDLED;
    int error = done ? 0 : errno != 0 ? errno : EIO;
    g_ptr_array_unref(entry->owned);
    return error;
}

static void add_record(struct entry *entry, const struct denial_event *event)
{
    const struct denial_record *record = event->record;
    const struct denial_facts *facts = &record->facts;
    const struct caller *caller = record->caller;
    add(entry, "ROFUSE_OPERATION", denial_operation_name(facts->operation));
    add(entry, "ROFUSE_PATH", facts->path);
    add(entry, "ROFUSE_TARGET", facts->target);
    add_owned(entry, "ROFUSE_ERRNO", record_errno_name(facts->error));
    add(entry, "ROFUSE_WHY", denial_why_name(facts->why));
    add(entry, "ROFUSE_ROUTE", facts->place == DENIAL_PLACE_ROUTE ? facts->route_target : NULL);
    add(entry, "ROFUSE_LAYER", facts->place == DENIAL_PLACE_IMAGE ? facts->layer_dir : NULL);
    add_pid(entry, "ROFUSE_PID", caller->pid);
    add_pid(entry, "ROFUSE_TID", caller->tid);
    add_pid(entry, "ROFUSE_PID_INSIDE", caller->pid_inside);
    add_number(entry, "ROFUSE_UID", facts->uid);
    add_number(entry, "ROFUSE_GID", facts->gid);
    add(entry, "ROFUSE_COMM", caller->comm);
    add(entry, "ROFUSE_EXE", caller->exe);
    add(entry, "ROFUSE_CGROUP", caller->cgroup);
    add(entry, "ROFUSE_CONTAINER_ID", caller->container_id);
    add_number(entry, "ROFUSE_COUNT", event->kind == DENIAL_EVENT_FOLDED ? (int64_t)record->count : 1);
}

static void add_dropped(struct entry *entry, const struct denial_event *event)
{
    add_number(entry, "ROFUSE_DROPPED", (int64_t)event->dropped);
    if (event->dropped_error != 0)
        add_owned(entry, "ROFUSE_ERRNO", record_errno_name(event->dropped_error));
}

/* False where the journal did not take it. */
static bool send_event(struct journald_sink *sink, const struct denial_event *event)
{
    static const char *const names[] = {
        [DENIAL_EVENT_RECORD] = "denied", [DENIAL_EVENT_FOLDED] = "folded", [DENIAL_EVENT_DROPPED] = "dropped"};
    struct entry entry;
    begin(&entry, sink, names[event->kind], "4");
    add_owned(&entry, "MESSAGE", record_text_message(event));
    if (event->kind == DENIAL_EVENT_DROPPED)
        add_dropped(&entry, event);
    else
        add_record(&entry, event);
    char *json = record_json_event(event, sink->mount);
    add_owned(&entry, "ROFUSE_RECORD", g_strchomp(json));
    int error = end(&entry);
    if (error != 0)
        sink->error = error;
    return error == 0;
}

/* Says what was lost while the journal did not take anything. */
static void tell_lost(struct journald_sink *sink)
{
    if (sink->lost == 0)
        return;
    struct denial_event event = {.kind = DENIAL_EVENT_DROPPED, .dropped = sink->lost, .dropped_error = sink->error};
    clock_gettime(CLOCK_REALTIME, &event.time);
    if (!send_event(sink, &event))
        return;
    sink->lost = 0;
    sink->error = 0;
}

static void send_notices(struct journald_sink *sink)
{
    struct notice notice;
    while (notice_box_take(sink->box, &notice)) {
        struct entry entry;
        begin(&entry, sink, "notice", "5");
        add_owned(&entry, "MESSAGE", notice.message);
        (void)end(&entry);
    }
}

static void journald_write(void *data, const struct denial_event *event)
{
    struct journald_sink *sink = data;
    send_notices(sink);
    tell_lost(sink);
    if (send_event(sink, event))
        return;
    sink->lost += sink_event_weight(event);
    if (event->kind != DENIAL_EVENT_DROPPED)
        atomic_fetch_add(&sink->lost_ever, sink_event_weight(event));
}

static uint64_t journald_lost(void *data)
{
    struct journald_sink *sink = data;
    return atomic_load(&sink->lost_ever);
}

static void journald_reopen(void *data)
{
    struct journald_sink *sink = data;
    notice_box_take_reopen(sink->box); /* each entry is a message of its own: nothing is open */
    send_notices(sink);
    tell_lost(sink);
}

static void journald_close(void *data)
{
    struct journald_sink *sink = data;
    send_notices(sink);
    tell_lost(sink);
    notice_box_unref(sink->box);
    g_free(sink->mount);
    g_free(sink);
}

bool sink_journald_exists(void)
{
    struct stat st;
    return stat(JOURNAL_SOCKET, &st) == 0 && S_ISSOCK(st.st_mode);
}

gboolean sink_journald_new(struct notice_box *box, const char *mount, struct denial_sink *ret, GError **error)
{
    if (!sink_journald_exists()) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "--log journald: there is no journal at " JOURNAL_SOCKET "; write --log file:PATH instead");
        return FALSE;
    }
    struct journald_sink *sink = g_new0(struct journald_sink, 1);
    sink->mount = g_strdup(mount);
    sink->box = notice_box_ref(box);
    *ret = (struct denial_sink){.write = journald_write,
                                .reopen = journald_reopen,
                                .close = journald_close,
                                .lost = journald_lost,
                                .data = sink};
    return TRUE;
}
