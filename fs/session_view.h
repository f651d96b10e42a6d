/*
 * session_view - the image alone, read-only, through a FUSE connection of its own whose mount no name space shows: what
 * overlayfs takes as its lower directory in learn mode.
 *
 * A serving thread of the session that is inside that overlayfs waits for an answer from here. So nothing here waits for
 * the session: the view has a tree, a node table, caches and threads of its own, and records nothing. Its numbers of nodes
 * are good for as long as it lives (no node is ever given up), so that overlayfs can keep file handles of them.
 */
#ifndef ROFUSE_FS_SESSION_VIEW_H
#define ROFUSE_FS_SESSION_VIEW_H

#include <stdbool.h>
#include <stddef.h>

struct session_view;
struct tree;

/*
 * session_view_new - mounts the view.
 *
 * @layers: as in struct session_options.
 * @like: the tree whose routes' targets and made places are to be there too; borrowed for the call.
 * @ret_fd: the root of the mount, attached nowhere; owned by the caller. The view serves until it and whatever was cloned of
 *          it are gone.
 * @ret_why: on failure one line for a person; owned, g_free().
 * Returns 0 or -errno. CAP_SYS_ADMIN is needed in the user namespace that the process is in.
 */
int session_view_new(const char *const *layers, size_t n_layers, const struct tree *like, struct session_view **ret,
                     int *ret_fd, char **ret_why);

/*
 * session_view_free - frees a view whose mounts are gone. NULL is allowed.
 *
 * @patience_ms: how long to wait for the kernel to end the connection.
 * Returns false, and nothing is freed, when it has not ended then: a file of it is still open.
 */
bool session_view_free(struct session_view *view, unsigned patience_ms);

#endif
