#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "log_dest.h"
#include "log_filter.h"
#include "log_source.h"
#include "log_time.h"
#include "record_format.h"
#include "record_parse.h"
#include "text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char summary[] =
    "Shows the refused writes of a mount: those that its daemon keeps in memory, and with --follow those\n"
    "that come. Of a mount whose daemon was killed it reads the log's file, of one that is gone, by its NAME, the\n"
    "usual log file, and before it those that were rotated away from it; --from names any other. Without\n"
    "MOUNTPOINT or NAME the only mount is meant.";

static const char examples[] =
    "TIME is 10m (so long ago; s, m, h, d, w), 12:00 (the last time that it was so late), 2026-11-26 or\n"
    "\"2026-11-26 12:00\".\n"
    "In GLOB a \"*\" also stands for slashes: '/var/*' is all that lies below /var. Quote it for the shell.\n"
    "\n"
    "Examples:\n"
    "  rofuse log --follow\n"
    "  rofuse log /mnt/root --since 10m --process nginx\n"
    "  rofuse log web --path '/var/*' --json | jq -r .process.exe | sort | uniq -c\n"
    "  rofuse log --from /var/log/app.jsonl --since 2026-11-26 --format ecs\n"
    "\n"
    "The exit status is 0, also when the daemon has ended; 1 when there is no such mount or log, 2 when the\n"
    "arguments are wrong.";

struct arguments {
    char *state_dir, *since, *process, *path, *from, *format;
    gboolean follow, as_json;
    char **rest;
};

/* One run of the command. */
struct shown_log {
    struct log_source *source;
    struct log_filter filter;
    enum log_format format;
    guint64 n_records, n_bad; /* lines that could be read, and that could not */
};

/* The line as it is to be printed, or NULL; owned by the caller. */
static char *format_line(struct shown_log *log, const char *text)
{
    struct record_line *line = record_parse(text, strlen(text), NULL);
    if (line == NULL) {
        log->n_bad++;
        return NULL;
    }
    log->n_records++;
    bool is_wanted = line->is_notice ? log_filter_takes_notice(&log->filter, &line->event.time)
                                     : log_filter_takes(&log->filter, &line->event);
    char *shown = NULL;
    if (is_wanted && log->format == LOG_JSON)
        shown = g_strconcat(text, "\n", NULL);
    else if (is_wanted && line->is_notice)
        shown = record_format_notice(log->format, &line->event.time, line->message, line->mount);
    else if (is_wanted)
        shown = record_format_event(log->format, &line->event, line->mount);
    record_line_free(line);
    return shown;
}

static gboolean put(const char *text, GError **error)
{
    return (text != NULL ? fputs(text, stdout) >= 0 : fflush(stdout) == 0) ||
           app_error_failed(error, "cannot write to stdout: %s", g_strerror(errno));
}

/* FALSE with an error, or where nobody reads on. */
static gboolean print_all(struct shown_log *log, GError **error)
{
    for (;;) {
        g_autofree char *text = NULL;
        g_autoptr(GError) cause = NULL;
        int status = log_source_next(log->source, &text, &cause);
        if (cause != NULL) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return FALSE;
        }
        if (status < 0)
            return put(NULL, error);
        if (status == 0) {
            /* Whoever follows is to see what has come. */
            if (!put(NULL, error) || !log_source_wait(log->source, STDOUT_FILENO))
                return FALSE;
            continue;
        }
        g_autofree char *shown = format_line(log, text);
        if (shown != NULL && !put(shown, error))
            return FALSE;
    }
}

static int show(struct shown_log *log, GError **error)
{
    /* A pipe without a reader is a quiet end, whatever was inherited. */
    signal(SIGPIPE, SIG_DFL);
    gboolean done = print_all(log, error);
    if (!done)
        return *error != NULL ? APP_ERROR_FAILED : 0;
    g_autofree char *name = log_source_name(log->source);
    if (log->n_bad > 0 && log->n_records == 0)
        app_error_failed(error, "%s is no log in JSON (rofuse mount --log-format json): %s", name,
                         log->n_bad == 1 ? "its only line is no record of rofuse"
                                         : "none of its lines is a record of rofuse");
    else if (log->n_bad == 1)
        app_notice("%s: one line of the log is no record; it is left out", name);
    else if (log->n_bad > 0)
        app_notice("%s: %" G_GUINT64_FORMAT " lines of the log are no records; they are left out", name, log->n_bad);
    return 0;
}

