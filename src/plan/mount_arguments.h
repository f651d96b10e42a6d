/*
 * mount_arguments - the options that say what is mounted and how: the same words for every command that mounts.
 */
#ifndef ROFUSE_SRC_MOUNT_ARGUMENTS_H
#define ROFUSE_SRC_MOUNT_ARGUMENTS_H

#include "mount_request.h"

#include <glib.h>

/* What GOption fills in; the routes are read at once. All is owned. */
struct mount_arguments {
    struct mount_options *routes;
    char **layers;
    char *image;
    char *platform;
    char **compose;
    char *service;
    char *project;
    char **logs;
    char *log_format;
    char *log_fold;
    char *served_by; /* --routes */
    char *name;
    char *state_dir;
    char *passthrough;
    gboolean io_uring;
    gboolean learn;
    char *learn_size;
};

void mount_arguments_init(struct mount_arguments *arguments);
void mount_arguments_clear(struct mount_arguments *arguments);

/* Which options a command takes beside the ones for the content of the root. */
enum mount_arguments_kind {
    MOUNT_ARGUMENTS_CONTENT, /* none: it says what would be mounted */
    MOUNT_ARGUMENTS_MOUNT,   /* those for the mount, its log and its daemon */
};

/* Appends GOptionEntry elements that fill @arguments, which is the data of the option group. */
void mount_arguments_add_entries(struct mount_arguments *arguments, enum mount_arguments_kind kind, GArray *entries);

/*
 * mount_arguments_take - checks what was read against itself.
 *
 * @command: "mount", for the error lines. @mountpoint: as written; NULL where the command has its own.
 * Returns a request that took what @arguments owned; owned by the caller, mount_request_free(). NULL with one line.
 */
struct mount_request *mount_arguments_take(struct mount_arguments *arguments, const char *mountpoint, GError **error);

#endif
