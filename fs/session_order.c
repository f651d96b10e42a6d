#include "session_order.h"

#if __has_feature(thread_sanitizer)

#include "ops_private.h"

#include <errno.h>
#include <sanitizer/tsan_interface.h>
#include <sys/uio.h>

static ssize_t send_reply(int fd, struct iovec *parts, int n_parts, void *userdata)
{
    const struct ops *ops = userdata;
    __tsan_release(ops->fuse);
    return writev(fd, parts, n_parts);
}

/* libfuse wants one; requests are received by session_threads.c. */
static ssize_t receive_nothing(int fd, void *buffer, size_t size, void *userdata)
{
    (void)fd;
    (void)buffer;
    (void)size;
    (void)userdata;
    errno = ENODEV;
    return -1;
}

void session_order_show(struct fuse_session *fuse)
{
    const struct fuse_custom_io io = {.writev = send_reply, .read = receive_nothing};
    (void)fuse_session_custom_io(fuse, &io, fuse_session_fd(fuse));
}

void session_order_received(struct fuse_session *fuse)
{
    __tsan_acquire(fuse);
}

#else

void session_order_show(struct fuse_session *fuse)
{
    (void)fuse;
}

void session_order_received(struct fuse_session *fuse)
{
    (void)fuse;
}

#endif
