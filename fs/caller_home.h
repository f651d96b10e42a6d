/*
 * caller_home - whether those who started a caller live where it does (in its container) or outside (on the host).
 *
 * Told by their root directories, not by their names. Whoever has one on the mount itself lives inside, whatever he has made
 * his root, and whatever the caller has: a server's session shuts itself into a directory that may be a volume. Else he must
 * have the very same as the caller, in the same mount namespace: a program in a sandbox that shows it the host's root directory
 * is not on the host.
 *
 * /proc/PID/root is followed, which may lead into our own mount. Nothing is asked of a file system for that: a link of /proc
 * jumps, so that no name is looked up and none is revalidated, and AT_STATX_DONT_SYNC takes what the kernel knows, which for
 * the device and the number is always right (fuse_update_get_attr() and generic_fillattr() in the kernel). (NFS and 9p may
 * ask their server even so, which is not us.)
 */
#ifndef ROFUSE_FS_CALLER_HOME_H
#define ROFUSE_FS_CALLER_HOME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Where one of those who started a caller lives. */
enum caller_home {
    CALLER_HOME_UNKNOWN, /* not ours to see */
    CALLER_HOME_INSIDE,  /* where the caller does */
    CALLER_HOME_OUTSIDE, /* elsewhere: on the host, where the caller is in a container */
};

/* A root directory: which, and where it is mounted. */
struct caller_root {
    dev_t device;
    uint64_t number;
    uint64_t mount; /* 0 = not known (before Linux 5.8) */
};

/* Of a thread; false where it cannot be seen. Any thread, no lock held, as all here. */
bool caller_root_read(pid_t tid, struct caller_root *ret);

/* Whether two are known to be the same, so that /proc has the same name for both. */
bool caller_root_is_same(const struct caller_root *a, const struct caller_root *b);

/* Where somebody lives with regard to a caller. @mount: the mount's device; 0 = not known. */
enum caller_home caller_root_home(const struct caller_root *callers, const struct caller_root *his, dev_t mount);

#endif