static gboolean check(const struct arguments *arguments, GError **error)
{
    guint n = arguments->rest != NULL ? g_strv_length(arguments->rest) : 0;
    if (n > 1 && arguments->path != NULL)
        return app_error_usage(error,
                               "there is more than one word beside --path: is the pattern the shell's? Quote it, as "
                               "in --path '/var/*'; else give one mount point or name");
    if (n > 1 || (n == 1 && *arguments->rest[0] == '\0'))
        return app_error_usage(error, "give one mount point or name, or none for the only mount: rofuse log "
                                      "[MOUNTPOINT|NAME]");
    if (arguments->from != NULL && n > 0)
        return app_error_usage(error, "--from names a log, and a mount is named too; keep one of them");
    if (arguments->from != NULL && arguments->follow)
        return app_error_usage(error, "--follow is for mounts, --from for logs of the past; keep one of them");
    if (arguments->as_json && g_strcmp0(arguments->format, "json") != 0 && arguments->format != NULL)
        return app_error_usage(error, "--json and --format say different things; keep one of them");
    return TRUE;
}

/* What no record can have would show nothing, and say nothing of it. */
static gboolean check_filter(const struct arguments *arguments, GError **error)
{
    if (arguments->process != NULL && arguments->process[0] == '\0')
        return app_error_usage(error, "--process: give a name or the id of a process");
    if (arguments->path != NULL && (arguments->path[0] == '\0' || strchr("/*?[\\", arguments->path[0]) == NULL)) {
        g_autofree char *shown = text_escape(arguments->path);
        return app_error_usage(error,
                               "--path: \"%s\" fits no path, they all begin with a slash; write it with one, or with "
                               "\"*\" before it",
                               shown);
    }
    return TRUE;
}

static gboolean read_filter(const struct arguments *arguments, struct log_filter *ret, GError **error)
{
    *ret = (struct log_filter){.process = arguments->process, .path = arguments->path};
    if (arguments->since == NULL)
        return TRUE;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    ret->has_since = true;
    return log_time_parse("--since", arguments->since, &now, &ret->since, error);
}

static int run(const struct arguments *arguments, GError **error)
{
    struct shown_log log = {.format = arguments->as_json ? LOG_JSON : LOG_TEXT};
    if (!check(arguments, error) || !check_filter(arguments, error) || !read_filter(arguments, &log.filter, error) ||
        (arguments->format != NULL && !log_format_parse("--format", arguments->format, &log.format, error)))
        return APP_ERROR_USAGE;
    struct paths *paths = NULL;
    if (arguments->from != NULL)
        log.source = log_source_file(arguments->from, error);
    else if ((paths = paths_find(arguments->state_dir, error)) != NULL)
        log.source =
            log_source_mount(paths, arguments->rest != NULL ? arguments->rest[0] : NULL, arguments->follow, error);
    int status = log.source != NULL ? show(&log, error) : APP_ERROR_FAILED;
    log_source_free(log.source);
    paths_free(paths);
    return status;
}

int cmd_log(int argc, char **argv)
{
    struct arguments arguments = {0};
    const GOptionEntry entries[] = {
        {"follow", 'f', 0, G_OPTION_ARG_NONE, &arguments.follow, "Go on with what comes, until the daemon ends", NULL},
        {"since", 0, 0, G_OPTION_ARG_FILENAME, &arguments.since, "What happened at TIME and later", "TIME"},
        {"process", 0, 0, G_OPTION_ARG_FILENAME, &arguments.process,
         "Of this process: its name, its executable or its id, outside or inside", "NAME|PID"},
        {"path", 0, 0, G_OPTION_ARG_FILENAME, &arguments.path, "Of paths like this one", "GLOB"},
        {"from", 0, 0, G_OPTION_ARG_FILENAME, &arguments.from, "A log in JSON instead of a mount; - is stdin", "LOG"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &arguments.as_json, "The same as --format json", NULL},
        {"format", 0, 0, G_OPTION_ARG_FILENAME, &arguments.format,
         "Lines for people (text, the default), rofuse.log/1 or the schemas of others", "text|json|ecs|ocsf|falco"},
        {"state-dir", 0, 0, G_OPTION_ARG_FILENAME, &arguments.state_dir, "Where the mounts keep their state", "DIR"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments.rest, NULL, NULL},
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    GError *error = NULL;
    int status = APP_ERROR_USAGE;
    if (command_parse(argc, argv, "log", "[MOUNTPOINT|NAME]", summary, examples, entries, NULL, &error))
        status = run(&arguments, &error);
    char *const texts[] = {arguments.state_dir, arguments.since, arguments.process,
                           arguments.path,      arguments.from,  arguments.format};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    g_strfreev(arguments.rest);
    return error != NULL ? app_error_print(error) : status;
}
