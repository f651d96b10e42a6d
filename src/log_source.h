/*
 * log_source - where rofuse log has its lines from: the daemon of a mount, or a file. One thread.
 */
#ifndef ROFUSE_SRC_LOG_SOURCE_H
#define ROFUSE_SRC_LOG_SOURCE_H

#include "paths.h"

#include <glib.h>
#include <stdbool.h>

struct log_source;

/*
 * log_source_mount - the log of a mount: of its daemon, or, where that has ended, the file in JSON that it wrote,
 * after those that it was before rotations (log_older.h).
 *
 * @word: a mount point or a name, also that of a mount that is gone and had the usual log file, which is said on stderr;
 *        NULL = the only one.
 * @follow: wait for what comes; for a mount that is alive alone.
 * Owned by the caller, log_source_free(). NULL with one line.
 */
struct log_source *log_source_mount(const struct paths *paths, const char *word, bool follow, GError **error);

/* A file with lines in JSON; "-" is stdin. Owned by the caller, log_source_free(). NULL with one line. */
struct log_source *log_source_file(const char *path, GError **error);

void log_source_free(struct log_source *source); /* NULL is allowed */

/* Its file for a line of text ("the daemon" where it is none); owned by the caller, g_free(). */
char *log_source_name(const struct log_source *source);

/*
 * log_source_next - the next line.
 *
 * @ret: without its newline; owned by the caller, g_free(). A line that is too long comes cut off: no JSON any more.
 * Returns 1; 0 where there is none now and log_source_wait() may wait for one; -1 at the end, or with an error.
 */
int log_source_next(struct log_source *source, char **ret, GError **error);

/* Waits until there may be a line. False: nobody reads @output (a descriptor) any more. */
bool log_source_wait(const struct log_source *source, int output);

#endif
