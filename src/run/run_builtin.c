#include "run_builtin.h"

#include "app_error.h"
#include "run_channel.h"
#include "run_exec.h"
#include "run_ids.h"
#include "run_init.h"
#include "run_watch.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* fork(2) into new namespaces: -1 with errno. The C library has no name for it; we have one thread, and the child calls
 * nothing that could mind. */
static pid_t fork_into(unsigned long namespaces)
{
    return (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);
}

static gboolean no_namespaces(bool with_users, int problem, GError **error)
{
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot make the namespaces: %s%s", g_strerror(problem),
                with_users ? "; run as root, or allow user namespaces to users (sysctl user.max_user_namespaces, "
                             "kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)"
                           : "");
    return FALSE;
}

/* Gives it its users where it has a namespace of them, and lets it go. */
static gboolean release(const struct run_spec *spec, pid_t pid, bool with_users, int channel, GError **error)
{
    struct run_id_maps maps;
    if (with_users) {
        run_ids_plan(spec->uid, spec->gid, &maps);
        if (!run_ids_write(&maps, pid, error))
            return FALSE;
    }
    const struct run_message go = {.kind = RUN_MESSAGE_GO, .fd = -1};
    int result = run_channel_send(channel, &go);
    if (result < 0)
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "the container's first process has ended: %s",
                    g_strerror(-result));
    return result == 0;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

int run_builtin(const struct run_spec *spec, int signal_fd, int *ret_not_started, GError **error)
{
    int ends[2];
    *ret_not_started = RUN_EXEC_RUNTIME_FAILED;
    if (!run_channel_open(ends, error))
        return -1;
    bool with_users = !run_ids_may_mount() || !run_ids_exist(spec->uid, spec->gid);
    unsigned long namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
    fflush(NULL);
    pid_t pid = fork_into(namespaces | (with_users ? CLONE_NEWUSER : 0));
    if (pid == 0) {
        close(ends[0]);
        run_init_main(spec, ends[1]);
    }
    int status = -1;
    if (pid < 0)
        no_namespaces(with_users, errno, error);
    close(ends[1]);
    if (pid > 0 && release(spec, pid, with_users, ends[0], error)) {
        struct run_watch watch = {.spec = spec, .pid = pid, .signal_fd = signal_fd, .channel = ends[0], .master = -1};
        status = run_watch_wait(&watch, ret_not_started, error);
    } else if (pid > 0) {
        end(pid);
    }
    close(ends[0]);
    return status;
}
