#include "layer.h"

#include "beneath.h"
#include "path.h"
#include "whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BTRFS_MAGIC BTRFS_SUPER_MAGIC
/* An xattr that means something to us is a letter or "uid:gid:mode:type"; anything longer is malformed. */
#define META_VALUE_MAX 128

int layer_open(struct layer *layer, const char *dir, char **ret_why)
{
    struct stat st;
    if (stat(dir, &st) < 0) {
        int error = errno;
        *ret_why = g_strdup_printf("layer %s: %s; give an existing directory", dir, g_strerror(error));
        return -error;
    }
    if (!S_ISDIR(st.st_mode)) {
        *ret_why = g_strdup_printf("layer %s: is not a directory; unpack the layer and give its directory", dir);
        return -ENOTDIR;
    }
    int fd = open_tree(AT_FDCWD, dir, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (fd >= 0) {
        struct mount_attr attr = {
            .attr_set =
                MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME,
            .attr_clr = MOUNT_ATTR__ATIME,
            .propagation = MS_PRIVATE, /* what is mounted on the host later does not appear here */
        };
        /* In a user namespace some attributes of the mount may be locked; the clone is used all the same, as the daemon
         * opens nothing for writing here. */
        (void)mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr);
    } else {
        fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0) {
        int error = errno;
        *ret_why = g_strdup_printf("layer %s: cannot be opened: %s", dir, g_strerror(error));
        return -error;
    }
    struct statfs fs;
    layer->stat_listing = fstatfs(fd, &fs) < 0 || fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == FUSE_SUPER_MAGIC ||
                          fs.f_type == BTRFS_MAGIC;
    layer->root_fd = fd;
    layer->dir = g_strdup(dir);
    return 0;
}

void layer_close(struct layer *layer)
{
    close(layer->root_fd);
    g_free(layer->dir);
}

static int open_path(const struct layer *layer, const char *path)
{
    return beneath_open(layer->root_fd, path, O_PATH, true);
}

/*
 * All attribute names of an open file, NUL after NUL, in *ret (owned). Returns the length, 0 where the file system has no
 * attributes, or -errno. The file may be an O_PATH descriptor, hence the way through /proc.
 */
static ssize_t all_xattrs(int fd, char **ret)
{
    struct beneath_link link;
    const char *path = beneath_link_path(&link, fd);
    char first[512];
    *ret = NULL;
    ssize_t length = listxattr(path, first, sizeof first);
    if (length == 0 || (length < 0 && errno == EOPNOTSUPP))
        return 0;
    if (length > 0) {
        *ret = g_memdup2(first, (size_t)length);
        return length;
    }
    if (errno != ERANGE)
        return -errno;
    char *names = g_malloc(XATTR_LIST_MAX);
    length = listxattr(path, names, XATTR_LIST_MAX);
    if (length < 0) {
        length = -errno;
        g_free(names);
        return length;
    }
    *ret = names;
    return length;
}

static ssize_t meta_value(int fd, const char *name, char value[META_VALUE_MAX])
{
    struct beneath_link link;
    return getxattr(beneath_link_path(&link, fd), name, value, META_VALUE_MAX);
}

struct meta {
    char opaque;   /* 'y', 'x' or 0 */
    bool whiteout; /* has an overlay.whiteout attribute */
    bool visible;  /* has attributes that are not metadata */
    bool overridden;
    struct stat st; /* in: of the file; out: override_stat applied */
};

/* What the attributes of an open file say. Returns 0 or -errno. */
static int read_meta(int fd, struct meta *meta)
{
    g_autofree char *names = NULL;
    ssize_t length = all_xattrs(fd, &names);
    if (length < 0)
        return (int)length;
    for (const char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
        char value[META_VALUE_MAX];
        ssize_t size;
        switch (whiteout_attribute(name)) {
        case WHITEOUT_ATTRIBUTE_VISIBLE:
            meta->visible = true;
            break;
        case WHITEOUT_ATTRIBUTE_OPAQUE:
            size = meta_value(fd, name, value);
            /* "y" is stronger than "x", in whichever name space it stands. */
            if (size == 1 && (value[0] == 'y' || (value[0] == 'x' && meta->opaque == 0)))
                meta->opaque = value[0];
            break;
        case WHITEOUT_ATTRIBUTE_WHITEOUT:
            meta->whiteout = true;
            break;
        case WHITEOUT_ATTRIBUTE_OVERRIDE:
            size = meta_value(fd, name, value);
            if (size > 0)
                meta->overridden = whiteout_override(&meta->st, value, (size_t)size);
            break;
        case WHITEOUT_ATTRIBUTE_HIDDEN:
            break;
        }
    }
    return 0;
}

