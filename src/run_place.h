/*
 * run_place - where a program's root is mounted while it runs, and the log that its report is made from: made for one run
 * and removed after it.
 */
#ifndef ROFUSE_SRC_RUN_PLACE_H
#define ROFUSE_SRC_RUN_PLACE_H

#include "paths.h"

#include <glib.h>

struct run_place {
    char *mountpoint; /* an empty directory; the daemon of the mount removes it */
    char *log;        /* an empty file */
    int log_fd;       /* it, for reading, so that it can be read whatever becomes of its name */
};

/* Makes them below the run-time directory, and removes what runs that were killed have left. NULL with one line. Owned
 * by the caller, run_place_remove(), which takes both away. */
struct run_place *run_place_new(const struct paths *paths, GError **error);
void run_place_remove(struct run_place *place); /* NULL is allowed */

#endif
