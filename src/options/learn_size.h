/*
 * learn_size - the size of learn mode's throw-away layer, in the words of a tmpfs' size.
 */
#ifndef ROFUSE_SRC_LEARN_SIZE_H
#define ROFUSE_SRC_LEARN_SIZE_H

#include "route.h"

#include <glib.h>

/*
 * learn_size_read - "512m", "50%"; nothing, or 0, is no size: to a tmpfs that would be one without an end.
 *
 * @option: as the person wrote it, for the line. FALSE with APP_ERROR_USAGE. Any thread.
 */
gboolean learn_size_read(const char *option, const char *text, struct tmpfs_size *ret, GError **error);

#endif
