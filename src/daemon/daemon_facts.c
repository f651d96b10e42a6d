/*
 * Control commands about facts:
 *
 *     facts {"settle_ms"?: number, "written"?: bool}
 *                                    what programs could not write since the mount was made, by now: a document of schema
 *                                    rofuse.facts/1. settle_ms: how long to wait at most until it is known how the
 *                                    processes went on. written: with how much was written where.
 */
#include "daemon.h"

#include "app_error.h"
#include "facts_watch.h"
#include "written.h"

#define MOST_SETTLE_MS 10000

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
