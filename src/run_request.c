#include "run_request.h"

#include "app_error.h"
#include "command_parse.h"
#include "compose.h"
#include "mount_arguments.h"
#include "text.h"

#include <string.h>

static const char summary[] =
    "Runs a program on a read-only root: mounts the image, with writable places as declared, starts the\n"
    "image's program (or COMMAND) in namespaces of its own, waits for its end, unmounts, and reports which\n"
    "writes were refused. SERVICE is one of a Compose file's.";

static const char examples[] =
    "Examples:\n"
    "  rofuse run api                                  # the service api of ./compose.yaml\n"
    "  rofuse run --compose stack.yaml api -- sh       # another command in it\n"
    "  rofuse run --image oci:images/web:1.0 --tmpfs /tmp\n"
    "  rofuse run --image web:1.0 --user www-data -e PORT=8080 -v data:/data -- /app/serve --verbose\n"
    "  rofuse run --layer rootfs --runtime crun --report json -- /bin/true\n"
    "  rofuse run --learn --facts web.facts --image web:1.0; rofuse advise --from web.facts --image web:1.0\n"
    "\n"
    "The program has the host's network. Signals are passed on to it, SIGTERM as the image's stop signal;\n"
    "a SIGTERM ten seconds after the first one, or later, kills a program that goes on.\n"
    "It gets a terminal of its own where both stdin and stdout are one.\n"
    "The report goes to stderr. The refused writes are logged for it alone unless --log says where else.\n"
    "\n"
    "The exit status is the program's (128 + N when a signal ended it); 125 when the runtime failed, 126 when\n"
    "the program cannot be executed, 127 when it is not found; 1 when the mount could not be set up, 2 when\n"
    "the arguments are wrong.";

/* What GOption fills in, beside the options of the mount and of the program. */
struct words {
    char *runtime;
    char *report;
    char *facts;
    gboolean remove_volumes;
    char **rest;
};

/* Which of some words it is, separated by blanks; the first where nothing was said. */
static gboolean read_word(const char *option, const char *text, const char *words, unsigned *ret, GError **error)
{
    g_auto(GStrv) list = g_strsplit(words, " ", -1);
    *ret = 0;
    for (unsigned i = 0; list[i] != NULL && text != NULL; i++) {
        if (strcmp(list[i], text) == 0) {
            *ret = i;
            return TRUE;
        }
    }
    if (text == NULL)
        return TRUE;
    g_autofree char *shown = text_escape(text), *choice = g_strjoinv(", ", list);
    return app_error_usage(error, "%s: \"%s\" is none of: %s", option, shown, choice);
}

/* One word before "--" is a service. */
static gboolean take_service(struct mount_arguments *arguments, char **rest, GError **error)
{
    guint n = rest != NULL ? g_strv_length(rest) : 0;
    if (n == 0)
        return TRUE;
    g_autofree char *shown = text_word(rest[0]);
    if (n > 1 || arguments->service != NULL)
        return app_error_usage(
            error, "one service can be run; write -- before a command and its arguments: rofuse run %s -- ...",
            arguments->service == NULL ? shown : "[OPTIONS]");
    /* Beside an image it could be meant as the command, unless there is a Compose file. */
    g_autofree char *directory = g_get_current_dir();
    g_autofree char *found = arguments->compose == NULL ? compose_find_file(directory) : NULL;
    if (arguments->compose == NULL && found == NULL && (arguments->image != NULL || arguments->layers != NULL))
        return app_error_usage(error, "%s is no option; write -- before a command: rofuse run [OPTIONS] -- %s", shown,
                               shown);
    const char *said = g_getenv("COMPOSE_FILE");
    if (arguments->compose == NULL && found == NULL && (said == NULL || *said == '\0'))
        return app_error_usage(error,
                               "there is no Compose file here or above that could have a service %s; name one with "
                               "--compose FILE, or an image with --image %s",
                               shown, shown);
    arguments->service = g_strdup(rest[0]);
    return TRUE;
}

