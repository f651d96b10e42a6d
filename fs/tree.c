#include "tree.h"

#include "backing.h"
#include "beneath.h"
#include "cache.h"
#include "numbers.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A rename of a parent lets a look-up by path fail; it takes microseconds, so this many tries end far beyond it. */
#define RENAME_TRIES 10000
#define LOOKUP_TRIES 200

/*
 * In a directory of several layers a name is looked for in each of them; from so many looks on, the listing of all of them
 * is the cheaper way, which answers all the later ones.
 */
#define PROBES_MAX 64

/* Names in the listings that are kept, some hundred bytes each. */
#define LISTED_NAMES 20000

static void free_listing(void *listing)
{
    union_listing_free(listing);
}

int tree_new(const char *const *layers, size_t n_layers, size_t n_fds, struct tree **ret, char **ret_why)
{
    struct union_stack *stack;
    int status = union_open(layers, n_layers, n_fds, &stack, ret_why);
    if (status < 0)
        return status;
    struct tree *tree = g_new0(struct tree, 1);
    tree->stack = stack;
    tree->table = node_table_new();
    tree->numbers = numbers_new();
    tree->listings = cache_new(LISTED_NAMES, free_listing);
    tree->fds = cache_new_fds(n_fds);
    clock_gettime(CLOCK_REALTIME, &tree->made_time);

    struct node_identity identity = {.kind = NODE_MADE, .type = S_IFDIR, .made_mode = 0755};
    struct union_entry entry = {0};
    if (n_layers > 0) {
        status = union_root(stack, &entry);
        if (status < 0) {
            *ret_why = g_strdup_printf("layer %s: %s", layers[n_layers - 1], g_strerror(-status));
            tree_free(tree);
            return status;
        }
        identity = (struct node_identity){
            .kind = NODE_IMAGE,
            .type = S_IFDIR,
            .ino = entry.st.st_ino,
            .space = numbers_space(tree->numbers, NUMBERS_LAYER + entry.layers[0], entry.st.st_dev),
            .layers = entry.layers,
            .n_layers = entry.n_layers,
            .has_xattrs = entry.has_xattrs,
        };
    } else {
        identity.space = numbers_space(tree->numbers, NUMBERS_MADE, 0);
        identity.ino = ++tree->n_made;
    }
    identity.shown = numbers_shown(tree->numbers, identity.space, identity.ino);
    tree->root = node_get(tree->table, &identity, NULL, NULL);
    union_entry_clear(&entry);
    *ret = tree;
    return 0;
}

void tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    node_table_free(tree->table);
    for (size_t i = 0; i < tree->n_routes; i++)
        backing_close(tree->routes[i]);
    g_free(tree->routes);
    cache_free(tree->listings);
    cache_free(tree->fds);
    numbers_free(tree->numbers);
    union_free(tree->stack);
    g_free(tree);
}

uint64_t tree_route_number(struct tree *tree, const struct route *route, dev_t dev, uint64_t ino)
{
    return numbers_shown(tree->numbers, numbers_space(tree->numbers, NUMBERS_ROUTE + route->index, dev), ino);
}

/* A directory is one place in the union; a file that two layers share is one file. */
static uint32_t image_space(struct tree *tree, uint16_t layer, dev_t dev, bool is_dir)
{
    return numbers_space(tree->numbers, is_dir ? NUMBERS_LAYER + layer : NUMBERS_FILES, dev);
}

uint64_t tree_image_number(struct tree *tree, uint16_t layer, dev_t dev, uint64_t ino, bool is_dir)
{
    return numbers_shown(tree->numbers, image_space(tree, layer, dev, is_dir), ino);
}

/* A directory of the image, for union.h's functions; path is owned by the caller. */
static struct union_dir image_dir(struct tree *tree, const struct node *node, char **ret_path)
{
    *ret_path = node_path(tree->table, node);
    return (struct union_dir){
        .path = *ret_path, .layers = node->id.layers, .n_layers = node->id.n_layers, .number = node->id.shown};
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

static struct cache_key key_of(const struct node *node)
{
    return (struct cache_key){.number = node->id.shown};
}

/* One try to reach a route's node by the name it goes by. */
static int open_by_name(struct tree *tree, const struct node *node)
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
    if (status == 0 && !is_same(node, &found))
        status = -ESTALE; /* another file has the name by now; never serve it as this one */
    if (status < 0) {
        close(fd);
        return status;
    }
    return fd;
}

