#include "run_watch.h"

#include "app_error.h"
#include "run_channel.h"
#include "run_exec.h"
#include "run_terminal.h"

#include <errno.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

/* What docker stop gives a program to end. */
#define STOP_TIME (10 * G_USEC_PER_SEC)

/* What changes while it waits. */
struct progress {
    struct run_watch *watch;
    struct run_terminal *terminal; /* owned; NULL = none */
    int program;                   /* pidfd, owned; -1 = not known yet */
    bool channel_ended;
    struct run_message failure; /* kind 0 = none */
    int ended_by;               /* a signal that ended the set-up, or 0 */
    gint64 asked_at;            /* when SIGTERM came for the first time; 0 = not yet */
};

int run_signals_block(sigset_t *ret_old, GError **error)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < G_N_ELEMENTS(passed_on); i++)
        sigaddset(&set, passed_on[i]);
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot watch for signals: %s", g_strerror(errno));
        return -1;
    }
    /* In the background of a terminal it would stop us when we give the terminal back. */
    sigaddset(&set, SIGTTOU);
    sigprocmask(SIG_BLOCK, &set, ret_old);
    return fd;
}

/* SIGTERM is the wish that it ends, whatever signal its image has for that. Who wishes it again when the program has had its
 * time is to get it; all other signals, however many, are the program's own business. */
static bool is_last_wish(struct progress *progress, int number)
{
    gint64 now = g_get_monotonic_time();
    if (number != SIGTERM)
        return false;
    if (progress->asked_at == 0)
        progress->asked_at = now;
    return now - progress->asked_at >= STOP_TIME;
}

static int find_sent(struct progress *progress, int number)
{
    int stop_signal = progress->watch->spec->stop_signal;
    if (is_last_wish(progress, number)) {
        app_notice("the program is killed: it was to end %d seconds ago, and is still running",
                   (int)((g_get_monotonic_time() - progress->asked_at) / G_USEC_PER_SEC));
        return SIGKILL;
    }
    return number == SIGTERM && stop_signal > 0 ? stop_signal : number;
}

static void forward(struct progress *progress, int number)
{
    struct run_watch *watch = progress->watch;
    int sent = find_sent(progress, number);
    bool is_sent = watch->forward != NULL ? watch->forward(watch, sent) : progress->program >= 0;
    /* By us and not by its init: we may signal whoever the program has become. */
    if (progress->program >= 0)
        (void)syscall(SYS_pidfd_send_signal, progress->program, sent, NULL, 0);
    if (!is_sent && (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT)) {
        progress->ended_by = number;
        kill(watch->pid, watch->forward != NULL ? SIGTERM : SIGKILL);
    }
}

static void take_signals(struct progress *progress)
{
    struct signalfd_siginfo info;
    while (read(progress->watch->signal_fd, &info, sizeof info) == sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGWINCH && progress->terminal != NULL)
            run_terminal_resize(progress->terminal);
        else
            forward(progress, number);
    }
}

static void take_terminal(struct progress *progress, int master)
{
    g_autoptr(GError) error = NULL;
    struct run_message answer = {.kind = RUN_MESSAGE_GO, .fd = -1};
    progress->terminal = run_terminal_new(master, &error);
    /* Without an answer it would wait for ever: it is ended instead. */
    if (progress->terminal == NULL || run_channel_send(progress->watch->channel, &answer) < 0)
        kill(progress->watch->pid, SIGKILL);
}

/* One message, if there is one. */
static void take_message(struct progress *progress)
{
    struct run_message message;
    if (run_channel_receive(progress->watch->channel, &message) <= 0) {
        progress->channel_ended = true;
        return;
    }
    if (message.kind == RUN_MESSAGE_TERMINAL && message.fd >= 0 && progress->terminal == NULL) {
        take_terminal(progress, message.fd);
    } else if (message.kind == RUN_MESSAGE_PROGRAM && message.fd >= 0 && progress->program < 0) {
        progress->program = message.fd;
    } else {
        if (message.kind == RUN_MESSAGE_FAILED)
            progress->failure = message;
        if (message.fd >= 0)
            close(message.fd);
    }
}

enum { POLL_CHILD, POLL_SIGNALS, POLL_CHANNEL, POLL_TERMINAL, N_POLLS = POLL_TERMINAL + RUN_TERMINAL_N_POLLS };

/* Until the child, named by a pidfd, has ended. */
static void wait_for_child(struct progress *progress, int child)
{
    struct pollfd polls[N_POLLS];
    for (;;) {
        bool listens = progress->watch->channel >= 0 && !progress->channel_ended;
        polls[POLL_CHILD] = (struct pollfd){.fd = child, .events = POLLIN};
        polls[POLL_SIGNALS] = (struct pollfd){.fd = progress->watch->signal_fd, .events = POLLIN};
        polls[POLL_CHANNEL] = (struct pollfd){.fd = listens ? progress->watch->channel : -1, .events = POLLIN};
        for (size_t i = POLL_TERMINAL; i < N_POLLS; i++)
            polls[i] = (struct pollfd){.fd = -1};
        if (progress->terminal != NULL)
            run_terminal_prepare(progress->terminal, polls + POLL_TERMINAL);
        if (poll(polls, N_POLLS, -1) < 0)
            continue;
        bool has_terminal = progress->terminal != NULL;
        if (polls[POLL_CHANNEL].revents != 0)
            take_message(progress);
        if (has_terminal)
            run_terminal_copy(progress->terminal, polls + POLL_TERMINAL);
        if (polls[POLL_SIGNALS].revents != 0)
            take_signals(progress);
        if (polls[POLL_CHILD].revents != 0)
            break;
    }
    /* What it said last. */
    while (progress->watch->channel >= 0 && !progress->channel_ended)
        take_message(progress);
}

/* Whether somebody wishes that we end. */
static bool take_wish(int signal_fd)
{
    struct signalfd_siginfo info;
    bool is_wished = false;
    while (read(signal_fd, &info, sizeof info) == sizeof info)
        is_wished = is_wished || info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP ||
                    info.ssi_signo == SIGQUIT;
    return is_wished;
}

static int find_status(const struct progress *progress)
{
    int status = 0;
    while (waitpid(progress->watch->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (progress->ended_by != 0)
        return 128 + progress->ended_by;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run_watch_wait(struct run_watch *watch, int *ret_not_started, GError **error)
{
    struct progress progress = {.watch = watch, .program = -1};
    int child = (int)syscall(SYS_pidfd_open, watch->pid, 0);
    if (watch->master >= 0)
        progress.terminal = run_terminal_new(watch->master, NULL);
    if (child >= 0) {
        wait_for_child(&progress, child);
        close(child);
    }
    /* Nobody may ever look at a terminal that is stuck. */
    while (progress.terminal != NULL && !run_terminal_drain(progress.terminal, watch->signal_fd))
        if (take_wish(watch->signal_fd))
            break;
    run_terminal_free(progress.terminal);
    int status = find_status(&progress);
    if (progress.program >= 0)
        close(progress.program);
    if (progress.failure.kind != RUN_MESSAGE_FAILED)
        return status;
    *ret_not_started = CLAMP(progress.failure.status, RUN_EXEC_RUNTIME_FAILED, RUN_EXEC_NOT_FOUND);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s", progress.failure.text);
    return -1;
}
