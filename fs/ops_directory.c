/*
 * Operations on open directories.
 *
 * A directory of the image is listed once, when it is first read, and its names are counted from 0: "." is entry 0, ".." is
 * entry 1, and the offset of an entry is one more than its number, so that telldir(3) and seekdir(3) work and mean the
 * same in every open directory. In a route the backing file system's own offsets are passed on.
 */
#include "ops_private.h"

#include "beneath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#define GETDENTS_SIZE 32768

/* What readdir tells of a name. */
struct shown_name {
    const char *name;
    uint64_t ino;
    uint8_t type;
};

/* The names of an image's or made directory: what its listing and the grafts make. They never change, and one listing is
 * enough for everybody who has the directory open. */
struct shown_list {
    struct node_shared shared;
    struct union_listing *listing; /* owned; NULL in a made directory */
    size_t n_names;
    struct shown_name names[];
};

struct ops_directory {
    struct node_open open;   /* listed with the node */
    int fd;                  /* route: the backing directory; image: the topmost layer's, opened when asked for */
    struct shown_list *list; /* image, made: a ref; NULL until it is read */
    char *buffer;            /* route: entries as the kernel gave them */
    size_t filled, used;     /* route: bytes in the buffer, and how many were handed out */
    off_t position;          /* route: offset of the next entry in the buffer */
};

static struct ops_directory *directory_of(const struct fuse_file_info *fi)
{
    return (struct ops_directory *)(uintptr_t)fi->fh;
}

static void list_free(struct shown_list *list)
{
    union_listing_free(list->listing);
    g_free(list);
}

static void directory_close(struct ops_directory *directory)
{
    if (directory->fd >= 0)
        close(directory->fd);
    g_free(directory->buffer);
    g_free(directory);
}

static void directory_free(struct node_table *table, struct node *node, struct ops_directory *directory)
{
    node_closed(table, node, &directory->open);
    if (directory->list != NULL && node_shared_put(table, node, &directory->list->shared))
        list_free(directory->list);
    directory_close(directory);
}

/* At the end of the table, which has only one thread and needs no lock. */
static void release_left(struct node_open *open)
{
    struct ops_directory *directory = (struct ops_directory *)((char *)open - offsetof(struct ops_directory, open));
    if (directory->list != NULL && --directory->list->shared.refs == 0)
        list_free(directory->list);
    directory_close(directory);
}

/* Opens a backing directory as the caller: the kernel let him read it, the backing file system is asked again. */
static int open_route_directory(fuse_req_t req, struct node *node)
{
    struct ops *ops = ops_of(req);
    struct assume_credentials who = ops_who(req);
    int path_fd = tree_open(ops->tree, node);
    if (path_fd < 0)
        return path_fd;
    struct assume as;
    int fd = assume_begin(&as, &ops->power, &who, path_fd, -1, false);
    if (fd == -EPERM)
        fd = beneath_reopen(path_fd, O_RDONLY | O_DIRECTORY);
    else
        do
            fd = beneath_reopen(path_fd, O_RDONLY | O_DIRECTORY);
        while (assume_again(&as, fd));
    close(path_fd);
    return fd;
}

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct node *node = ops_node(req, ino);
    int fd = node->id.kind == NODE_ROUTE ? open_route_directory(req, node) : -1;
    if (fd < 0 && node->id.kind == NODE_ROUTE) {
        ops_reply_status(req, fd);
        return;
    }
    struct ops_directory *directory = g_new0(struct ops_directory, 1);
    directory->fd = fd;
    directory->open = (struct node_open){.fd = fd, .release = release_left};
    if (node->id.kind == NODE_ROUTE) {
        directory->buffer = g_malloc(GETDENTS_SIZE);
    } else {
        fi->cache_readdir = 1;
        fi->keep_cache = 1;
    }
    node_opened(ops_of(req)->tree->table, node, &directory->open);
    fi->fh = (uint64_t)(uintptr_t)directory;
    if (fuse_reply_open(req, fi) < 0)
        directory_free(ops_of(req)->tree->table, node, directory);
}

void ops_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    directory_free(ops_of(req)->tree->table, ops_node(req, ino), directory_of(fi));
    fuse_reply_err(req, 0);
}

