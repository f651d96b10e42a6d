/*
 * run_places - what a container has besides its root, in one place for all runtimes.
 *
 * Sources: the OCI runtime-spec's "Default Filesystems" (config-linux.md) and moby's oci/defaults.go and
 * oci/caps/defaults.go.
 */
#ifndef ROFUSE_SRC_RUN_PLACES_H
#define ROFUSE_SRC_RUN_PLACES_H

#include "run_spec.h"

/* Lists that end with NULL; static. */
extern const char *const run_masked_paths[];   /* read as empty; those that the kernel lacks are passed over */
extern const char *const run_readonly_paths[]; /* of /proc */
extern const char *const run_capabilities[];   /* "CAP_CHOWN" …, of root; other users have none */

/* A file that is mounted read-only over the image's. */
struct run_file {
    const char *path; /* inside; static */
    char *text;       /* owned */
};

#define RUN_N_FILES 3

/* /etc/resolv.conf as the host has it, /etc/hosts and /etc/hostname with the spec's host name; run_files_clear(). */
void run_files_make(const struct run_spec *spec, struct run_file files[static RUN_N_FILES]);
void run_files_clear(struct run_file files[static RUN_N_FILES]);

#endif
