/*
 * mount_request - what is to be mounted, read from arguments and checked against themselves; nothing of the machine has
 * been looked at but the working directory. plan.h finds out what image and Compose file mean.
 */
#ifndef ROFUSE_SRC_MOUNT_REQUEST_H
#define ROFUSE_SRC_MOUNT_REQUEST_H

#include "log_dest.h"
#include "mount_options.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mount_request {
    char *mountpoint; /* as written until mount_check_point(), then absolute; owned, like all below */
    char **layers;    /* the same with mount_check_layers(); first = bottom; never NULL */
    char *image;      /* a reference, as written, or NULL */
    char *platform;   /* of the image, or NULL */
    char **compose;   /* Compose files, as written; empty = the usual one, where it is needed; never NULL */
    char *service;    /* of the Compose file, or NULL */
    char *project;    /* its name, or NULL */
    char *image_id;   /* of the image in the store, or NULL; by plan_apply(), as the next one */
    char *image_name; /* how it is called, or NULL */
    struct mount_options *routes;
    bool native;           /* --routes native */
    struct log_dest *logs; /* empty = the default */
    size_t n_logs;
    char *log_format;     /* "json", "text" or NULL */
    unsigned fold;        /* seconds, 0 = off */
    char *name;           /* NULL = from the mount point */
    char *state_dir;      /* NULL = the usual places */
    char *suggested_name; /* where name is NULL: of the mount, unless it is taken; NULL = from the mount point */
    bool foreground;
    pid_t starter;    /* the daemon ends when this process does, and removes the mount point; 0 = none */
    bool passthrough; /* --passthrough auto */
    bool io_uring;
    bool learn;                   /* begin in learn mode */
    struct tmpfs_size learn_size; /* of its layers; zeros = the default */
};

/* Reads the arguments of `rofuse mount`. Owned by the caller, mount_request_free(). NULL with one line. */
struct mount_request *mount_request_parse(int argc, char **argv, GError **error);
void mount_request_free(struct mount_request *request); /* NULL is allowed */

#endif
