/*
 * A run: the plan, a mount with a daemon that does not outlive us, the program, the end of the daemon (only then is the
 * log complete), the report. Each step undoes itself when a later one fails; the mount's end is waited for in any case.
 */
#include "commands.h"

#include "app_error.h"
#include "compose.h"
#include "counters_file.h"
#include "find_mount.h"
#include "mount_end.h"
#include "mount_start.h"
#include "mount_table.h"
#include "paths.h"
#include "plan.h"
#include "process.h"
#include "report_file.h"
#include "run.h"
#include "run_facts.h"
#include "run_ids.h"
#include "run_place.h"
#include "run_program.h"
#include "run_request.h"
#include "state_dir.h"
#include "text.h"
#include "volume_remove.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct run {
    const struct run_request *request;
    const struct paths *paths;
    struct plan *plan;
    struct run_place *place;
    struct state *state; /* of the mount while it was alive; owned */
    struct counters counters;
    bool has_counters;
    struct report_file report_file, facts_file;
    bool was_started;      /* the program */
    struct run_seen *seen; /* what the daemon said of it; NULL = nothing; owned */
};

/*
 * An ordinary user with a range of ids (/etc/subuid) mounts in a user namespace of his own, in which the image's users
 * exist. Without a range there is nobody but himself, inside as outside, and he mounts as he is.
 */
static gboolean enter_namespace(GError **error)
{
    struct run_id_maps maps;
    if (run_ids_may_mount())
        return TRUE;
    run_ids_plan(0, 0, &maps);
    return maps.is_single || run_ids_enter(error);
}

/* Before the program runs, so that nobody waits for its end to hear that there is no place for the report; and as who we
 * were. */
static gboolean open_reports(struct run *run, GError **error)
{
    const struct run_request *request = run->request;
    return (request->report_file == NULL ||
            report_file_open(&run->report_file, request->report_file, "--report FORMAT:FILE", error)) &&
           (request->facts_file == NULL ||
            report_file_open(&run->facts_file, request->facts_file, "--facts FILE", error));
}

/* The program has other rights and limits than the file says: not in silence. */
static void say_unheeded(const struct plan *plan)
{
    if (plan->service == NULL || *plan->service->unheeded == NULL)
        return;
    g_autofree char *keys = g_strjoinv(", ", plan->service->unheeded), *name = text_word(plan->service->name);
    app_notice(
        "the service %s: without effect here: %s; the program has docker's default capabilities, the host's network "
        "and the limits of this process",
        name, keys);
}

/* From the first thing on that has to be undone, they wait for whoever watches for them: background_wait(), then
 * run_start_and_wait(), then mount_end_wait(). */
static void hold_signals(void)
{
    const sigset_t signals = process_end_signals();
    sigprocmask(SIG_BLOCK, &signals, NULL);
}

static gboolean prepare(struct run *run, GError **error)
{
    const struct plan_words words = run_words_plan(&run->request->words);
    run->plan = plan_make(run->request->mount, &words, run->paths, PLAN_MOUNT, error);
    if (run->plan == NULL)
        return FALSE;
    if (!run_program_is_said(run->plan, error) || !open_reports(run, error))
        return FALSE;
    say_unheeded(run->plan);
    hold_signals();
    run->place = run_place_new(run->paths, error);
    return run->place != NULL && enter_namespace(error);
}

/* The log for the report beside the ones that were asked for. */
static void add_log(struct mount_request *mount, const char *path)
{
    mount->logs = g_renew(struct log_dest, mount->logs, mount->n_logs + 1);
    mount->logs[mount->n_logs++] = (struct log_dest){.kind = LOG_FILE, .path = g_strdup(path), .format = LOG_JSON};
}

static struct state *find_state(const struct paths *paths, const char *mountpoint)
{
    g_autoptr(GPtrArray) states = state_dir_read(paths->run);
    for (guint i = 0; i < states->len; i++) {
        const struct state *state = g_ptr_array_index(states, i);
        if (strcmp(state->mountpoint, mountpoint) == 0)
            return g_ptr_array_steal_index(states, i);
    }
    return NULL;
}

/* Returns 0 and the mount answers, or the exit status, and what went wrong has been printed. */
static int mount_root(struct run *run)
{
    struct mount_request *mount = run->request->mount;
    plan_apply(run->plan, mount);
    mount->mountpoint = g_strdup(run->place->mountpoint);
    mount->starter = getpid();
    if (mount->name == NULL)
        mount->suggested_name = run_program_name(run->plan);
    add_log(mount, run->place->log);
    int status = mount_start(mount, run->paths);
    if (status != 0)
        return status;
    run->state = find_state(run->paths, run->place->mountpoint);
    if (run->state != NULL)
        return 0;
    app_notice("the mount's state is gone from its directory; is somebody else cleaning it?");
    return APP_ERROR_FAILED;
}

/* A daemon that ends by itself takes its state away; one that was killed may have been late to die, and is known by this alone. */
static void clear_dead(const struct run *run)
{
    if (state_is_alive(run->state) || !state_dir_has(run->paths->run, run->state))
        return;
    app_notice("the daemon of the mount was ended before the program; the report can lack what came last");
    state_dir_remove(run->paths->run, run->state);
}

