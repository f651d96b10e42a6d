#include "run_channel.h"

#include "app_error.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What travels; the descriptor goes beside it. */
struct wire {
    int kind;
    int status;
    char text[sizeof((struct run_message *)NULL)->text];
};

union control {
    struct cmsghdr header; /* for its alignment */
    char space[CMSG_SPACE(sizeof(int))];
};

gboolean run_channel_open(int ret[static 2], GError **error)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) == 0)
        return TRUE;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot make a pair of sockets: %s", g_strerror(errno));
    return FALSE;
}

int run_channel_send(int channel, const struct run_message *message)
{
    struct wire wire = {.kind = (int)message->kind, .status = message->status};
    g_strlcpy(wire.text, message->text, sizeof wire.text);
    struct iovec part = {.iov_base = &wire, .iov_len = sizeof wire};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    union control control;
    memset(&control, 0, sizeof control);
    if (message->fd >= 0) {
        head.msg_control = &control;
        head.msg_controllen = sizeof control.space;
        struct cmsghdr *first = CMSG_FIRSTHDR(&head);
        first->cmsg_level = SOL_SOCKET;
        first->cmsg_type = SCM_RIGHTS;
        first->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(first), &message->fd, sizeof(int));
    }
    ssize_t n;
    do {
        n = sendmsg(channel, &head, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static int take_fd(struct msghdr *head)
{
    int fd = -1;
    const struct cmsghdr *first = CMSG_FIRSTHDR(head);
    if (first != NULL && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_RIGHTS &&
        first->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(first), sizeof(int));
    return fd;
}

int run_channel_receive(int channel, struct run_message *ret)
{
    struct wire wire;
    union control control;
    memset(&wire, 0, sizeof wire);
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = &wire, .iov_len = sizeof wire};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n;
    do {
        n = recvmsg(channel, &head, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    /* ECONNRESET: it ended with something of ours unread. */
    if (n < 0)
        return errno == ECONNRESET ? 0 : -errno;
    *ret = (struct run_message){.kind = (enum run_message_kind)wire.kind, .status = wire.status, .fd = take_fd(&head)};
    if (n == 0)
        return 0;
    wire.text[sizeof wire.text - 1] = '\0';
    g_strlcpy(ret->text, wire.text, sizeof ret->text);
    return 1;
}
