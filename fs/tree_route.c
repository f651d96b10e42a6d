/*
 * Nodes of routes: found again by their names in a backing directory that others may change at any time.
 */
#include "tree_private.h"

#include "backing.h"
#include "beneath.h"
#include "numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A rename of a parent lets a look-up by path fail; it takes microseconds, so this many tries end far beyond it. */
#define RENAME_TRIES 10000
#define LOOKUP_TRIES 200

uint64_t tree_route_number(struct tree *tree, const struct route *route, dev_t dev, uint64_t ino)
{
    return numbers_shown(tree->numbers, numbers_space(tree->numbers, NUMBERS_ROUTE + route->index, dev), ino);
}

/* The inode of a file of a route, as the kernel tells it. Returns 0 or -errno. */
static int route_identity(struct tree *tree, struct route *route, int dir_fd, const char *name,
                          struct node_identity *ret, struct stat *ret_st)
{
    struct statx stx;
    /* Not our own mount: the child may be where we are mounted ourselves, and asking for it would wait for us. */
    if (name[0] != '\0' && !route->own_mount) {
        int fd = beneath_open(dir_fd, name, O_PATH, true);
        if (fd < 0)
            return fd == -EXDEV ? -ELOOP : fd;
        int status = route_identity(tree, route, fd, "", ret, ret_st);
        close(fd);
        return status;
    }
    int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name[0] == '\0' ? AT_EMPTY_PATH : 0);
    if (statx(dir_fd, name, flags, STATX_BASIC_STATS | STATX_BTIME, &stx) < 0)
        return -errno;
    *ret_st = (struct stat){
        .st_dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
        .st_ino = stx.stx_ino,
        .st_mode = stx.stx_mode,
        .st_nlink = stx.stx_nlink,
        .st_uid = stx.stx_uid,
        .st_gid = stx.stx_gid,
        .st_rdev = makedev(stx.stx_rdev_major, stx.stx_rdev_minor),
        .st_size = (off_t)stx.stx_size,
        .st_blksize = (blksize_t)stx.stx_blksize,
        .st_blocks = (blkcnt_t)stx.stx_blocks,
        .st_atim = {.tv_sec = stx.stx_atime.tv_sec, .tv_nsec = stx.stx_atime.tv_nsec},
        .st_mtim = {.tv_sec = stx.stx_mtime.tv_sec, .tv_nsec = stx.stx_mtime.tv_nsec},
        .st_ctim = {.tv_sec = stx.stx_ctime.tv_sec, .tv_nsec = stx.stx_ctime.tv_nsec},
    };
    *ret = (struct node_identity){
        .kind = NODE_ROUTE,
        .space = numbers_space(tree->numbers, NUMBERS_ROUTE + route->index, ret_st->st_dev),
        .ino = stx.stx_ino,
        .type = stx.stx_mode & S_IFMT,
        .has_links = stx.stx_nlink > 1 && !S_ISDIR(stx.stx_mode),
        .by_place = route->is_learn,
        .route = route,
    };
    if ((stx.stx_mask & STATX_BTIME) && !route->no_birth)
        ret->birth = (struct timespec){.tv_sec = stx.stx_btime.tv_sec, .tv_nsec = stx.stx_btime.tv_nsec};
    ret->shown = numbers_shown(tree->numbers, ret->space, ret->ino);
    ret_st->st_ino = ret->shown;
    return 0;
}

static bool is_same(const struct node *node, const struct node_identity *identity)
{
    return node->id.space == identity->space && node->id.ino == identity->ino && node->id.type == identity->type &&
           node->id.birth.tv_sec == identity->birth.tv_sec && node->id.birth.tv_nsec == identity->birth.tv_nsec;
}

/*
 * One try to reach a route's node by the name it goes by.
 * @ret_certain: false where only that name says that it is the node, which holds if nobody changed names meanwhile.
 */
static int open_by_name(struct tree *tree, const struct node *node, bool *ret_certain)
{
    g_autofree char *path = NULL;
    int status = node_inner_path(tree->table, node, &path);
    if (status < 0)
        return status;
    int fd = beneath_open(node->id.route->root_fd, path, O_PATH, !node->id.route->own_mount);
    if (fd < 0)
        return fd == -ENOENT || fd == -ELOOP || fd == -ENOTDIR ? -ESTALE : fd;
    struct node_identity found;
    struct stat st;
    status = route_identity(tree, node->id.route, fd, "", &found, &st);
    *ret_certain = status == 0 && is_same(node, &found);
    if (status == 0 && !*ret_certain && !(node->id.by_place && found.type == node->id.type))
        status = -ESTALE; /* another file has the name by now; never serve it as this one */
    if (status < 0) {
        close(fd);
        return status;
    }
    return fd;
}

/* One try to reach it by any of its names. */
static int open_by_path(struct tree *tree, struct node *node, bool *ret_certain)
{
    int fd = open_by_name(tree, node, ret_certain);
    for (size_t i = 1; fd == -ESTALE && i < node_next_place(tree->table, node); i++)
        fd = open_by_name(tree, node, ret_certain);
    return fd;
}

