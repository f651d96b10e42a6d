#include "image_interrupt.h"

#include <sys/signalfd.h>
#include <unistd.h>

void image_interrupt_begin(struct image_interrupt *interrupt)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(&interrupt->watched);
    sigprocmask(SIG_SETMASK, NULL, &interrupt->old);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        struct sigaction action;
        /* The kernel keeps an ignored one that is blocked, and it would seem to have come. */
        bool is_ignored = sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN;
        if (!is_ignored && sigismember(&interrupt->old, numbers[i]) == 0)
            sigaddset(&interrupt->watched, numbers[i]);
    }
    interrupt->number = 0;
    interrupt->fd = signalfd(-1, &interrupt->watched, SFD_CLOEXEC | SFD_NONBLOCK);
    if (interrupt->fd >= 0)
        sigprocmask(SIG_BLOCK, &interrupt->watched, NULL);
}

bool image_interrupt_came(struct image_interrupt *interrupt)
{
    struct signalfd_siginfo info;
    if (interrupt->number == 0 && interrupt->fd >= 0 && read(interrupt->fd, &info, sizeof info) == sizeof info)
        interrupt->number = (int)info.ssi_signo;
    return interrupt->number != 0;
}

void image_interrupt_allow(const struct image_interrupt *interrupt)
{
    if (interrupt->fd >= 0)
        sigprocmask(SIG_UNBLOCK, &interrupt->watched, NULL);
}

void image_interrupt_forbid(const struct image_interrupt *interrupt)
{
    if (interrupt->fd >= 0)
        sigprocmask(SIG_BLOCK, &interrupt->watched, NULL);
}

void image_interrupt_end(struct image_interrupt *interrupt)
{
    if (interrupt->fd < 0)
        return;
    close(interrupt->fd);
    interrupt->fd = -1;
    /* While it is blocked: it ends us in the next line. */
    if (interrupt->number != 0)
        (void)raise(interrupt->number);
    sigprocmask(SIG_SETMASK, &interrupt->old, NULL);
}
