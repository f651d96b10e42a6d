#include "run_program.h"

#include "app_error.h"
#include "compose.h"
#include "image.h"
#include "run_user.h"
#include "state_dir.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of containers without one of their own: docker's (oci/defaults). */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Host names are shorter (sethostname(2)). */
#define HOSTNAME_BYTES 63

char *run_program_name(const struct plan *plan)
{
    if (plan->service != NULL && state_name_is_valid(plan->service->name))
        return g_strdup(plan->service->name);
    /* "oci:images/web:1.0" is "web", as is "example.org:5000/team/web@sha256:…". */
    static const char *const transports[] = {"oci:", "oci-archive:", "docker-archive:"};
    const char *image = plan->image != NULL ? plan->image->name : "";
    for (size_t i = 0; i < G_N_ELEMENTS(transports); i++) {
        if (g_str_has_prefix(image, transports[i]))
            image += strlen(transports[i]);
    }
    g_autofree char *base = g_path_get_basename(image);
    base[strcspn(base, ":@")] = '\0';
    return g_strdup(state_name_is_valid(base) ? base : "run");
}

int run_program_signal(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (g_ascii_isdigit(*text))
        return *end == '\0' && number > 0 && number <= SIGRTMAX ? (int)number : 0;
    if (g_str_has_prefix(text, "SIG"))
        text += strlen("SIG");
    for (int signal = 1; signal < NSIG; signal++) {
        const char *name = sigabbrev_np(signal);
        if (name != NULL && strcmp(name, text) == 0)
            return signal;
    }
    bool from_min = g_str_has_prefix(text, "RTMIN"), from_max = g_str_has_prefix(text, "RTMAX");
    if (!from_min && !from_max)
        return 0;
    const char *offset = text + strlen("RTMIN");
    number = *offset != '\0' ? strtol(offset, &end, 10) : 0;
    if ((*offset != '\0' && (*end != '\0' || *offset != (from_min ? '+' : '-'))) || labs(number) > SIGRTMAX - SIGRTMIN)
        return 0;
    return (from_min ? SIGRTMIN : SIGRTMAX) + (int)number;
}

gboolean run_program_is_said(const struct plan *plan, GError **error)
{
    if (*plan->entrypoint != NULL || *plan->command != NULL)
        return TRUE;
    g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                "nothing says what to run, neither image nor Compose file; write a command behind --");
    return FALSE;
}

static gboolean find_user(const char *root, const char *text, struct run_user *ret, GError **error)
{
    int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        g_autofree char *shown = text_word(root);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot open the root %s: %s", shown, g_strerror(errno));
        return FALSE;
    }
    gboolean found = run_user_find(fd, text, ret, error);
    close(fd);
    return found;
}

static char **fill_env(const struct run_spec *spec, const struct run_user *user, char **env)
{
    if (g_environ_getenv(env, "PATH") == NULL)
        env = g_environ_setenv(env, "PATH", DEFAULT_PATH, FALSE);
    if (g_environ_getenv(env, "HOME") == NULL)
        env = g_environ_setenv(env, "HOME", user->home, FALSE);
    env = g_environ_setenv(env, "HOSTNAME", spec->hostname, FALSE);
    if (spec->terminal)
        env = g_environ_setenv(env, "TERM", "xterm", FALSE);
    return env;
}

static char *hostname_from(const char *text)
{
    char *name = g_strndup(text, HOSTNAME_BYTES);
    for (char *at = name; *at != '\0'; at++) {
        if (!g_ascii_isalnum(*at) && *at != '.')
            *at = '-';
    }
    return name;
}

static char **command_line(const struct plan *plan)
{
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();
    g_strv_builder_addv(words, (const char **)plan->entrypoint);
    g_strv_builder_addv(words, (const char **)plan->command);
    return g_strv_builder_end(words);
}

gboolean run_program_spec(const struct plan *plan, const struct state *state, enum run_runtime runtime,
                          struct run_spec *ret, GError **error)
{
    int signal = run_program_signal(plan->stop_signal);
    if (signal == 0) {
        g_autofree char *shown = text_escape(plan->stop_signal);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "the stop signal \"%s\" is no signal; write SIGTERM, or 15",
                    shown);
        return FALSE;
    }
    struct run_user user;
    if (!find_user(state->mountpoint, plan->user, &user, error))
        return FALSE;
    *ret = (struct run_spec){
        .runtime = runtime,
        .root = g_strdup(state->mountpoint),
        .name = g_strdup(state->name),
        .hostname = hostname_from(plan->hostname != NULL ? plan->hostname : state->name),
        .argv = command_line(plan),
        .working_dir = g_strdup(plan->working_dir),
        .uid = user.uid,
        .gid = user.gid,
        .groups = g_steal_pointer(&user.groups),
        .n_groups = user.n_groups,
        .stop_signal = signal,
        /* Where the output goes elsewhere, it is to be what the program writes, without a terminal's echo and \r. */
        .terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1,
    };
    ret->env = fill_env(ret, &user, g_strdupv(plan->env));
    run_user_clear(&user);
    return TRUE;
}

bool *run_program_written(const struct state *state, const struct counters *counters)
{
    bool *written = g_new0(bool, state->n_routes + 1);
    for (size_t i = 0; i < state->n_routes; i++)
        written[i] = counters == NULL || state->routes[i].native || i >= COUNTERS_ROUTES || counters->changes[i] > 0;
    return written;
}
