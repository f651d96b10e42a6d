/*
 * mount_request - what `rofuse mount` was asked for, read from its arguments and checked against themselves; nothing of
 * the machine has been looked at but the working directory.
 */
#ifndef ROFUSE_SRC_MOUNT_REQUEST_H
#define ROFUSE_SRC_MOUNT_REQUEST_H

#include "log_dest.h"
#include "mount_options.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct mount_request {
    char *mountpoint; /* as written until mount_check_point(), then absolute; owned, like all below */
    char **layers;    /* the same with mount_check_layers(); first = bottom; never NULL */
    struct mount_options *routes;
    struct log_dest *logs; /* empty = the default */
    size_t n_logs;
    char *log_format; /* "json", "text" or NULL */
    unsigned fold;    /* seconds, 0 = off */
    char *name;       /* NULL = from the mount point */
    char *state_dir;  /* NULL = the usual places */
    bool foreground;
    bool passthrough; /* --passthrough auto */
    bool io_uring;
};

/* Reads the arguments of `rofuse mount`. Owned by the caller, mount_request_free(). NULL with one line. */
struct mount_request *mount_request_parse(int argc, char **argv, GError **error);
void mount_request_free(struct mount_request *request); /* NULL is allowed */

#endif
