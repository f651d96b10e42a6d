/*
 * users - which processes use a mount, for the line that says who is in the way.
 *
 * /proc is read (proc_pid_cwd(5) and its neighbours); files are told apart by the device of the file system, without a
 * request to its daemon, and, where another one is mounted below it, by their paths. What this process may not see is not in the list.
 */
#ifndef ROFUSE_SRC_USERS_H
#define ROFUSE_SRC_USERS_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * users_find - a line for each process and each thing it uses: "pid 4242 (bash): working directory /data"; and one for
 * another place where it is mounted: "it is mounted at /mnt/bind as well".
 *
 * @device:     of the mounted file system.
 * @name:       of the mount, or NULL. The kernel gives the device's number to another file system as soon as this one is gone:
 *              by the name, which the tables of mounts have as the source, one is not taken for the other.
 * @mountpoint: what is being unmounted; paths are shown relative to it.
 * @except:     a process that is not to be named (the daemon), or 0.
 * @limit:      at most so many lines; one more says how many are left out.
 * Elements are strings owned by the array; the caller owns the array. Only while the process has one thread.
 */
GPtrArray *users_find(dev_t device, const char *name, const char *mountpoint, pid_t except, unsigned limit);

/* Whether it is mounted anywhere, in any mount namespace that has a process. @device, @name: as above. */
bool users_find_mounts(dev_t device, const char *name);

/*
 * users_find_daemon - the process that serves a FUSE file system.
 *
 * Known where the kernel tells it in /proc/PID/fdinfo ("fuse_connection"); returns 0 otherwise.
 */
pid_t users_find_daemon(dev_t device);

#endif