/* One try to reach it by any of its names. */
static int open_by_path(struct tree *tree, struct node *node)
{
    int fd = open_by_name(tree, node);
    for (size_t i = 1; fd == -ESTALE && i < node_next_place(tree->table, node); i++)
        fd = open_by_name(tree, node);
    return fd;
}

static int open_route_node(struct tree *tree, struct node *node)
{
    int fd = -ESTALE;
    for (int i = 0; i < RENAME_TRIES; i++) {
        unsigned renames, removals;
        bool quiet = node_changes_quiet(&tree->renames, &renames);
        quiet = node_changes_quiet(&tree->removals, &removals) && quiet;
        fd = node_held(tree->table, node);
        if (fd == -ENOENT)
            fd = open_by_path(tree, node);
        /* A name that is being changed just now is found at the next try, and a file that loses its last is held then. */
        if (fd != -ESTALE || (quiet && node_changes_none_since(&tree->renames, renames) &&
                              node_changes_none_since(&tree->removals, removals)))
            break;
        sched_yield();
    }
    /* A name that was changed from outside. */
    if (fd == -ESTALE)
        fd = node_open_copy(tree->table, node);
    return fd == -ENOENT ? -ESTALE : fd;
}

int tree_open(struct tree *tree, struct node *node)
{
    switch (node->id.kind) {
    case NODE_ROUTE: {
        /* Of a directory that is kept, a duplicate. */
        struct cache_entry *entry = S_ISDIR(node->id.type) ? cache_get(tree->fds, key_of(node)) : NULL;
        if (entry == NULL)
            return open_route_node(tree, node);
        int fd = fcntl(cache_fd(entry), F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            fd = -errno;
        cache_release(tree->fds, entry);
        return fd;
    }
    case NODE_IMAGE: {
        g_autofree char *path = node_path(tree->table, node);
        return union_open_file(tree->stack, path, node->id.layers[0], S_ISDIR(node->id.type) ? O_DIRECTORY : 0);
    }
    case NODE_MADE:
        break;
    }
    return -ENXIO;
}

/* What is asked for again and again: directories of routes, in which names are changed, and files of the image, from which
 * is read without their having been opened. */
static bool is_kept(const struct node *node)
{
    return S_ISDIR(node->id.type) ? node->id.kind == NODE_ROUTE : node->id.kind == NODE_IMAGE;
}

int tree_hold(struct tree *tree, struct node *node, struct tree_held *ret)
{
    *ret = (struct tree_held){.fd = -1};
    if (is_kept(node))
        ret->entry = cache_get(tree->fds, key_of(node));
    if (ret->entry == NULL) {
        int fd = node->id.kind == NODE_ROUTE ? open_route_node(tree, node) : tree_open(tree, node);
        if (fd < 0)
            return fd;
        if (is_kept(node)) {
            ret->entry = cache_put_fd(tree->fds, key_of(node), fd);
            /* Removed meanwhile, or before, and somebody is still in it: not to be kept any longer than he is. */
            if (node_is_gone(tree->table, node))
                cache_drop(tree->fds, key_of(node));
        } else {
            ret->fd = fd;
        }
    }
    if (ret->entry != NULL)
        ret->fd = cache_fd(ret->entry);
    return 0;
}

void tree_let_go(struct tree *tree, const struct tree_held *held)
{
    if (held->entry != NULL)
        cache_release(tree->fds, held->entry);
    else if (held->fd >= 0 && !held->is_borrowed)
        close(held->fd);
}

void tree_removed(struct tree *tree, const struct node *node)
{
    cache_drop(tree->fds, key_of(node));
}

int tree_list(struct tree *tree, struct node *node, const struct union_listing **ret, struct cache_entry **ret_entry)
{
    *ret = NULL;
    *ret_entry = NULL;
    if (node->id.kind != NODE_IMAGE)
        return 0;
    *ret_entry = cache_get(tree->listings, key_of(node));
    if (*ret_entry == NULL) {
        g_autofree char *path = NULL;
        struct union_dir dir = image_dir(tree, node, &path);
        struct union_listing *listing;
        int status = union_list(tree->stack, &dir, &listing);
        if (status < 0)
            return status;
        *ret_entry = cache_put(tree->listings, key_of(node), listing, listing->n_names + 1);
    }
    *ret = cache_object(*ret_entry);
    return 0;
}

void tree_list_done(struct tree *tree, struct cache_entry *entry)
{
    cache_release(tree->listings, entry);
}

static void made_stat(const struct tree *tree, const struct node *node, struct stat *ret)
{
    *ret = (struct stat){
        .st_ino = node->id.shown,
        .st_mode = node->id.type | node->id.made_mode,
        .st_nlink = S_ISDIR(node->id.type) ? 2 : 1,
        .st_size = node->id.made_text != NULL ? (off_t)strlen(node->id.made_text) : 0,
        .st_blksize = 4096,
        .st_atim = tree->made_time,
        .st_mtim = tree->made_time,
        .st_ctim = tree->made_time,
    };
}

static int image_stat(struct tree *tree, struct node *node, struct stat *ret)
{
    struct node *parent;
    char name[NODE_NAME_SIZE];
    g_autofree char *path = NULL;
    int status;
    if (node_place(tree->table, node, &parent, name)) {
        /* A graft can lie in an image's directory, but an image's node only in one. */
        struct union_dir dir = image_dir(tree, parent, &path);
        status = union_stat(tree->stack, &dir, name, node->id.layers[0], node->id.n_layers, ret);
        node_unref(tree->table, parent);
    } else {
        struct union_dir dir = image_dir(tree, node, &path);
        status = union_stat(tree->stack, &dir, "", node->id.layers[0], node->id.n_layers, ret);
    }
    ret->st_ino = node->id.shown;
    return status;
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

int tree_stat(struct tree *tree, struct node *node, struct stat *ret)
{
    int status = 0;
    switch (node->id.kind) {
    case NODE_MADE:
        made_stat(tree, node, ret);
        break;
    case NODE_IMAGE:
        status = image_stat(tree, node, ret);
        break;
    case NODE_ROUTE: {
        struct tree_held held;
        struct node_identity identity;
        if (stat_by_name(tree, node, ret))
            return 0;
        status = tree_hold(tree, node, &held);
        if (status < 0)
            return status;
        status = route_identity(tree, node->id.route, held.fd, "", &identity, ret);
        tree_let_go(tree, &held);
        break;
    }
    }
    return status;
}

/* What the union has of a name: by the directory's listing where there is one or looking has become the dearer way. */
static int find_in_union(struct tree *tree, struct node *parent, const char *name, struct union_entry *ret)
{
    g_autofree char *path = NULL;
    struct union_dir dir = image_dir(tree, parent, &path);
    struct cache_entry *entry = cache_get(tree->listings, key_of(parent));
    const struct union_listing *listing = entry != NULL ? cache_object(entry) : NULL;
    if (listing == NULL && parent->id.n_layers > 1 &&
        atomic_fetch_add(&parent->n_probes, 1) * parent->id.n_layers >= PROBES_MAX) {
        atomic_store(&parent->n_probes, 0);
        int status = tree_list(tree, parent, &listing, &entry);
        if (status < 0)
            return status;
    }
    if (listing == NULL)
        return union_lookup(tree->stack, &dir, name, ret);
    const struct union_name *listed = union_listing_find(listing, name);
    int status = listed == NULL ? -ENOENT : union_lookup_listed(tree->stack, &dir, listing, listed, ret);
    tree_list_done(tree, entry);
    return status;
}

static int lookup_image(struct tree *tree, struct node *parent, const char *name, struct node **ret_node,
                        struct stat *ret_st)
{
    struct union_entry entry;
    int status = find_in_union(tree, parent, name, &entry);
    if (status < 0)
        return status;
    struct node_identity identity = {
        .kind = NODE_IMAGE,
        .space = image_space(tree, entry.layers[0], entry.st.st_dev, S_ISDIR(entry.st.st_mode)),
        .ino = entry.st.st_ino,
        .type = entry.st.st_mode & S_IFMT,
        .layers = entry.layers,
        .n_layers = entry.n_layers,
        .has_xattrs = entry.has_xattrs,
        .size_bits = (uint8_t)g_bit_storage((gulong)entry.st.st_size),
    };
    identity.shown = numbers_shown(tree->numbers, identity.space, identity.ino);
    *ret_st = entry.st;
    ret_st->st_ino = identity.shown;
    *ret_node = node_get(tree->table, &identity, parent, name);
    union_entry_clear(&entry);
    return 0;
}

static int lookup_route(struct tree *tree, struct node *parent, const char *name, struct node **ret_node,
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
        if (quiet)
            *ret_node = node_get_unless(tree->table, &identity, parent, name, &tree->renames, renames);
        if (quiet && *ret_node != NULL)
            return 0;
        sched_yield();
    }
    /* Something slow is under way, perhaps elsewhere; a place that turns out to be wrong is found again by looking. */
    *ret_node = node_get(tree->table, &identity, parent, name);
    return 0;
}

int tree_lookup(struct tree *tree, struct node *parent, const char *name, struct node **ret_node, struct stat *ret_st)
{
    if (strlen(name) > NAME_MAX)
        return -ENAMETOOLONG; /* the kernel lets FUSE names be longer than any layer's file system does */
    if (!path_is_name(name))
        return -ENOENT;
    struct node *graft = node_find_graft(parent, name);
    if (graft != NULL) {
        int status = tree_stat(tree, graft, ret_st);
        if (status == 0)
            *ret_node = node_ref(tree->table, graft);
        return status;
    }
    switch (parent->id.kind) {
    case NODE_IMAGE:
        return lookup_image(tree, parent, name, ret_node, ret_st);
    case NODE_ROUTE:
        return lookup_route(tree, parent, name, ret_node, ret_st);
    case NODE_MADE:
        break;
    }
    return -ENOENT;
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
    if (route_identity(tree, parent->id.route, dir_fd, name, &identity, &st) < 0)
        return NULL;
    return node_find(tree->table, &identity);
}

int tree_readlink(struct tree *tree, struct node *node, char **ret)
{
    if (node->id.kind == NODE_IMAGE) {
        g_autofree char *path = node_path(tree->table, node);
        return union_readlink(tree->stack, path, node->id.layers[0], ret);
    }
    if (node->id.kind == NODE_MADE) {
        *ret = g_strdup(node->id.made_text);
        return 0;
    }
    int fd = tree_open(tree, node);
    if (fd < 0)
        return fd;
    char target[PATH_MAX];
    ssize_t length = readlinkat(fd, "", target, sizeof target);
    int status = length < 0 ? -errno : 0;
    if (status == 0)
        *ret = g_strndup(target, (size_t)length);
    close(fd);
    return status;
}

ssize_t tree_getxattr(struct tree *tree, struct node *node, const char *name, void *value, size_t size)
{
    if (node->id.kind == NODE_MADE || (node->id.kind == NODE_IMAGE && !node->id.has_xattrs))
        return -ENODATA;
    if (node->id.kind == NODE_IMAGE) {
        g_autofree char *path = node_path(tree->table, node);
        return union_getxattr(tree->stack, path, node->id.layers[0], name, value, size);
    }
    int fd = tree_open(tree, node);
    if (fd < 0)
        return fd;
    struct beneath_link link;
    ssize_t length = getxattr(beneath_link_path(&link, fd), name, value, size);
    if (length < 0)
        length = -errno;
    close(fd);
    return length;
}

ssize_t tree_listxattr(struct tree *tree, struct node *node, char *names, size_t size)
{
    if (node->id.kind == NODE_MADE || (node->id.kind == NODE_IMAGE && !node->id.has_xattrs))
        return 0;
    if (node->id.kind == NODE_IMAGE) {
        g_autofree char *path = node_path(tree->table, node);
        return union_listxattr(tree->stack, path, node->id.layers[0], names, size);
    }
    int fd = tree_open(tree, node);
    if (fd < 0)
        return fd;
    struct beneath_link link;
    ssize_t length = listxattr(beneath_link_path(&link, fd), names, size);
    if (length < 0)
        length = -errno;
    close(fd);
    return length;
}

int tree_statfs(struct tree *tree, const struct node *node, struct statvfs *ret)
{
    if (node->id.kind == NODE_ROUTE)
        return fstatvfs(node->id.route->root_fd, ret) < 0 ? -errno : 0;
    if (node->id.kind == NODE_IMAGE)
        return union_statfs(tree->stack, node->id.layers[0], ret);
    if (union_n_layers(tree->stack) > 0)
        return union_statfs(tree->stack, (uint16_t)(union_n_layers(tree->stack) - 1), ret);
    *ret = (struct statvfs){.f_bsize = 4096, .f_frsize = 4096, .f_namemax = NAME_MAX};
    return 0;
}
