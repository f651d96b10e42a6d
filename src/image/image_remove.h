/*
 * image_remove - removes a directory of the store with all that is in it.
 */
#ifndef ROFUSE_SRC_IMAGE_REMOVE_H
#define ROFUSE_SRC_IMAGE_REMOVE_H

/* Follows no link and needs no stack, whatever the depth. A missing one is no error. 0, or -1 with errno. */
int image_remove_tree(const char *path);

#endif
