/*
 * What the files of the operations have in common. Nobody else includes this.
 */
#ifndef ROFUSE_FS_OPS_PRIVATE_H
#define ROFUSE_FS_OPS_PRIVATE_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "node.h"
#include "node_face.h"
#include "ops.h"
#include "tree.h"

#include <stdint.h>
#include <unistd.h>

/* Timeouts in seconds. For ever: nobody else changes layers or a tmpfs of our own. */
#define OPS_FOR_EVER (10.0 * 365 * 86400)
/* Directories of volumes and binds: long enough that a second GETATTR within one system call is known for what it is
 * (see ops_refusal.c); every look-up by path brings new attributes in any case, as names are not cached there. */
#define OPS_DIRECTORY_SECONDS 1.0

/*
 * Files of the image below 128 KiB (in bits of the size) are given to the page cache as a whole, and the daemon serves what is
 * left to serve; larger ones the kernel serves by itself where it can (ops_passthrough.h). Reading by passthrough makes the
 * time of access stale, so that the next stat(2) is a request; from the page cache it is none. So what is read in one piece,
 * over and over (modules, scripts, configuration), is best there; large files gain more by not being cached twice.
 */
#define OPS_SMALL_SIZE_BITS 17

static inline struct ops *ops_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

/* A node's address is its number for the kernel, which gives back only what it was given. */
static inline struct node *ops_number(fuse_req_t req, fuse_ino_t ino)
{
    return ino == FUSE_ROOT_ID ? ops_of(req)->tree->root : (struct node *)(uintptr_t)ino;
}

/* What is to be seen under a number now. */
static inline struct node *ops_node(fuse_req_t req, fuse_ino_t ino)
{
    return node_shadow(ops_number(req, ino));
}

/* The number of a node for the kernel. */
static inline fuse_ino_t ops_ino(const struct tree *tree, const struct node *number)
{
    return number == tree->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)number;
}

static inline struct assume_credentials ops_who(fuse_req_t req)
{
    const struct fuse_ctx *ctx = fuse_req_ctx(req);
    return (struct assume_credentials){
        .tid = ops_of(req)->knows_callers ? ctx->pid : 0, .uid = ctx->uid, .gid = ctx->gid};
}

/* Replies 0 or an errno; takes -errno and positive ones. */
static inline void ops_reply_status(fuse_req_t req, int status)
{
    fuse_reply_err(req, status < 0 ? -status : status);
}

/*
 * Fills what the kernel is to know of a node, and remembers for how long it will not ask. Counts the look-up, on the node of
 * the number that is told, which is returned: node_forget() of that takes the claim back when the reply does not arrive.
 */
struct node *ops_claim_entry(struct tree *tree, struct node *node, const struct stat *st, struct fuse_entry_param *ret);

/* Replies with an entry; takes over the caller's ref, and takes the kernel's claim back when the reply does not arrive. */
void ops_reply_entry(fuse_req_t req, struct node *node, const struct stat *st);

/* Whether the kernel has a node's attributes, and need not ask for them. */
enum ops_promise {
    OPS_PROMISE_NONE,     /* it was told nothing that it may still believe */
    OPS_PROMISE_GIVEN,    /* with a name: it believes that, but not always (ops_refusal.c) */
    OPS_PROMISE_BELIEVED, /* it asked, and was answered */
};

/* Replies with attributes, which are believed. */
void ops_reply_attr(fuse_req_t req, struct node *node, const struct stat *st);

/* The promise about a node's attributes is void: the kernel may ask at any time. So it does after a successful change of
 * a directory's names (fuse_dir_changed). */
static inline void ops_attributes_changed(struct node *node)
{
    atomic_store(&node->attributes_until, 0);
}

/* Whether names and attributes of a node can change behind our back. */
static inline bool ops_is_shared(const struct node *node)
{
    return node->id.kind == NODE_ROUTE && !node->id.route->is_private;
}

/* What the kernel gives back of an open file of the image, or of a made one: whether its closing has to be counted. */
#define OPS_FH_NONE 0
#define OPS_FH_COUNTED 1

