/*
 * layer - one directory of the host that holds one layer of an image, already unpacked.
 *
 * A layer knows what lies in it and what its metadata says (whiteout, opaque, override_stat); it knows nothing of the
 * layers above and below. It is immutable after layer_open() and may be used by any thread. Nothing is ever written:
 * where the privilege is there, the layer is reached through a clone of its mount that is read-only, without access
 * times, and shows nothing that is mounted below (as kernel overlayfs does with its lower layers).
 */
#ifndef ROFUSE_FS_LAYER_H
#define ROFUSE_FS_LAYER_H

#include "whiteout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct cache;

struct layer {
    char *dir;          /* as given; owned */
    int root_fd;        /* O_PATH; owned */
    uint32_t part;      /* of the keys of its directories in the cache */
    struct cache *dirs; /* descriptors of directories; borrowed */
    bool stat_listing;  /* inode numbers that readdir(3) gives on this file system may differ from stat(2)'s */
    bool is_clone;      /* root_fd is a mount of our own: nothing else is mounted in it */
    bool is_overridden; /* unpacked by an ordinary user: types are in override_stat */
    bool is_stacked;    /* it lies on an overlayfs */
};

/* Opens a layer in place. Returns 0 or -errno with a line in @ret_why (owned, g_free()). */
int layer_open(struct layer *layer, const char *dir, uint32_t part, struct cache *dirs, char **ret_why);
void layer_close(struct layer *layer);

/* A directory that is looked into. */
struct layer_dir {
    const char *path;
    uint64_t number; /* its number in the mount, by which it is found again in the cache; 0 = is not kept */
};

struct layer_entry {
    struct stat st; /* override_stat applied */
    bool whiteout;  /* overlayfs' forms: the entry itself hides what is below and is not visible */
    bool opaque; /* a directory that hides what is below (by attribute; the ".wh..wh..opq" file is looked up apart) */
    bool has_xattrs; /* it has attributes that programs see */
};

/* What a name of a directory ("": the directory itself) is. Returns 0, -ENOENT, or -errno. */
int layer_find(const struct layer *layer, const struct layer_dir *dir, const char *name, struct layer_entry *ret);
/* The same for a path. */
int layer_find_path(const struct layer *layer, const char *path, struct layer_entry *ret);

/* Whether DIR/NAME exists in the layer as a regular file, the form that AUFS' whiteouts have.
 * Returns 1, 0, or -errno. */
int layer_has_file(const struct layer *layer, const struct layer_dir *dir, const char *name);

/* One name of a directory of a layer. */
struct layer_name {
    char *name; /* for a whiteout of the ".wh." form without the prefix; owned by whoever gets it, g_free() */
    uint64_t ino;
    dev_t dev;
    uint8_t type;  /* DT_*, known */
    bool whiteout; /* hides @name in the layers below (and, in overlayfs' forms, is nothing else) */
};

/*
 * layer_list - calls @each for every visible name and every whiteout of a directory, in no order.
 *
 * @each takes ownership of the name's text; a return value other than 0 ends the listing and is returned.
 * Returns 0 or -errno. "." and ".." and other metadata are not told.
 */
int layer_list(const struct layer *layer, const struct layer_dir *dir, int (*each)(void *data, struct layer_name *name),
               void *data);

/* The attribute that makes an entry opaque or a whiteout, as the file has it ("trusted.overlay.opaque"); owned by the
 * caller; NULL where there is none. */
char *layer_mark(const struct layer *layer, const char *path, enum whiteout_attribute meaning);

/* As union_open_file(), union_readlink(), union_getxattr(), union_listxattr() of union.h. */
int layer_open_file(const struct layer *layer, const char *path, int flags);
int layer_readlink(const struct layer *layer, const char *path, char **ret);
ssize_t layer_getxattr(const struct layer *layer, const char *path, const char *name, void *value, size_t size);
ssize_t layer_listxattr(const struct layer *layer, const char *path, char *names, size_t size);

#endif
