#include "tmpfs.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MESSAGE_MAX 256

/* What is sent from the child that makes a tmpfs for an ordinary user; fixed size, as nothing may be allocated there. */
struct answer {
    int error;
    char message[MESSAGE_MAX];
};

__attribute__((format(printf, 3, 4))) static bool set(int fs, const char *key, const char *format, ...)
{
    char text[32];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return fsconfig(fs, FSCONFIG_SET_STRING, key, text, 0) == 0;
}

static bool configure(int fs, const struct route_spec *spec)
{
    bool ok = set(fs, "source", "rofuse") && set(fs, "mode", "%o", spec->has_mode ? spec->mode : 01777);
    if (ok && spec->size_percent != 0)
        ok = set(fs, "size", "%u%%", spec->size_percent);
    else if (ok && spec->size != 0)
        ok = set(fs, "size", "%" PRIu64, spec->size);
    if (ok && spec->nr_inodes != 0)
        ok = set(fs, "nr_inodes", "%" PRIu64, spec->nr_inodes);
    if (ok && spec->has_uid)
        ok = set(fs, "uid", "%u", spec->uid);
    if (ok && spec->has_gid)
        ok = set(fs, "gid", "%u", spec->gid);
    return ok && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0;
}

/* Runs in a forked child too: allocates nothing. Returns a descriptor or -1 with @answer filled. */
static int make(const struct route_spec *spec, struct answer *answer)
{
    int mount = -1, fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
    bool ok = fs >= 0 && configure(fs, spec);
    if (ok) {
        mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        ok = mount >= 0;
    }
    if (!ok) {
        answer->error = errno;
        answer->message[0] = '\0';
        /* The kernel's own words, "e tmpfs: Bad value for 'uid'", are better than an errno. */
        ssize_t length = fs >= 0 ? read(fs, answer->message, sizeof answer->message - 1) : -1;
        answer->message[length > 0 ? length : 0] = '\0';
    }
    if (fs >= 0)
        close(fs);
    return mount;
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return ok;
}

static bool enter_user_namespace(struct answer *answer)
{
    char uids[64], gids[64];
    (void)snprintf(uids, sizeof uids, "%u %u 1\n", (unsigned)geteuid(), (unsigned)geteuid());
    (void)snprintf(gids, sizeof gids, "%u %u 1\n", (unsigned)getegid(), (unsigned)getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_file("/proc/self/setgroups", "deny") &&
        write_file("/proc/self/uid_map", uids) && write_file("/proc/self/gid_map", gids))
        return true;
    answer->error = errno;
    (void)snprintf(answer->message, sizeof answer->message, "no user namespace can be made");
    return false;
}

static void send_answer(int socket, const struct answer *answer, int mount)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec data = {(void *)answer, sizeof *answer};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (mount >= 0) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &mount, sizeof mount);
    }
    (void)sendmsg(socket, &message, 0);
}

static int receive_answer(int socket, struct answer *answer)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec data = {answer, sizeof *answer};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
    if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL) != (ssize_t)sizeof *answer) {
        *answer = (struct answer){.error = EIO};
        return -1;
    }
    int mount = -1;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&mount, CMSG_DATA(header), sizeof mount);
    return mount;
}

/* The mount of a namespace that is gone lives on in the descriptor that the child passes to us. */
static int make_in_child(const struct route_spec *spec, struct answer *answer)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        *answer = (struct answer){.error = errno};
        return -1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        int mount = enter_user_namespace(answer) ? make(spec, answer) : -1;
        send_answer(pair[1], answer, mount);
        _exit(0);
    }
    int error = errno;
    close(pair[1]);
    int mount = -1;
    if (pid < 0) {
        *answer = (struct answer){.error = error};
    } else {
        mount = receive_answer(pair[0], answer);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    close(pair[0]);
    return mount;
}

int tmpfs_new(const struct route_spec *spec, char **ret_why)
{
    struct answer answer = {0};
    int mount = make(spec, &answer);
    if (mount < 0 && answer.error == EPERM)
        mount = make_in_child(spec, &answer);
    if (mount >= 0)
        return mount;
    g_strchomp(answer.message);
    const char *words = answer.message + (g_str_has_prefix(answer.message, "e ") ? 2 : 0); /* e for error */
    if (answer.error == EPERM || answer.error == ENOSYS) {
        *ret_why =
            g_strdup_printf("no tmpfs can be made here%s%s (%s); run rofuse as root, or declare a volume instead",
                            words[0] != '\0' ? ": " : "", words, g_strerror(answer.error));
    } else {
        *ret_why =
            g_strdup_printf("the kernel refuses its options: %s", words[0] != '\0' ? words : g_strerror(answer.error));
    }
    return -answer.error;
}
