/*
 * Operations on directories.
 *
 * opendir(3) is answered with "no such operation": the kernel checks permissions itself (DESIGN.md decision 2) and does not
 * ask again for this connection, which saves two requests for every directory that is read. So there is no open directory
 * here; each request to read says from which offset on. The kernel then keeps the listing of every directory, and looks at
 * the directory's mtime before it uses one. Where others change a directory, that is not enough (two changes can have one
 * mtime), and the kernel is told to drop the listing when it was read to the end.
 *
 * The names of an image's directory are counted from 0: "." is entry 0, ".." is entry 1, and the offset of an entry is one
 * more than its number, so that telldir(3) and seekdir(3) work and mean the same to every reader. In a route the backing
 * file system's own offsets are passed on.
 */
#include "ops_private.h"

#include "beneath.h"
#include "dir_streams.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

/* What readdir tells of a name. */
struct shown_name {
    const char *name;
    uint64_t ino;
    uint8_t type;
};

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    (void)ino;
    (void)fi;
    ops_reply_status(req, ENOSYS);
}

int ops_open_directory(fuse_req_t req, struct node *node)
{
    struct ops *ops = ops_of(req);
    struct assume_credentials who = ops_who(req);
    int path_fd = tree_open(ops->tree, node);
    if (path_fd < 0 || node->id.kind != NODE_ROUTE)
        return path_fd;
    struct assume as;
    int fd = assume_begin(&as, &ops->power, &who, path_fd, -1, false);
    if (fd == 0)
        do
            fd = beneath_reopen(path_fd, O_RDONLY | O_DIRECTORY);
        while (assume_again(&as, fd));
    /* The kernel let him open it, perhaps as somebody else that he was then. */
    if (fd == -EPERM || fd == -EACCES)
        fd = beneath_reopen(path_fd, O_RDONLY | O_DIRECTORY);
    close(path_fd);
    return fd;
}

void ops_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
    (void)fi;
    struct node *node = ops_node(req, ino);
    int status = 0;
    if (node->id.kind == NODE_ROUTE) {
        int fd = ops_open_directory(req, node);
        status = fd < 0 ? fd : (datasync ? fdatasync(fd) : fsync(fd)) < 0 ? -errno : 0;
        if (fd >= 0)
            close(fd);
    }
    ops_reply_status(req, status);
}

/* A reply to READDIR or READDIRPLUS while it is put together. */
struct filling {
    fuse_req_t req;
    struct node *node; /* the directory */
    bool plus;
    char *buffer;
    size_t size, used;
    GPtrArray *claimed; /* numbers that the reply tells the kernel of, each with a look-up; NULL unless plus */
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
                g_ptr_array_add(filling->claimed, ops_claim_entry(tree, node, &st, &entry));
                node_unref(tree->table, node);
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

/* What entry number @at of an image's or made directory is. False where there is none, be it that a graft has taken its
 * place. */
static bool show_listed(struct tree *tree, const struct node *node, const struct union_listing *listing,
                        const struct node_grafts *grafts, size_t at, struct shown_name *ret)
{
    size_t n_listed = listing != NULL ? listing->n_names : 0;
    if (at == 0) {
        *ret = (struct shown_name){".", node->id.shown, DT_DIR};
    } else if (at == 1) {
        *ret = (struct shown_name){"..", node_parent_number(tree->table, node), DT_DIR};
    } else if (at - 2 < n_listed) {
        const struct union_name *name = &listing->names[at - 2];
        if (node_find_graft(node, name->name) != NULL)
            return false;
        uint16_t layer = listing->layers[name->layers];
        uint64_t number = tree_image_number(tree, layer, name->dev, name->ino, name->type == DT_DIR);
        *ret = (struct shown_name){name->name, number, name->type};
    } else {
        const struct node_graft *graft = &grafts->at[at - 2 - n_listed];
        if (node_find_graft(node, graft->name) != graft->node)
            return false; /* one that came later hides it */
        *ret = (struct shown_name){graft->name, graft->node->id.shown, (uint8_t)IFTODT(graft->node->id.type)};
    }
    return true;
}

static int fill_from_names(struct filling *filling, off_t offset)
{
    struct tree *tree = ops_of(filling->req)->tree;
    const struct node *node = filling->node;
    const struct union_listing *listing;
    struct cache_entry *entry;
    int status = tree_list(tree, filling->node, &listing, &entry);
    if (status < 0)
        return status;
    const struct node_grafts *grafts = node_grafts(node);
    size_t n_all = 2 + (listing != NULL ? listing->n_names : 0) + node_n_grafts(grafts);
    for (uint64_t i = (uint64_t)offset; status == 0 && i < n_all; i++) {
        struct shown_name shown;
        if (show_listed(tree, node, listing, grafts, i, &shown))
            status = fill(filling, &shown, (off_t)i + 1, !is_dot(shown.name));
    }
    tree_list_done(tree, entry);
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
        struct node *known = node->id.by_place ? node_at(tree->table, node, raw->name) : NULL;
        shown.ino = known != NULL ? known->id.shown : tree_route_number(tree, node->id.route, dev, raw->ino);
        node_unref(tree->table, known);
    }
    return shown;
}

