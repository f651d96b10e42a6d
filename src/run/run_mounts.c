#include "run_mounts.h"

#include "run_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The way to a descriptor's file for system calls that take none. */
struct fd_path {
    char text[32];
};

static struct fd_path path_of(int fd)
{
    struct fd_path path;
    snprintf(path.text, sizeof path.text, "/proc/self/fd/%d", fd);
    return path;
}

int run_mount_at(int root, const char *path, const char *type, const char *source, unsigned long flags,
                 const char *data)
{
    int fd = run_inside_open(root, path, O_PATH);
    if (fd < 0)
        return fd;
    int result = mount(source, path_of(fd).text, type, flags, data) == 0 ? 0 : -errno;
    close(fd);
    return result;
}

static int set_read_only(int tree, int flags)
{
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};
    unsigned at = AT_EMPTY_PATH | ((flags & RUN_BIND_RECURSIVE) != 0 ? AT_RECURSIVE : 0);
    return mount_setattr(tree, "", at, &attributes, sizeof attributes) == 0 ? 0 : -errno;
}

/* A copy of the mount at a descriptor's file, put on another descriptor's file: no path is looked up again. */
static int bind_fd(int source, int target, int flags)
{
    unsigned how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
    if ((flags & RUN_BIND_RECURSIVE) != 0)
        how |= AT_RECURSIVE;
    int tree = open_tree(source, "", how);
    if (tree < 0)
        return -errno;
    int result = (flags & RUN_BIND_READ_ONLY) != 0 ? set_read_only(tree, flags) : 0;
    if (result == 0 && move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
        result = -errno;
    close(tree);
    return result;
}

static int open_target(int root, const char *path, int flags)
{
    int fd = run_inside_open(root, path, O_PATH);
    if (fd == -ENOENT && (flags & RUN_BIND_OVER_LINK) != 0)
        fd = run_inside_open(root, path, O_PATH | O_NOFOLLOW);
    return fd;
}

/* Takes the source's descriptor, or -errno. */
static int bind_from(int source, int root, const char *path, int flags)
{
    if (source < 0)
        return source;
    int target = open_target(root, path, flags);
    int result = target < 0 ? target : bind_fd(source, target, flags);
    close(source);
    if (target >= 0)
        close(target);
    return result;
}

int run_mount_bind_host(int root, const char *source, const char *path, int flags)
{
    int fd = open(source, O_PATH | O_CLOEXEC);
    return bind_from(fd < 0 ? -errno : fd, root, path, flags);
}

int run_mount_bind_inside(int root, const char *source, const char *path, int flags)
{
    return bind_from(run_inside_open(root, source, O_PATH), root, path, flags);
}

int run_mount_mask(int root, const char *path)
{
    int fd = run_inside_open(root, path, O_PATH);
    if (fd < 0)
        return fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES ? 0 : fd;
    struct stat st;
    int result = fstat(fd, &st) == 0 ? 0 : -errno;
    close(fd);
    if (result < 0)
        return result;
    if (S_ISDIR(st.st_mode))
        return run_mount_at(root, path, "tmpfs", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0k");
    return run_mount_bind_inside(root, "/dev/null", path, 0);
}

int run_mount_write_file(int root, const char *path, const char *text)
{
    struct open_how how = {.flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, .mode = 0644, .resolve = RESOLVE_IN_ROOT};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd < 0)
        return -errno;
    size_t length = strlen(text);
    ssize_t n = write(fd, text, length);
    int result = n == (ssize_t)length ? 0 : n < 0 ? -errno : -ENOSPC;
    /* Whatever the umask is. */
    if (result == 0 && fchmod(fd, 0644) != 0)
        result = -errno;
    close(fd);
    return result;
}

int run_mount_detach(int root, const char *path)
{
    int fd = run_inside_open(root, path, O_PATH);
    if (fd < 0)
        return fd;
    int result = umount2(path_of(fd).text, MNT_DETACH) == 0 ? 0 : -errno;
    close(fd);
    return result;
}
