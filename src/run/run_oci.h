/*
 * run_oci - runc and crun, with a bundle made for the occasion.
 */
#ifndef ROFUSE_SRC_RUN_OCI_H
#define ROFUSE_SRC_RUN_OCI_H

#include "run_spec.h"

/*
 * run_oci - as run_start_and_wait(); the runtime is looked up in our own PATH.
 *
 * Bundle and state are in a temporary directory. A process of its own deletes the container and removes the directory when
 * we have ended, however that was.
 */
int run_oci(const struct run_spec *spec, int signal_fd, int *ret_not_started, GError **error);

#endif
