#include "run_facts.h"

#include "control_client.h"
#include "control_socket.h"
#include "fact_json.h"

#include <stdlib.h>

/* How long to wait for what is on its way; and for an answer, of a daemon that has nothing else to do. */
#define SETTLE_MS 2000
#define ANSWER_MS 20000

static struct run_seen *ask(struct control_client *client, GError **error)
{
    struct run_seen *seen = g_new0(struct run_seen, 1);
    struct facts_head head = {0};
    control_client_set_patience(client, ANSWER_MS);
    seen->document = control_client_ask(
        client, "facts", json_pack("{s:i, s:b, s:b}", "settle_ms", SETTLE_MS, "written", true, "folded", true), error);
    if (seen->document != NULL)
        seen->facts = facts_from_json(seen->document, "the daemon's answer", &head, error);
    if (seen->facts == NULL) {
        run_facts_free(seen);
        return NULL;
    }
    seen->written = fact_written_ref(head.written);
    facts_head_clear(&head);
    return seen;
}

struct run_seen *run_facts_ask(const struct paths *paths, const struct state *state, GError **error)
{
    g_autofree char *path = control_socket_path(paths->run, state->name);
    struct control_client *client = control_client_new(path, error);
    struct run_seen *seen = client != NULL ? ask(client, error) : NULL;
    control_client_free(client);
    return seen;
}

void run_facts_free(struct run_seen *seen)
{
    if (seen == NULL)
        return;
    json_decref(seen->document);
    fact_written_unref(seen->written);
    if (seen->facts != NULL)
        g_ptr_array_unref(seen->facts);
    g_free(seen);
}

char *run_facts_text(const struct run_seen *seen)
{
    char *dumped = json_dumps(seen->document, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    char *text = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    return text;
}
