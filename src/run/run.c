#include "run.h"

#include "app_error.h"
#include "run_builtin.h"
#include "run_bwrap.h"
#include "run_exec.h"
#include "run_inside.h"
#include "run_oci.h"
#include "run_watch.h"

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

static int run_external(const struct run_spec *spec, int signal_fd, int *ret_not_started, GError **error)
{
    if (!check_program(spec, ret_not_started, error))
        return -1;
    if (spec->runtime == RUN_BWRAP)
        return run_bwrap(spec, signal_fd, ret_not_started, error);
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