/* An open file of a route. Files of the image and made ones are open without our keeping anything of it. */
struct ops_file {
    struct node *node;     /* that it was opened on, whatever the number shows by now; a ref */
    int fd;                /* never O_DIRECT */
    bool grows;            /* the kernel writes it by itself: what it wrote is seen by the size */
    atomic_int direct_fd;  /* the same for requests with O_DIRECT, -1 until there is one */
    struct node_open open; /* listed with the node */
};

static inline struct ops_file *ops_file(const struct fuse_file_info *fi)
{
    return (struct ops_file *)(uintptr_t)fi->fh;
}

/* What a request for an open file goes to: the node that was opened. @fi: NULL, or of a directory, where there is none. */
static inline struct node *ops_open_node(fuse_req_t req, fuse_ino_t ino, const struct fuse_file_info *fi)
{
    if (fi == NULL)
        return ops_node(req, ino);
    if (fi->fh != OPS_FH_NONE && fi->fh != OPS_FH_COUNTED)
        return ops_file(fi)->node;
    struct node *number = ops_number(req, ino);
    return S_ISDIR(number->id.type) ? node_shadow(number) : number;
}

/*
 * A descriptor for what is open, to be given up with tree_let_go(): the open file's in a route, one that is kept for a while
 * in the image, -1 for a made one. @fi: NULL for a directory. Returns 0 or -errno.
 */
int ops_hold(fuse_req_t req, struct node *node, const struct fuse_file_info *fi, struct tree_held *ret);

/* Whether the kernel wants the bits below to be taken away: it leaves that to us only where libfuse can pass it on. */
static inline bool ops_kills_privileges(const struct fuse_file_info *fi)
{
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
    return fi->kill_suidgid;
#else
    (void)fi;
    return false;
#endif
}

/* Takes set-user-ID and set-group-ID bits away from an open file (O_PATH is enough) as a write by @who does. */
void ops_drop_privileges(const struct assume_credentials *who, int fd);

/* The descriptor for a request with O_DIRECT, which fcntl(F_SETFL) can turn on at any time: owned by the file; -errno. */
int ops_direct_fd(struct ops_file *file);

/* Opens a directory for reading, in a route as the caller; owned by the caller. -errno; -ENXIO for a made one. */
int ops_open_directory(fuse_req_t req, struct node *node);

/*
 * ops_refusal - what a GETATTR tells of a refusal that the kernel is about to pronounce (ops_refusal.c).
 *
 * @promise: whether it was told them before.
 * Makes the record where a write is refused. Returns 0 = reply the attributes, or the errno to reply instead.
 */
int ops_refusal(const struct ops *ops, const struct assume_credentials *who, struct node *node, const struct stat *st,
                enum ops_promise promise);

/* Gives a small file of the image to the kernel's page cache, once; before the reply to its open. */
void ops_store(const struct ops *ops, fuse_ino_t ino, struct node *node);

/*
 * ops_note_chown - makes the record of a chown(2) that the kernel is about to refuse to somebody who is not the owner.
 *
 * Where set-user-ID bits are ours to take away, the kernel asks for no attributes before it looks at the owner, and EPERM is
 * what it says; but before that it asks whether the file has capabilities.
 */
void ops_note_chown(fuse_req_t req, struct node *node);

/* Names of the operations, a file each. */
void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup);
void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_readlink(fuse_req_t req, fuse_ino_t ino);
void ops_statfs(fuse_req_t req, fuse_ino_t ino);

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void ops_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void ops_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);

void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);

void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void ops_write(fuse_req_t req, fuse_ino_t ino, const char *buffer, size_t size, off_t offset,
               struct fuse_file_info *fi);
void ops_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ops_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void ops_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi);
void ops_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length, struct fuse_file_info *fi);
void ops_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t offset_in, struct fuse_file_info *fi_in,
                         fuse_ino_t ino_out, off_t offset_out, struct fuse_file_info *fi_out, size_t length, int flags);
void ops_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned int command, void *argument, struct fuse_file_info *fi,
               unsigned flags, const void *in, size_t in_size, size_t out_size);

void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void ops_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
                unsigned int flags);

void ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attributes, int to_set, struct fuse_file_info *fi);
void ops_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags);
void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

#endif
