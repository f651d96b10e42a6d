/*
 * run_spec - a program to be started on a root file system: everything resolved, nothing to look up any more.
 */
#ifndef ROFUSE_SRC_RUN_SPEC_H
#define ROFUSE_SRC_RUN_SPEC_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum run_runtime {
    RUN_BUILTIN,
    RUN_BWRAP,
    RUN_RUNC,
    RUN_CRUN,
};

/* All strings and lists are owned; lists are NULL-terminated and never NULL. */
struct run_spec {
    enum run_runtime runtime;
    char *root;        /* absolute: the mount point */
    char *name;        /* of the mount, and of the container */
    char *hostname;    /* in its uts namespace */
    char **argv;       /* the first is looked up in the PATH of @env, inside @root */
    char **env;        /* "KEY=VALUE", complete; HOME and PATH are there */
    char *working_dir; /* absolute, inside */
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* supplementary ones; owned */
    size_t n_groups;
    int stop_signal;
    bool terminal; /* stdin is a terminal, and the program gets one of its own, of which stdout shows what it says */
};

void run_spec_clear(struct run_spec *spec); /* safe on a zeroed struct */

#endif
