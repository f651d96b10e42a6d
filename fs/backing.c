#include "backing.h"

#include "beneath.h"
#include "copies.h"
#include "mount_clone.h"
#include "seed.h"
#include "tmpfs.h"
#include "volume.h"
#include "volume_remove.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What was said of the top directory counts before what the image says of it. @made: as it was before it was filled. */
static int restore_top(const struct route_spec *spec, const struct stat *made, int path_fd)
{
    int fd = beneath_reopen(path_fd, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return fd;
    int status = 0;
    if ((spec->has_uid || spec->has_gid) &&
        fchown(fd, spec->has_uid ? made->st_uid : (uid_t)-1, spec->has_gid ? made->st_gid : (gid_t)-1) < 0)
        status = -errno;
    if (status == 0 && spec->has_mode && fchmod(fd, made->st_mode & 07777) < 0)
        status = -errno;
    close(fd);
    return status;
}

static int copy_image(const struct route_spec *spec, const struct backing_image *image, int fd, char **ret_path)
{
    struct stat made;
    if (fstat(fd, &made) < 0)
        return -errno;
    int status = seed_fill(image, fd, ret_path);
    return status < 0 ? status : restore_top(spec, &made, fd);
}

static int open_tmpfs(struct route *route, const struct backing_image *image, char **ret_why)
{
    const struct route_spec *spec = &route->spec;
    int fd = tmpfs_new(spec, ret_why);
    if (fd < 0)
        return fd;
    if (spec->tmpcopyup && image->stack != NULL && image->n_layers > 0) {
        g_autofree char *path = NULL;
        int status = copy_image(spec, image, fd, &path);
        if (status < 0) {
            *ret_why = g_strdup_printf("the image's content cannot be copied: %s: %s%s",
                                       path != NULL && path[0] != '\0' ? path : "its root", g_strerror(-status),
                                       status == -ENOSPC ? "; give it a larger size or nr_inodes" : "");
            close(fd);
            return status;
        }
    }
    if (spec->read_only) {
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
        (void)mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr); /* the gate refuses writes all the same */
    }
    route->is_private = route->own_mount = true;
    return fd;
}

static int open_volume(struct route *route, const char *volume_dir, const struct backing_image *image, char **ret_why)
{
    route->is_anonymous = route->spec.source == NULL;
    int fd = volume_open(&route->spec, volume_dir, image, &route->lock_fd, ret_why);
    if (fd < 0)
        return fd;
    int clone = mount_clone(fd, "", route->spec.read_only, &route->own_mount);
    if (clone < 0)
        *ret_why = g_strdup(g_strerror(-clone));
    close(fd);
    return clone;
}

static int open_bind(struct route *route, char **ret_why)
{
    const struct route_spec *spec = &route->spec;
    struct stat st;
    if (stat(spec->source, &st) < 0) {
        int error = errno;
        if (error == ENOENT && spec->create_source && g_mkdir_with_parents(spec->source, 0755) == 0) {
            error = 0;
        } else if (error == ENOENT && spec->create_source) {
            error = errno;
            *ret_why = g_strdup_printf("the source %s cannot be made: %s", spec->source, g_strerror(error));
        } else {
            *ret_why = g_strdup_printf("the source %s: %s%s", spec->source, g_strerror(error),
                                       error == ENOENT ? "; make it, or let bind-create-src make it" : "");
        }
        if (error != 0)
            return -error;
    } else if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
        /* A socket reached through FUSE is another socket, to which nobody listens. */
        *ret_why =
            g_strdup_printf("the source %s is neither a directory nor a file; let the runtime bind it", spec->source);
        return -ENOTSUP;
    }
    int fd = mount_clone(AT_FDCWD, spec->source, spec->read_only, &route->own_mount);
    if (fd < 0)
        *ret_why = g_strdup_printf("the source %s: %s", spec->source, g_strerror(-fd));
    return fd;
}

/* Whether a directory is what the spec gives; then the image must not have a file at the target. */
static bool gives_directory(const struct route_spec *spec)
{
    return spec->kind == ROUTE_TMPFS || (spec->kind == ROUTE_VOLUME && spec->subpath == NULL);
}

static int open_root(struct route *route, const char *volume_dir, const struct backing_image *image, char **ret_why)
{
    /* Before anything is made in the store. */
    if (gives_directory(&route->spec) && !image->is_dir) {
        *ret_why = g_strdup("the image has a file there; choose a directory, or bind a file");
        return -ENOTDIR;
    }
    switch (route->spec.kind) {
    case ROUTE_TMPFS:
        return open_tmpfs(route, image, ret_why);
    case ROUTE_VOLUME:
        return open_volume(route, volume_dir, image, ret_why);
    case ROUTE_BIND:
        return open_bind(route, ret_why);
    }
    g_assert_not_reached();
}

int backing_open(const struct route_spec *spec, const char *volume_dir, const struct backing_image *image,
                 struct route **ret, char **ret_why)
{
    struct route *route = g_new0(struct route, 1);
    route_spec_copy(&route->spec, spec);
    route->lock_fd = -1;
    route->upper_fd = -1;
    g_autofree char *why = NULL;
    route->root_fd = open_root(route, volume_dir, image, &why);
    struct stat st;
    int status = route->root_fd < 0 ? route->root_fd : 0;
    if (status == 0 && fstat(route->root_fd, &st) < 0) {
        status = -errno;
        why = g_strdup(g_strerror(-status));
    }
    if (status < 0) {
        const char *name = spec->kind == ROUTE_VOLUME && spec->source != NULL ? spec->source : NULL;
        *ret_why = g_strdup_printf("%s %s%s%s: %s", route_kind_name(spec->kind), name != NULL ? name : "",
                                   name != NULL ? " at " : "", spec->target, why);
        backing_give_up(route, volume_dir);
        return status;
    }
    route->root_is_dir = S_ISDIR(st.st_mode);
    /* There the birth time is that of the layer's file, which the first change copies. */
    struct statfs fs = {0};
    route->no_birth = fstatfs(route->root_fd, &fs) < 0 || fs.f_type == OVERLAYFS_SUPER_MAGIC;
    route->is_local = fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC ||
                      fs.f_type == TMPFS_MAGIC || fs.f_type == OVERLAYFS_SUPER_MAGIC;
    route->is_stacked = fs.f_type == OVERLAYFS_SUPER_MAGIC;
    *ret = route;
    return 0;
}

void backing_close(struct route *route)
{
    if (route == NULL)
        return;
    if (route->root_fd >= 0)
        close(route->root_fd);
    if (route->lock_fd >= 0)
        close(route->lock_fd);
    copies_free(route->copies);
    if (route->upper_fd >= 0)
        close(route->upper_fd);
    route_spec_clear(&route->spec);
    g_free(route->target);
    g_free(route);
}

void backing_give_up(struct route *route, const char *volume_dir)
{
    g_autofree char *name = route->is_anonymous ? g_strdup(route->spec.source) : NULL;
    backing_close(route); /* and the lock with it */
    if (name != NULL)
        (void)volume_remove(volume_dir, name);
}
