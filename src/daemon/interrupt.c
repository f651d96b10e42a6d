#include "interrupt.h"

#include "app_error.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct interrupt {
    pthread_t thread;
    int signal_fd;  /* borrowed */
    int starter_fd; /* borrowed, or -1 */
    int stop_fd;    /* an eventfd, owned */
    void (*undo)(void *data);
    void *data;
};

/* A SIGHUP is swallowed: nothing is open yet that it could be about. */
static bool is_end(int signal_fd)
{
    struct signalfd_siginfo info;
    return read(signal_fd, &info, sizeof info) == sizeof info && info.ssi_signo != SIGHUP;
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
            interrupt->undo(interrupt->data);
            _exit(APP_ERROR_FAILED);
        }
    }
}

int interrupt_watch(int signal_fd, int starter_fd, void (*undo)(void *data), void *data, struct interrupt **ret)
{
    struct interrupt *interrupt = g_new0(struct interrupt, 1);
    interrupt->signal_fd = signal_fd;
    interrupt->starter_fd = starter_fd;
    interrupt->undo = undo;
    interrupt->data = data;
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

void interrupt_end(struct interrupt *interrupt)
{
    if (interrupt == NULL)
        return;
    const uint64_t one = 1;
    ssize_t n;
    do {
        n = write(interrupt->stop_fd, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
    pthread_join(interrupt->thread, NULL);
    close(interrupt->stop_fd);
    g_free(interrupt);
}
