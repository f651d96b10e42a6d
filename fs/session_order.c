#include "session_order.h"

#if __has_feature(thread_sanitizer)

#include "ops_private.h"

#include <sanitizer/tsan_interface.h>
#include <sys/uio.h>

static ssize_t send_reply(int fd, struct iovec *parts, int n_parts, void *userdata)
{
    __tsan_release(userdata);
    return writev(fd, parts, n_parts);
}

static ssize_t receive_request(int fd, void *buffer, size_t size, void *userdata)
{
    ssize_t length = read(fd, buffer, size);
    __tsan_acquire(userdata);
    return length;
}

void session_order_show(struct fuse_session *fuse)
{
    const struct fuse_custom_io io = {.writev = send_reply, .read = receive_request};
    (void)fuse_session_custom_io(fuse, &io, fuse_session_fd(fuse));
}

#else

void session_order_show(struct fuse_session *fuse)
{
    (void)fuse;
}

#endif
