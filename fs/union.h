/*
 * union - the layers of an image as one read-only tree.
 *
 * The union answers two questions: what is NAME in this directory, and what are all the names in it. A directory of the
 * union is its path together with the layers that contribute to it (topmost first); whoever walks keeps both, so the union
 * itself holds no state beside the open layers, and every function may be called from any thread at once.
 *
 * Rules: RULES.md section 1; OCI image-spec layer.md (whiteouts, opaque); the kernel's overlayfs (fs/overlayfs/namei.c
 * ovl_lookup_single, readdir.c) for the order of layers and for what a merged directory is.
 *
 * Paths are relative to the mount, without leading slash; "" is the root.
 */
#ifndef ROFUSE_FS_UNION_H
#define ROFUSE_FS_UNION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct union_stack;

#define UNION_MAX_LAYERS 65535

/*
 * union_open - opens the layers of an image.
 *
 * @n_fds: how many descriptors of directories may be kept.
 * @layers: host directories, first = bottom (as in --layer and in OCI manifests).
 * @ret_why: on failure one line that names the layer; owned, g_free().
 *
 * Returns 0 or -errno. The layers are never written to: where the privilege is there, they are reached through a
 * read-only clone of their mount, so that the kernel itself would refuse.
 */
int union_open(const char *const *layers, size_t n_layers, size_t n_fds, struct union_stack **ret, char **ret_why);
void union_free(struct union_stack *stack); /* NULL is allowed */

size_t union_n_layers(const struct union_stack *stack);

/* The host directory of a layer as it was given; 0 = bottom. Owned by the stack. */
const char *union_layer_dir(const struct union_stack *stack, uint16_t layer);

/* A layer by itself, for whoever wants to know what the union does not show. Owned by the stack. */
struct layer;
const struct layer *union_layer(const struct union_stack *stack, uint16_t layer);

/* One entry of the union. */
struct union_entry {
    struct stat st;   /* what a program sees: override_stat applied; a merged directory has st_nlink 1 (as overlayfs);
                          st_dev and st_ino are those of the layer's file system */
    uint16_t *layers; /* layers that make it up, topmost first; one only unless it is a directory; owned */
    size_t n_layers;  /* >= 1 */
    bool has_xattrs;  /* false: no attribute is visible, so that nobody needs to ask */
};

void union_entry_clear(struct union_entry *entry); /* frees layers; safe on a zeroed struct */

/* The root directory. Returns 0 or -errno. */
int union_root(const struct union_stack *stack, struct union_entry *ret);

/* A directory, as an earlier entry described it; all borrowed. */
struct union_dir {
    const char *path;
    const uint16_t *layers; /* topmost first */
    size_t n_layers;
    uint64_t
        number; /* its number in the mount: the descriptors of the layers' directories are kept by it; 0 = are not */
};

/*
 * union_lookup - one name in one directory.
 *
 * @name: one component; a name that is a whiteout's or another metadata name is never found.
 *
 * Returns 0, -ENOENT, or the -errno of the layer that could not be read (never hidden behind a lower layer).
 */
int union_lookup(const struct union_stack *stack, const struct union_dir *dir, const char *name,
                 struct union_entry *ret);

/* The attributes of a name ("": of the directory itself) that is known to be @layer's and made up of @n_layers. Returns 0 or
 * -errno. */
int union_stat(const struct union_stack *stack, const struct union_dir *dir, const char *name, uint16_t layer,
               size_t n_layers, struct stat *ret);

struct union_name {
    char *name;        /* owned by the listing */
    uint64_t ino;      /* of the layer's file system */
    dev_t dev;         /* the file system that ino belongs to */
    uint32_t layers;   /* where in the listing's layers those begin that make it up, topmost first ... */
    uint16_t n_layers; /* ... and how many they are: of a directory all that may; an opaque one among them ends it */
    uint8_t type;      /* DT_*; never DT_UNKNOWN */
};

struct union_listing {
    uint16_t *layers; /* owned */
    size_t n_names;
    struct union_name names[]; /* sorted by byte value; "." and ".." are not in it */
};

/* All names of a directory, whiteouts and metadata names gone. Owned by the caller, union_listing_free(). 0 or -errno. */
int union_list(const struct union_stack *stack, const struct union_dir *dir, struct union_listing **ret);
void union_listing_free(struct union_listing *listing);

/* A name of a listing, or NULL; owned by the listing. */
const struct union_name *union_listing_find(const struct union_listing *listing, const char *name);

/* As union_lookup() for a name of the directory's listing: only those layers are looked at that have it. */
int union_lookup_listed(const struct union_stack *stack, const struct union_dir *dir,
                        const struct union_listing *listing, const struct union_name *name, struct union_entry *ret);

/* Whether some layer lies on an overlayfs. */
bool union_is_stacked(const struct union_stack *stack);

/* Opens a regular file of a layer for reading (O_RDONLY | O_CLOEXEC), or a directory with O_DIRECTORY in @flags.
 * Returns a descriptor, owned by the caller, or -errno; never opens a device or a fifo. */
int union_open_file(const struct union_stack *stack, const char *path, uint16_t layer, int flags);

/* The target of a symbolic link; owned by the caller. Returns 0 or -errno. */
int union_readlink(const struct union_stack *stack, const char *path, uint16_t layer, char **ret);

/*
 * Extended attributes as a program sees them: those that only tell how layers are stacked (trusted.overlay.*,
 * user.overlay.*, user.fuseoverlayfs.*, user.containers.override_stat) do not exist. size 0 asks for the length.
 * Return the length or -errno (-ENODATA, -ERANGE, -EOPNOTSUPP as getxattr(2) and listxattr(2)).
 */
ssize_t union_getxattr(const struct union_stack *stack, const char *path, uint16_t layer, const char *name, void *value,
                       size_t size);
ssize_t union_listxattr(const struct union_stack *stack, const char *path, uint16_t layer, char *names, size_t size);

/* statfs of the layer that holds the path. Returns 0 or -errno. */
struct statvfs;
int union_statfs(const struct union_stack *stack, uint16_t layer, struct statvfs *ret);

#endif