int tree_open_route(struct tree *tree, struct node *node)
{
    /* Somebody who has the file open spares the way by its name; what it is called by now does not matter then. */
    int fd = node_open_copy(tree->table, node);
    if (fd >= 0)
        return fd;
    for (int i = 0; i < RENAME_TRIES; i++) {
        unsigned renames, removals;
        bool quiet = node_changes_quiet(&tree->renames, &renames);
        quiet = node_changes_quiet(&tree->removals, &removals) && quiet;
        bool certain = true;
        fd = node_held(tree->table, node);
        if (fd == -ENOENT)
            fd = open_by_path(tree, node, &certain);
        /* A name that is being changed just now is found at the next try, and a file that loses its last is held then. */
        if ((fd != -ESTALE && (certain || fd < 0)) || (quiet && node_changes_none_since(&tree->renames, renames) &&
                                                       node_changes_none_since(&tree->removals, removals)))
            break;
        if (fd >= 0)
            close(fd);
        fd = -ESTALE;
        sched_yield();
    }
    return fd == -ENOENT ? -ESTALE : fd;
}

/*
 * By its name in its parent's directory, which is kept open: one system call. False where that does not lead to this file,
 * be it that the name is just being changed.
 */
static bool stat_by_name(struct tree *tree, struct node *node, struct stat *ret)
{
    struct node *parent;
    struct tree_held held;
    struct node_identity found;
    char name[NODE_NAME_SIZE];
    if (!node->id.route->own_mount || S_ISDIR(node->id.type) || !node_place(tree->table, node, &parent, name))
        return false;
    bool is_found = false;
    if (parent->id.kind == NODE_ROUTE && parent->id.route == node->id.route && tree_hold(tree, parent, &held) == 0) {
        is_found = route_identity(tree, node->id.route, held.fd, name, &found, ret) == 0 && is_same(node, &found);
        tree_let_go(tree, &held);
    }
    node_unref(tree->table, parent);
    return is_found;
}

int tree_stat_route(struct tree *tree, struct node *node, struct stat *ret)
{
    struct tree_held held;
    struct node_identity identity;
    if (stat_by_name(tree, node, ret))
        return 0;
    int status = tree_hold(tree, node, &held);
    if (status < 0)
        return status;
    status = route_identity(tree, node->id.route, held.fd, "", &identity, ret);
    ret->st_ino = node->id.shown;
    tree_let_go(tree, &held);
    if (status == 0 && ret->st_nlink == 0)
        tree_removed(tree, node); /* by the host */
    return status;
}

/* The node that has this name already, unless names were changed since. A ref, or NULL. */
static struct node *known_by_place(struct tree *tree, const struct node_identity *found, const struct node *parent,
                                   const char *name, unsigned renames, unsigned removals)
{
    struct node *node = node_at(tree->table, parent, name);
    if (node != NULL && node->id.type == found->type && node_changes_none_since(&tree->renames, renames) &&
        node_changes_none_since(&tree->removals, removals))
        return node;
    node_unref(tree->table, node);
    return NULL;
}

int tree_lookup_route(struct tree *tree, struct node *parent, const char *name, struct node **ret_node,
                      struct stat *ret_st)
{
    struct node_identity identity;
    for (int i = 0; i < LOOKUP_TRIES; i++) {
        unsigned renames, removals;
        bool quiet = node_changes_quiet(&tree->renames, &renames);
        bool none_removed = node_changes_quiet(&tree->removals, &removals);
        struct tree_held held;
        int status = tree_hold(tree, parent, &held);
        if (status < 0)
            return status;
        status = route_identity(tree, parent->id.route, held.fd, name, &identity, ret_st);
        tree_let_go(tree, &held);
        if (status < 0)
            return status;
        /* The kernel looks cached names up again without a lock on the directory, so that the name may have been changed
         * between finding the file and noting where it was found. A removal matters where other names are left. */
        if (ret_st->st_nlink > 1 && !S_ISDIR(ret_st->st_mode))
            quiet = quiet && none_removed && node_changes_none_since(&tree->removals, removals);
        *ret_node = NULL;
        if (quiet && identity.by_place && none_removed)
            *ret_node = known_by_place(tree, &identity, parent, name, renames, removals);
        if (*ret_node != NULL)
            ret_st->st_ino = (*ret_node)->id.shown;
        else if (quiet)
            *ret_node = node_get_unless(tree->table, &identity, parent, name, &tree->renames, renames);
        if (quiet && *ret_node != NULL)
            return 0;
        sched_yield();
    }
    /* Something slow is under way, perhaps elsewhere; a place that turns out to be wrong is found again by looking. */
    *ret_node = node_get(tree->table, &identity, parent, name);
    return 0;
}

int tree_adopt(struct tree *tree, struct route *route, int fd, struct node *parent, const char *name,
               struct node **ret_node, struct stat *ret_st)
{
    struct node_identity identity;
    int status = route_identity(tree, route, fd, "", &identity, ret_st);
    if (status == 0)
        *ret_node = node_get(tree->table, &identity, parent, name);
    return status;
}

struct node *tree_known_child(struct tree *tree, const struct node *parent, int dir_fd, const char *name)
{
    struct node_identity identity;
    struct stat st;
    struct node *node = parent->id.by_place ? node_at(tree->table, parent, name) : NULL;
    if (node != NULL)
        return node;
    if (route_identity(tree, parent->id.route, dir_fd, name, &identity, &st) < 0)
        return NULL;
    return node_find(tree->table, &identity);
}
