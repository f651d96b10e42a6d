#include "run_init.h"

#include "app_error.h"
#include "run_channel.h"
#include "run_exec.h"
#include "run_privileges.h"
#include "run_root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct init {
    const struct run_spec *spec;
    int channel;
    int terminal; /* the program's end, or -1 */
    int told[2];  /* a pipe; closed by us when whoever waits for the program knows it */
    pid_t program;
};

/* Says what failed and ends; takes the error. */
static _Noreturn void fail(int channel, int status, GError *error)
{
    struct run_message message = {.kind = RUN_MESSAGE_FAILED, .status = status, .fd = -1};
    g_strlcpy(message.text, error->message, sizeof message.text);
    (void)run_channel_send(channel, &message); /* who would not hear it is gone, and we with him */
    _exit(status);
}

/*
 * What we come from has directories of the host open, such as the layers in the store. Nothing that an image says, such as
 * the working directory /proc/self/fd/4/.., may lead there, so they are closed before anything of it is looked up.
 */
static void keep_channel_only(int *channel)
{
    enum { CHANNEL = 3 };
    if (*channel != CHANNEL && dup3(*channel, CHANNEL, O_CLOEXEC) != CHANNEL)
        _exit(RUN_EXEC_RUNTIME_FAILED);
    *channel = CHANNEL;
    if (syscall(SYS_close_range, CHANNEL + 1, ~0U, 0) == 0)
        return;
    for (int fd = CHANNEL + 1; fd < 65536; fd++) /* before Linux 5.9 */
        close(fd);
}

static bool is_told_to_go(int channel)
{
    struct run_message message;
    return run_channel_receive(channel, &message) == 1 && message.kind == RUN_MESSAGE_GO;
}

/* The kernel forgets it whenever the user changes; and whoever ended before it was asked for is seen by the channel. */
static void die_with_parent(int channel)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    struct pollfd end = {.fd = channel};
    if (poll(&end, 1, 0) > 0 && (end.revents & POLLHUP) != 0)
        _exit(128 + SIGKILL);
}

/* Pipes belong to who made them: given to the program's user, so that he can open /dev/stdout again. A fifo that has a name
 * stays its owner's. */
static void give_pipes(uid_t uid)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct stat st;
        struct statfs fs;
        if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) && st.st_uid != uid && fstatfs(fd, &fs) == 0 &&
            fs.f_type == PIPEFS_MAGIC)
            (void)!fchown(fd, uid, (gid_t)-1);
    }
}

static gboolean open_terminal(struct init *init, GError **error)
{
    struct run_message message = {.kind = RUN_MESSAGE_TERMINAL, .fd = -1};
    if (!run_root_open_terminal(init->spec, &message.fd, &init->terminal, error))
        return FALSE;
    int result = run_channel_send(init->channel, &message);
    close(message.fd);
    /* It gets its size before the program can ask for it. */
    if (result == 0 && is_told_to_go(init->channel))
        return TRUE;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "nobody takes the terminal");
    return FALSE;
}

/*
 * Everybody in the container may read the command line of pid 1, and ours can hold what is not for them. It lies where
 * proc_pid_stat(5) says (arg_start, arg_end), in memory that is a copy of ours alone.
 */
static void hide_command_line(void)
{
    static const char name[] = "rofuse-init";
    g_autofree char *text = NULL;
    const char *rest = g_file_get_contents("/proc/self/stat", &text, NULL, NULL) ? strrchr(text, ')') : NULL;
    g_auto(GStrv) fields = g_strsplit(rest != NULL ? rest + 2 : "", " ", -1);
    enum { ARG_START = 48 - 3, ARG_END = 49 - 3 }; /* the first one here is the third */
    if (g_strv_length(fields) <= ARG_END)
        return;
    uintptr_t start = (uintptr_t)g_ascii_strtoull(fields[ARG_START], NULL, 10);
    uintptr_t end = (uintptr_t)g_ascii_strtoull(fields[ARG_END], NULL, 10);
    if (start == 0 || end <= start)
        return;
    memset((void *)start, 0, end - start);                                /* NOLINT(performance-no-int-to-ptr) */
    memcpy((void *)start, name, MIN(sizeof name, (size_t)(end - start))); /* NOLINT(performance-no-int-to-ptr) */
}

