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

struct ops_directory {
    int fd;                        /* route: the backing directory; image: the topmost layer's, opened when asked for */
    struct union_listing *listing; /* image: NULL until it is read */
    GPtrArray *names;              /* image, made: struct shown_name, owned; what the listing and the grafts make */
    char *buffer;                  /* route: entries as the kernel gave them */
    size_t filled, used;           /* route: bytes in the buffer, and how many were handed out */
    off_t position;                /* route: offset of the next entry in the buffer */
};

/* What readdir tells of a name. */
struct shown_name {
    const char *name;
    uint64_t ino;
    uint8_t type;
};

static struct ops_directory *directory_of(const struct fuse_file_info *fi)
{
    return (struct ops_directory *)(uintptr_t)fi->fh;
}

static void directory_free(struct ops_directory *directory)
{
    if (directory->fd >= 0)
        close(directory->fd);
    union_listing_free(directory->listing);
    if (directory->names != NULL)
        g_ptr_array_free(directory->names, TRUE);
    g_free(directory->buffer);
    g_free(directory);
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
    struct ops_directory *directory = g_new0(struct ops_directory, 1);
    directory->fd = -1;
    if (node->id.kind == NODE_ROUTE) {
        directory->fd = open_route_directory(req, node);
        if (directory->fd < 0) {
            ops_reply_status(req, directory->fd);
            directory_free(directory);
            return;
        }
        directory->buffer = g_malloc(GETDENTS_SIZE);
    } else {
        fi->cache_readdir = 1;
        fi->keep_cache = 1;
    }
    fi->fh = (uint64_t)(uintptr_t)directory;
    if (fuse_reply_open(req, fi) < 0)
        directory_free(directory);
}

void ops_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    directory_free(directory_of(fi));
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

static void add_name(GPtrArray *names, const char *name, uint64_t ino, uint8_t type)
{
    struct shown_name *shown = g_new(struct shown_name, 1);
    *shown = (struct shown_name){.name = name, .ino = ino, .type = type};
    g_ptr_array_add(names, shown);
}

/* Lists an image's or a made directory. Returns 0 or -errno. */
static int list_names(struct tree *tree, struct node *node, struct ops_directory *directory)
{
    if (node->id.kind == NODE_IMAGE) {
        g_autofree char *path = tree_image_path(tree, node);
        int status = union_list(tree->stack, path, node->id.layers, node->id.n_layers, &directory->listing);
        if (status < 0)
            return status;
    }
    size_t n_names = directory->listing != NULL ? directory->listing->n_names : 0;
    GPtrArray *names = g_ptr_array_new_full((guint)(n_names + node->n_grafts + 2), g_free);
    add_name(names, ".", node->id.shown, DT_DIR);
    add_name(names, "..", node_parent_number(tree->table, node), DT_DIR);
    for (size_t i = 0; i < n_names; i++) {
        const struct union_name *name = &directory->listing->names[i];
        if (node_find_graft(node, name->name) == NULL)
            add_name(names, name->name,
                     tree_image_number(tree, name->layer, name->dev, name->ino, name->type == DT_DIR), name->type);
    }
    for (size_t i = 0; i < node->n_grafts; i++)
        add_name(names, node->grafts[i]->name, node->grafts[i]->id.shown, (uint8_t)IFTODT(node->grafts[i]->id.type));
    directory->names = names;
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
    if (directory->names == NULL)
        status = list_names(ops_of(filling->req)->tree, filling->node, directory);
    for (guint i = (guint)offset; status == 0 && i < directory->names->len; i++) {
        const struct shown_name *shown = g_ptr_array_index(directory->names, i);
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
