/*
 * session_learn - learn mode: the image on a throw-away layer, so that what is not declared can be written all the same, and
 * is recorded.
 *
 * overlayfs over the image (session_view.h) serves the root of the tree as a route does; the declared routes stay in their
 * places in it. All is in memory and gone when it is freed. session.h says what others may ask for.
 */
#ifndef ROFUSE_FS_SESSION_LEARN_H
#define ROFUSE_FS_SESSION_LEARN_H

struct session;

/* Begins in learn mode, before anything is mounted. Returns 0, or -errno with one line in @ret_why (owned, g_free()). */
int learn_begin(struct session *session, char **ret_why);

/* Frees all layers; the tree must be gone. */
void learn_free(struct session *session);

#endif
