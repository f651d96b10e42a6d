#include "session_aside.h"

#include "session_order.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct aside {
    int fuse_fd;
    void (*run)(void *data);
    void *data;
};

/* Whoever is killed on the way has nothing to wait for yet. Where it fails, it goes on with copies of all descriptors. */
static void take_own_descriptors(int fuse_fd)
{
    uint32_t from = (uint32_t)fuse_fd;
    if (SESSION_ORDER_ONE_TABLE || unshare(CLONE_FILES) < 0)
        return;
    int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (ioctl(fd, FUSE_DEV_IOC_CLONE, &from) == 0 && dup3(fd, fuse_fd, O_CLOEXEC) == fuse_fd) {
        if (fuse_fd > STDERR_FILENO + 1)
            (void)close_range(STDERR_FILENO + 1, (unsigned)fuse_fd - 1, 0);
        (void)close_range((unsigned)fuse_fd + 1, UINT_MAX, 0);
    } else {
        close(fd);
    }
}

static void *run_aside(void *data)
{
    const struct aside *aside = data;
    take_own_descriptors(aside->fuse_fd);
    aside->run(aside->data);
    return NULL;
}

void session_aside(int fuse_fd, void (*run)(void *data), void *data)
{
    struct aside aside = {fuse_fd, run, data};
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, run_aside, &aside);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_join(thread, NULL);
    else
        run(data);
}
