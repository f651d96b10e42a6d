/*
 * tree - the one tree that a session shows: the union of the layers, with routes and made places grafted in.
 *
 * The tree knows nodes, not requests: what is NAME in this directory, what are its attributes, give me a descriptor. It
 * refuses nothing and records nothing; the gate (gate.h) stands before everything that would change it. One tree can serve
 * more than one FUSE session (DESIGN.md decision 4).
 *
 * Locks are those of the node table and the numbers; neither is held over a system call. Any thread, once it is set up.
 */
#ifndef ROFUSE_FS_TREE_H
#define ROFUSE_FS_TREE_H

#include "node.h"
#include "route.h"
#include "union.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

struct cache;
struct cache_entry;
struct numbers;
struct patience;
struct union_listing;

struct tree {
    struct union_stack *stack;    /* owned */
    struct node_table *table;     /* owned */
    struct numbers *numbers;      /* owned */
    struct cache *listings;       /* of image directories (struct union_listing), by number; owned */
    struct cache *fds;            /* route: directories, O_PATH; image: files, for reading; by number; owned */
    struct node *root;            /* a ref */
    struct route *_Atomic routes; /* owned; in the order in which they came, removed ones too: tree_first_route() */
    int nothing_fd;               /* stands for the backing directories of ended routes; owned; -1 = not needed yet */
    uint64_t n_made;              /* made places so far; changed by one at a time, as all that is grafted */
    struct timespec made_time;    /* times of made places */
    struct node_changes renames;  /* in routes */
    struct node_changes removals;
};

/* Opens the layers. @n_fds: how many descriptors may be kept beside those in use. Returns 0 or -errno with a line in @ret_why
 * (owned, g_free()). */
int tree_new(const char *const *layers, size_t n_layers, size_t n_fds, struct tree **ret, char **ret_why);
/* Closes everything; no request may be under way. NULL is allowed. */
void tree_free(struct tree *tree);

/* The routes that are to be seen, one after the other; NULL at the end. Any thread. */
struct route *tree_first_route(const struct tree *tree);
struct route *tree_next_route(const struct route *route);
/* Adds one to the list; takes ownership. One at a time. */
void tree_append_route(struct tree *tree, struct route *route);

/* The root of what is shown; borrowed. */
struct node *tree_root(const struct tree *tree);

/*
 * tree_add_route - grafts a route in: follows the image's symbolic links to the target, makes what is missing on the way
 * (in memory in the image, as real directories in a route that the target is nested in, as docker does), opens and fills
 * the backing directory.
 *
 * @index: of its own; counters and inode numbers go by it. @patience: for a fill; NULL = without end.
 * Targets must come in the order of their depth. Set-up only (live.h adds one later). Returns 0 or -errno with a line in @ret_why.
 */
int tree_add_route(struct tree *tree, const struct route_spec *spec, unsigned index, const char *volume_dir,
                   const struct patience *patience, char **ret_why);

/*
 * tree_add_targets - makes what another tree of the same layers has in memory only on the way to its routes, so that both
 * have the same names. Set-up only, before tree_add_places().
 */
void tree_add_targets(struct tree *tree, const struct tree *like);

/* Makes the places that runtimes need before they start (DESIGN.md decision 15), where the image lacks them and no route
 * is in the way. After the routes; one at a time. */
void tree_add_places(struct tree *tree);

/*
 * tree_lookup - a child by its name.
 *
 * @ret_node: a ref, for node_unref(). @ret_st: its attributes as a program sees them (st_ino shown). Returns 0, -ENOENT,
 * -ENAMETOOLONG, -ESTALE (the parent is not what it was), or -errno of the layer or backing directory.
 */
int tree_lookup(struct tree *tree, struct node *parent, const char *name, struct node **ret_node, struct stat *ret_st);

/* As tree_lookup(), as if there were no graft @except. */
int tree_lookup_but(struct tree *tree, struct node *parent, const char *name, const struct node *except,
                    struct node **ret_node, struct stat *ret_st);

