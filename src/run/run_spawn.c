#include "run_spawn.h"

#include "app_error.h"
#include "run_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool take_terminal(const struct run_spawn *spawn)
{
    return !spawn->has_terminal || (ioctl(spawn->terminal, TIOCSCTTY, 0) == 0 && dup2(spawn->terminal, 0) >= 0 &&
                                    dup2(spawn->terminal, 1) >= 0 && dup2(spawn->terminal, 2) >= 0);
}

static bool become(const struct run_spec *spec)
{
    return spec == NULL ||
           (setgroups(spec->n_groups, spec->groups) == 0 && setresgid(spec->gid, spec->gid, spec->gid) == 0 &&
            setresuid(spec->uid, spec->uid, spec->uid) == 0);
}

/* A user may be unable to walk to the root: its directory is for whoever mounted it. */
static bool show_root(const struct run_spawn *spawn)
{
    return spawn->shows_root == NULL ||
           (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
            mount(spawn->becomes->root, spawn->shows_root, NULL, MS_BIND | MS_REC, NULL) == 0);
}

static void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++) {
        if (number != SIGKILL && number != SIGSTOP)
            (void)signal(number, SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void start(const struct run_spawn *spawn, pid_t parent)
{
    if (spawn->is_guarded)
        parent = run_guard_be(parent);
    reset_signals();
    if (!spawn->keeps_session)
        setsid();
    bool is_ready = take_terminal(spawn) && syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
    for (size_t i = 0; is_ready && i < spawn->n_fds; i++)
        is_ready = fcntl(spawn->fds[i], F_SETFD, 0) == 0;
    is_ready = is_ready && show_root(spawn) && become(spawn->becomes);
    /* After the user has changed, which makes the kernel forget it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent)
        _exit(128 + SIGTERM);
    if (is_ready)
        execv(spawn->argv[0], spawn->argv);
    dprintf(STDERR_FILENO, "rofuse: cannot start %s: %s\n", spawn->argv[0], g_strerror(errno));
    _exit(127);
}

pid_t run_spawn(const struct run_spawn *spawn, GError **error)
{
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        start(spawn, parent);
    if (pid < 0)
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot start a process: %s", g_strerror(errno));
    return pid;
}
