/*
 * mounted_places - where something is mounted on a file system, in any mount namespace that can be seen.
 */
#ifndef ROFUSE_SRC_MOUNTED_PLACES_H
#define ROFUSE_SRC_MOUNTED_PLACES_H

#include <glib.h>
#include <sys/types.h>

/*
 * mounted_places - the paths inside the file system @device on which something is mounted, each once.
 *
 * Read from /proc/PID/mountinfo of one process for each mount namespace and root directory. A namespace in which no process
 * lives, or whose processes this one may not look at, is not seen. Elements are strings owned by the array, which the caller
 * owns. Any thread.
 */
GPtrArray *mounted_places(dev_t device);

/* Adds those that one table (mount_table_parse()) tells of. Pure. */
void mounted_places_add(const GPtrArray *table, dev_t device, GPtrArray *places);

#endif