static gboolean set_up(struct init *init, GError **error)
{
    const struct run_spec *spec = init->spec;
    umask(0);
    hide_command_line();
    if (sethostname(spec->hostname, strlen(spec->hostname)) != 0) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot set the host name: %s", g_strerror(errno));
        return FALSE;
    }
    if (!run_root_enter(spec, error) || !run_root_chdir(spec->working_dir, error))
        return FALSE;
    if (spec->terminal && !open_terminal(init, error))
        return FALSE;
    if (!spec->terminal)
        give_pipes(spec->uid);
    return run_privileges_drop(spec, error);
}

/* Who is signalled as soon as the program does something would else not know it yet, and end the container instead. */
static void wait_until_told(const struct init *init)
{
    char byte;
    close(init->told[1]);
    while (read(init->told[0], &byte, 1) < 0 && errno == EINTR)
        continue;
}

static _Noreturn void start_program(const struct init *init)
{
    GError *error = NULL;
    wait_until_told(init);
    umask(022);
    setsid();
    if (init->terminal >= 0 && (ioctl(init->terminal, TIOCSCTTY, 0) != 0 || dup2(init->terminal, 0) < 0 ||
                                dup2(init->terminal, 1) < 0 || dup2(init->terminal, 2) < 0)) {
        g_set_error(&error, APP_ERROR, APP_ERROR_FAILED, "cannot take the terminal: %s", g_strerror(errno));
        fail(init->channel, RUN_EXEC_RUNTIME_FAILED, error);
    }
    /* All but the three are ours; the channel too is needed only where it does not start. */
    if (syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
        g_set_error(&error, APP_ERROR, APP_ERROR_FAILED, "cannot close descriptors: %s", g_strerror(errno));
        fail(init->channel, RUN_EXEC_RUNTIME_FAILED, error);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int status = run_exec(init->spec, &error);
    fail(init->channel, status, error);
}

static void tell_program(struct init *init)
{
    struct run_message message = {.kind = RUN_MESSAGE_PROGRAM};
    message.fd = (int)syscall(SYS_pidfd_open, init->program, 0);
    (void)run_channel_send(init->channel, &message);
    if (message.fd >= 0)
        close(message.fd);
    close(init->told[0]);
    close(init->told[1]);
}

/* Our copies must not keep a pipe open that the program has closed. */
static void let_go_of_files(struct init *init)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd <= 2; fd++) {
        if (null < 0 || dup2(null, fd) < 0)
            close(fd);
    }
    if (null > 2)
        close(null);
    if (init->terminal >= 0)
        close(init->terminal);
}

/* Takes in whoever has ended; the program's status, as an exit status, or -1 while it runs. */
static int reap(const struct init *init)
{
    int found = -1, status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == init->program)
            found = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    return found;
}

static _Noreturn void stay(const struct init *init)
{
    sigset_t all;
    sigfillset(&all);
    for (;;) {
        int status = reap(init);
        if (status >= 0)
            _exit(status);
        siginfo_t info;
        int number = sigwaitinfo(&all, &info);
        if (number > 0 && number != SIGCHLD)
            kill(init->program, number);
    }
}

/* Handlers of the program that we come from, and what it ignores, are not for the container. */
static void reset_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    for (int number = 1; number < NSIG; number++) {
        if (number != SIGKILL && number != SIGSTOP)
            (void)signal(number, SIG_DFL);
    }
}

_Noreturn void run_init_main(const struct run_spec *spec, int channel)
{
    keep_channel_only(&channel);
    struct init init = {.spec = spec, .channel = channel, .terminal = -1};
    GError *error = NULL;
    reset_signals();
    die_with_parent(channel);
    if (!is_told_to_go(channel))
        _exit(RUN_EXEC_RUNTIME_FAILED);
    setsid();
    if (!set_up(&init, &error))
        fail(channel, RUN_EXEC_RUNTIME_FAILED, error);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NAME, "rofuse-init", 0, 0, 0);
    die_with_parent(channel);
    init.program = pipe2(init.told, O_CLOEXEC) == 0 ? fork() : -1;
    if (init.program == 0)
        start_program(&init);
    if (init.program < 0) {
        g_set_error(&error, APP_ERROR, APP_ERROR_FAILED, "cannot start a process: %s", g_strerror(errno));
        fail(channel, RUN_EXEC_RUNTIME_FAILED, error);
    }
    tell_program(&init);
    let_go_of_files(&init);
    stay(&init);
}
