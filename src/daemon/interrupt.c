#include "interrupt.h"

#include "app_error.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* What the main thread gets to take away what it has made. */
#define GIVE_UP_MS 10000

struct interrupt {
    pthread_t thread;
    int signal_fd;  /* borrowed */
    int starter_fd; /* borrowed, or -1 */
    int stop_fd;    /* an eventfd, owned */
    void (*undo)(void *data);
    void *data;
    struct patience patience;
    atomic_bool has_happened;
};

/* A SIGHUP is swallowed: nothing is open yet that it could be about. */
static bool is_end(int signal_fd)
{
    struct signalfd_siginfo info;
    return read(signal_fd, &info, sizeof info) == sizeof info && info.ssi_signo != SIGHUP;
}

/* Returns when the main thread has done with it; else the process ends here. */
static void let_give_up(struct interrupt *interrupt)
{
    /* A starter who was interrupted goes away and sends a signal, which is not the second; nor does he send another one. */
    int signal_fd = interrupt->starter_fd < 0 ? interrupt->signal_fd : -1;
    const gint64 end = g_get_monotonic_time() + GIVE_UP_MS * G_TIME_SPAN_MILLISECOND;
    for (;;) {
        struct pollfd events[] = {
            {.fd = interrupt->stop_fd, .events = POLLIN},
            {.fd = signal_fd, .events = POLLIN},
        };
        gint64 left = (end - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND;
        int n = poll(events, 2, (int)MAX(left, 0));
        if (n > 0 && events[0].revents != 0)
            return;
        if (left <= 0 || (n > 0 && is_end(signal_fd)))
            break;
    }
    interrupt->undo(interrupt->data);
    _exit(APP_ERROR_FAILED);
}

static void *watch(void *data)
{
    struct interrupt *interrupt = data;
    for (;;) {
        struct pollfd events[] = {
            {.fd = interrupt->stop_fd, .events = POLLIN},
            {.fd = interrupt->signal_fd, .events = POLLIN},
            {.fd = interrupt->starter_fd}, /* POLLERR: the reader is gone */
        };
        if (poll(events, 3, -1) < 0)
            continue;
        if (events[0].revents != 0)
            return NULL;
        if ((events[2].revents & (POLLERR | POLLHUP)) != 0 ||
            ((events[1].revents & POLLIN) != 0 && is_end(interrupt->signal_fd))) {
            if (interrupt->starter_fd < 0) /* the starter says so itself */
                app_notice("interrupted; nothing is mounted");
            atomic_store(&interrupt->has_happened, true);
            let_give_up(interrupt);
            return NULL;
        }
    }
}

static bool has_happened(void *data)
{
    const struct interrupt *interrupt = data;
    return atomic_load(&interrupt->has_happened);
}

int interrupt_watch(int signal_fd, int starter_fd, void (*undo)(void *data), void *data, struct interrupt **ret)
{
    struct interrupt *interrupt = g_new0(struct interrupt, 1);
    interrupt->signal_fd = signal_fd;
    interrupt->starter_fd = starter_fd;
    interrupt->undo = undo;
    interrupt->data = data;
    interrupt->patience = (struct patience){has_happened, interrupt};
    interrupt->stop_fd = eventfd(0, EFD_CLOEXEC);
    int error = interrupt->stop_fd < 0 ? errno : pthread_create(&interrupt->thread, NULL, watch, interrupt);
    if (error != 0) {
        if (interrupt->stop_fd >= 0)
            close(interrupt->stop_fd);
        g_free(interrupt);
        return -error;
    }
    *ret = interrupt;
    return 0;
}

const struct patience *interrupt_patience(const struct interrupt *interrupt)
{
    return &interrupt->patience;
}

bool interrupt_end(struct interrupt *interrupt)
{
    const uint64_t one = 1;
    ssize_t n;
    do {
        n = write(interrupt->stop_fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
    pthread_join(interrupt->thread, NULL);
    close(interrupt->stop_fd);
    bool happened = atomic_load(&interrupt->has_happened);
    g_free(interrupt);
    return happened;
}
