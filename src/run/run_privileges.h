/*
 * run_privileges - gives up what a program in a container does not have.
 */
#ifndef ROFUSE_SRC_RUN_PRIVILEGES_H
#define ROFUSE_SRC_RUN_PRIVILEGES_H

#include "run_spec.h"

/*
 * run_privileges_drop - the spec's user and groups, docker's default capabilities, no new privileges, the filter of
 * run_seccomp.h, a session keyring of its own.
 *
 * Root has run_capabilities, as far as this process has them itself; others have none; the bounding set is
 * run_capabilities for both; inheritable and ambient sets are empty. There is no way back. FALSE with one line; then the
 * process is somewhere between and must end.
 */
gboolean run_privileges_drop(const struct run_spec *spec, GError **error);

#endif
