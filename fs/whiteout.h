/*
 * whiteout - which names and attributes only tell how layers are stacked.
 *
 * Pure: no file is looked at. Sources: OCI image-spec layer.md (".wh." names), the kernel's Documentation/filesystems/
 * overlayfs.rst (opaque "y" and "x", overlay.whiteout), fuse-overlayfs (user.fuseoverlayfs.opaque) and
 * containers/storage (user.containers.override_stat).
 */
#ifndef ROFUSE_FS_WHITEOUT_H
#define ROFUSE_FS_WHITEOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"

/* Every name that begins with ".wh." is metadata and never visible. */
bool whiteout_is_metadata_name(const char *name);

/* The name that ".wh.NAME" hides in the layers below, a pointer into @name; NULL for other names and for ".wh." and
 * ".wh..wh.*", which hide nothing. */
const char *whiteout_hidden_name(const char *name);

/* overlayfs' own form: a character device 0:0. */
bool whiteout_is_device(const struct stat *st);

enum whiteout_attribute {
    WHITEOUT_ATTRIBUTE_VISIBLE,  /* an attribute like any other: programs see it */
    WHITEOUT_ATTRIBUTE_OPAQUE,   /* the value tells: "y" opaque, "x" may contain overlay.whiteout files */
    WHITEOUT_ATTRIBUTE_WHITEOUT, /* a whiteout, when on an empty file in a directory whose opaque is "x" */
    WHITEOUT_ATTRIBUTE_OVERRIDE, /* owner, mode and type to show instead of the file's own */
    WHITEOUT_ATTRIBUTE_HIDDEN,   /* metadata of overlay file systems without meaning for us */
};

/* What an extended attribute's name means. */
enum whiteout_attribute whiteout_attribute(const char *name);

/*
 * whiteout_override - applies a user.containers.override_stat value to attributes.
 *
 * @value: "UID:GID:MODE[:TYPE]", MODE octal, TYPE one of file, dir, symlink, pipe, socket, block-MAJOR-MINOR,
 *         char-MAJOR-MINOR; not necessarily terminated.
 * Returns false, and changes nothing, when the value is malformed, or when it would turn a directory or a symbolic link
 * into something else or something else into one of them: their content could not be served then.
 */
bool whiteout_override(struct stat *st, const char *value, size_t length);

#endif
