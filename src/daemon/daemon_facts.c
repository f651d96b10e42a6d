/*
 * Control commands about facts:
 *
 *     facts {"settle_ms"?: number, "written"?: bool, "folded"?: bool}
 *                                    what programs could not write since the mount was made, by now: a document of schema
 *                                    rofuse.facts/1. settle_ms: how long to wait at most until it is known how the
 *                                    processes went on. written: with how much was written where. folded: what is folded is told first, to
 *                                    the logs as well, so that all counts are those of now.
 */
#include "daemon.h"

#include "app_error.h"
#include "denial.h"
#include "facts_watch.h"
#include "log_set.h"
#include "written.h"

#define MOST_SETTLE_MS 10000

/* How often to look whether all is told. */
#define LOOK_US 2000

/* A sink that takes nothing (a terminal, a full disk) is not waited for any longer than records are. */
static void tell_folded(struct daemon *daemon, const struct patience *patience)
{
    struct denial_log *log = log_set_denials(daemon->log);
    const gint64 end = g_get_monotonic_time() + DAEMON_CATCH_UP_MS * G_TIME_SPAN_MILLISECOND;
    denial_log_tell(log);
    while (!denial_log_has_told(log) && g_get_monotonic_time() < end && !patience_is_over(patience))
        g_usleep(LOOK_US);
}

static json_t *work_facts(void *data, const json_t *args, const struct control_stream *stream, GError **error)
{
    struct daemon *daemon = data;
    const json_t *settle = json_object_get(args, "settle_ms");
    json_int_t ms = json_integer_value(settle);
    if (settle != NULL && (!json_is_integer(settle) || ms < 0 || ms > MOST_SETTLE_MS)) {
        app_error_usage(error, "\"settle_ms\" is a number of milliseconds, %d at most", MOST_SETTLE_MS);
        return NULL;
    }
    daemon_catch_up(daemon, stream, DAEMON_CATCH_UP_MS);
    const struct patience patience = daemon_patience(stream);
    if (json_is_true(json_object_get(args, "folded")))
        tell_folded(daemon, &patience);
    facts_watch_settle(daemon->facts, (int)ms, &patience);
    json_t *document = facts_json(facts_watch_facts(daemon->facts));
    if (json_is_true(json_object_get(args, "written"))) {
        struct fact_written *written = written_find(daemon);
        if (written != NULL)
            json_object_set_new(document, "written", fact_written_to_json(written));
        fact_written_unref(written);
    }
    return document;
}

const struct control_command daemon_facts_commands[] = {{.name = "facts", .work = work_facts}, {.name = NULL}};
