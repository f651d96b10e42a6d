/*
 * native - routes that the kernel serves alone: a real mount over the route's target inside the mount point.
 *
 * The mount is a clone of the one that the route has already (route.h, root_fd), with the flags that were declared. The
 * route stays grafted into the tree as well: so its target exists, and who has the FUSE mount alone (a bind that is not
 * recursive, a mount that was detached while it was in use) gets the same files through the daemon.
 *
 * Whoever is below a native mount never comes to the FUSE mount. So a route that is nested in a native one is native too,
 * and no denial there is ever seen.
 *
 * All run in the thread that sets the session up and ends it.
 */
#ifndef ROFUSE_FS_NATIVE_H
#define ROFUSE_FS_NATIVE_H

#include "tree.h"

#include <glib.h>
#include <stdbool.h>

/*
 * native_check - whether native mounts are possible here, where some are asked for; before anything is made.
 * Returns 0, or -errno with a line that names the first such route and the mend in @ret_why (owned, g_free()).
 */
int native_check(const struct route_spec *routes, size_t n_routes, char **ret_why);

/*
 * native_plan - decides which routes are native (route->native), once all are grafted.
 *
 * @limits: gets a line (owned by the array) that names them, and one for each that is native only because it is nested.
 * Returns 0, or -EINVAL with @ret_why as above where a route must not be native and lies in one that is.
 */
int native_plan(const struct tree *tree, GPtrArray *limits, char **ret_why);

/*
 * native_mount - mounts them, outer ones before those nested in them, on a mount that answers.
 * Returns 0 or -errno with @ret_why as above; what was mounted by then is left to native_unmount().
 */
int native_mount(const struct tree *tree, const char *mountpoint, char **ret_why);

/*
 * native_unmount - unmounts those that are still there, nested ones first; a busy one lazily.
 *
 * What cannot be reached is left: a lazy unmount of the mount point takes it along. May be called again.
 * @ret_busy: set to true where one was busy, else not touched.
 */
void native_unmount(const struct tree *tree, const char *mountpoint, bool *ret_busy);

#endif
