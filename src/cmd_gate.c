#include "commands.h"

#include "app_error.h"
#include "baseline.h"
#include "command_parse.h"
#include "fact_source.h"
#include "paths.h"
#include "text.h"

#include <stdlib.h>

/* Found, and not as it should be: neither a failure nor a mistake. */
#define STATUS_FOUND 3

static const char summary[] =
    "For CI: fails when a program is refused, or writes in learn mode, in a place that the baseline lacks. Places are\n"
    "patterns without random parts, so that two runs of the same program have the same ones.\n"
    "Without MOUNTPOINT or NAME the only mount is meant.";

static const char examples[] =
    "Examples:\n"
    "  rofuse gate --baseline rofuse.baseline.json --update web   # write what is known now\n"
    "  rofuse gate --baseline rofuse.baseline.json web            # 3 when a place has come up since\n"
    "  rofuse gate --baseline rofuse.baseline.json --from web.jsonl\n"
    "\n"
    "The exit status is 0, 3 when there is a new place, 1 when something cannot be read or written, 2 when the\n"
    "arguments or the baseline are wrong.";

struct arguments {
    char *state_dir, *baseline, *from;
    gboolean update, as_json;
    char **rest;
};

static char *as_json(const GPtrArray *new, const GPtrArray *gone)
{
    json_t *json = json_pack("{s:s, s:o, s:o}", "schema", "rofuse.gate/1", "new", baseline_to_json(new), "gone",
                             baseline_to_json(gone));
    char *dumped = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    char *text = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    json_decref(json);
    return text;
}

static void append_places(GString *text, const char *label, const GPtrArray *places)
{
    for (guint i = 0; i < places->len; i++) {
        const struct baseline_place *place = g_ptr_array_index(places, i);
        g_autofree char *where = text_word(place->place);
        g_autofree char *who = text_word(place->program);
        g_string_append_printf(text, "%s  %s  %s: %s\n", label, where, who, place->why);
    }
}

static char *as_text(const GPtrArray *new, const GPtrArray *gone, guint known)
{
    GString *text = g_string_new(NULL);
    append_places(text, "new ", new);
    append_places(text, "gone", gone);
    g_string_append_printf(text, "%u new, %u gone, %u in the baseline\n", new->len, gone->len, known);
    if (new->len > 0)
        g_string_append(text, "mend: declare what the program needs (rofuse advise says what), or, where it may\n"
                              "      stay refused, write the baseline anew with --update\n");
    return g_string_free(text, FALSE);
}

/* Takes the text. */
static int print(char *text, int status, GError **error)
{
    gboolean done = command_print(text, error);
    g_free(text);
    return done ? status : APP_ERROR_FAILED;
}

static int compare(const struct arguments *arguments, const GPtrArray *places, GError **error)
{
    g_autoptr(GPtrArray) known = baseline_read(arguments->baseline, error);
    if (known == NULL)
        return APP_ERROR_FAILED;
    g_autoptr(GPtrArray) new = baseline_new(known, places);
    g_autoptr(GPtrArray) gone = baseline_gone(known, places);
    return print(arguments->as_json ? as_json(new, gone) : as_text(new, gone, known->len),
                 new->len > 0 ? STATUS_FOUND : 0, error);
}

static int update(const struct arguments *arguments, const GPtrArray *places, GError **error)
{
    if (!baseline_write(arguments->baseline, places, error))
        return APP_ERROR_FAILED;
    g_autofree char *shown = text_word(arguments->baseline);
    return print(g_strdup_printf("%s: %u place%s\n", shown, places->len, places->len == 1 ? "" : "s"), 0, error);
}

/* A place may be among what is not known. */
static void tell_lost(const struct facts_head *head)
{
    if (head->dropped > 0 || head->left_out > 0)
        app_notice("calls that no place is known of, as there were too many: %" G_GUINT64_FORMAT,
                   head->dropped + head->left_out);
}

static int run(const struct arguments *arguments, GError **error)
{
    struct paths *paths = paths_find(arguments->state_dir, error);
    const char *word = arguments->rest != NULL ? arguments->rest[0] : NULL;
    struct fact_source *source = paths != NULL ? fact_source_open(paths, word, arguments->from, NULL, error) : NULL;
    int status = APP_ERROR_FAILED;
    if (source != NULL) {
        tell_lost(&source->head);
        g_autoptr(GPtrArray) places = baseline_from_facts(source->facts);
        status = (arguments->update ? update : compare)(arguments, places, error);
    }
    fact_source_free(source);
    paths_free(paths);
    return status;
}

static gboolean check(const struct arguments *arguments, GError **error)
{
    if (arguments->baseline == NULL)
        return app_error_usage(error, "say which file holds the known places: --baseline FILE");
    if (arguments->rest != NULL && (g_strv_length(arguments->rest) != 1 || *arguments->rest[0] == '\0'))
        return app_error_usage(error, "give one mount point or name, or none for the only mount");
    if (arguments->rest != NULL && arguments->from != NULL)
        return app_error_usage(error, "--from LOG takes the place of a mount; give one of the two");
    if (arguments->update && arguments->as_json)
        return app_error_usage(error, "--json shows a comparison; --update makes none");
    return TRUE;
}

int cmd_gate(int argc, char **argv)
{
    struct arguments arguments = {0};
    const GOptionEntry entries[] = {
        {"baseline", 0, 0, G_OPTION_ARG_FILENAME, &arguments.baseline, "The places that are known", "FILE"},
        {"update", 0, 0, G_OPTION_ARG_NONE, &arguments.update, "Write the baseline instead of comparing", NULL},
        {"from", 0, 0, G_OPTION_ARG_FILENAME, &arguments.from,
         "A log in JSON, or facts of run --facts, instead of a mount; - is stdin", "LOG"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &arguments.as_json, "For programs: one JSON object", NULL},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &arguments.state_dir, "Where the mounts keep their state", "DIR"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.rest, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GError *error = NULL;
    int status = APP_ERROR_USAGE;
    if (command_parse(argc, argv, "gate", "--baseline FILE [MOUNTPOINT|NAME]", summary, examples, entries, NULL,
                      &error) &&
        check(&arguments, &error))
        status = run(&arguments, &error);
    if (error != NULL)
        status = app_error_print(error);
    g_free(arguments.state_dir);
    g_free(arguments.baseline);
    g_free(arguments.from);
    g_strfreev(arguments.rest);
    return status;
}
