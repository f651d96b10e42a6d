#include "commands.h"

#include "app_error.h"
#include "audit_print.h"
#include "command_parse.h"
#include "compose.h"
#include "compose_files.h"
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
    "  rofuse audit web                                # the mount web, with what was refused there\n"
    "  rofuse audit --compose compose.yaml             # all of its services\n"
    "  rofuse audit --compose compose.yaml --service web --from web.jsonl\n"
    "  rofuse audit --compose compose.yaml --sarif > audit.sarif\n"
    "\n"
    "The exit status is 0, 3 when there is a finding, 1 when something cannot be read, 2 when the arguments or the\n"
    "file are wrong; also where that is so of one service, and the others were looked at.";

struct arguments {
    char *from;
    gboolean as_json, as_sarif;
    char **rest;
};

/* A mount, a log, an image or a service, and who owns its parts. */
struct part {
    struct plan *plan; /* of a service or an image */
    enum audit_use *uses;
    char *name;
    char *file;
    GArray *places; /* struct audit_place, whose files are owned by the array */
    struct audit_subject subject;
    GPtrArray *findings;
};

/* What is audited. */
struct work {
    struct fact_source *source; /* of a mount or a log */
    GPtrArray *parts;
    int failed; /* exit status for services that could not be looked at, or 0 */
};

static void clear_place(void *data)
{
    g_free((char *)((struct audit_place *)data)->file);
}

static void free_part(void *data)
{
    struct part *part = data;
    if (part->findings != NULL)
        g_ptr_array_unref(part->findings);
    plan_free(part->plan);
    g_free(part->uses);
    g_free(part->name);
    g_free(part->file);
    g_array_unref(part->places);
    g_free(part);
}

static struct part *add_part(struct work *work)
{
    struct part *part = g_new0(struct part, 1);
    part->places = g_array_new(FALSE, FALSE, sizeof(struct audit_place));
    g_array_set_clear_func(part->places, clear_place);
    g_ptr_array_add(work->parts, part);
    return part;
}

/* As readers of SARIF look for it: from here, which is the repository's top in most CI. */
static char *file_from_here(const char *path)
{
    g_autofree char *here = g_get_current_dir();
    return compose_files_shown(here, path);
}

static void take_service(struct part *part, const struct compose_service *service)
{
    struct audit_subject *subject = &part->subject;
    for (guint i = 0; i < service->places->len; i++) {
        const struct compose_place *place = g_ptr_array_index(service->places, i);
        struct audit_place found = {place->target, file_from_here(place->file), place->line};
        if (found.target != NULL) {
            g_array_append_val(part->places, found);
            continue;
        }
        part->file = (char *)found.file;
        subject->line = found.line;
    }
    subject->places = (const struct audit_place *)(const void *)part->places->data;
    subject->n_places = part->places->len;
    subject->has_read_only = true;
    subject->is_read_only = service->read_only;
    subject->service = service->name;
    part->name = g_strdup(service->name);
}

static void take_plan(struct part *part)
{
    struct audit_subject *subject = &part->subject;
    subject->routes = mount_options_routes(part->plan->routes, &subject->n_routes);
    subject->working_dir = part->plan->working_dir;
    if (part->plan->service != NULL)
        take_service(part, part->plan->service);
}

/* A mount's root is read-only, whatever is said. */
static void take_mount(struct part *part, const struct asked_mount *asked, const struct paths *paths)
{
    const struct state *state = asked->state;
    struct audit_subject *subject = &part->subject;
    struct counters counters;
    bool is_known = counters_file_read(paths->run, state->name, &counters);
    g_autofree bool *written = run_program_written(state, is_known ? &counters : NULL);
    part->uses = g_new0(enum audit_use, state->n_routes + 1);
    for (size_t i = 0; i < state->n_routes; i++)
        part->uses[i] = !is_known ? AUDIT_USE_UNKNOWN : written[i] ? AUDIT_USED : AUDIT_UNUSED;
    subject->routes = state->routes;
    subject->n_routes = state->n_routes;
    subject->uses = part->uses;
    subject->has_read_only = subject->is_read_only = true;
    subject->is_learning = is_known && (counters.features & COUNTERS_FEATURE_LEARN) != 0;
    part->name = g_strdup(state->name);
}

/* Whether there are options beside a Compose file that say what would be mounted. */
static bool says_more(const struct mount_request *request)
{
    size_t n_routes;
    (void)mount_options_routes(request->routes, &n_routes);
    return request->image != NULL || *request->layers != NULL || n_routes > 0;
}

static bool says_content(const struct mount_request *request)
{
    return *request->compose != NULL || request->service != NULL || says_more(request);
}

/* Each once, though each service has them. */
static void tell_warnings(const struct part *part, GPtrArray *told)
{
    for (char **warning = part->plan->service != NULL ? part->plan->service->warnings : NULL;
         warning != NULL && *warning != NULL; warning++) {
        if (g_ptr_array_find_with_equal_func(told, *warning, g_str_equal, NULL))
            continue;
        app_notice("%s", *warning);
        g_ptr_array_add(told, *warning);
    }
}

