#include "commands.h"

#include "app_error.h"
#include "audit_print.h"
#include "command_parse.h"
#include "compose.h"
#include "counters_file.h"
#include "fact_source.h"
#include "mount_arguments.h"
#include "paths.h"
#include "plan.h"
#include "run_program.h"
#include "text.h"

#include <string.h>

#ifndef ROFUSE_VERSION
#define ROFUSE_VERSION "0.0.0"
#endif

/* Found, and not as it should be: neither a failure nor a mistake. */
#define STATUS_FOUND 3

static const char summary[] =
    "Goes through a checklist for a mount, a Compose file or a log: is the root read-only, is every writable place\n"
    "needed and narrow, is temporary data on a tmpfs, does nothing write among the program's own files. Each finding\n"
    "has its reason and its mend. Without MOUNTPOINT or NAME, and without options that say what would be mounted, the\n"
    "only mount is meant.";

static const char examples[] =
    "Examples:\n"
    "  rofuse audit web                               the mount web, with what was refused there\n"
    "  rofuse audit --compose compose.yaml --service web\n"
    "  rofuse audit --compose compose.yaml --from web.jsonl\n"
    "  rofuse audit --compose compose.yaml --sarif > audit.sarif\n"
    "\n"
    "The exit status is 0, 3 when there is a finding, 1 when something cannot be read, 2 when the arguments or the\n"
    "file are wrong.";

struct arguments {
    char *from;
    gboolean as_json, as_sarif;
    char **rest;
};

/* What is audited, and who owns its parts. */
struct work {
    struct plan *plan;          /* of a Compose file or an image */
    struct fact_source *source; /* of a mount or a log */
    enum audit_use *uses;
    char *name;
    struct audit_subject subject;
    const char *file; /* for SARIF */
};

static void clear_work(struct work *work)
{
    plan_free(work->plan);
    fact_source_free(work->source);
    g_free(work->uses);
    g_free(work->name);
}

static void take_plan(struct work *work)
{
    const struct compose_service *service = work->plan->service;
    struct audit_subject *subject = &work->subject;
    subject->routes = mount_options_routes(work->plan->routes, &subject->n_routes);
    subject->working_dir = work->plan->working_dir;
    if (service == NULL)
        return;
    work->file = service->file;
    subject->has_read_only = true;
    subject->is_read_only = service->read_only;
    subject->service = service->name;
    work->name = g_strdup(service->name);
}

/* A mount's root is read-only, whatever is said. */
static void take_mount(struct work *work, const struct paths *paths)
{
    const struct state *state = work->source->asked->state;
    struct audit_subject *subject = &work->subject;
    struct counters counters;
    bool is_known = counters_file_read(paths->run, state->name, &counters);
    g_autofree bool *written = run_program_written(state, is_known ? &counters : NULL);
    work->uses = g_new0(enum audit_use, state->n_routes + 1);
    for (size_t i = 0; i < state->n_routes; i++)
        work->uses[i] = !is_known ? AUDIT_USE_UNKNOWN : written[i] ? AUDIT_USED : AUDIT_UNUSED;
    subject->routes = state->routes;
    subject->n_routes = state->n_routes;
    subject->uses = work->uses;
    subject->has_read_only = subject->is_read_only = true;
    work->name = g_strdup(state->name);
}

/* Whether the options say what would be mounted. */
static bool says_content(const struct mount_request *request)
{
    size_t n_routes;
    (void)mount_options_routes(request->routes, &n_routes);
    return *request->compose != NULL || request->service != NULL || request->image != NULL ||
           *request->layers != NULL || n_routes > 0;
}

