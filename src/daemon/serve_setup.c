/*
 * The order matters: signals are blocked before the first thread is there; the name is reserved before anything of the
 * host is changed; the log exists before the session that reports to it and is freed after it; the state says "ready"
 * before the starter hears it.
 */
#include "serve_private.h"

#include "app_error.h"
#include "counters_file.h"
#include "facts_watch.h"
#include "history.h"
#include "interrupt.h"
#include "knowledge.h"
#include "layer_holds.h"
#include "log_set.h"
#include "mount_table.h"
#include "process.h"
#include "session.h"
#include "sink.h"
#include "state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static gboolean prepare_process(struct serve *serve, GError **error)
{
    /* Modes of what the daemon makes for itself are given in full; a narrower umask of the starter's must not apply to
     * the directories of volumes. */
    umask(022);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    serve->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (serve->signal_fd >= 0)
        return TRUE;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot watch for signals: %s", g_strerror(errno));
    return FALSE;
}

static struct state *new_state(const struct mount_request *request, const struct paths *paths)
{
    struct state *state = g_new0(struct state, 1);
    const char *name = request->name != NULL ? request->name : request->suggested_name;
    state->name = name != NULL ? g_strdup(name) : state_name_from(request->mountpoint);
    state->mountpoint = g_strdup(request->mountpoint);
    state->pid = getpid();
    state->start_ticks = process_start_ticks(state->pid);
    state->boot_id = process_boot_id();
    state->since = g_get_real_time();
    state->image = g_strdup(request->image_name);
    state->layers = g_strdupv(request->layers);
    size_t n_routes;
    const struct route_spec *routes = mount_options_routes(request->routes, &n_routes);
    for (size_t i = 0; i < n_routes; i++) {
        struct route_spec copy = state_copy_route(&routes[i]);
        state_add_route(state, &copy, (unsigned)i);
    }
    state->logs = g_new0(char *, 1);
    state->log_formats = g_new0(char *, 1);
    state->fold = request->fold;
    state->volume_dir = g_strdup(paths->volumes);
    state->limits = g_new0(char *, 1);
    state->natives = g_new0(char *, 1);
    state->read_only_at = g_new0(char *, 1);
    return state;
}

/* A mount of that name is still at its place, so its state is not left over. */
static bool is_mounted(void *data, const struct state *state)
{
    const struct mount_entry *entry = mount_table_at(data, state->mountpoint);
    return mount_entry_is_rofuse(entry) && strcmp(entry->source, state->name) == 0;
}

static gboolean reserve(struct serve *serve, GError **error)
{
    g_autoptr(GPtrArray) table = mount_table_read(error);
    if (table == NULL)
        return FALSE;
    serve->state = new_state(serve->request, serve->paths);
    serve->is_reserved =
        state_dir_reserve(serve->paths->run, serve->state, serve->request->name != NULL, is_mounted, table, error);
    return serve->is_reserved;
}

static gboolean choose_logs(struct serve *serve, GError **error)
{
    const struct mount_request *request = serve->request;
    serve->n_logs = request->n_logs;
    serve->logs = g_new0(struct log_dest, request->n_logs + 1);
    for (size_t i = 0; i < request->n_logs; i++)
        serve->logs[i] =
            (struct log_dest){request->logs[i].kind, g_strdup(request->logs[i].path), request->logs[i].format};
    if (request->n_logs == 0) {
        if (serve->ready_fd >= 0 && !sink_journald_exists() && !paths_make(serve->paths->log, error))
            return FALSE;
        g_autofree char *file = g_strconcat(serve->state->name, ".log", NULL);
        g_autofree char *path = g_build_filename(serve->paths->log, file, NULL);
        g_autofree char *file_dest = g_strconcat("file:", path, NULL);
        const char *dest = serve->ready_fd < 0 ? "-" : sink_journald_exists() ? "journald" : file_dest;
        if (!log_dest_parse(dest, request->log_format, &serve->logs[0], error))
            return FALSE;
        serve->n_logs = 1;
        struct stat st;
        serve->made_log = serve->logs[0].path != NULL && lstat(serve->logs[0].path, &st) != 0 && errno == ENOENT;
    }
    g_strfreev(serve->state->logs);
    g_strfreev(serve->state->log_formats);
    serve->state->logs = g_new0(char *, serve->n_logs + 1);
    serve->state->log_formats = g_new0(char *, serve->n_logs + 1);
    for (size_t i = 0; i < serve->n_logs; i++) {
        serve->state->logs[i] = log_dest_text(&serve->logs[i]);
        serve->state->log_formats[i] = g_strdup(log_format_name(serve->logs[i].format));
    }
    return TRUE;
}

/* Whoever started the daemon holds them too, until it answers. */
static gboolean hold_layers(struct serve *serve, GError **error)
{
    serve->holds = layer_holds_take(serve->paths->images, serve->request->image_id, serve->request->layers, error);
    return serve->holds != NULL;
}

static void undo_reservation(void *data)
{
    struct serve *serve = data;
    state_dir_remove(serve->paths->run, serve->state);
}

