#include "layer.h"

#include "beneath.h"
#include "cache.h"
#include "xattr_at.h"

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

static int open_path(const struct layer *layer, const char *path)
{
    return beneath_open(layer->root_fd, path, O_PATH, true);
}

/* A directory of the layer that is looked into; to be given up with leave(). */
struct place {
    struct cache_entry *entry; /* NULL: the descriptor is ours alone */
    int fd;
};

/* Returns 0 or -errno. */
static int enter(const struct layer *layer, const struct layer_dir *dir, struct place *ret)
{
    struct cache_key key = {.number = dir->number, .part = layer->part};
    *ret = (struct place){.entry = dir->number != 0 ? cache_get(layer->dirs, key) : NULL, .fd = -1};
    if (ret->entry == NULL) {
        int fd = beneath_open(layer->root_fd, dir->path, O_PATH | O_DIRECTORY, true);
        if (fd < 0)
            return fd;
        if (dir->number != 0)
            ret->entry = cache_put_fd(layer->dirs, key, fd);
        else
            ret->fd = fd;
    }
    if (ret->entry != NULL)
        ret->fd = cache_fd(ret->entry);
    return 0;
}

static void leave(const struct layer *layer, const struct place *place)
{
    if (place->entry != NULL)
        cache_release(layer->dirs, place->entry);
    else
        close(place->fd);
}

/*
 * All attribute names of a name, NUL after NUL: in @first where they fit, else in *ret_more (owned). Returns the length or
 * -errno.
 */
static ssize_t all_xattrs(int dir_fd, const char *name, char *first, size_t first_size, char **ret_more)
{
    ssize_t length = xattr_at_list(dir_fd, name, first, first_size);
    *ret_more = NULL;
    if (length != -ERANGE)
        return length;
    *ret_more = g_malloc(XATTR_LIST_MAX);
    return xattr_at_list(dir_fd, name, *ret_more, XATTR_LIST_MAX);
}

struct meta {
    char opaque;   /* 'y', 'x' or 0 */
    bool whiteout; /* has an overlay.whiteout attribute */
    bool visible;  /* has attributes that are not metadata */
    bool overridden;
    struct stat st; /* in: of the file; out: override_stat applied */
};

/* What the attributes of a name ("": of the open file itself) say. Returns 0 or -errno. */
static int read_meta(int dir_fd, const char *file, struct meta *meta)
{
    char first[512];
    g_autofree char *more = NULL;
    ssize_t length = all_xattrs(dir_fd, file, first, sizeof first, &more);
    const char *names = more != NULL ? more : first;
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
            size = xattr_at_get(dir_fd, file, name, value, sizeof value);
            /* "y" is stronger than "x", in whichever name space it stands. */
            if (size == 1 && (value[0] == 'y' || (value[0] == 'x' && meta->opaque == 0)))
                meta->opaque = value[0];
            break;
        case WHITEOUT_ATTRIBUTE_WHITEOUT:
            meta->whiteout = true;
            break;
        case WHITEOUT_ATTRIBUTE_OVERRIDE:
            size = xattr_at_get(dir_fd, file, name, value, sizeof value);
            if (size > 0)
                meta->overridden = whiteout_override(&meta->st, value, (size_t)size);
            break;
        case WHITEOUT_ATTRIBUTE_HIDDEN:
            break;
        }
    }
    return 0;
}

int layer_open(struct layer *layer, const char *dir, uint32_t part, struct cache *dirs, char **ret_why)
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
        layer->is_clone = true;
    } else {
        fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    if (fd < 0) {
        int error = errno;
        *ret_why = g_strdup_printf("layer %s: cannot be opened: %s", dir, g_strerror(error));
        return -error;
    }
    layer->root_fd = fd;
    layer->dir = g_strdup(dir);
    layer->part = part;
    layer->dirs = dirs;
    /* containers/storage marks the root of a layer that was unpacked by an ordinary user; only there a file's type can
     * differ from what the directory says, and asking everywhere would cost a system call for every name. */
    struct meta root = {0};
    (void)read_meta(fd, "", &root);
    layer->is_overridden = root.overridden;
    struct statfs fs;
    layer->stat_listing = fstatfs(fd, &fs) < 0 || fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == FUSE_SUPER_MAGIC ||
                          fs.f_type == BTRFS_MAGIC;
    layer->is_stacked = fs.f_type == OVERLAYFS_SUPER_MAGIC;
    return 0;
}

void layer_close(struct layer *layer)
{
    close(layer->root_fd);
    g_free(layer->dir);
}

/* The attributes of a name without its meaning. Returns 0 or -errno. */
static int stat_name(const struct layer *layer, int dir_fd, const char *name, struct stat *ret)
{
    /* Nothing can be mounted in a clone of our own. Elsewhere what the host has mounted below must not appear. */
    if (layer->is_clone || name[0] == '\0')
        return fstatat(dir_fd, name, ret, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH) < 0 ? -errno : 0;
    int fd = beneath_open(dir_fd, name, O_PATH, true);
    if (fd < 0)
        return fd;
    int status = fstat(fd, ret) < 0 ? -errno : 0;
    close(fd);
    return status;
}

