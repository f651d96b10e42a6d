/*
 * How each operation of conformance_probe is done. System calls are made directly where the C library would do
 * something else first. Current directory and root are ROOT; "/" too.
 */
#ifndef PROBE_STEPS_H
#define PROBE_STEPS_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* Added to an errno once for each step that is named in print_result(). */
#define STEP 1000
#define OPEN_FAILED 1
#define SOCKET_FAILED 2
/* The operation cannot be tried on that path (a socket's address is too short for it). */
#define NOT_APPLICABLE INT_MIN

#define ID_SELF (-2)
#define EXPLICIT_SECONDS 1000000000

struct operation {
    const char *name;
    int (*run)(const struct operation *operation, const char *path);
    long a, b, c;      /* numbers, as the function takes them */
    const char *text;  /* a second path, an extended attribute */
    const char *value; /* of the attribute */
    size_t size;
};

static int root_fd = -1;

/* In the caller's process, before its cells. */
static void operations_prepare(void)
{
    root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* 0 or -errno of a system call's result. */
static int status_of(long result)
{
    return result < 0 ? -errno : 0;
}

/* A descriptor to do something with; a failure is one of the first step. */
static int open_for(const char *path, int flags)
{
    int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? -(errno + OPEN_FAILED * STEP) : fd;
}

static int closed(int fd, long result)
{
    int status = status_of(result);
    close(fd);
    return status;
}

static int run_open(const struct operation *op, const char *path)
{
    int fd = open(path, (int)op->a | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
    return fd < 0 ? -errno : closed(fd, 0);
}

/* creat(2) cannot be told not to block; on a fifo it would. */
static int run_creat(const struct operation *op, const char *path)
{
    (void)op;
    struct stat st;
    if (stat(path, &st) == 0 && S_ISFIFO(st.st_mode))
        return NOT_APPLICABLE;
    int fd = creat(path, 0644);
    return fd < 0 ? -errno : closed(fd, 0);
}

/* EAGAIN: something on the machine was renamed or mounted while the kernel walked ".."; the manual says to try
 * again. */
static int run_openat2(const struct operation *op, const char *path)
{
    struct open_how how = {.flags = (uint64_t)op->a | O_NONBLOCK | O_CLOEXEC, .resolve = (uint64_t)op->b};
    if (op->a & O_CREAT)
        how.mode = 0644;
    int fd;
    do
        fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
    while (fd < 0 && errno == EAGAIN);
    return fd < 0 ? -errno : closed(fd, 0);
}

static int run_mkdir(const struct operation *op, const char *path)
{
    return status_of(mkdir(path, (mode_t)op->a));
}

static int run_mknod(const struct operation *op, const char *path)
{
    return status_of(syscall(SYS_mknodat, AT_FDCWD, path, op->a, op->b));
}

static int run_symlink(const struct operation *op, const char *path)
{
    return status_of(symlink(op->text, path));
}

/* Returns a socket and its address; NOT_APPLICABLE where the path does not fit. */
static int socket_for(const char *path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(path);
    /* An empty path would be an unnamed socket. */
    if (length == 0 || length >= sizeof ret->sun_path)
        return NOT_APPLICABLE;
    memcpy(ret->sun_path, path, length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -(errno + SOCKET_FAILED * STEP) : fd;
}

static int run_bind(const struct operation *op, const char *path)
{
    (void)op;
    struct sockaddr_un address;
    int fd = socket_for(path, &address);
    return fd < 0 ? fd : closed(fd, bind(fd, (struct sockaddr *)&address, sizeof address));
}

static int run_connect(const struct operation *op, const char *path)
{
    (void)op;
    struct sockaddr_un address;
    int fd = socket_for(path, &address);
    return fd < 0 ? fd : closed(fd, connect(fd, (struct sockaddr *)&address, sizeof address));
}

static int run_link_from(const struct operation *op, const char *path)
{
    return status_of(linkat(AT_FDCWD, path, AT_FDCWD, op->text, (int)op->a));
}

static int run_link_from_fd(const struct operation *op, const char *path)
{
    int fd = open_for(path, O_PATH | O_NOFOLLOW);
    return fd < 0 ? fd : closed(fd, linkat(fd, "", AT_FDCWD, op->text, AT_EMPTY_PATH));
}

static int run_link_to(const struct operation *op, const char *path)
{
    return status_of(link(op->text, path));
}

static int run_unlink(const struct operation *op, const char *path)
{
    return status_of(unlinkat(AT_FDCWD, path, (int)op->a));
}

static int run_rename_from(const struct operation *op, const char *path)
{
    return status_of(renameat2(AT_FDCWD, path, AT_FDCWD, op->text != NULL ? op->text : path, (unsigned)op->a));
}

static int run_rename_onto(const struct operation *op, const char *path)
{
    return status_of(renameat2(AT_FDCWD, op->text, AT_FDCWD, path, (unsigned)op->a));
}

static int run_access(const struct operation *op, const char *path)
{
    return status_of(syscall(SYS_faccessat2, AT_FDCWD, path, op->a, op->b));
}

/* Leaves the current directory as it was. */
static int back_in_root(long result)
{
    int status = status_of(result);
    if (status == 0 && fchdir(root_fd) < 0)
        _exit(3);
    return status;
}

static int run_chdir(const struct operation *op, const char *path)
{
    (void)op;
    return back_in_root(chdir(path));
}

static int run_fchdir(const struct operation *op, const char *path)
{
    (void)op;
    int fd = open_for(path, O_PATH);
    if (fd < 0)
        return fd;
    int status = back_in_root(fchdir(fd));
    close(fd);
    return status;
}

/* Opens and lists. */
static int run_opendir(const struct operation *op, const char *path)
{
    (void)op;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return -(errno + OPEN_FAILED * STEP);
    do
        errno = 0;
    while (readdir(dir) != NULL);
    int status = -errno;
    closedir(dir);
    return status;
}

static int run_readlink(const struct operation *op, const char *path)
{
    (void)op;
    char target[PATH_MAX];
    return status_of(readlink(path, target, sizeof target));
}

static int run_stat(const struct operation *op, const char *path)
{
    struct stat st;
    return status_of(fstatat(AT_FDCWD, path, &st, (int)op->a));
}

static int run_statfs(const struct operation *op, const char *path)
{
    (void)op;
    struct statfs st;
    return status_of(statfs(path, &st));
}

static int run_read(const struct operation *op, const char *path)
{
    (void)op;
    char byte;
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, read(fd, &byte, 1));
}

/* One instance for all: the end of one takes the kernel milliseconds. */
static int run_inotify(const struct operation *op, const char *path)
{
    (void)op;
    static int instance = -1;
    if (instance < 0)
        instance = inotify_init1(IN_CLOEXEC);
    int watch = inotify_add_watch(instance, path, IN_MODIFY);
    int status = status_of(watch);
    if (watch >= 0)
        inotify_rm_watch(instance, watch);
    return status;
}

/* No file of the tree is a program: where execution is allowed, the answer is ENOEXEC, and the process goes on. */
static int run_exec(const struct operation *op, const char *path)
{
    char *const words[] = {"probe", NULL}, *const environment[] = {NULL};
    return status_of(syscall(SYS_execveat, AT_FDCWD, path, words, environment, op->a));
}

static int run_exec_fd(const struct operation *op, const char *path)
{
    (void)op;
    char *const words[] = {"probe", NULL}, *const environment[] = {NULL};
    int fd = open_for(path, O_PATH | O_NOFOLLOW);
    return fd < 0 ? fd : closed(fd, syscall(SYS_execveat, fd, "", words, environment, AT_EMPTY_PATH));
}

static int run_fallocate(const struct operation *op, const char *path)
{
    int fd = open_for(path, (int)op->a);
    return fd < 0 ? fd : closed(fd, fallocate(fd, 0, 0, 4096));
}

static int run_ftruncate(const struct operation *op, const char *path)
{
    (void)op;
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, ftruncate(fd, 0));
}

static int run_write(const struct operation *op, const char *path)
{
    (void)op;
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, write(fd, "x", 1));
}

static int run_mmap(const struct operation *op, const char *path)
{
    int fd = open_for(path, O_RDONLY);
    if (fd < 0)
        return fd;
    void *memory = mmap(NULL, 4096, (int)op->a, (int)op->b, fd, 0);
    int status = memory == MAP_FAILED ? -errno : 0;
    if (memory != MAP_FAILED)
        munmap(memory, 4096);
    close(fd);
    return status;
}

static int run_flock(const struct operation *op, const char *path)
{
    (void)op;
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, flock(fd, LOCK_EX | LOCK_NB));
}

static int run_fsync(const struct operation *op, const char *path)
{
    (void)op;
    int fd = open_for(path, O_RDONLY);
    return fd < 0 ? fd : closed(fd, fsync(fd));
}

#endif
