/*
 * image_confine - takes from the calling process all that unpacking does not need.
 *
 * What is left: the descriptors that are open, and one directory, seen as the root. In that order: no new privileges,
 * resource limits, chroot(2) into the directory (as root, or as root of a user namespace made for it), Landlock on it,
 * all capabilities but those that set owners and make devices, a seccomp filter that lets through what unpacking calls.
 */
#ifndef ROFUSE_SRC_IMAGE_CONFINE_H
#define ROFUSE_SRC_IMAGE_CONFINE_H

#include <glib.h>
#include <stdbool.h>

/* Sanitizers need more memory than any limit allows, and have something to say. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IMAGE_HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IMAGE_HAS_SANITIZER 1
#endif
#endif
#ifndef IMAGE_HAS_SANITIZER
#define IMAGE_HAS_SANITIZER 0
#endif

/* Whether files can be given to others here: by root of the initial user namespace who has kept the capabilities for
 * it. Nobody else's chown(2) would do for every owner. */
bool image_can_own(void);

/*
 * image_confine - confines the process, for good. It must have one thread.
 *
 * @dir_fd: the directory, or -1: none is needed, and no capability is kept.
 * @can_own: image_can_own(), asked before.
 * FALSE with one line where neither chroot nor Landlock can be had.
 */
gboolean image_confine(int dir_fd, bool can_own, GError **error);

#endif