void ops_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    int status = 0;
    if (ops_node(req, ino)->id.kind == NODE_ROUTE) {
        int fd = directory_of(fi)->fd;
        status = (datasync ? fdatasync(fd) : fsync(fd)) < 0 ? -errno : 0;
    }
    ops_reply_status(req, status);
}

int ops_directory_fd(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi)
{
    struct ops_directory *directory = directory_of(fi);
    struct node *node = ops_node(req, ino);
    if (directory->fd < 0 && node->id.kind == NODE_IMAGE)
        directory->fd = tree_open(ops_of(req)->tree, node);
    return directory->fd;
}

static void add_name(struct shown_list *list, const char *name, uint64_t ino, uint8_t type)
{
    list->names[list->n_names++] = (struct shown_name){.name = name, .ino = ino, .type = type};
}

/* Lists an image's or a made directory. Returns 0 or -errno. */
static int list_names(struct tree *tree, struct node *node, struct shown_list **ret)
{
    struct union_listing *listing = NULL;
    if (node->id.kind == NODE_IMAGE) {
        g_autofree char *path = tree_image_path(tree, node);
        int status = union_list(tree->stack, path, node->id.layers, node->id.n_layers, &listing);
        if (status < 0)
            return status;
    }
    size_t n_listed = listing != NULL ? listing->n_names : 0;
    struct shown_list *list = g_malloc(sizeof *list + (n_listed + node->n_grafts + 2) * sizeof list->names[0]);
    *list = (struct shown_list){.shared = {.refs = 1}, .listing = listing};
    add_name(list, ".", node->id.shown, DT_DIR);
    add_name(list, "..", node_parent_number(tree->table, node), DT_DIR);
    for (size_t i = 0; i < n_listed; i++) {
        const struct union_name *name = &listing->names[i];
        if (node_find_graft(node, name->name) == NULL)
            add_name(list, name->name, tree_image_number(tree, name->layer, name->dev, name->ino, name->type == DT_DIR),
                     name->type);
    }
    for (size_t i = 0; i < node->n_grafts; i++)
        add_name(list, node->grafts[i]->name, node->grafts[i]->id.shown, (uint8_t)IFTODT(node->grafts[i]->id.type));
    *ret = list;
    return 0;
}

/* The listing that all share, made by whoever reads first. Returns 0 or -errno. */
static int get_list(struct tree *tree, struct node *node, struct ops_directory *directory)
{
    struct shown_list *mine;
    directory->list = (struct shown_list *)node_shared_get(tree->table, node);
    if (directory->list != NULL)
        return 0;
    int status = list_names(tree, node, &mine);
    if (status < 0)
        return status;
    directory->list = (struct shown_list *)node_shared_set(tree->table, node, &mine->shared);
    if (directory->list != mine)
        list_free(mine);
    return 0;
}

/* A reply to READDIR or READDIRPLUS while it is put together. */
struct filling {
    fuse_req_t req;
    struct node *node; /* the directory */
    bool plus;
    char *buffer;
    size_t size, used;
    GPtrArray *
        claimed; /* nodes that the reply tells the kernel of, each with a look-up and a ref of ours; NULL unless plus */
};

/*
 * Adds one entry. Returns 1 when there was no room for it, 0, or -errno.
 * @look_up: readdirplus may say all about it; for names that are not cached that would be work for nothing, and a zero
 * node number tells the kernel that there is nothing to link.
 */
