/*
 * serve - the daemon of one mount, from its set-up until the mount is gone.
 */
#ifndef ROFUSE_SRC_SERVE_H
#define ROFUSE_SRC_SERVE_H

#include "mount_request.h"
#include "paths.h"

/*
 * serve_run - sets the mount up, says that it is ready, and serves it until its end; after the last fork.
 *
 * @request:  checked by mount_check; borrowed.
 * @ready_fd: for background_ready(), closed; -1 in the foreground, where a service manager is told.
 * Returns the exit status; a failure has been printed and has left nothing behind.
 */
int serve_run(const struct mount_request *request, const struct paths *paths, int ready_fd);

#endif
