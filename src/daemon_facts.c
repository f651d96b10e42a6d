/*
 * Control commands about facts:
 *
 *     facts {}   what programs could not write since the mount was made: a document of schema rofuse.facts/1.
 */
#include "daemon.h"

#include "facts_watch.h"

static json_t *run_facts(void *data, const json_t *args, GError **error)
{
    struct daemon *daemon = data;
    (void)args;
    (void)error;
    return facts_json(facts_watch_facts(daemon->facts));
}

const struct control_command daemon_facts_commands[] = {{"facts", run_facts, NULL}, {NULL, NULL, NULL}};