/* What an image says of its own is among the places only where the image is at hand. */
static void tell_images(const struct work *work)
{
    GString *names = g_string_new(NULL);
    for (guint i = 0; i < work->parts->len; i++) {
        const struct part *part = g_ptr_array_index(work->parts, i);
        if (part->plan->service == NULL || part->plan->image != NULL || *part->plan->layers != NULL)
            continue;
        g_autofree char *shown = text_word(part->name);
        g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", shown);
    }
    if (names->len > 0)
        app_notice("volumes that an image itself declares are not looked at, as there is no image here of: %s",
                   names->str);
    g_string_free(names, TRUE);
}

static gboolean make_part(struct work *work, const struct mount_request *request, const struct paths *paths,
                          GError **error)
{
    struct plan *plan = plan_make(request, NULL, paths, PLAN_AUDIT, error);
    if (plan == NULL)
        return FALSE;
    struct part *part = add_part(work);
    part->plan = plan;
    take_plan(part);
    return TRUE;
}

/* One that is written wrongly does not hide the others. What is wrong with the file as a whole is told once. */
static void make_services(struct work *work, char *const *services, struct mount_request *request,
                          const struct paths *paths)
{
    g_autoptr(GPtrArray) told = g_ptr_array_new_with_free_func(g_free);
    for (char *const *service = services; *service != NULL; service++) {
        g_autoptr(GError) error = NULL;
        request->service = *service;
        if (!make_part(work, request, paths, &error) &&
            !g_ptr_array_find_with_equal_func(told, error->message, g_str_equal, NULL)) {
            g_ptr_array_add(told, g_strdup(error->message));
            int status = app_error_print(g_steal_pointer(&error));
            work->failed = MAX(work->failed, status);
        }
        request->service = NULL;
    }
}

/* All services, unless one is named; facts, and what options say further, are of one alone. */
static gboolean make_parts(struct work *work, const struct arguments *arguments, struct mount_request *request,
                           const struct paths *paths, GError **error)
{
    bool is_one = request->service != NULL || arguments->from != NULL || says_more(request);
    g_auto(GStrv) services = is_one ? g_new0(char *, 1) : plan_services(request, PLAN_AUDIT, error);
    if (services == NULL)
        return FALSE;
    gboolean done = *services != NULL || make_part(work, request, paths, error);
    make_services(work, services, request, paths);
    g_autoptr(GPtrArray) told = g_ptr_array_new();
    for (guint i = 0; done && i < work->parts->len; i++)
        tell_warnings(g_ptr_array_index(work->parts, i), told);
    if (done)
        tell_images(work);
    return done;
}

/* Facts, and what has no name or file yet. */
static void complete_part(struct part *part, const struct work *work, const char *from)
{
    struct audit_subject *subject = &part->subject;
    bool is_stdin = from != NULL && strcmp(from, "-") == 0;
    if (work->source != NULL) {
        subject->facts = work->source->facts;
        subject->written = work->source->head.written;
    }
    if (part->name == NULL)
        part->name = g_strdup(from == NULL ? "image" : is_stdin ? "stdin" : from);
    if (part->file == NULL && from != NULL && !is_stdin)
        part->file = file_from_here(from);
    subject->name = part->name;
    subject->file = part->file;
    part->findings = audit_make(subject);
}

static gboolean gather(struct work *work, const struct arguments *arguments, struct mount_request *request,
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
    gboolean done = paths != NULL && (!has_content || make_parts(work, arguments, request, paths, error));
    if (done && (!has_content || arguments->from != NULL)) {
        work->source = fact_source_open(paths, word, arguments->from, NULL, error);
        done = work->source != NULL;
    }
    if (done && !has_content) {
        struct part *part = add_part(work);
        if (work->source->asked != NULL)
            take_mount(part, work->source->asked, paths);
    }
    for (guint i = 0; done && i < work->parts->len; i++)
        complete_part(g_ptr_array_index(work->parts, i), work, arguments->from);
    paths_free(paths);
    return done;
}

static int print(const struct work *work, const struct arguments *arguments, GError **error)
{
    g_autofree struct audit_result *results = g_new0(struct audit_result, work->parts->len);
    bool is_found = false;
    for (guint i = 0; i < work->parts->len; i++) {
        const struct part *part = g_ptr_array_index(work->parts, i);
        results[i] = (struct audit_result){&part->subject, part->findings};
        is_found |= part->findings->len > 0;
    }
    if (work->parts->len == 0)
        return work->failed;
    const struct part *first = g_ptr_array_index(work->parts, 0);
    enum audit_format format = arguments->as_sarif ? AUDIT_SARIF : arguments->as_json ? AUDIT_JSON : AUDIT_TEXT;
    g_autofree char *text = audit_print(results, work->parts->len, first->file, ROFUSE_VERSION, format);
    if (!command_print(text, error))
        return APP_ERROR_FAILED;
    return work->failed != 0 ? work->failed : is_found ? STATUS_FOUND : 0;
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
    struct work work = {.parts = g_ptr_array_new_with_free_func(free_part)};
    struct mount_request *request = parse(argc, argv, &arguments, &error);
    int status = APP_ERROR_FAILED;
    if (request != NULL && gather(&work, &arguments, request, &error))
        status = print(&work, &arguments, &error);
    if (error != NULL)
        status = app_error_print(error);
    g_ptr_array_unref(work.parts);
    fact_source_free(work.source);
    mount_request_free(request);
    g_free(arguments.from);
    g_strfreev(arguments.rest);
    return status;
}
