#include "run.h"

#include "app_error.h"
#include "run_builtin.h"
#include "run_bwrap.h"
#include "run_exec.h"
#include "run_inside.h"
#include "run_oci.h"
#include "run_watch.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* What is not there is said in our words, with docker's statuses, before a runtime is asked. */
static gboolean check_program(const struct run_spec *spec, int *ret_not_started, GError **error)
{
    g_autofree char *path = NULL;
    int root = open(spec->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int result = root < 0 ? -errno : run_inside_find_program(root, spec->argv[0], spec->env, spec->working_dir, &path);
    if (root >= 0)
        close(root);
    if (result < 0)
        *ret_not_started = run_exec_failed(spec->argv[0], -result, error);
    return result == 0;
}

/*
 * bwrap goes to it while it has the host's /proc open, which a link like /proc/self/fd/3 names: only what is there without
 * the new /proc is a place of the root.
 */
static gboolean check_working_dir(const struct run_spec *spec, GError **error)
{
    int root = open(spec->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = root < 0 ? -errno : run_inside_open(root, spec->working_dir, O_PATH | O_DIRECTORY);
    if (fd < 0) {
        g_autofree char *shown = text_word(spec->working_dir);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot go to the working directory %s in the image: %s", shown,
                    g_strerror(-fd));
    } else {
        close(fd);
    }
    if (root >= 0)
        close(root);
    return fd >= 0;
}

static int run_external(const struct run_spec *spec, int signal_fd, int *ret_not_started, GError **error)
{
    if (!check_program(spec, ret_not_started, error))
        return -1;
    if (spec->runtime == RUN_BWRAP)
        return check_working_dir(spec, error) ? run_bwrap(spec, signal_fd, ret_not_started, error) : -1;
    return run_oci(spec, signal_fd, ret_not_started, error);
}

int run_start_and_wait(const struct run_spec *spec, int *ret_not_started, GError **error)
{
    sigset_t old;
    *ret_not_started = RUN_EXEC_RUNTIME_FAILED;
    if (spec->argv[0] == NULL) {
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                    "there is nothing to run: the image names no command; write one behind --");
        return -1;
    }
    int signal_fd = run_signals_block(&old, error);
    if (signal_fd < 0)
        return -1;
    int status = spec->runtime == RUN_BUILTIN ? run_builtin(spec, signal_fd, ret_not_started, error)
                                              : run_external(spec, signal_fd, ret_not_started, error);
    close(signal_fd);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return status;
}
