#include "run_facts.h"

#include "control_client.h"
#include "control_socket.h"

#include <jansson.h>
#include <stdlib.h>

/* How long to wait for what is on its way. */
#define SETTLE_MS 2000

char *run_facts_ask(const struct paths *paths, const struct state *state, GError **error)
{
    g_autofree char *path = control_socket_path(paths->run, state->name);
    struct control_client *client = control_client_new(path, error);
    json_t *document =
        client != NULL ? control_client_ask(client, "facts", json_pack("{s:i}", "settle_ms", SETTLE_MS), error) : NULL;
    control_client_free(client);
    if (document == NULL)
        return NULL;
    char *dumped = json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    json_decref(document);
    char *text = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    return text;
}