/* "FORMAT" or "FORMAT:FILE". */
static gboolean read_report(const char *text, struct run_request *request, GError **error)
{
    const char *colon = text != NULL ? strchr(text, ':') : NULL;
    g_autofree char *word = colon != NULL ? g_strndup(text, (gsize)(colon - text)) : g_strdup(text);
    unsigned which = 0;
    if (!read_word("--report", word, "text json none", &which, error))
        return FALSE;
    request->report = which == 0 ? RUN_REPORT_TEXT : which == 1 ? RUN_REPORT_JSON : RUN_REPORT_NONE;
    if (colon == NULL)
        return TRUE;
    if (colon[1] == '\0' || request->report == RUN_REPORT_NONE) {
        g_autofree char *shown = text_escape(text);
        return app_error_usage(error, "--report: \"%s\" names no report in a file; write text:FILE or json:FILE",
                               shown);
    }
    request->report_file = g_strdup(colon + 1);
    return TRUE;
}

static gboolean take(struct run_request *request, struct words *words, struct mount_arguments *arguments,
                     GError **error)
{
    unsigned runtime = 0;
    if (!read_word("--runtime", words->runtime, "builtin bwrap runc crun", &runtime, error) ||
        !read_report(words->report, request, error) || !run_words_check(&request->words, error) ||
        !take_service(arguments, words->rest, error))
        return FALSE;
    static const enum run_runtime runtimes[] = {RUN_BUILTIN, RUN_BWRAP, RUN_RUNC, RUN_CRUN};
    request->runtime = runtimes[runtime];
    request->remove_volumes = words->remove_volumes;
    if (words->facts != NULL && *words->facts == '\0')
        return app_error_usage(error, "--facts: the file is empty; write its path");
    request->facts_file = g_strdup(words->facts);
    request->mount = mount_arguments_take(arguments, NULL, error);
    return request->mount != NULL;
}

struct run_request *run_request_parse(int argc, char **argv, GError **error)
{
    struct run_request *request = g_new0(struct run_request, 1);
    run_words_init(&request->words, &argc, &argv);
    g_autofree char **options = argv;
    struct words words = {0};
    struct mount_arguments arguments;
    mount_arguments_init(&arguments);
    const GOptionEntry own[] = {
        {"runtime", 0, 0, G_OPTION_ARG_FILENAME, &words.runtime,
         "builtin, bwrap, runc or crun; builtin is the default and needs only the kernel", "RUNTIME"},
        {"report", 0, 0, G_OPTION_ARG_FILENAME, &words.report,
         "text, json or none; text is the default; to stderr, or to a file", "FORMAT[:FILE]"},
        {"facts", 0, 0, G_OPTION_ARG_FILENAME, &words.facts, "Write what was refused and what came of it, for --from",
         "FILE"},
        {"rm", 0, 0, G_OPTION_ARG_NONE, &words.remove_volumes, "Remove anonymous volumes at the end", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &words.rest, NULL, NULL},
    };
    g_autoptr(GArray) entries = g_array_new(TRUE, FALSE, sizeof(GOptionEntry));
    run_words_add_entries(&request->words, entries);
    g_array_append_vals(entries, own, G_N_ELEMENTS(own) - 1);
    mount_arguments_add_entries(&arguments, MOUNT_ARGUMENTS_MOUNT, entries);
    g_array_append_vals(entries, &own[G_N_ELEMENTS(own) - 1], 1);
    if (!command_parse(argc, options, "run", "[SERVICE] [-- COMMAND...]", summary, examples,
                       (const GOptionEntry *)(const void *)entries->data, &arguments, error) ||
        !take(request, &words, &arguments, error))
        g_clear_pointer(&request, run_request_free);
    mount_arguments_clear(&arguments);
    g_free(words.runtime);
    g_free(words.report);
    g_free(words.facts);
    g_strfreev(words.rest);
    return request;
}

void run_request_free(struct run_request *request)
{
    if (request == NULL)
        return;
    mount_request_free(request->mount);
    run_words_clear(&request->words);
    g_free(request->report_file);
    g_free(request->facts_file);
    g_free(request);
}