static gboolean gather(struct work *work, const struct arguments *arguments, const struct mount_request *request,
                       GError **error)
{
    const char *word = arguments->rest != NULL ? arguments->rest[0] : NULL;
    bool has_content = says_content(request);
    if (has_content && word != NULL) {
        g_autofree char *shown = text_word(word);
        return app_error_usage(error, "%s is a mount, and the options say what would be mounted; give one of the two",
                               shown);
    }
    struct paths *paths = paths_find(request->state_dir, error);
    gboolean done = paths != NULL;
    if (done && has_content) {
        work->plan = plan_make(request, NULL, paths, PLAN_SHOW, error);
        done = work->plan != NULL;
        if (done)
            take_plan(work);
    }
    if (done && (!has_content || arguments->from != NULL)) {
        work->source = fact_source_open(paths, word, arguments->from, NULL, error);
        done = work->source != NULL;
    }
    if (done && work->source != NULL) {
        work->subject.facts = work->source->facts;
        work->subject.written = work->source->head.written;
    }
    if (done && !has_content && work->source->asked != NULL)
        take_mount(work, paths);
    if (work->name == NULL)
        work->name = g_strdup(arguments->from == NULL             ? "image"
                              : strcmp(arguments->from, "-") == 0 ? "stdin"
                                                                  : arguments->from);
    if (work->file == NULL)
        work->file = arguments->from;
    work->subject.name = work->name;
    paths_free(paths);
    return done;
}

static int print(const struct work *work, const struct arguments *arguments, GError **error)
{
    g_autoptr(GPtrArray) findings = audit_make(&work->subject);
    enum audit_format format = arguments->as_sarif ? AUDIT_SARIF : arguments->as_json ? AUDIT_JSON : AUDIT_TEXT;
    g_autofree char *text = audit_print(&work->subject, findings, work->file, ROFUSE_VERSION, format);
    if (!command_print(text, error))
        return APP_ERROR_FAILED;
    return findings->len > 0 ? STATUS_FOUND : 0;
}

static gboolean check(const struct arguments *arguments, GError **error)
{
    bool has_mount = arguments->rest != NULL;
    if (has_mount && (g_strv_length(arguments->rest) != 1 || *arguments->rest[0] == '\0'))
        return app_error_usage(error, "give one mount point or name, or none for the only mount");
    if (has_mount && arguments->from != NULL)
        return app_error_usage(error, "--from LOG takes the place of a mount; give one of the two");
    if (arguments->as_json && arguments->as_sarif)
        return app_error_usage(error, "--json or --sarif, not both");
    return TRUE;
}

static struct mount_request *parse(int argc, char **argv, struct arguments *arguments, GError **error)
{
    struct mount_arguments content;
    mount_arguments_init(&content);
    const GOptionEntry own[] = {
        {"from", 0, 0, G_OPTION_ARG_FILENAME, &arguments->from,
         "A log in JSON, or facts of run --facts, instead of a mount; - is stdin", "LOG"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &arguments->as_json, "For programs: one JSON object", NULL},
        {"sarif", 0, 0, G_OPTION_ARG_NONE, &arguments->as_sarif, "For programs that read SARIF 2.1.0", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments->rest, NULL, NULL},
    };
    g_autoptr(GArray) entries = g_array_new(TRUE, FALSE, sizeof(GOptionEntry));
    mount_arguments_add_entries(&content, MOUNT_ARGUMENTS_CONTENT, entries);
    g_array_append_vals(entries, own, G_N_ELEMENTS(own));
    gboolean done = command_parse(argc, argv, "audit", "[MOUNTPOINT|NAME]", summary, examples,
                                  (const GOptionEntry *)(const void *)entries->data, &content, error) &&
                    check(arguments, error);
    struct mount_request *request = done ? mount_arguments_take(&content, NULL, error) : NULL;
    mount_arguments_clear(&content);
    return request;
}

int cmd_audit(int argc, char **argv)
{
    GError *error = NULL;
    struct arguments arguments = {0};
    struct work work = {0};
    struct mount_request *request = parse(argc, argv, &arguments, &error);
    int status = APP_ERROR_FAILED;
    if (request != NULL && gather(&work, &arguments, request, &error))
        status = print(&work, &arguments, &error);
    if (error != NULL)
        status = app_error_print(error);
    clear_work(&work);
    mount_request_free(request);
    g_free(arguments.from);
    g_strfreev(arguments.rest);
    return status;
}