/* Whether a directory of the layer may contain whiteouts of the attribute form. Returns 1, 0, or -errno. */
static int has_attribute_whiteouts(const struct layer *layer, const char *dir)
{
    int fd = open_path(layer, dir);
    if (fd < 0)
        return fd;
    struct meta meta = {0};
    int status = read_meta(fd, &meta);
    close(fd);
    return status < 0 ? status : meta.opaque == 'x';
}

int layer_find(const struct layer *layer, const char *path, struct layer_entry *ret)
{
    int fd = open_path(layer, path);
    if (fd < 0)
        return fd;
    struct meta meta = {0};
    int status = 0;
    if (fstat(fd, &meta.st) < 0)
        status = -errno;
    bool device_whiteout = status == 0 && whiteout_is_device(&meta.st);
    if (status == 0 && !device_whiteout)
        status = read_meta(fd, &meta);
    close(fd);
    if (status < 0)
        return status;

    *ret = (struct layer_entry){
        .st = meta.st,
        .whiteout = device_whiteout,
        .opaque = S_ISDIR(meta.st.st_mode) && meta.opaque == 'y',
        .has_xattrs = meta.visible,
    };
    if (meta.whiteout && S_ISREG(meta.st.st_mode) && meta.st.st_size == 0 && path[0] != '\0') {
        const char *slash = strrchr(path, '/');
        g_autofree char *dir = slash != NULL ? g_strndup(path, (size_t)(slash - path)) : g_strdup("");
        status = has_attribute_whiteouts(layer, dir);
        if (status < 0)
            return status;
        ret->whiteout = status == 1;
    }
    return 0;
}

int layer_has_file(const struct layer *layer, const char *dir, const char *name)
{
    g_autofree char *path = path_join(dir, name);
    int fd = open_path(layer, path);
    if (fd == -ENOENT || fd == -ENAMETOOLONG)
        return 0;
    if (fd < 0)
        return fd;
    struct stat st;
    int status = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode);
    close(fd);
    return status;
}

/* A directory entry's type and number, completed by stat where readdir cannot be believed. Returns 0 or -errno; the entry
 * may have the type DT_CHR and be a whiteout. */
static int complete_name(const struct layer *layer, int dir_fd, const struct dirent *entry, bool attribute_whiteouts,
                         struct layer_name *name)
{
    bool may_be_whiteout = entry->d_type == DT_CHR || (attribute_whiteouts && entry->d_type == DT_REG);
    if (!layer->stat_listing && entry->d_type != DT_UNKNOWN && !may_be_whiteout)
        return 0;
    struct meta meta = {0};
    int fd = beneath_open(dir_fd, entry->d_name, O_PATH, true);
    if (fd < 0)
        return fd;
    int status = fstat(fd, &meta.st) < 0 ? -errno : 0;
    if (status == 0) {
        name->type = (uint8_t)IFTODT(meta.st.st_mode);
        name->ino = meta.st.st_ino;
        name->dev = meta.st.st_dev;
        name->whiteout = whiteout_is_device(&meta.st);
        if (attribute_whiteouts && S_ISREG(meta.st.st_mode) && meta.st.st_size == 0) {
            status = read_meta(fd, &meta);
            name->whiteout = meta.whiteout;
        }
    }
    close(fd);
    return status;
}

/* The type to show for an entry that has override_stat (a device made as an ordinary user is a regular file). */
static int overridden_type(int dir_fd, struct layer_name *name)
{
    if (name->type != DT_REG && name->type != DT_FIFO && name->type != DT_SOCK)
        return 0;
    int fd = beneath_open(dir_fd, name->name, O_PATH, true);
    if (fd < 0)
        return fd;
    struct meta meta = {0};
    int status = fstat(fd, &meta.st) < 0 ? -errno : read_meta(fd, &meta);
    if (status == 0 && meta.overridden)
        name->type = (uint8_t)IFTODT(meta.st.st_mode);
    close(fd);
    return status;
}

