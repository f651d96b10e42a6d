/*
 * session_order - lets ThreadSanitizer see the order that the kernel keeps.
 *
 * What a request did happens before every request that comes after its reply, but by way of the kernel: to
 * ThreadSanitizer a file that one thread opens and another closes is a race. In other builds there is nothing to show.
 */
#ifndef ROFUSE_FS_SESSION_ORDER_H
#define ROFUSE_FS_SESSION_ORDER_H

struct fuse_session;

/* Call once the session is mounted, before its threads start. */
void session_order_show(struct fuse_session *fuse);

#endif
