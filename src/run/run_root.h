/*
 * run_root - the file systems of a container of ours: its root and what lies on it.
 *
 * /proc with docker's masks, /dev, /dev/pts, /dev/shm, /dev/mqueue, /sys read-only, and the three files of /etc. Where
 * something is mounted must be there already (rofuse shows such places of itself); symbolic links on the way are followed
 * inside the root, never out of it.
 */
#ifndef ROFUSE_SRC_RUN_ROOT_H
#define ROFUSE_SRC_RUN_ROOT_H

#include "run_spec.h"

/*
 * run_root_enter - makes the spec's root the root of this process, with everything on it.
 *
 * In a new mount, pid and ipc namespace and with CAP_SYS_ADMIN over them; nothing of the old root remains. FALSE with one
 * line; then the process must end.
 */
gboolean run_root_enter(const struct run_spec *spec, GError **error);

/* In the new root: a new terminal, its name bound on /dev/console, given to the spec's user. Both ends are close-on-exec
 * and the caller's. */
gboolean run_root_open_terminal(const struct run_spec *spec, int *ret_master, int *ret_program, GError **error);

/* In the new root: goes to the working directory; one that is missing is made where that is writable. */
gboolean run_root_chdir(const char *directory, GError **error);

#endif
