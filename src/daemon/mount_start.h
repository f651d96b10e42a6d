/*
 * mount_start - from a request that has been read to a mount that answers.
 */
#ifndef ROFUSE_SRC_MOUNT_START_H
#define ROFUSE_SRC_MOUNT_START_H

#include "mount_request.h"
#include "paths.h"

/*
 * mount_start - checks the request against the machine, and serves it: in this process until the end of the mount where it
 * is to stay in the foreground, else in a daemon that answers when this returns.
 *
 * @request: its layers and its mount point become absolute.
 * Returns the exit status; what went wrong has been printed. Only while the process has one thread; SIGINT, SIGTERM and
 * SIGHUP are blocked on return where they are not ignored.
 */
int mount_start(struct mount_request *request, const struct paths *paths);

#endif
