#include "overlay.h"

#include "beneath.h"
#include "path.h"
#include "tmpfs.h"
#include "xattr_at.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MESSAGE_MAX 256

/* What the thread with the namespace is given, and what it finds. */
struct making {
    int lower_fd;
    const struct tmpfs_size *size;
    struct overlay *overlay;
    const char *step; /* what failed; static */
    int error;
    char message[MESSAGE_MAX]; /* the kernel's own words, or "" */
};

static bool fail(struct making *making, const char *step, int fs)
{
    making->error = errno;
    making->step = step;
    ssize_t length = fs >= 0 ? read(fs, making->message, sizeof making->message - 1) : -1;
    making->message[length > 0 ? length : 0] = '\0';
    return false;
}

/* Directories are named by descriptors: by the only means that old kernels have as well. */
static bool set_directory(int fs, const char *key, int fd)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return fsconfig(fs, FSCONFIG_SET_STRING, key, path, 0) == 0;
}

static bool set(int fs, const char *key, const char *value)
{
    return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) == 0;
}

static bool configure(int fs, const struct making *making, int upper_fd, int work_fd, bool trusted)
{
    bool ok = set(fs, "source", "rofuse") && set_directory(fs, "lowerdir", making->lower_fd) &&
              set_directory(fs, "upperdir", upper_fd) && set_directory(fs, "workdir", work_fd) && set(fs, "xino", "on");
    if (ok && trusted)
        ok = set(fs, "redirect_dir", "on") && set(fs, "index", "on") && set(fs, "metacopy", "off");
    else if (ok)
        ok = fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) == 0;
    return ok && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0;
}

/* Returns the root's descriptor, or -1 with the failure noted. */
static int mount_overlay(struct making *making, int upper_fd, int work_fd, bool trusted)
{
    int mount = -1, fs = fsopen("overlay", FSOPEN_CLOEXEC);
    if (fs < 0) {
        (void)fail(making, "open overlayfs", -1);
        return -1;
    }
    if (!configure(fs, making, upper_fd, work_fd, trusted))
        (void)fail(making, "make an overlayfs", fs);
    else if ((mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)) < 0)
        (void)fail(making, "mount an overlayfs", fs);
    close(fs);
    return mount;
}

/*
 * Until Linux 6.15 overlayfs takes its layers only from mounts that are attached in the caller's own mount namespace
 * (clone_private_mount). So they are, in this one, which ends with the thread.
 */
static bool attach(struct making *making, int fd)
{
    return move_mount(fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) == 0 || fail(making, "attach a mount", -1);
}

static int make_directory(struct making *making, int dir_fd, const char *name)
{
    int fd = mkdirat(dir_fd, name, 0755) == 0 ? openat(dir_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        (void)fail(making, "make a directory", -1);
    return fd;
}

static bool make_in(struct making *making, int tmpfs)
{
    struct overlay *overlay = making->overlay;
    int work_fd = -1;
    bool ok = attach(making, making->lower_fd) && attach(making, tmpfs) &&
              (overlay->upper_fd = make_directory(making, tmpfs, "upper")) >= 0 &&
              (work_fd = make_directory(making, tmpfs, "work")) >= 0;
    if (ok) {
        overlay->is_trusted = true;
        overlay->root_fd = mount_overlay(making, overlay->upper_fd, work_fd, true);
        if (overlay->root_fd < 0 && making->error == EPERM) {
            overlay->is_trusted = false;
            overlay->root_fd = mount_overlay(making, overlay->upper_fd, work_fd, false);
        }
        ok = overlay->root_fd >= 0;
    }
    if (work_fd >= 0)
        close(work_fd);
    return ok;
}

static void *run(void *data)
{
    struct making *making = data;
    char *why = NULL;
    /* Private, so that nothing of this is seen elsewhere. */
    if (unshare(CLONE_FS | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        (void)fail(making, "make a mount namespace", -1);
        return NULL;
    }
    const struct route_spec spec = {.kind = ROUTE_TMPFS,
                                    .has_mode = true,
                                    .mode = 0700,
                                    .size = making->size->bytes,
                                    .size_percent = making->size->percent};
    int tmpfs = tmpfs_new(&spec, &why);
    if (tmpfs < 0) {
        errno = -tmpfs;
        (void)fail(making, "make a tmpfs", -1);
        g_free(why);
        return NULL;
    }
    if (make_in(making, tmpfs))
        making->error = 0;
    close(tmpfs);
    return NULL;
}

static char *describe(const struct making *making)
{
    const char *mend = making->error == EPERM
                           ? "; it takes the right to mount: run rofuse as root, or in namespaces (unshare -Urm)"
                       : making->error == ENODEV ? "; the kernel has no overlayfs (modprobe overlay)"
                                                 : "";
    return g_strdup_printf("learn mode: cannot %s: %s%s%s%s", making->step, g_strerror(making->error),
                           making->message[0] != '\0' ? ": " : "", making->message, mend);
}

int overlay_new(int lower_fd, const struct tmpfs_size *size, struct overlay *ret, char **ret_why)
{
    *ret = (struct overlay){.root_fd = -1, .upper_fd = -1};
    struct making making = {.lower_fd = lower_fd, .size = size, .overlay = ret};
    pthread_t thread;
    making.error = pthread_create(&thread, NULL, run, &making);
    if (making.error == 0)
        pthread_join(thread, NULL);
    else
        making.step = "start a thread";
    if (making.error == 0)
        return 0;
    g_strchomp(making.message);
    *ret_why = describe(&making);
    overlay_clear(ret);
    return -making.error;
}

void overlay_space(int upper_fd, uint64_t *ret_size, uint64_t *ret_used)
{
    struct statvfs st = {0};
    if (fstatvfs(upper_fd, &st) < 0)
        st = (struct statvfs){0};
    /* A size of nearly 2^63 is rounded up to that. */
    *ret_size = MIN((uint64_t)st.f_blocks * st.f_frsize, (uint64_t)INT64_MAX);
    *ret_used = (uint64_t)(st.f_blocks - st.f_bfree) * st.f_frsize;
}

char *overlay_lower_path(int upper_fd, const char *path)
{
    GString *lower = g_string_new(NULL);
    const char *start;
    int fd = beneath_open(upper_fd, "", O_PATH | O_DIRECTORY, true);
    for (size_t length; (length = path_next(&path, &start)) > 0;) {
        g_autofree char *name = g_strndup(start, length);
        char redirect[PATH_MAX] = "";
        ssize_t n = fd >= 0 ? xattr_at_get(fd, name, "trusted.overlay.redirect", redirect, sizeof redirect - 1) : -1;
        if (n > 0 && redirect[0] == '/')
            g_string_assign(lower, redirect);
        else
            g_string_append_printf(lower, "/%s", n > 0 ? redirect : name);
        int below = fd >= 0 ? beneath_open(fd, name, O_PATH | O_DIRECTORY, true) : -1;
        if (fd >= 0)
            close(fd);
        fd = below;
    }
    if (fd >= 0)
        close(fd);
    return g_string_free(lower, FALSE);
}

void overlay_clear(struct overlay *overlay)
{
    if (overlay->root_fd >= 0)
        close(overlay->root_fd);
    if (overlay->upper_fd >= 0)
        close(overlay->upper_fd);
    overlay->root_fd = overlay->upper_fd = -1;
}