int layer_list(const struct layer *layer, const char *dir, int (*each)(void *data, struct layer_name *name), void *data)
{
    int fd = beneath_open(layer->root_fd, dir, O_RDONLY | O_DIRECTORY, true);
    if (fd < 0)
        return fd;
    struct stat st;
    struct meta meta = {0};
    int status = fstat(fd, &st) < 0 ? -errno : read_meta(fd, &meta);
    DIR *stream = status == 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        if (status == 0)
            status = -errno;
        close(fd);
        return status;
    }
    /* containers/storage marks the root of a layer that was unpacked by an ordinary user; only there a file's type can
     * differ from what the directory says, and asking everywhere would cost a system call for every name. */
    struct meta root = {0};
    (void)read_meta(layer->root_fd, &root);

    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            status = -errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        struct layer_name name = {.ino = entry->d_ino, .dev = st.st_dev, .type = entry->d_type};
        const char *shown = entry->d_name;
        if (whiteout_is_metadata_name(entry->d_name)) {
            shown = whiteout_hidden_name(entry->d_name);
            if (shown == NULL || (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN))
                continue;
            name.whiteout = true;
        } else {
            status = complete_name(layer, fd, entry, meta.opaque == 'x', &name);
        }
        name.name = g_strdup(shown);
        if (status == 0 && root.overridden && !name.whiteout)
            status = overridden_type(fd, &name);
        if (status < 0) {
            g_free(name.name);
            /* Listed and not to be found: an overlayfs shows what its own layers list, whiteouts among it. */
            if (status == -ENOENT)
                continue;
            break;
        }
        status = each(data, &name);
        if (status != 0)
            break;
    }
    closedir(stream);
    return status;
}

int layer_open_file(const struct layer *layer, const char *path, int flags)
{
    int path_fd = open_path(layer, path);
    if (path_fd < 0)
        return path_fd;
    struct stat st;
    int fd;
    if (fstat(path_fd, &st) < 0)
        fd = -errno;
    else if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        fd = beneath_reopen(path_fd, O_RDONLY | (flags & O_DIRECTORY));
    else
        fd = -EIO; /* the layer was changed while mounted: what was a file is a device or a fifo now */
    close(path_fd);
    return fd;
}

int layer_readlink(const struct layer *layer, const char *path, char **ret)
{
    int fd = open_path(layer, path);
    if (fd < 0)
        return fd;
    char target[PATH_MAX];
    ssize_t length = readlinkat(fd, "", target, sizeof target);
    int status = length < 0 ? -errno : 0;
    if (status == 0)
        *ret = g_strndup(target, (size_t)length);
    close(fd);
    return status;
}

ssize_t layer_getxattr(const struct layer *layer, const char *path, const char *name, void *value, size_t size)
{
    if (whiteout_attribute(name) != WHITEOUT_ATTRIBUTE_VISIBLE)
        return -ENODATA;
    int fd = open_path(layer, path);
    if (fd < 0)
        return fd;
    struct beneath_link link;
    ssize_t length = getxattr(beneath_link_path(&link, fd), name, value, size);
    if (length < 0)
        length = -errno;
    close(fd);
    return length;
}

ssize_t layer_listxattr(const struct layer *layer, const char *path, char *names, size_t size)
{
    int fd = open_path(layer, path);
    if (fd < 0)
        return fd;
    g_autofree char *all = NULL;
    ssize_t length = all_xattrs(fd, &all);
    close(fd);
    if (length < 0)
        return length;
    size_t used = 0;
    for (const char *name = all; length > 0 && name < all + length; name += strlen(name) + 1) {
        size_t name_size = strlen(name) + 1;
        if (whiteout_attribute(name) != WHITEOUT_ATTRIBUTE_VISIBLE)
            continue;
        if (size != 0 && used + name_size > size)
            return -ERANGE;
        if (size != 0)
            memcpy(names + used, name, name_size);
        used += name_size;
    }
    return (ssize_t)used;
}
