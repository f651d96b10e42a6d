#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "facts.h"
#include "facts_text.h"
#include "knowledge.h"
#include "mount_ask.h"
#include "text.h"

#include <stdlib.h>
#include <time.h>

static const char summary[] =
    "Shows what programs could not write, a line or two for what a person would call one thing: the\n"
    "place, the program, how often, what that meant to it (it died of it, it went on without, it only\n"
    "asked), by what that is known, and what is known to help.\n"
    "\n"
    "Without MOUNTPOINT or NAME the only mount is meant.\n"
    "Its daemon has seen how the programs went on; a log, which --from reads, does not tell that.";

static const char examples[] =
    "Examples:\n"
    "  rofuse facts\n"
    "  rofuse facts web\n"
    "  rofuse facts --from web.jsonl\n"
    "  rofuse facts --json | jq -r '.facts[] | select(.class == \"fatal\").place'\n"
    "\n"
    "The exit status is 0, 1 when there is no such mount or the log cannot be read, 2 when the\n"
    "arguments are wrong.";

struct facts_request {
    char *state_dir, *log, *knowledge, **rest;
    gboolean as_json;
};

/* The document; a new reference. NULL with one line. */
static json_t *read_log(const struct facts_request *request, GError **error)
{
    struct knowledge *knowledge = knowledge_new(request->knowledge, error);
    if (knowledge == NULL)
        return NULL;
    struct facts *facts = facts_new(&(struct facts_options){.knowledge = knowledge});
    uint64_t bad = 0;
    json_t *document = facts_read(facts, request->log, &bad, error) ? facts_json(facts) : NULL;
    if (document != NULL && bad > 0)
        app_notice("lines of the log that are no records, passed over: %" G_GUINT64_FORMAT, bad);
    facts_free(facts);
    knowledge_free(knowledge);
    return document;
}

static json_t *ask_daemon(const struct facts_request *request, GError **error)
{
    struct paths *paths = paths_find(request->state_dir, error);
    if (paths == NULL)
        return NULL;
    struct asked_mount *asked = mount_ask(paths, request->rest != NULL ? request->rest[0] : NULL, error);
    json_t *document = asked != NULL ? control_client_ask(asked->client, "facts", NULL, error) : NULL;
    asked_mount_free(asked);
    paths_free(paths);
    return document;
}

/* Owned; NULL with one line. */
static char *make_text(const json_t *document, gboolean as_json, GError **error)
{
    if (as_json) {
        char *dumped = json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII);
        char *text = g_strconcat(dumped, "\n", NULL);
        free(dumped);
        return text;
    }
    struct facts_head head;
    g_autoptr(GPtrArray) facts = facts_from_json(document, "the daemon's answer", &head, error);
    if (facts == NULL)
        return NULL;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char *text = facts_text(&head, facts, &now);
    facts_head_clear(&head);
    return text;
}

static int show(const struct facts_request *request, GError **error)
{
    json_t *document = request->log != NULL ? read_log(request, error) : ask_daemon(request, error);
    if (document == NULL)
        return APP_ERROR_FAILED;
    g_autofree char *text = make_text(document, request->as_json, error);
    json_decref(document);
    if (text == NULL)
        return APP_ERROR_FAILED;
    return command_print(text, error) ? 0 : APP_ERROR_FAILED;
}

static gboolean check(const struct facts_request *request, GError **error)
{
    if (request->rest != NULL && (g_strv_length(request->rest) != 1 || *request->rest[0] == '\0'))
        return app_error_usage(
            error, "give one mount point or name, or none where there is one mount: rofuse facts [MOUNTPOINT|NAME]");
    if (request->log != NULL && request->rest != NULL)
        return app_error_usage(error, "--from LOG and a mount point are two sources; give one of them");
    if (request->knowledge != NULL && request->log == NULL)
        return app_error_usage(error, "--knowledge FILE goes with --from LOG; the daemon has its own");
    return TRUE;
}

int cmd_facts(int argc, char **argv)
{
    struct facts_request request = {0};
    const GOptionEntry entries[] = {
        {"from", 0, 0, G_OPTION_ARG_FILENAME, &request.log,
         "A log in JSON, or facts of run --facts, instead of a mount; - is stdin", "LOG"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &request.as_json, "For programs: one JSON object", NULL},
        {"knowledge", 0, 0, G_OPTION_ARG_FILENAME, &request.knowledge,
         "What is known of more programs; comes before what is built in", "FILE"},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &request.state_dir, "Where the mounts keep their state", "DIR"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &request.rest, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GError *error = NULL;
    int status = 0;
    if (command_parse(argc, argv, "facts", "[MOUNTPOINT|NAME]", summary, examples, entries, NULL, &error) &&
        check(&request, &error))
        status = show(&request, &error);
    g_free(request.log);
    g_free(request.knowledge);
    g_free(request.state_dir);
    g_strfreev(request.rest);
    return error != NULL ? app_error_print(error) : status;
}
