/*
 * Small files of the image: their content goes into the kernel's page cache when they are opened for the first time.
 *
 * Whoever opens a small file reads it, as a rule all of it, at once. So the answer to the open comes after the content
 * (fuse_lowlevel_notify_store), and the read needs no request. Nor does the next stat(2): what is read by a request makes the
 * time of access stale (fuse_invalidate_atime), what is stored does not.
 *
 * The kernel waits for pages that somebody else is reading, and so may we, for as long as that request is served by another
 * thread. With io_uring the same thread would have to serve it.
 */
#include "ops_private.h"

#include <stddef.h>
#include <unistd.h>

#define STORED_MOST ((size_t)1 << OPS_SMALL_SIZE_BITS)

void ops_store(const struct ops *ops, fuse_ino_t ino, struct node *node)
{
    if (!ops->stores || node->id.kind != NODE_IMAGE || node->id.size_bits == 0 ||
        node->id.size_bits > OPS_SMALL_SIZE_BITS || atomic_exchange(&node->is_stored, true))
        return;
    char content[STORED_MOST];
    struct tree_held held;
    if (tree_hold(ops->tree, node, &held) < 0)
        return;
    ssize_t length = pread(held.fd, content, sizeof content, 0);
    tree_let_go(ops->tree, &held);
    if (length <= 0)
        return;
    struct fuse_bufvec data = FUSE_BUFVEC_INIT((size_t)length);
    data.buf[0].mem = content;
    /* Where it cannot be stored it is read later. */
    (void)fuse_lowlevel_notify_store(ops->fuse, ino, 0, &data, 0);
}
