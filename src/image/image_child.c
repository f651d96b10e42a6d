#include "image_child.h"

#include "app_error.h"
#include "image_confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

/* One packet. */
struct report {
    uint32_t state; /* enum image_child_state */
    struct image_result result;
    char line[LINE_MAX_BYTES]; /* of a failure */
};

static void send_report(const struct report *report)
{
    ssize_t n;
    do {
        n = send(IMAGE_CHILD_REPORT, report, sizeof *report, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
}

void image_child_tell(const struct image_result *result)
{
    /* A parent that is busy is told the next time. */
    struct report report = {.state = IMAGE_CHILD_RUNS, .result = *result};
    (void)send(IMAGE_CHILD_REPORT, &report, sizeof report, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Nothing of what it might print reaches a terminal. */
static bool silence(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int last = IMAGE_HAS_SANITIZER ? STDOUT_FILENO : STDERR_FILENO;
    bool done = null >= 0;
    for (int fd = STDIN_FILENO; done && fd <= last; fd++)
        done = dup2(null, fd) == fd;
    return done;
}

/* Out of the way of the three numbers first, as each may have another's. */
static bool arrange_descriptors(int report, int input, int output)
{
    int report_high = fcntl(report, F_DUPFD_CLOEXEC, 10);
    int input_high = fcntl(input, F_DUPFD_CLOEXEC, 10), output_high = fcntl(output, F_DUPFD_CLOEXEC, 10);
    if (report_high < 0 || input_high < 0 || output_high < 0 || dup3(report_high, IMAGE_CHILD_REPORT, O_CLOEXEC) < 0 ||
        dup3(input_high, IMAGE_CHILD_INPUT, O_CLOEXEC) < 0 || dup3(output_high, IMAGE_CHILD_OUTPUT, O_CLOEXEC) < 0)
        return false;
    if (syscall(SYS_close_range, IMAGE_CHILD_OUTPUT + 1, ~0U, 0) == 0)
        return true;
    for (int fd = IMAGE_CHILD_OUTPUT + 1; fd < 65536; fd++) /* before Linux 5.9 */
        close(fd);
    return true;
}

static void run(pid_t parent, int report_fd, int input, int output, bool is_directory, image_child_work work,
                void *data) G_GNUC_NORETURN;

static void run(pid_t parent, int report_fd, int input, int output, bool is_directory, image_child_work work,
                void *data)
{
    GError *error = NULL;
    struct report report = {.state = IMAGE_CHILD_DONE};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(APP_ERROR_FAILED); /* it ended before it could be asked for */
    /* A terminal's Ctrl-C goes to the parent too, which ends us. */
    signal(SIGPIPE, SIG_IGN);
    bool can_own = image_can_own();
    gboolean done = silence() && arrange_descriptors(report_fd, input, output);
    if (!done)
        _exit(APP_ERROR_FAILED);
    done = image_confine(is_directory ? IMAGE_CHILD_OUTPUT : -1, can_own, &error) && work(data, &report.result, &error);
    if (!done) {
        report.state = IMAGE_CHILD_FAILED;
        g_strlcpy(report.line, error->message, sizeof report.line);
    }
    send_report(&report);
    _exit(done ? 0 : APP_ERROR_FAILED);
}

gboolean image_child_start(struct image_child *child, int input, int output, bool is_directory, image_child_work work,
                           void *data, GError **error)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot start unpacking: %s", g_strerror(errno));
        return FALSE;
    }
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run(parent, ends[1], input, output, is_directory, work, data);
    int code = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot start a process to unpack: %s", g_strerror(code));
        return FALSE;
    }
    *child = (struct image_child){.pid = pid, .fd = ends[0]};
    return TRUE;
}

static int clear(struct image_child *child)
{
    int status = 0;
    pid_t waited;
    close(child->fd);
    do {
        waited = waitpid(child->pid, &status, 0);
    } while (waited < 0 && errno == EINTR);
    *child = (struct image_child){.fd = -1};
    return waited > 0 ? status : -1;
}

/* The line is text that names entries, escaped; whatever else the process may have put there does not get out. */
static void take_line(struct report *report, GError **error)
{
    report->line[sizeof report->line - 1] = '\0';
    const char *end;
    if (!g_utf8_validate(report->line, -1, &end))
        report->line[end - report->line] = '\0';
    for (char *c = report->line; *c != '\0'; c++)
        if (g_ascii_iscntrl(*c))
            *c = '?';
    g_set_error_literal(error, APP_ERROR, APP_ERROR_FAILED, report->line);
}

static enum image_child_state finish(struct image_child *child, struct report *report, GError **error)
{
    int status = clear(child);
    if (report != NULL && report->state == IMAGE_CHILD_DONE && status == 0)
        return IMAGE_CHILD_DONE;
    if (report != NULL && report->state == IMAGE_CHILD_FAILED)
        take_line(report, error);
    else if (WIFSIGNALED(status))
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "the unpacking process was ended by the signal %s",
                    strsignal(WTERMSIG(status)));
    else
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "the unpacking process ended without a word");
    return IMAGE_CHILD_FAILED;
}

enum image_child_state image_child_take(struct image_child *child, struct image_result *ret, GError **error)
{
    for (;;) {
        struct report report;
        ssize_t n = recv(child->fd, &report, sizeof report, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return IMAGE_CHILD_RUNS;
        if (n != (ssize_t)sizeof report)
            return finish(child, NULL, error);
        *ret = report.result;
        if (report.state != IMAGE_CHILD_RUNS)
            return finish(child, &report, error);
    }
}

void image_child_kill(struct image_child *child)
{
    if (child->pid <= 0)
        return;
    kill(child->pid, SIGKILL);
    clear(child);
}