/*
 * Ends the mount and waits for the end of its daemon, so that the log is complete. The program and all that it has started
 * have ended: whoever is in the root now has come in from outside.
 */
static void unmount_root(struct run *run)
{
    struct state *state = run->state;
    g_autoptr(GError) error = NULL;
    run->has_counters = counters_file_read(run->paths->run, state->name, &run->counters);
    const struct found_mount found = {.point = state->mountpoint,
                                      .name = state->name,
                                      .is_mounted = mount_table_still_has(state->mountpoint, state->device),
                                      .device = state->device,
                                      .owner = geteuid(),
                                      .state = state};
    struct mount_end *end = mount_end_new(run->paths, &found, MOUNT_END_STRANGERS);
    if (!mount_end_detach(end, &error))
        app_notice("%s", error->message);
    /* Other mount namespaces have a copy of every mount of their time: with its place it goes, unless somebody is in it. */
    rmdir(state->mountpoint);
    (void)mount_end_wait(end);
    clear_dead(run);
    mount_end_free(end);
}

static gboolean print_report(const struct run *run, GError **error)
{
    g_autofree char *log = g_strdup_printf("/proc/self/fd/%d", run->place->log_fd);
    g_autofree bool *written = run_program_written(run->state, run->has_counters ? &run->counters : NULL);
    const struct run_report_input input = {.log = log, .state = run->state, .written = written, .seen = run->seen};
    g_autofree char *text = run_report_make(&input, run->request->report, error);
    if (text == NULL)
        return FALSE;
    if (run->request->report_file == NULL) {
        fputs(text, stderr);
        return TRUE;
    }
    return report_file_write(&run->report_file, text, error);
}

/* While the daemon lives: what it has seen of how the processes ended is in no log. */
static void ask_daemon(struct run *run)
{
    g_autoptr(GError) error = NULL;
    bool has_file = run->facts_file.fd >= 0;
    if (!has_file && (!run->was_started || run->request->report == RUN_REPORT_NONE))
        return;
    run->seen = run_facts_ask(run->paths, run->state, &error);
    if (!has_file)
        return;
    g_autofree char *text = run->seen != NULL ? run_facts_text(run->seen) : NULL;
    if (text == NULL || !report_file_write(&run->facts_file, text, &error))
        app_notice("%s", error->message);
}

/* Starts the program and waits for it. Returns the exit status, and 1 or 125 to 127 with a line where it did not start. */
static int run_program(struct run *run)
{
    GError *error = NULL;
    struct run_spec spec = {0};
    int not_started = APP_ERROR_FAILED;
    int status = -1;
    if (run_program_spec(run->plan, run->state, run->request->runtime, &spec, &error))
        status = run_start_and_wait(&spec, &not_started, &error);
    run_spec_clear(&spec);
    run->was_started = status >= 0;
    if (run->was_started)
        return status;
    app_error_print(error);
    return not_started;
}

static void remove_anonymous_volumes(const struct run *run)
{
    size_t n;
    const struct route_spec *asked = mount_options_routes(run->request->mount->routes, &n);
    for (size_t at = 0; at < run->state->n_routes; at++) {
        const char *name = run->state->routes[at].source;
        unsigned i = state_counter(run->state, at);
        if (i >= n || asked[i].kind != ROUTE_VOLUME || asked[i].source != NULL || name == NULL)
            continue;
        int result = volume_remove(run->paths->volumes, name);
        if (result < 0)
            app_notice("the anonymous volume %s is left: %s", name, g_strerror(-result));
    }
}

static int run_mounted(struct run *run)
{
    int status = run_program(run);
    ask_daemon(run);
    unmount_root(run);
    g_autoptr(GError) error = NULL;
    if (run->was_started && run->request->report != RUN_REPORT_NONE && !print_report(run, &error))
        app_notice("%s", error->message);
    if (run->request->remove_volumes)
        remove_anonymous_volumes(run);
    return status;
}

int cmd_run(int argc, char **argv)
{
    GError *error = NULL;
    /* Whoever read our output has ended: the terminal, the mount and the volumes are put in order all the same. */
    (void)signal(SIGPIPE, SIG_IGN);
    struct run_request *request = run_request_parse(argc, argv, &error);
    if (request == NULL)
        return app_error_print(error);
    struct paths *paths = paths_find(request->mount->state_dir, &error);
    struct run run = {.request = request, .paths = paths, .report_file.fd = -1, .facts_file.fd = -1};
    bool is_ready = paths != NULL && prepare(&run, &error);
    int status = is_ready ? mount_root(&run) : app_error_print(error);
    if (run.state != NULL)
        status = run_mounted(&run);
    run_facts_free(run.seen);
    state_free(run.state);
    run_place_remove(run.place);
    report_file_close(&run.report_file);
    report_file_close(&run.facts_file);
    plan_free(run.plan);
    paths_free(paths);
    run_request_free(request);
    return status;
}
