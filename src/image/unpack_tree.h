/*
 * unpack_tree - makes files below one directory, whatever the names in a tar are.
 *
 * Names are taken apart here, and each directory on the way is opened by its one name without following links
 * (openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, or one component after the other), so that no file is made,
 * removed or linked outside, even if the process were not confined. For the unpacking process alone.
 */
#ifndef ROFUSE_SRC_UNPACK_TREE_H
#define ROFUSE_SRC_UNPACK_TREE_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct unpack_tree {
    int root_fd;     /* borrowed */
    bool can_own;    /* owners, modes and devices are set; else they are kept in override_stat */
    bool overridden; /* something is kept in override_stat */
    char *parent;    /* path of the directory that was opened last; owned; NULL = none */
    int parent_fd;
    GPtrArray *directories; /* whose times are set in the end, in the tar's order; owned */
};

void unpack_tree_init(struct unpack_tree *tree, int root_fd, bool can_own);
void unpack_tree_clear(struct unpack_tree *tree);

/* A name of the tar as a path: "./a//b/" is "a/b", the top is "". Owned by the caller; NULL with the reason as one
 * line where it is absolute, has a "..", is too long, or is a whiteout of nothing. */
char *unpack_tree_path(const char *name, GError **error);

/* The directory in which a path lies, borrowed until the next call; missing ones are made (0755, root's) if @make.
 * @ret_name: the last component, a pointer into @path. -1 with the reason. The path must not be "". */
int unpack_tree_parent(struct unpack_tree *tree, const char *path, bool make, const char **ret_name, GError **error);

/* Removes a file, or an empty directory, where a later entry takes its place. FALSE with the reason. */
gboolean unpack_tree_remove(struct unpack_tree *tree, int dir_fd, const char *name, GError **error);

/* A directory whose time is to be set when nothing is made in it any more. */
void unpack_tree_remember(struct unpack_tree *tree, const char *path, struct timespec time);
void unpack_tree_set_times(struct unpack_tree *tree);

#endif
