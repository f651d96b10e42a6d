/*
 * log_older - what the file of a log was before it was rotated.
 *
 * As logrotate(8) names them, and people: PATH.1 (the newest), PATH.2 ..., or PATH-20261126, PATH-20261126-1764115200;
 * each may be compressed: PATH.2.gz, .xz, .bz2, .zst, .lz4 (or .Z, which says so when it is read).
 */
#ifndef ROFUSE_SRC_LOG_OLDER_H
#define ROFUSE_SRC_LOG_OLDER_H

#include <glib.h>
#include <stdio.h>
#include <sys/stat.h>

struct log_older {
    GQueue files;     /* that are open, from the oldest to the newest; owned */
    guint n_unopened; /* files that cannot be read, are no files, or are too many */
};

/*
 * log_older_open - opens them all at once, so that a rotation that comes later takes none away.
 *
 * @path: the log's file, which need not be there any more. @present: what of it is open already, and not to be told twice;
 * or NULL. What @ret owns is the caller's, log_older_clear(). Never waits: what is no regular file is not opened.
 */
void log_older_open(const char *path, const struct stat *present, struct log_older *ret);
void log_older_clear(struct log_older *older); /* safe on a zeroed struct */

/* The next one, as it is: maybe compressed. NULL: that were all. Both are the caller's, fclose() and g_free(). */
FILE *log_older_take(struct log_older *older, char **ret_path);

#endif
