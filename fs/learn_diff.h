/*
 * learn_diff - what was changed on learn mode's throw-away layer, against the image.
 *
 * The upper directory of an overlayfs is read as the kernel's documentation of overlayfs tells it: what is there is new or was
 * copied up, a character device 0:0 is something removed, an opaque directory one that was replaced, a redirect one that was
 * renamed. Directories that the image lacks are told as one, with what is in them added up.
 */
#ifndef ROFUSE_FS_LEARN_DIFF_H
#define ROFUSE_FS_LEARN_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tree;
struct turns;

enum learn_kind {
    LEARN_ADDED,      /* the image has nothing of that name */
    LEARN_CHANGED,    /* other content, or another file of the name, or another type */
    LEARN_ATTRIBUTES, /* owner, mode or times alone */
    LEARN_OPENED,     /* opened for writing and not written, or its extended attributes or names were changed */
    LEARN_REMOVED,
    LEARN_RENAMED, /* what the image has elsewhere; what was changed in a directory is told by itself */
    LEARN_N_KINDS
};

struct learn_change {
    enum learn_kind kind;
    char *path;      /* absolute inside the mount; bytes; owned */
    char *from;      /* RENAMED: what the image calls it; owned, else NULL */
    bool is_changed; /* RENAMED, no directory: content or attributes are other ones as well */
    mode_t mode;     /* with type bits; REMOVED: of what the image has */
    uid_t uid;
    gid_t gid;
    uint64_t size;    /* of a regular file, or of all in a directory that is told as one; 0 for all others */
    uint64_t n_below; /* entries in a directory that is told as one */
};

struct learn_diff {
    struct learn_change *changes; /* by path, bytewise; owned */
    size_t n_changes;
    uint64_t bytes;                  /* of all regular files on the layer */
    uint64_t layer_size, layer_used; /* overlay_space() */
    bool is_cut;                     /* there is more than the limits of this let see */
};

/*
 * learn_diff_new - looks.
 *
 * A file is told as renamed where it is certain: it is a copy of the very file (origin.h), the only one, and that had no other
 * name. Without trusted attributes nothing of the kind is known.
 *
 * @tree: of the image. @turns: of those who serve it: routes in it may come and go meanwhile. @upper_fd, @lower_fd: descriptors of the upper and the lower directory; borrowed. @is_trusted: as in
 * struct overlay.
 * What is being changed meanwhile is told as it was before or after. Owned by the caller. Any thread.
 */
struct learn_diff *learn_diff_new(struct tree *tree, struct turns *turns, int upper_fd, int lower_fd, bool is_trusted);
void learn_diff_free(struct learn_diff *diff); /* NULL is allowed */

/* "added", "changed". Static text. */
const char *learn_kind_name(enum learn_kind kind);

#endif
