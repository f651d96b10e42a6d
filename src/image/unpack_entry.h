/*
 * unpack_entry - one entry of a layer's tar made a file.
 *
 * An entry that comes twice: the later one wins, as for docker and umoci (the image-spec forbids it, and images have
 * it); only a directory with something in it does not make way for anything else. For the unpacking process alone.
 */
#ifndef ROFUSE_SRC_UNPACK_ENTRY_H
#define ROFUSE_SRC_UNPACK_ENTRY_H

#include "image_child.h"
#include "unpack_tree.h"

#include <glib.h>

struct archive;
struct archive_entry;

/* @path: of unpack_tree_path(). FALSE with the reason as one line, without the entry's name. */
gboolean unpack_entry_make(struct unpack_tree *tree, struct archive *archive, struct archive_entry *entry,
                           const char *path, struct image_result *result, GError **error);

#endif
