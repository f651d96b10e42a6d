/*
 * paths - where rofuse keeps what outlives a command: volumes, images, the state of live mounts, logs.
 *
 * Root: /var/lib/rofuse and /run/rofuse (file-hierarchy(7)). Others, and root of a user namespace who may not write
 * there: XDG_DATA_HOME/rofuse and XDG_RUNTIME_DIR/rofuse (XDG Base Directory Specification), with ~/.local/share for
 * the first, and a directory below the first for the second, where they are not set.
 */
#ifndef ROFUSE_SRC_PATHS_H
#define ROFUSE_SRC_PATHS_H

#include <glib.h>

struct paths {
    char *volumes; /* store of named volumes; owned */
    char *run;     /* one JSON file for each live mount; owned */
    char *log;     /* logs of mounts in the background where there is no journal; owned */
    char *images;  /* store of unpacked images; owned */
};

/*
 * paths_find - the places; nothing is made.
 *
 * @state_dir: --state-dir, which replaces them all by DIR/volumes, DIR/run, DIR/log and DIR/images;
 *              or NULL.
 * Owned by the caller, paths_free(). NULL with one line where nothing is known of a home. Any thread.
 */
struct paths *paths_find(const char *state_dir, GError **error);
void paths_free(struct paths *paths); /* NULL is allowed */

/* Makes a directory with its parents: the parents 0711, so that others can pass to what is theirs, itself 0700. */
gboolean paths_make(const char *directory, GError **error);

/* An absolute path of the host: relative to the working directory, symbolic links of all but the last component
 * followed, so that a dead mount at the end is not touched. NULL with one line. Owned by the caller. */
char *paths_absolute(const char *path, GError **error);

#endif
