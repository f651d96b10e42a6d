/*
 * Operations on nodes: look-up, forget, attributes, links.
 */
#include "ops_private.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static double attribute_seconds(const struct node *node)
{
    /* Under a throw-away layer, a directory gets another size and number of links when something in it is copied. */
    if (!ops_is_shared(node) && !(policy_is_learned(node) && S_ISDIR(node->id.type)))
        return OPS_FOR_EVER;
    return S_ISDIR(node->id.type) ? OPS_DIRECTORY_SECONDS : 0;
}

#define BELIEVED UINT64_C(1) /* the lowest bit of attributes_until */

/* Before the reply: the kernel's own count begins when it has it, so ours ends first. */
static double promise_attributes(struct node *node, enum ops_promise promise)
{
    double seconds = attribute_seconds(node);
    uint64_t until = (now_ns() + (uint64_t)(seconds * 1e9)) & ~BELIEVED;
    atomic_store(&node->attributes_until, until | (promise == OPS_PROMISE_BELIEVED ? BELIEVED : 0));
    return seconds;
}

static enum ops_promise promise_of(struct node *node)
{
    uint64_t until = atomic_load(&node->attributes_until);
    if (now_ns() >= until)
        return OPS_PROMISE_NONE;
    return (until & BELIEVED) ? OPS_PROMISE_BELIEVED : OPS_PROMISE_GIVEN;
}

/*
 * For how long a name may be believed. Where a native mount lies over it, only the way there leads through us: nobody can
 * change that name, and what is seen of the directory is seen through the mount.
 */
static double entry_seconds(const struct node *node)
{
    bool under_native = node->id.kind == NODE_ROUTE && node->id.route->native && node->id.route->root == node;
    return ops_is_shared(node) && !under_native ? 0 : OPS_FOR_EVER;
}

struct node *ops_claim_entry(struct tree *tree, struct node *node, const struct stat *st, struct fuse_entry_param *ret)
{
    struct node *number = node_looked_up(tree->table, node);
    *ret = (struct fuse_entry_param){
        .ino = ops_ino(tree, number),
        .attr = *st,
        .attr_timeout = promise_attributes(node, OPS_PROMISE_GIVEN),
        .entry_timeout = entry_seconds(node),
    };
    return number;
}

void ops_reply_entry(fuse_req_t req, struct node *node, const struct stat *st)
{
    struct tree *tree = ops_of(req)->tree;
    struct fuse_entry_param entry;
    struct node *number = ops_claim_entry(tree, node, st, &entry);
    if (fuse_reply_entry(req, &entry) < 0)
        node_forget(tree->table, number, 1);
    node_unref(tree->table, node);
}

void ops_reply_attr(fuse_req_t req, struct node *node, const struct stat *st)
{
    fuse_reply_attr(req, st, promise_attributes(node, OPS_PROMISE_BELIEVED));
}

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct tree *tree = ops_of(req)->tree;
    struct node *dir = ops_node(req, parent), *node;
    struct stat st;
    int status = tree_lookup(tree, dir, name, &node, &st);
    if (status == 0) {
        ops_reply_entry(req, node, &st);
    } else if (status == -ENOENT && !ops_is_shared(dir)) {
        /* The kernel remembers that there is no such name. */
        fuse_reply_entry(req, &(struct fuse_entry_param){.entry_timeout = OPS_FOR_EVER});
    } else {
        ops_reply_status(req, status);
    }
}

void ops_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
    node_forget(ops_of(req)->tree->table, ops_number(req, ino), nlookup);
    fuse_reply_none(req);
}

void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    for (size_t i = 0; i < count; i++)
        node_forget(ops_of(req)->tree->table, ops_number(req, forgets[i].ino), forgets[i].nlookup);
    fuse_reply_none(req);
}

void ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    const struct ops *ops = ops_of(req);
    struct node *node = ops_open_node(req, ino, fi);
    struct assume_credentials who = ops_who(req);
    struct stat st;
    int status = 0;
    if (fi != NULL && node->id.kind == NODE_ROUTE) {
        status = fstat(ops_file(fi)->fd, &st) < 0 ? -errno : 0;
        st.st_ino = node->id.shown;
    } else {
        status = tree_stat(ops->tree, node, &st);
    }
    if (status == 0 && fi == NULL)
        status = ops_refusal(ops, &who, node, &st, promise_of(node));
    if (status != 0)
        ops_reply_status(req, status);
    else
        ops_reply_attr(req, node, &st);
}

void ops_readlink(fuse_req_t req, fuse_ino_t ino)
{
    g_autofree char *target = NULL;
    int status = tree_readlink(ops_of(req)->tree, ops_node(req, ino), &target);
    if (status < 0)
        ops_reply_status(req, status);
    else
        fuse_reply_readlink(req, target);
}

void ops_statfs(fuse_req_t req, fuse_ino_t ino)
{
    struct statvfs st;
    int status = tree_statfs(ops_of(req)->tree, ops_node(req, ino), &st);
    if (status < 0)
        ops_reply_status(req, status);
    else
        fuse_reply_statfs(req, &st);
}
