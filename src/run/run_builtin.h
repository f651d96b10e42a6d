/*
 * run_builtin - the container that needs nothing but the kernel.
 *
 * Namespaces: mount, pid, ipc, uts, cgroup; a user namespace where this process may not mount, or where the spec's user
 * does not exist for it (run_ids.h). The network is the host's. What is in it: run_root.h, run_privileges.h, run_init.h.
 */
#ifndef ROFUSE_SRC_RUN_BUILTIN_H
#define ROFUSE_SRC_RUN_BUILTIN_H

#include "run_spec.h"

/* As run_start_and_wait(). @signal_fd: of run_signals_block(). */
int run_builtin(const struct run_spec *spec, int signal_fd, int *ret_not_started, GError **error);

#endif
