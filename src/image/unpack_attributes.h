/*
 * unpack_attributes - owner, mode, times and extended attributes of what was unpacked.
 *
 * Where owners cannot be set (an ordinary user's store) they are kept in user.containers.override_stat, as
 * containers/storage writes it and fs/layer.c reads it; the file's own mode lets its owner read it then. Symbolic
 * links cannot have such an attribute and stay the user's own.
 */
#ifndef ROFUSE_SRC_UNPACK_ATTRIBUTES_H
#define ROFUSE_SRC_UNPACK_ATTRIBUTES_H

#include "image_child.h"
#include "unpack_tree.h"

#include <glib.h>
#include <sys/types.h>

struct archive_entry;

/*
 * unpack_attributes_set - sets what an entry says on DIR_FD/NAME, which was just made.
 *
 * @is_stand_in: it is a regular file in place of a device, fifo or socket that could not be made.
 * The time of a directory is left for later. FALSE with the reason.
 */
gboolean unpack_attributes_set(struct unpack_tree *tree, int dir_fd, const char *name, struct archive_entry *entry,
                               bool is_stand_in, struct image_result *result, GError **error);

/* The attributes of a directory that no entry tells of: root's, 0755. FALSE with the reason. */
gboolean unpack_attributes_set_implied(struct unpack_tree *tree, int dir_fd, const char *name, GError **error);

/* Marks the top directory where something in the tree is kept in override_stat, so that the layer is known for it. */
gboolean unpack_attributes_mark_root(struct unpack_tree *tree, GError **error);

/* What an entry says of its modification, made a time that the kernel takes. */
struct timespec unpack_attributes_time(struct archive_entry *entry);

#endif
