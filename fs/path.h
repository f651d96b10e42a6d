/*
 * path - text of paths, without a file system.
 *
 * A path inside rofuse is relative to the root of what it lies in (the mount, a layer, a route), has no leading slash,
 * no empty, "." or ".." component; "" is the root itself. Paths may be longer than PATH_MAX: a program that walks with
 * chdir can get there, so nothing here has a fixed length.
 */
#ifndef ROFUSE_FS_PATH_H
#define ROFUSE_FS_PATH_H

#include <stdbool.h>
#include <stddef.h>

#define PATH_LINKS_MAX 40 /* symbolic links that are followed on one way, as the kernel's MAXSYMLINKS */

/* DIR/NAME, or NAME where dir is "". Owned by the caller, g_free(). Cannot fail. */
char *path_join(const char *dir, const char *name);

/*
 * path_next - takes the next component off a path that may have leading, double and trailing slashes.
 *
 * @rest: in: where to go on; out: behind the component.
 * Returns the component's length and sets @ret to its start, or 0 at the end. Allocates nothing.
 */
size_t path_next(const char **rest, const char **ret);

/* True for names that can be one component: not empty, not "." or "..", without a slash. */
bool path_is_name(const char *name);

#endif
