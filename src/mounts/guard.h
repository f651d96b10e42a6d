/*
 * guard - questions to a file system that might never answer, asked by a process that can be given up.
 *
 * A dead or stuck FUSE mount can hold a system call for ever. The question is asked in a forked child; if it has not
 * answered in time it is killed and the answer is "no answer". Only for programs with one thread.
 */
#ifndef ROFUSE_SRC_GUARD_H
#define ROFUSE_SRC_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The answer to statvfs(3) inside a mount, in bytes and files; each at most INT64_MAX. */
struct guard_space {
    bool known;
    uint64_t size, used;
    uint64_t inodes, inodes_used; /* 0: the file system does not count them */
};

/*
 * guard_statvfs - statvfs of several places of one mount.
 *
 * @mountpoint: where it is mounted.
 * @targets:    absolute paths inside it; symbolic links are followed inside the mount, never out of it.
 * @ret:        @n answers; known is false for those that could not be had in time.
 */
void guard_statvfs(const char *mountpoint, const char *const *targets, size_t n, struct guard_space *ret);

/*
 * guard_probe - whether the file system at a path answers.
 *
 * Returns 0, the -errno of statfs(2) (-ENOTCONN: its daemon is gone), or -ETIMEDOUT.
 */
int guard_probe(const char *path);

#endif