/* What DIR_FD/NAME, or the open directory itself, is. Returns 0, -ENOENT, or -errno. */
static int find(const struct layer *layer, int dir_fd, const char *name, struct layer_entry *ret)
{
    struct meta meta = {0};
    int status = stat_name(layer, dir_fd, name, &meta.st);
    bool device_whiteout = status == 0 && whiteout_is_device(&meta.st);
    if (status == 0 && !device_whiteout)
        status = read_meta(dir_fd, name, &meta);
    if (status < 0)
        return status;

    *ret = (struct layer_entry){
        .st = meta.st,
        .whiteout = device_whiteout,
        .opaque = S_ISDIR(meta.st.st_mode) && meta.opaque == 'y',
        .has_xattrs = meta.visible,
    };
    if (meta.whiteout && S_ISREG(meta.st.st_mode) && meta.st.st_size == 0 && name[0] != '\0') {
        struct meta dir = {0};
        status = read_meta(dir_fd, "", &dir);
        if (status < 0)
            return status;
        ret->whiteout = dir.opaque == 'x';
    }
    return 0;
}

int layer_find(const struct layer *layer, const struct layer_dir *dir, const char *name, struct layer_entry *ret)
{
    struct place place;
    int status = enter(layer, dir, &place);
    if (status < 0)
        return status;
    status = find(layer, place.fd, name, ret);
    leave(layer, &place);
    return status;
}

int layer_find_path(const struct layer *layer, const char *path, struct layer_entry *ret)
{
    const char *slash = strrchr(path, '/');
    g_autofree char *parent = slash != NULL ? g_strndup(path, (size_t)(slash - path)) : g_strdup("");
    struct layer_dir dir = {.path = parent};
    return layer_find(layer, &dir, slash != NULL ? slash + 1 : path, ret);
}

int layer_has_file(const struct layer *layer, const struct layer_dir *dir, const char *name)
{
    struct place place;
    struct stat st;
    int status = enter(layer, dir, &place);
    if (status < 0)
        return status;
    status = stat_name(layer, place.fd, name, &st);
    leave(layer, &place);
    if (status == -ENOENT || status == -ENAMETOOLONG)
        return 0;
    return status < 0 ? status : S_ISREG(st.st_mode);
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
    int status = stat_name(layer, dir_fd, entry->d_name, &meta.st);
    if (status == 0) {
        name->type = (uint8_t)IFTODT(meta.st.st_mode);
        name->ino = meta.st.st_ino;
        name->dev = meta.st.st_dev;
        name->whiteout = whiteout_is_device(&meta.st);
        if (attribute_whiteouts && S_ISREG(meta.st.st_mode) && meta.st.st_size == 0) {
            status = read_meta(dir_fd, entry->d_name, &meta);
            name->whiteout = meta.whiteout;
        }
    }
    return status;
}

/* The type to show for an entry that has override_stat (a device made as an ordinary user is a regular file). */
static int overridden_type(const struct layer *layer, int dir_fd, struct layer_name *name)
{
    if (name->type != DT_REG && name->type != DT_FIFO && name->type != DT_SOCK)
        return 0;
    struct meta meta = {0};
    int status = stat_name(layer, dir_fd, name->name, &meta.st);
    if (status == 0)
        status = read_meta(dir_fd, name->name, &meta);
    if (status == 0 && meta.overridden)
        name->type = (uint8_t)IFTODT(meta.st.st_mode);
    return status;
}

int layer_list(const struct layer *layer, const struct layer_dir *dir, int (*each)(void *data, struct layer_name *name),
               void *data)
{
    struct place place;
    int status = enter(layer, dir, &place);
    if (status < 0)
        return status;
    int fd = openat(place.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        status = -errno;
    leave(layer, &place);
    if (status < 0)
        return status;
    struct stat st;
    struct meta meta = {0};
    status = fstat(fd, &st) < 0 ? -errno : read_meta(fd, "", &meta);
    DIR *stream = status == 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        if (status == 0)
            status = -errno;
        close(fd);
        return status;
    }
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
        if (status == 0 && layer->is_overridden && !name.whiteout)
            status = overridden_type(layer, fd, &name);
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

char *layer_mark(const struct layer *layer, const char *path, enum whiteout_attribute meaning)
{
    int fd = open_path(layer, path);
    if (fd < 0)
        return NULL;
    char first[512];
    g_autofree char *more = NULL;
    ssize_t length = all_xattrs(fd, "", first, sizeof first, &more);
    const char *all = more != NULL ? more : first;
    close(fd);
    for (const char *name = all; length > 0 && name < all + length; name += strlen(name) + 1)
        if (whiteout_attribute(name) == meaning)
            return g_strdup(name);
    return NULL;
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
    ssize_t length = xattr_at_get(fd, "", name, value, size);
    close(fd);
    return length;
}

ssize_t layer_listxattr(const struct layer *layer, const char *path, char *names, size_t size)
{
    int fd = open_path(layer, path);
    if (fd < 0)
        return fd;
    char first[512];
    g_autofree char *more = NULL;
    ssize_t length = all_xattrs(fd, "", first, sizeof first, &more);
    const char *all = more != NULL ? more : first;
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
