/*
 * run_bwrap - bubblewrap (bwrap(1), 0.8 or newer) as the runtime.
 *
 * For a user that is not root, root starts bwrap as that user, so the mount point must be reachable for him; inside he
 * is alone in a user namespace, and files of others are shown as nobody's. What bwrap cannot do, it does not: root's
 * capabilities are inheritable and ambient too, and the bounding set is left as it was.
 */
#ifndef ROFUSE_SRC_RUN_BWRAP_H
#define ROFUSE_SRC_RUN_BWRAP_H

#include "run_spec.h"

/* As run_start_and_wait(). @signal_fd: of run_signals_block(). */
int run_bwrap(const struct run_spec *spec, int signal_fd, int *ret_not_started, GError **error);

#endif