/* fs/ gives the line for the person; where it had none, the errno has to do. */
static gboolean fail_why(GError **error, const char *what, int result, char *why)
{
    if (why != NULL)
        g_set_error_literal(error, APP_ERROR, APP_ERROR_FAILED, why);
    else
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot %s: %s", what, g_strerror(-result));
    g_free(why);
    return FALSE;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the routes have become: an anonymous volume has its name now, by which its directory is found, and a route that is
 * nested in a native one is native. */
static void note_routes(struct serve *serve)
{
    struct state *state = serve->state;
    size_t n = 0;
    g_strfreev(state->natives);
    state->natives = g_new0(char *, state->n_routes + 1);
    for (size_t i = 0; i < state->n_routes; i++) {
        struct route_spec *route = &state->routes[i];
        if (route->source == NULL)
            route->source = g_strdup(session_source(serve->session, route->target));
        const char *place = session_native(serve->session, route->target);
        route->native = place != NULL;
        if (place != NULL)
            state->natives[n++] = g_strdup(place);
    }
    qsort(state->natives, n, sizeof state->natives[0], compare_words);
}

static gboolean open_session(struct serve *serve, GError **error)
{
    const struct mount_request *request = serve->request;
    struct session_options options = {
        .mountpoint = request->mountpoint,
        .layers = (const char *const *)request->layers,
        .n_layers = g_strv_length(request->layers),
        .volume_dir = serve->paths->volumes,
        .name = serve->state->name,
        .log = log_set_denials(serve->log),
        .counters = serve->counters = counters_file_map(serve->paths->run, serve->state->name),
        .passthrough = request->passthrough,
        .io_uring = request->io_uring,
        .learn = request->learn,
        .learn_size = request->learn_size,
    };
    options.routes = mount_options_routes(request->routes, &options.n_routes);
    struct interrupt *interrupt = NULL;
    int result = interrupt_watch(serve->signal_fd, serve->ready_fd, undo_reservation, serve, &interrupt);
    if (result < 0)
        return fail_why(error, "start a thread", result, NULL);
    char *why = NULL;
    options.patience = interrupt_patience(interrupt);
    result = session_new(&options, &serve->session, &why);
    if (interrupt_end(interrupt)) {
        g_free(why);
        return FALSE;
    }
    if (result < 0)
        return fail_why(error, "open the layers and routes", result, why);
    note_routes(serve);
    return TRUE;
}

/* What could not be had here: complete only when the mount is made. */
static void note_limits(struct serve *serve)
{
    const char *const *limits = session_limits(serve->session);
    g_strfreev(serve->state->limits);
    serve->state->limits = g_strdupv((char **)limits);
    for (char **limit = serve->state->limits; *limit != NULL; limit++)
        app_notice("%s", *limit);
}

static gboolean start_session(struct serve *serve, GError **error)
{
    char *why = NULL;
    int result = session_start(serve->session, &why);
    if (result < 0)
        return fail_why(error, "mount", result, why);
    serve->is_started = true;
    note_limits(serve);
    /* Without a request to ourselves: the kernel knows the device. */
    struct statx st;
    if (statx(AT_FDCWD, serve->state->mountpoint, AT_STATX_DONT_SYNC, 0, &st) == 0)
        serve->state->device = makedev(st.stx_dev_major, st.stx_dev_minor);
    return TRUE;
}

/* From here on other commands take the mount for what it is. */
static gboolean publish(struct serve *serve, GError **error)
{
    pthread_mutex_lock(&serve->daemon.lock);
    serve->state->ready = true;
    gboolean is_written = state_dir_write(serve->paths->run, serve->state, error);
    pthread_mutex_unlock(&serve->daemon.lock);
    return is_written;
}

static gboolean make_facts(struct serve *serve, GError **error)
{
    struct knowledge *knowledge = knowledge_new(NULL, error);
    if (knowledge == NULL)
        return FALSE;
    const struct facts_options options = {.mount = serve->state->name, .image = serve->state->image};
    serve->facts = facts_watch_new(&options, knowledge, error);
    return serve->facts != NULL;
}

static gboolean open_logs(struct serve *serve, GError **error)
{
    struct denial_sink facts, sink;
    if (!make_facts(serve, error))
        return FALSE;
    serve->history = history_new(serve->state->name);
    facts_watch_sink(serve->facts, &facts);
    /* Facts first: who follows the log asks for them as soon as it tells of something, and then not again. */
    history_sink(serve->history, &facts, &sink);
    serve->log = log_set_open(serve->logs, serve->n_logs, serve->request->fold, serve->state->name, &sink, 1, error);
    if (serve->log == NULL)
        return FALSE;
    denial_log_look(log_set_denials(serve->log), facts_watch_refused, serve->facts);
    return TRUE;
}

/* The socket that commands about this mount come by. */
static gboolean listen_for_commands(struct serve *serve, GError **error)
{
    serve->daemon.paths = serve->paths;
    serve->daemon.session = serve->session;
    serve->daemon.log = serve->log;
    serve->daemon.history = serve->history;
    serve->daemon.facts = serve->facts;
    serve->daemon.counters = serve->counters;
    serve->daemon.state = serve->state;
    serve->control = daemon_listen(&serve->daemon, error);
    return serve->control != NULL;
}

gboolean serve_set_up(struct serve *serve, GError **error)
{
    return prepare_process(serve, error) && reserve(serve, error) && hold_layers(serve, error) &&
           choose_logs(serve, error) && open_logs(serve, error) && open_session(serve, error) &&
           start_session(serve, error) && listen_for_commands(serve, error) && publish(serve, error);
}
