#include "record_text.h"

#include "caller.h"
#include "record_names.h"
#include "text.h"

#include <glib.h>
#include <string.h>

static void append_word(GString *line, const char *before, const char *bytes)
{
    g_autofree char *word = text_word(bytes);
    g_string_append(line, before);
    g_string_append(line, word);
}

/* The executable; its comm in brackets, as ps(1) shows a process without one, where that is all that is known. */
static void append_process(GString *line, const struct denial_record *record)
{
    const struct caller *caller = record->caller;
    if (caller->exe != NULL) {
        append_word(line, " ", caller->exe);
        if (caller->exe_deleted)
            g_string_append(line, " (deleted)");
    } else if (caller->comm != NULL) {
        g_autofree char *comm = text_escape(caller->comm);
        g_string_append_printf(line, " [%s]", comm);
    } else {
        g_string_append(line, " an unknown process");
    }
    pid_t pid = caller->pid > 0 ? caller->pid : caller->tid;
    if (pid > 0)
        g_string_append_printf(line, " pid %d", (int)pid);
    else
        g_string_append(line, " pid ?");
    if (caller->pid_inside > 0 && caller->pid_inside != pid)
        g_string_append_printf(line, " (%d inside)", (int)caller->pid_inside);
    g_string_append_printf(line, " uid %u", (unsigned)record->facts.uid);
}

static void append_count(GString *line, const struct denial_record *record)
{
    double seconds = (double)(record->last.tv_sec - record->first.tv_sec) +
                     (double)(record->last.tv_nsec - record->first.tv_nsec) / 1e9;
    guint64 count = record->count;
    g_string_append_printf(line, ", %" G_GUINT64_FORMAT " times", count);
    /* Whole seconds, rounded up: a window of ten seconds is not "in 9 s". */
    if (seconds > 0) {
        guint64 whole = (guint64)seconds;
        g_string_append_printf(line, " in %" G_GUINT64_FORMAT " s", whole + (seconds > (double)whole));
    }
}

static void append_record(GString *line, const struct denial_event *event)
{
    const struct denial_facts *facts = &event->record->facts;
    g_autofree char *error = record_errno_name(facts->error);
    g_string_append(line, denial_operation_name(facts->operation));
    append_word(line, " ", facts->path);
    if (facts->name_unknown)
        g_string_append(line, facts->path[strlen(facts->path) - 1] == '/' ? "?" : "/?");
    if (facts->target != NULL)
        append_word(line, " -> ", facts->target);
    /* Learn mode: it was done all the same. */
    g_string_append_printf(line, facts->learned ? " learned (would be %s)" : " %s", error);
    append_process(line, event->record);
    g_string_append_printf(line, ": %s", denial_why_name(facts->why));
    if (facts->place == DENIAL_PLACE_ROUTE && facts->route_target != NULL && facts->why != DENIAL_NOT_DECLARED) {
        append_word(line, " (", facts->route_kind != NULL ? facts->route_kind : "route");
        append_word(line, " ", facts->route_target);
        g_string_append_c(line, ')');
    }
    if (event->kind == DENIAL_EVENT_FOLDED)
        append_count(line, event->record);
}

static void append_dropped(GString *line, const struct denial_event *event)
{
    g_string_append_printf(line, "%" G_GUINT64_FORMAT " denials are not in this log: it could not ", event->dropped);
    if (event->dropped_error == 0) {
        g_string_append(line, "keep up");
        return;
    }
    g_autofree char *error = record_errno_name(event->dropped_error);
    g_string_append_printf(line, "be written (%s)", error);
}

static GString *message(const struct denial_event *event)
{
    GString *line = g_string_sized_new(160);
    if (event->kind == DENIAL_EVENT_DROPPED)
        append_dropped(line, event);
    else
        append_record(line, event);
    return line;
}

char *record_text_message(const struct denial_event *event)
{
    return g_string_free(message(event), FALSE);
}

char *record_text_event(const struct denial_event *event)
{
    GString *line = message(event);
    g_autofree char *time =
        record_time_local(event->kind == DENIAL_EVENT_RECORD ? &event->record->first : &event->time);
    g_string_prepend_c(line, ' ');
    g_string_prepend(line, time);
    g_string_append_c(line, '\n');
    return g_string_free(line, FALSE);
}

char *record_text_notice(const struct timespec *time, const char *message_text)
{
    g_autofree char *when = record_time_local(time), *shown = text_escape(message_text);
    return g_strdup_printf("%s rofuse: %s\n", when, shown);
}
