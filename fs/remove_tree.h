/*
 * remove_tree - removes what lies below a name, of any depth, without leaving the file system or following a link.
 */
#ifndef ROFUSE_FS_REMOVE_TREE_H
#define ROFUSE_FS_REMOVE_TREE_H

/* Removes NAME below @dir_fd and all that is in it; a missing name is no error. Returns 0 or -errno. Any thread. */
int remove_tree(int dir_fd, const char *name);

#endif