/* Entries of a stream from where it stands. Returns 1 when there was no room for more, 0 at the end, or -errno. */
static int fill_from_stream(struct filling *filling, struct dir_stream *stream)
{
    struct stat st;
    if (fstat(stream->fd, &st) < 0)
        return -errno;
    for (;;) {
        if (stream->used == stream->filled) {
            long length = syscall(SYS_getdents64, stream->fd, stream->buffer, sizeof stream->buffer);
            if (length < 0)
                return -errno;
            if (length == 0)
                return 0;
            stream->filled = (size_t)length;
            stream->used = 0;
        }
        const struct raw_entry *raw = (const void *)(stream->buffer + stream->used);
        struct shown_name shown = show_raw(filling, raw, st.st_dev);
        int status = fill(filling, &shown, raw->next, !is_dot(raw->name) && !ops_is_shared(filling->node));
        if (status != 0)
            return status;
        stream->used += raw->length;
        stream->position = raw->next;
    }
}

static int fill_from_backing(struct filling *filling, off_t offset)
{
    struct dir_streams *streams = ops_of(filling->req)->streams;
    struct dir_stream *stream = offset != 0 ? dir_streams_take(streams, filling->node, offset) : NULL;
    int status = 0;
    if (stream == NULL) {
        int fd = ops_open_directory(filling->req, filling->node);
        if (fd < 0)
            return fd;
        status = dir_streams_begin(streams, filling->node, fd, offset, &stream);
        if (status < 0)
            return status;
    }
    status = fill_from_stream(filling, stream);
    /* At the end the kernel asks once more and gets an empty answer. */
    if (status >= 0 && filling->used > 0)
        dir_streams_put(streams, stream);
    else
        dir_streams_end(streams, stream);
    return status;
}

static void read_directory(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi,
                           bool plus)
{
    (void)fi;
    const struct ops *ops = ops_of(req);
    struct node_table *table = ops->tree->table;
    struct filling filling = {
        .req = req,
        .node = ops_node(req, ino),
        .plus = plus,
        .buffer = g_malloc(size),
        .size = size,
        .claimed = plus ? g_ptr_array_new() : NULL,
    };
    int status =
        filling.node->id.kind == NODE_ROUTE ? fill_from_backing(&filling, offset) : fill_from_names(&filling, offset);
    bool told, at_end = status >= 0 && filling.used == 0;
    /*
     * Before the reply: once it is there the reader may go on, and somebody may change the directory and find the old listing
     * (and the node may be forgotten). That the reply ends the listing changes nothing: its pages are gone.
     */
    if (at_end && ops_is_shared(filling.node)) {
        ops_attributes_changed(filling.node);
        (void)fuse_lowlevel_notify_inval_inode(ops->fuse, ino, 0, 0);
    }
    /* What was found before an error is told; the error comes again with the next call. */
    if (status < 0 && filling.used == 0) {
        ops_reply_status(req, status);
        told = false;
    } else {
        told = fuse_reply_buf(req, filling.buffer, filling.used) == 0;
    }
    for (guint i = 0; plus && i < filling.claimed->len; i++) {
        if (!told)
            node_forget(table, g_ptr_array_index(filling.claimed, i), 1);
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
