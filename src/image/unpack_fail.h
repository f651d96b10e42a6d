/*
 * unpack_fail - why something could not be made in the store, with the mend for a full disk.
 */
#ifndef ROFUSE_SRC_UNPACK_FAIL_H
#define ROFUSE_SRC_UNPACK_FAIL_H

#include <glib.h>

#define UNPACK_FULL_HINT "; make room, with rofuse image prune for example, or give another place with --state-dir DIR"

/* "WHAT: strerror" as an error, with the mend for a full disk; returns FALSE. */
gboolean unpack_fail_errno(GError **error, const char *what, int code);

#endif
