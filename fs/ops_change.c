/*
 * Operations that change the names of a directory: make, link, remove, rename.
 */
#include "ops_private.h"

#include "beneath.h"
#include "dir_streams.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A change in a directory of a route that has passed the gate. */
struct making {
    struct ops *ops;
    struct node *dir;
    struct tree_held held; /* the directory */
    struct change change;
    struct assume_credentials who;
    struct assume as;
};

/* Asks the gate and opens the directory. Returns true when the change may be tried; else it has replied. */
static bool making_open(fuse_req_t req, struct making *making, const struct change *change)
{
    *making = (struct making){
        .ops = ops_of(req), .dir = change->node, .held = {.fd = -1}, .change = *change, .who = ops_who(req)};
    int error = gate_check(&making->ops->gate, &making->who, change);
    if (error == 0)
        error = -tree_hold(making->ops->tree, making->dir, &making->held);
    if (error != 0)
        ops_reply_status(req, error);
    return error == 0;
}

/* Becomes the caller. Returns true when the system call may be tried; else it has replied and given up the directory. */
static bool making_assume(fuse_req_t req, struct making *making)
{
    /* The setgid bit of a new file depends on the caller's groups. */
    bool with_groups = making->change.mode >= 0 && (making->change.mode & S_ISGID);
    int mask = (int)fuse_req_ctx(req)->umask;
    int status = assume_begin(&making->as, &making->ops->power, &making->who, making->held.fd, mask, with_groups);
    if (status == 0)
        return true;
    tree_let_go(making->ops->tree, &making->held);
    ops_reply_status(req, gate_failed(&making->ops->gate, &making->who, &making->change, status));
    return false;
}

static bool making_begin(fuse_req_t req, struct making *making, const struct change *change)
{
    return making_open(req, making, change) && making_assume(req, making);
}

/* Replies with what was made, or with why it was not. */
static void making_end(fuse_req_t req, struct making *making, int status)
{
    tree_let_go(making->ops->tree, &making->held);
    if (status < 0) {
        ops_reply_status(req, gate_failed(&making->ops->gate, &making->who, &making->change, status));
        return;
    }
    struct node *node;
    struct stat st;
    gate_done(&making->ops->gate, &making->who, &making->change);
    ops_attributes_changed(making->dir);
    status = tree_lookup(making->ops->tree, making->dir, making->change.name, &node, &st);
    if (status < 0)
        ops_reply_status(req, status);
    else
        ops_reply_entry(req, node, &st);
}

void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
    struct change change = CHANGE(DENIAL_MKNOD, ops_node(req, parent), name);
    change.mode = mode;
    struct making making;
    if (!making_begin(req, &making, &change))
        return;
    int status;
    do
        status = mknodat(making.held.fd, name, mode, rdev) < 0 ? -errno : 0;
    while (assume_again(&making.as, status));
    making_end(req, &making, status);
}

void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct change change = CHANGE(DENIAL_MKDIR, ops_node(req, parent), name);
    change.mode = mode | S_IFDIR;
    struct making making;
    if (!making_begin(req, &making, &change))
        return;
    int status;
    do
        status = mkdirat(making.held.fd, name, mode) < 0 ? -errno : 0;
    while (assume_again(&making.as, status));
    making_end(req, &making, status);
}

void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
    struct change change = CHANGE(DENIAL_SYMLINK, ops_node(req, parent), name);
    change.target = target;
    struct making making;
    if (!making_begin(req, &making, &change))
        return;
    int status;
    do
        status = symlinkat(target, making.held.fd, name) < 0 ? -errno : 0;
    while (assume_again(&making.as, status));
    making_end(req, &making, status);
}

static char *absolute_path(struct tree *tree, const struct node *node, const char *name)
{
    g_autofree char *inner = node_path(tree->table, node);
    g_autofree char *named = name != NULL ? path_join(inner, name) : g_strdup(inner);
    return g_strconcat("/", named, NULL);
}

void ops_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
    struct ops *ops = ops_of(req);
    struct node *node = ops_node(req, ino), *dir = ops_node(req, parent);
    struct assume_credentials who = ops_who(req);
    g_autofree char *target = absolute_path(ops->tree, node, NULL);
    struct change change = CHANGE(DENIAL_LINK, dir, name);
    change.target = target;
    int error = gate_apply(&ops->gate, &who, &change, policy_cross(node, dir));
    if (error != 0) {
        ops_reply_status(req, error);
        return;
    }
    int fd = tree_open(ops->tree, node);
    if (fd < 0) {
        ops_reply_status(req, fd);
        return;
    }
    struct making making;
    if (!making_begin(req, &making, &change)) {
        close(fd);
        return;
    }
    struct beneath_link link;
    beneath_link_path(&link, fd);
    int status;
    do
        /* By way of /proc: linkat(2) of a descriptor itself takes CAP_DAC_READ_SEARCH. */
        status = linkat(AT_FDCWD, link.path, making.held.fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
    while (assume_again(&making.as, status));
    close(fd);
    if (status == 0)
        node_linked(ops->tree->table, node, dir, name);
    making_end(req, &making, status);
}

/* Keeps a file that is about to lose a name reachable, if the kernel knows it. Returns its node (a ref) or NULL. */
static struct node *keep_reachable(struct tree *tree, struct node *dir, int dir_fd, const char *name, int *ret_fd)
{
    *ret_fd = -1;
    struct node *node = tree_known_child(tree, dir, dir_fd, name);
    if (node != NULL)
        *ret_fd = beneath_open(dir_fd, name, O_PATH, true);
    return node;
}

