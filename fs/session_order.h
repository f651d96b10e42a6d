/*
 * session_order - lets ThreadSanitizer see the order that the kernel keeps.
 *
 * What a request did happens before every request that comes after its reply, but by way of the kernel: to
 * ThreadSanitizer a file that one thread opens and another closes is a race. In other builds there is nothing to show.
 */
#ifndef ROFUSE_FS_SESSION_ORDER_H
#define ROFUSE_FS_SESSION_ORDER_H

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

/*
 * ThreadSanitizer tells descriptors by their numbers, and asks its symbolizer by two of its own, from any thread: it knows
 * nothing of threads that have a table of descriptors for themselves.
 */
#define SESSION_ORDER_ONE_TABLE __has_feature(thread_sanitizer)

struct fuse_session;

/* Call once the session is mounted, before its threads start. */
void session_order_show(struct fuse_session *fuse);

/* Call when a request has been received, in the thread that has it. */
void session_order_received(struct fuse_session *fuse);

#endif
