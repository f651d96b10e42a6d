/*
 * Control commands about the log:
 *
 *     log {"follow": bool, "facts": bool}
 *                            the events that are kept, what was refused by now among them; with "follow" then those that
 *                            come. Events are objects of schema rofuse.log/1. Before one that follows a gap comes one of
 *                            kind "dropped". With "facts" the last one, when the mount is gone, is a document of schema
 *                            rofuse.facts/1: who follows cannot ask for it any more.
 */
#include "daemon.h"

#include "facts_watch.h"
#include "history.h"
#include "record_json.h"

#include <stdlib.h>

/* How long to wait for an event before looking whether somebody still listens. */
#define LOOK_MS 200

static json_t *work_log(void *data, const json_t *args, const struct control_stream *stream, GError **error)
{
    (void)error;
    /* Who follows hears of it when it comes. */
    if (!json_is_true(json_object_get(args, "follow")))
        daemon_catch_up(data, stream, DAEMON_CATCH_UP_MS);
    return json_pack("{s:s}", "schema", "rofuse.log/1");
}

static bool send_lost(struct control_stream *stream, uint64_t lost, const char *mount)
{
    struct denial_event event = {.kind = DENIAL_EVENT_DROPPED, .dropped = lost};
    clock_gettime(CLOCK_REALTIME, &event.time);
    g_autofree char *line = record_json_event(&event, mount);
    return control_stream_send_text(stream, line);
}

static void send_facts(struct control_stream *stream, struct daemon *daemon)
{
    json_t *document = facts_json(facts_watch_facts(daemon->facts));
    char *text = json_dumps(document, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(document);
    if (text != NULL)
        (void)control_stream_send_text(stream, text);
    free(text);
}

static void follow_log(void *data, const json_t *args, struct control_stream *stream)
{
    struct daemon *daemon = data;
    bool follow = json_is_true(json_object_get(args, "follow"));
    uint64_t cursor = 0, lost;
    for (;;) {
        bool is_last = follow && history_has_ended(daemon->history);
        g_autofree char *line = history_next(daemon->history, &cursor, follow ? LOOK_MS : 0, &lost);
        if (lost > 0 && !send_lost(stream, lost, daemon->state->name))
            return;
        if (line != NULL ? !control_stream_send_text(stream, line) : !follow || !control_stream_is_open(stream))
            return;
        if (line == NULL && is_last)
            break;
    }
    if (json_is_true(json_object_get(args, "facts")))
        send_facts(stream, daemon);
}

const struct control_command daemon_log_commands[] = {{.name = "log", .work = work_log, .follow = follow_log},
                                                      {.name = NULL}};
