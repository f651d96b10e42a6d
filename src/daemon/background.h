/*
 * background - a daemon that its starter waits for.
 *
 * The starter forks, and waits on a pipe until the daemon says that it is ready or ends. The daemon keeps the starter's
 * stderr until then, so what goes wrong is told where it was asked for.
 */
#ifndef ROFUSE_SRC_BACKGROUND_H
#define ROFUSE_SRC_BACKGROUND_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * background_fork - forks; only while the process has one thread.
 *
 * Returns 0 in the daemon: a session of its own, working directory /, stdin and stdout /dev/null, no other descriptor
 * but stderr and *ret_fd, the end of the pipe that background_ready() wants. In the starter the daemon's pid and the
 * other end, for background_wait(). Or -errno.
 */
pid_t background_fork(int *ret_fd);

/* In the starter: waits until the daemon is ready (0) or has ended (its exit status; 1 and a line of our own where it
 * was killed). A signal that would end the starter ends the daemon, and is a failure. Closes @fd. */
int background_wait(pid_t daemon, int fd);

/* In the daemon: stderr becomes /dev/null, the starter returns. False when the starter is gone: it was interrupted,
 * and what it asked for should be undone. Closes @fd. */
bool background_ready(int fd);

#endif