/* Whether a file that has just lost a name has none left. A directory has one only. */
static bool was_last_name(const struct node *node, int fd)
{
    struct stat st;
    return S_ISDIR(node->id.type) || (fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0);
}

static void drop_reachable(struct tree *tree, struct node *node, int fd)
{
    if (fd >= 0)
        close(fd);
    node_unref(tree->table, node);
}

/* Nothing that is kept for speed may hold a file that has lost its name. */
static void forget_removed(const struct ops *ops, const struct node *node)
{
    tree_removed(ops->tree, node);
    if (S_ISDIR(node->id.type))
        dir_streams_drop(ops->streams, node);
}

/* Replies to a change that was tried. @status: 0 or -errno. */
static void reply_changed(fuse_req_t req, const struct change *change, int status)
{
    const struct gate *gate = &ops_of(req)->gate;
    struct assume_credentials who = ops_who(req);
    if (status == 0)
        gate_done(gate, &who, change);
    ops_reply_status(req, status < 0 ? gate_failed(gate, &who, change, status) : 0);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *name, enum denial_operation operation)
{
    struct ops *ops = ops_of(req);
    struct node *dir = ops_node(req, parent);
    struct assume_credentials who = ops_who(req);
    struct change change = CHANGE(operation, dir, name);
    int error = gate_apply(&ops->gate, &who, &change, policy_remove(dir, name));
    struct making making;
    if (error != 0) {
        ops_reply_status(req, error);
        return;
    }
    if (!making_open(req, &making, &change))
        return;
    int fd, status;
    struct node *node = keep_reachable(ops->tree, dir, making.held.fd, name, &fd);
    if (!making_assume(req, &making)) {
        drop_reachable(ops->tree, node, fd);
        return;
    }
    node_changes_begin(&ops->tree->removals);
    do
        status = unlinkat(making.held.fd, name, operation == DENIAL_RMDIR ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
    while (assume_again(&making.as, status));
    if (status == 0)
        ops_attributes_changed(dir);
    if (status == 0 && node != NULL) {
        bool last = was_last_name(node, fd);
        node_lost_name(ops->tree->table, node, dir, name, last, g_steal_fd(&fd));
        forget_removed(ops, node);
    }
    node_changes_end(&ops->tree->removals);
    drop_reachable(ops->tree, node, fd);
    tree_let_go(ops->tree, &making.held);
    reply_changed(req, &change, status);
}

void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    remove_name(req, parent, name, DENIAL_UNLINK);
}

void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    remove_name(req, parent, name, DENIAL_RMDIR);
}

static struct policy_verdict rename_verdict(const struct node *dir, const char *name, const struct node *new_dir,
                                            const char *new_name)
{
    struct policy_verdict verdict = policy_cross(dir, new_dir);
    if (verdict.error == 0)
        verdict = policy_remove(dir, name);
    if (verdict.error == 0)
        verdict = policy_remove(new_dir, new_name);
    return verdict;
}

void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
                unsigned int flags)
{
    struct ops *ops = ops_of(req);
    struct tree *tree = ops->tree;
    /* Looked at once: a live change in between would make two places of one directory, and EXDEV of it. */
    struct node *dir = ops_node(req, parent), *new_dir = new_parent == parent ? dir : ops_node(req, new_parent);
    struct assume_credentials who = ops_who(req);
    g_autofree char *target = absolute_path(tree, new_dir, new_name);
    struct change change = CHANGE(DENIAL_RENAME, dir, name);
    change.target = target;
    int error = gate_apply(&ops->gate, &who, &change, rename_verdict(dir, name, new_dir, new_name));
    if (error != 0) {
        ops_reply_status(req, error);
        return;
    }
    struct tree_held new_held;
    int status = tree_hold(tree, new_dir, &new_held);
    struct making making;
    if (status < 0) {
        ops_reply_status(req, status);
        return;
    }
    if (!making_open(req, &making, &change)) {
        tree_let_go(tree, &new_held);
        return;
    }
    int fd;
    struct node *moved = tree_known_child(tree, dir, making.held.fd, name);
    struct node *replaced = keep_reachable(tree, new_dir, new_held.fd, new_name, &fd);
    if (!making_assume(req, &making)) {
        drop_reachable(tree, replaced, fd);
        node_unref(tree->table, moved);
        tree_let_go(tree, &new_held);
        return;
    }
    node_changes_begin(&tree->renames);
    do
        status = renameat2(making.held.fd, name, new_held.fd, new_name, flags) < 0 ? -errno : 0;
    while (assume_again(&making.as, status));
    if (status == 0) {
        ops_attributes_changed(dir);
        ops_attributes_changed(new_dir);
    }
    /* rename(2) of two names of one file does nothing. */
    if (status == 0 && (moved == NULL || moved != replaced)) {
        if (replaced != NULL && (flags & RENAME_EXCHANGE)) {
            node_moved(tree->table, replaced, new_dir, new_name, dir, name);
        } else if (replaced != NULL) {
            bool last = was_last_name(replaced, fd);
            node_lost_name(tree->table, replaced, new_dir, new_name, last, g_steal_fd(&fd));
            forget_removed(ops, replaced);
        }
        if (moved != NULL)
            node_moved(tree->table, moved, dir, name, new_dir, new_name);
    }
    node_changes_end(&tree->renames);
    drop_reachable(tree, replaced, fd);
    node_unref(tree->table, moved);
    tree_let_go(tree, &new_held);
    tree_let_go(tree, &making.held);
    reply_changed(req, &change, status);
}
