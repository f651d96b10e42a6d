/*
 * readonly_watch - notices when somebody has put a read-only mount over ours.
 *
 * Where a mount of our file system is read-only for the kernel (a bind with ro, `podman --read-only`, "readonly":
 * true in a bundle), the kernel refuses writes before they become requests: they are refused rightly, but the log
 * stays empty. So the table of mounts is watched, ours by poll(2), those of other mount namespaces by looking at them
 * now and then: an open descriptor of theirs would keep the namespace, and with it the mount, alive.
 */
#ifndef ROFUSE_SRC_READONLY_WATCH_H
#define ROFUSE_SRC_READONLY_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct readonly_watch;

/* @device: of the mounted file system. Owned by the caller, readonly_watch_free(). One thread at a time. */
struct readonly_watch *readonly_watch_new(dev_t device);
void readonly_watch_free(struct readonly_watch *watch); /* NULL is allowed */

/* A descriptor to poll for POLLPRI, then call readonly_watch_changed(); -1 where there is none. Owned by the watch. */
int readonly_watch_fd(const struct readonly_watch *watch);
void readonly_watch_changed(struct readonly_watch *watch);

/* How many milliseconds until readonly_watch_look() has something to do. */
int readonly_watch_timeout(const struct readonly_watch *watch);

/*
 * readonly_watch_look - looks, if it is time to, and calls @tell with a line for each read-only mount that was not there the
 * last time. Returns whether there are others now than there were.
 */
bool readonly_watch_look(struct readonly_watch *watch, void (*tell)(void *data, const char *message), void *data);

/* Where the read-only mounts are: "/mnt/root", "/ as process 17 (podman) sees it". Owned by the caller, g_strfreev(). */
char **readonly_watch_places(const struct readonly_watch *watch);

#endif
