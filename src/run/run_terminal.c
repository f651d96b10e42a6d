#include "run_terminal.h"

#include "app_error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* Bytes on their way in one direction. */
struct flow {
    char bytes[4096];
    size_t n;
    bool ended; /* nothing more comes, or nobody takes it */
};

struct run_terminal {
    int master; /* owned, non-blocking; -1 once it is hung up */
    int person; /* where the person sees it; owned, where it is not stdout */
    struct termios saved;
    struct flow in, out; /* from the person; to him */
};

/*
 * A terminal that says it takes something takes it bit by bit, and whoever writes more waits; signals would not be heard
 * meanwhile. Stdout itself is not made non-blocking, as others share it. A pipe takes all that we write at once, or nothing.
 */
static int open_person(void)
{
    int fd = isatty(STDOUT_FILENO) ? open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    return fd >= 0 ? fd : STDOUT_FILENO;
}

struct run_terminal *run_terminal_new(int master, GError **error)
{
    struct run_terminal *terminal = g_new0(struct run_terminal, 1);
    terminal->master = master;
    struct termios raw;
    if (tcgetattr(STDIN_FILENO, &terminal->saved) != 0 || fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot take over the terminal: %s", g_strerror(errno));
        close(master);
        g_free(terminal);
        return NULL;
    }
    terminal->person = open_person();
    run_terminal_resize(terminal);
    raw = terminal->saved;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    return terminal;
}

void run_terminal_free(struct run_terminal *terminal)
{
    if (terminal == NULL)
        return;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->saved);
    if (terminal->master >= 0)
        close(terminal->master);
    if (terminal->person != STDOUT_FILENO)
        close(terminal->person);
    g_free(terminal);
}

void run_terminal_resize(struct run_terminal *terminal)
{
    struct winsize size;
    /* The kernel sends the program its SIGWINCH. */
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        ioctl(terminal->master, TIOCSWINSZ, &size);
}

void run_terminal_prepare(const struct run_terminal *terminal, struct pollfd polls[static RUN_TERMINAL_N_POLLS])
{
    const struct flow *in = &terminal->in, *out = &terminal->out;
    polls[0] = (struct pollfd){.fd = !in->ended && in->n == 0 ? STDIN_FILENO : -1, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = out->n > 0 ? terminal->person : -1, .events = POLLOUT};
    polls[2] = (struct pollfd){.fd = terminal->master};
    if (in->n > 0)
        polls[2].events |= POLLOUT;
    if (!out->ended && out->n == 0)
        polls[2].events |= POLLIN;
    /* A hang-up is told whether asked for or not: without anything to do it would keep us awake. */
    if (polls[2].events == 0 || out->ended)
        polls[2].fd = -1;
}

static void fill(struct flow *flow, int fd)
{
    ssize_t n = read(fd, flow->bytes, sizeof flow->bytes);
    if (n > 0)
        flow->n = (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        flow->ended = true; /* EIO: nobody has the program's terminal open */
}

/* False when nobody takes the bytes any more. */
static bool empty(struct flow *flow, int fd)
{
    ssize_t n = write(fd, flow->bytes, flow->n);
    if (n > 0) {
        flow->n -= (size_t)n;
        memmove(flow->bytes, flow->bytes + n, flow->n);
    } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
        flow->n = 0;
        flow->ended = true;
        return false;
    }
    return true;
}

/* Nobody reads what the program says ("| head"): it hears of that as it would of a pipe, or it would wait for ever. */
static void hang_up(struct run_terminal *terminal)
{
    close(terminal->master);
    terminal->master = -1;
    terminal->in.n = 0;
    terminal->in.ended = true;
}

void run_terminal_copy(struct run_terminal *terminal, const struct pollfd polls[static RUN_TERMINAL_N_POLLS])
{
    if (polls[0].revents != 0)
        fill(&terminal->in, STDIN_FILENO);
    if (polls[1].revents != 0 && !empty(&terminal->out, terminal->person)) {
        hang_up(terminal);
        return;
    }
    if ((polls[2].revents & POLLOUT) != 0 && terminal->in.n > 0)
        (void)empty(&terminal->in, terminal->master);
    if ((polls[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && terminal->out.n == 0)
        fill(&terminal->out, terminal->master);
}

bool run_terminal_drain(struct run_terminal *terminal, int interrupt_fd)
{
    struct flow *out = &terminal->out;
    while (out->n > 0 || !out->ended) {
        if (out->n == 0)
            fill(out, terminal->master);
        if (out->n == 0)
            return true; /* EAGAIN: somebody has it open and says nothing */
        struct pollfd events[] = {{.fd = terminal->person, .events = POLLOUT}, {.fd = interrupt_fd, .events = POLLIN}};
        if (poll(events, G_N_ELEMENTS(events), -1) < 0)
            continue;
        if (events[0].revents != 0)
            (void)empty(out, terminal->person);
        else if (events[1].revents != 0)
            return false;
    }
    return true;
}
