#include "background.h"

#include "app_error.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_BYTE 'R'
#define READY_FD 3

/* Leaves the starter's place: nothing of its terminal, its directory and its pipes is kept but stderr. */
static int become_daemon(int pipe_fd)
{
    if (setsid() < 0 || chdir("/") != 0)
        return -errno;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return -errno;
    if (pipe_fd != READY_FD && dup3(pipe_fd, READY_FD, O_CLOEXEC) < 0)
        return -errno;
    /* Linux 5.9; where it is missing some descriptor of the starter's may stay open, no more. */
    syscall(SYS_close_range, READY_FD + 1, ~0U, 0);
    return READY_FD;
}

pid_t background_fork(int *ret_fd)
{
    int ends[2];
    /* From here on they wait for whoever watches for them: background_wait() in the starter, the daemon itself. */
    const sigset_t signals = process_end_signals();
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        int error = -errno;
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    if (pid > 0) {
        close(ends[1]);
        *ret_fd = ends[0];
        return pid;
    }
    close(ends[0]);
    *ret_fd = become_daemon(ends[1]);
    return *ret_fd < 0 ? *ret_fd : 0;
}

/* Waits until the daemon has said something or ended; false when a signal was first. */
static bool wait_for_daemon(int fd, const sigset_t *signals)
{
    int signal_fd = signalfd(-1, signals, SFD_CLOEXEC);
    struct pollfd events[] = {{.fd = fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
    while (poll(events, G_N_ELEMENTS(events), -1) < 0)
        continue;
    if (signal_fd >= 0)
        close(signal_fd);
    return events[0].revents != 0;
}

/* Ends the daemon and waits for it, so that nothing is left of what was asked for; a second signal ends the wait. */
static int interrupt(pid_t daemon, const sigset_t *signals)
{
    struct signalfd_siginfo info;
    int signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
    while (signal_fd >= 0 && read(signal_fd, &info, sizeof info) == sizeof info)
        continue;
    sigprocmask(SIG_UNBLOCK, signals, NULL);
    kill(daemon, SIGTERM);
    while (waitpid(daemon, NULL, 0) < 0 && errno == EINTR)
        continue;
    app_notice("interrupted; nothing is mounted");
    return APP_ERROR_FAILED;
}

int background_wait(pid_t daemon, int fd)
{
    const sigset_t signals = process_end_signals();
    char byte = 0;
    ssize_t n = 0;
    bool is_interrupted = !wait_for_daemon(fd, &signals);
    if (!is_interrupted)
        n = read(fd, &byte, 1);
    close(fd);
    if (is_interrupted)
        return interrupt(daemon, &signals);
    if (n == 1 && byte == READY_BYTE)
        return 0;
    int status;
    pid_t waited;
    do {
        waited = waitpid(daemon, &status, 0);
    } while (waited < 0 && errno == EINTR);
    if (waited == daemon && WIFEXITED(status) && WEXITSTATUS(status) != 0)
        return WEXITSTATUS(status); /* it has said why */
    if (waited == daemon && WIFSIGNALED(status))
        app_notice("the daemon was ended by the signal %s before the mount answered", strsignal(WTERMSIG(status)));
    else
        app_notice("the daemon ended before the mount answered");
    return APP_ERROR_FAILED;
}

bool background_ready(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, STDERR_FILENO);
        close(null);
    }
    const char byte = READY_BYTE;
    bool told = write(fd, &byte, 1) == 1;
    close(fd);
    return told;
}