/*
 * What the image has at a path, whatever lies over it: a ref; symbolic links are not followed.
 * @nearest: of a path that it lacks, the last part that there is; else NULL. Any thread.
 */
struct node *tree_image_at(struct tree *tree, const char *path, bool nearest);

/* The attributes of a node. Returns 0 or -errno. */
int tree_stat(struct tree *tree, struct node *node, struct stat *ret);

/* Makes the node of a file of a route that a descriptor shows, at a place or (parent NULL) without a name; @ret_st as in
 * tree_lookup(). Returns 0 or -errno. */
int tree_adopt(struct tree *tree, struct route *route, int fd, struct node *parent, const char *name,
               struct node **ret_node, struct stat *ret_st);

/* The node of PARENT/NAME in a route if there is one and it is the file that @dir_fd/@name is, with a ref; else NULL. */
struct node *tree_known_child(struct tree *tree, const struct node *parent, int dir_fd, const char *name);

/*
 * tree_open - a descriptor of a route's node (O_PATH and verified to be the same file: -ESTALE otherwise; or a duplicate of
 * one that somebody has open, for whatever goes by way of /proc/self/fd), or for other kinds
 * a readable one of the topmost layer's file or directory (-ENXIO for what exists in memory only).
 *
 * Owned by the caller. Returns it or -errno.
 */
int tree_open(struct tree *tree, struct node *node);

/* A descriptor that is used for a while. */
struct tree_held {
    int fd;
    struct cache_entry *entry; /* NULL: is closed afterwards, unless it is borrowed */
    bool is_borrowed;
};

/*
 * tree_hold - as tree_open(), with a descriptor that may be one that is kept: of a route's directory (O_PATH), or of a file
 * of the image (readable). To be given up with tree_let_go(), not closed. Returns 0 or -errno.
 */
int tree_hold(struct tree *tree, struct node *node, struct tree_held *ret);
void tree_let_go(struct tree *tree, const struct tree_held *held); /* safe where fd is -1 */

/* A node's file was removed: nothing of it is kept any more. */
void tree_removed(struct tree *tree, const struct node *node);

/* A route is at its end: its backing directory is closed, and nothing of it is kept any more. Whoever comes by an old number
 * finds that nothing is there (ESTALE). Any thread, once for a route. */
void tree_end_route(struct tree *tree, struct route *route);

/* Takes the descriptors of ended routes away, all but one. They are put into @fds (of int), to be closed when the requests
 * that are under way are done. One thread at a time, never a serving one. */
void tree_take_ended(struct tree *tree, GArray *fds);

/*
 * tree_list - the names of an image's directory, made by whoever asks first and kept for a while.
 *
 * @ret: valid until tree_list_done(*ret_entry). Both NULL for a made directory. Returns 0 or -errno.
 */
int tree_list(struct tree *tree, struct node *node, const struct union_listing **ret, struct cache_entry **ret_entry);
void tree_list_done(struct tree *tree, struct cache_entry *entry);

/* The names of any directory as they are now but "." and ".."; elements are owned by the array, the array by the caller.
 * Empty where it cannot be read. */
GPtrArray *tree_names(struct tree *tree, struct node *node);

/* The target of a symbolic link; owned by the caller. Returns 0 or -errno. */
int tree_readlink(struct tree *tree, struct node *node, char **ret);

/* As union_getxattr() and union_listxattr(), for any node. */
ssize_t tree_getxattr(struct tree *tree, struct node *node, const char *name, void *value, size_t size);
ssize_t tree_listxattr(struct tree *tree, struct node *node, char *names, size_t size);

/* statfs of what holds the node. Returns 0 or -errno. */
int tree_statfs(struct tree *tree, const struct node *node, struct statvfs *ret);

/* Shows the number and type that a directory entry of a route has inside the mount. */
uint64_t tree_route_number(struct tree *tree, const struct route *route, dev_t dev, uint64_t ino);
/* The same for a name of the union's listing. */
uint64_t tree_image_number(struct tree *tree, uint16_t layer, dev_t dev, uint64_t ino, bool is_dir);

#endif
