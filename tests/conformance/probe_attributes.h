/*
 * How conformance_probe changes attributes: size, mode, owner, times, extended attributes, flags.
 */
#ifndef PROBE_ATTRIBUTES_H
#define PROBE_ATTRIBUTES_H

#include "probe_steps.h"

#include <sys/xattr.h>

static int run_truncate(const struct operation *op, const char *path)
{
    return status_of(truncate(path, op->a));
}

static int run_chmod(const struct operation *op, const char *path)
{
    return status_of(syscall(SYS_fchmodat2, AT_FDCWD, path, op->a, op->b));
}

static int run_fchmod(const struct operation *op, const char *path)
{
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, fchmod(fd, (mode_t)op->a));
}

static uid_t user_of(long number)
{
    return number == ID_SELF ? geteuid() : (uid_t)number;
}

static gid_t group_of(long number)
{
    return number == ID_SELF ? getegid() : (gid_t)number;
}

static int run_chown(const struct operation *op, const char *path)
{
    return status_of(fchownat(AT_FDCWD, path, user_of(op->a), group_of(op->b), (int)op->c));
}

static int run_fchown(const struct operation *op, const char *path)
{
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, fchown(fd, user_of(op->a), group_of(op->b)));
}

static int run_chown_path_fd(const struct operation *op, const char *path)
{
    int fd = open_for(path, O_PATH | O_NOFOLLOW);
    return fd < 0 ? fd : closed(fd, fchownat(fd, "", user_of(op->a), group_of(op->b), AT_EMPTY_PATH));
}

static int run_utimes_null(const struct operation *op, const char *path)
{
    (void)op;
    return status_of(utimensat(AT_FDCWD, path, NULL, 0));
}

static int run_utimes(const struct operation *op, const char *path)
{
    struct timespec times[2] = {{.tv_sec = EXPLICIT_SECONDS, .tv_nsec = op->a},
                                {.tv_sec = EXPLICIT_SECONDS, .tv_nsec = op->b}};
    return status_of(utimensat(AT_FDCWD, path, times, (int)op->c));
}

static int run_futimens(const struct operation *op, const char *path)
{
    struct timespec times[2] = {{.tv_sec = EXPLICIT_SECONDS, .tv_nsec = op->a},
                                {.tv_sec = EXPLICIT_SECONDS, .tv_nsec = op->a}};
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, futimens(fd, times));
}

static int run_setxattr(const struct operation *op, const char *path)
{
    return status_of(setxattr(path, op->text, op->value, op->size, (int)op->a));
}

static int run_lsetxattr(const struct operation *op, const char *path)
{
    return status_of(lsetxattr(path, op->text, op->value, op->size, (int)op->a));
}

static int run_fsetxattr(const struct operation *op, const char *path)
{
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, fsetxattr(fd, op->text, op->value, op->size, 0));
}

static int run_removexattr(const struct operation *op, const char *path)
{
    return status_of(removexattr(path, op->text));
}

static int run_lremovexattr(const struct operation *op, const char *path)
{
    return status_of(lremovexattr(path, op->text));
}

static int run_fremovexattr(const struct operation *op, const char *path)
{
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, fremovexattr(fd, op->text));
}

static int run_getxattr(const struct operation *op, const char *path)
{
    char value[256];
    return status_of(getxattr(path, op->text, value, sizeof value));
}

static int run_listxattr(const struct operation *op, const char *path)
{
    (void)op;
    char names[1024];
    return status_of(listxattr(path, names, sizeof names));
}

static int run_setflags(const struct operation *op, const char *path)
{
    (void)op;
    int flags = FS_NODUMP_FL;
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, ioctl(fd, FS_IOC_SETFLAGS, &flags));
}

static int run_fssetxattr(const struct operation *op, const char *path)
{
    (void)op;
    struct fsxattr attributes = {.fsx_xflags = FS_XFLAG_NODUMP};
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, ioctl(fd, FS_IOC_FSSETXATTR, &attributes));
}

static int run_getflags(const struct operation *op, const char *path)
{
    (void)op;
    int flags;
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, ioctl(fd, FS_IOC_GETFLAGS, &flags));
}

#endif