static int fill(struct filling *filling, const struct shown_name *shown, off_t next, bool look_up)
{
    struct fuse_entry_param entry = {.attr = {.st_ino = shown->ino, .st_mode = (mode_t)DTTOIF(shown->type)}};
    char *at = filling->buffer + filling->used;
    size_t room = filling->size - filling->used, needed;
    if (!filling->plus) {
        needed = fuse_add_direntry(filling->req, at, room, shown->name, &entry.attr, next);
    } else {
        struct tree *tree = ops_of(filling->req)->tree;
        struct node *node = NULL;
        struct stat st;
        /* Is there room at all? The claim must not be made for an entry that is not sent. */
        needed = fuse_add_direntry_plus(filling->req, NULL, 0, shown->name, NULL, 0);
        if (needed > room)
            return 1;
        if (look_up) {
            int status = tree_lookup(tree, filling->node, shown->name, &node, &st);
            if (status < 0 && status != -ENOENT)
                return status;
            if (status == 0) {
                ops_fill_entry(tree, node, &st, &entry);
                node_looked_up(tree->table, node);
                g_ptr_array_add(filling->claimed, node);
            }
        }
        needed = fuse_add_direntry_plus(filling->req, at, room, shown->name, &entry, next);
    }
    if (needed > room)
        return 1;
    filling->used += needed;
    return 0;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int fill_from_names(struct filling *filling, struct ops_directory *directory, off_t offset)
{
    int status = 0;
    if (directory->list == NULL)
        status = get_list(ops_of(filling->req)->tree, filling->node, directory);
    for (uint64_t i = (uint64_t)offset; status == 0 && i < directory->list->n_names; i++) {
        const struct shown_name *shown = &directory->list->names[i];
        status = fill(filling, shown, (off_t)i + 1, !is_dot(shown->name));
    }
    return status;
}

/* The kernel's getdents64 record. */
struct raw_entry {
    uint64_t ino;
    int64_t next;
    uint16_t length;
    uint8_t type;
    char name[];
};

/* What a backing directory's entry is inside the mount. */
static struct shown_name show_raw(struct filling *filling, const struct raw_entry *raw, dev_t dev)
{
    struct tree *tree = ops_of(filling->req)->tree;
    const struct node *node = filling->node, *graft = node_find_graft(node, raw->name);
    struct shown_name shown = {.name = raw->name, .type = raw->type};
    if (graft != NULL) {
        shown.ino = graft->id.shown;
        shown.type = (uint8_t)IFTODT(graft->id.type);
    } else if (strcmp(raw->name, ".") == 0) {
        shown.ino = node->id.shown;
    } else if (strcmp(raw->name, "..") == 0) {
        shown.ino = node_parent_number(tree->table, node);
    } else {
        shown.ino = tree_route_number(tree, node->id.route, dev, raw->ino);
    }
    return shown;
}

static int fill_from_backing(struct filling *filling, struct ops_directory *directory, off_t offset)
{
    struct stat st;
    if (fstat(directory->fd, &st) < 0)
        return -errno;
    if (offset != directory->position || offset == 0) {
        if (lseek(directory->fd, offset, SEEK_SET) < 0)
            return -errno;
        directory->filled = directory->used = 0;
        directory->position = offset;
    }
    for (;;) {
        if (directory->used == directory->filled) {
            long length = syscall(SYS_getdents64, directory->fd, directory->buffer, GETDENTS_SIZE);
            if (length < 0)
                return -errno;
            if (length == 0)
                return 0;
            directory->filled = (size_t)length;
            directory->used = 0;
        }
        const struct raw_entry *raw = (const void *)(directory->buffer + directory->used);
        struct shown_name shown = show_raw(filling, raw, st.st_dev);
        int status = fill(filling, &shown, raw->next, !is_dot(raw->name) && !ops_is_shared(filling->node));
        if (status != 0)
            return status;
        directory->used += raw->length;
        directory->position = raw->next;
    }
}

static void read_directory(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi,
                           bool plus)
{
    struct node_table *table = ops_of(req)->tree->table;
    struct ops_directory *directory = directory_of(fi);
    struct filling filling = {
        .req = req,
        .node = ops_node(req, ino),
        .plus = plus,
        .buffer = g_malloc(size),
        .size = size,
        .claimed = plus ? g_ptr_array_new() : NULL,
    };
    int status = filling.node->id.kind == NODE_ROUTE ? fill_from_backing(&filling, directory, offset)
                                                     : fill_from_names(&filling, directory, offset);
    bool told;
    /* What was found before an error is told; the error comes again with the next call. */
    if (status < 0 && filling.used == 0) {
        ops_reply_status(req, status);
        told = false;
    } else {
        told = fuse_reply_buf(req, filling.buffer, filling.used) == 0;
    }
    for (guint i = 0; plus && i < filling.claimed->len; i++) {
        struct node *node = g_ptr_array_index(filling.claimed, i);
        if (!told)
            node_forget(table, node, 1);
        node_unref(table, node);
    }
    if (plus)
        g_ptr_array_free(filling.claimed, TRUE);
    g_free(filling.buffer);
}

void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    read_directory(req, ino, size, offset, fi, false);
}

void ops_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    read_directory(req, ino, size, offset, fi, true);
}
