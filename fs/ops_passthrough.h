/*
 * ops_passthrough - which open files the kernel serves by itself, and which the daemon does.
 *
 * With passthrough (Linux 6.9, libfuse 3.17, CAP_SYS_ADMIN in the initial user namespace) an open is answered with the
 * number of a backing file, and the kernel reads, writes and maps that without a request: DESIGN.md decision 12. An inode
 * is served in one way at a time; the kernel refuses a mixture with EIO (fuse_file_io_open), and so the way is decided by
 * whoever opens first, and kept here until the last one closes.
 *
 * Backing files of the image are kept registered for a while after that: a program that is started again and again costs
 * no system call but the reply then. Those of routes are not, as they would keep removed files.
 */
#ifndef ROFUSE_FS_OPS_PASSTHROUGH_H
#define ROFUSE_FS_OPS_PASSTHROUGH_H

#include <stdbool.h>
#include <stdint.h>

struct counters;
struct fuse_session;
struct node;
struct passthrough;
struct tree;

/* @counters: borrowed. */
struct passthrough *passthrough_new(struct counters *counters);
void passthrough_free(struct passthrough *passthrough); /* NULL is allowed */

/* Once the kernel has said in INIT that it can; before that everything is served by the daemon. */
void passthrough_enable(struct passthrough *passthrough, struct fuse_session *fuse);

/* Looks whether we may, once INIT has been answered: the kernel's offer says nothing of it. */
void passthrough_check(struct passthrough *passthrough);

/*
 * passthrough_open - how an open is served.
 *
 * @fd: the file's, in a route as it was opened for the caller; -1 in the image, where it is opened when needed.
 * @flags: as open(2) has them.
 * @ret_counted: whether passthrough_close() is to follow when the file is closed or the open failed.
 * Returns the backing file's number for the reply, or 0: the daemon serves it. Cannot fail. Any thread.
 */
int passthrough_open(struct passthrough *passthrough, struct tree *tree, struct node *node, int fd, int flags,
                     bool *ret_counted);
/*
 * passthrough_grown - by how much a file that the kernel writes by itself has grown since the last such question, the first
 * of which is asked when it is opened. @size: now. 0 where nobody has it open.
 */
uint64_t passthrough_grown(struct passthrough *passthrough, uint64_t number, uint64_t size);

/* @number: the node's (id.shown); the node itself may be forgotten by now. @is_image: a file of the image. */
void passthrough_close(struct passthrough *passthrough, uint64_t number, bool is_image);

#endif
