/*
 * mount_check - whether the machine has what a mount was asked for: layers that are directories, a free mount point.
 */
#ifndef ROFUSE_SRC_MOUNT_CHECK_H
#define ROFUSE_SRC_MOUNT_CHECK_H

#include "mount_request.h"
#include "paths.h"

/* Replaces the layers by their absolute paths. FALSE with one line that names the layer. */
gboolean mount_check_layers(struct mount_request *request, GError **error);

/*
 * Replaces the mount point by its absolute path: a directory, no mount itself, nothing mounted below. A rofuse mount
 * whose daemon is dead is unmounted first, with a notice. FALSE with one line. Only while the process has one thread.
 */
gboolean mount_check_point(struct mount_request *request, GError **error);

/* A log's file must not lie below the mount point: the log would be written through the mount that it is about. */
gboolean mount_check_logs(const struct mount_request *request, GError **error);

/* Nor volumes, state or default logs: the daemon would be its own client. */
gboolean mount_check_state(const struct mount_request *request, const struct paths *paths, GError **error);

#endif
