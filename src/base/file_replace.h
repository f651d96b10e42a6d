/*
 * file_replace - a file of a person's with another content, at once or not at all.
 */
#ifndef ROFUSE_SRC_FILE_REPLACE_H
#define ROFUSE_SRC_FILE_REPLACE_H

#include <glib.h>
#include <stddef.h>

/*
 * file_replace - writes a new file beside the old one and renames it; mode and owner are kept, a link is followed. One that
 * nobody may write (0444) is left alone.
 *
 * FALSE with one line, and then the old file is as it was.
 */
gboolean file_replace(const char *path, const char *text, size_t length, GError **error);

#endif
