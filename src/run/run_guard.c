#include "run_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* run_watch.c sends the first before the program runs; others may send what they are used to. */
static const int asks_to_end[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};

static int shell_status(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Takes what has ended. Whether the runtime is among it, or taken by somebody else; its status then. */
static bool reap(pid_t runtime, int *ret_status)
{
    bool is_over = false;
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == runtime) {
            *ret_status = shell_status(status);
            is_over = true;
        }
    }
    return is_over || (pid < 0 && errno == ECHILD);
}

/* The /proc of another pid namespace knows us by another number, and so the children. */
static bool proc_is_ours(void)
{
    char target[16] = "";
    return readlink("/proc/self", target, sizeof target - 1) > 0 && atoi(target) == getpid();
}

/* The kernel makes us the parent of every descendant whose own has ended; the first of a container takes the rest along. */
static void kill_children(void)
{
    for (;;) {
        FILE *children = proc_is_ours() ? fopen("/proc/thread-self/children", "re") : NULL;
        int pid;
        if (children == NULL)
            return; /* a kernel without that, or the /proc of others: what the runtime asked for is all that there is */
        while (fscanf(children, "%d", &pid) == 1)
            kill(pid, SIGKILL);
        fclose(children);
        if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
            return;
    }
}

static _Noreturn void guard(pid_t runtime, const sigset_t *awaited)
{
    int status = 0;
    bool is_over = false;
    syscall(SYS_close_range, 3, ~0U, 0);
    while (!(is_over = reap(runtime, &status))) {
        int number = sigwaitinfo(awaited, NULL);
        if (number > 0 && number != SIGCHLD) {
            status = 128 + number;
            break;
        }
    }
    if (!is_over)
        kill(runtime, SIGKILL);
    kill_children();
    _exit(status);
}

pid_t run_guard_be(pid_t parent)
{
    pid_t self = getpid();
    sigset_t all, awaited;
    (void)signal(SIGCHLD, SIG_DFL); /* ignored by whoever started us, there would be none, and no status */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    for (size_t i = 0; i < sizeof asks_to_end / sizeof *asks_to_end; i++)
        sigaddset(&awaited, asks_to_end[i]);
    setsid(); /* what a terminal says is for us to pass on */
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent)
        _exit(128 + SIGTERM);
    pid_t runtime = fork();
    if (runtime == 0)
        return self;
    if (runtime > 0)
        guard(runtime, &awaited);
    dprintf(STDERR_FILENO, "rofuse: cannot start a process\n");
    _exit(127);
}
