/*
 * The table of operations. Each is counted on its way in, and a thread that libfuse has started (io_uring's) is made ready
 * to act as callers. Whoever changes what is shown can wait for those that are under way (turns.h).
 */
#include "ops_private.h"

#include "counters.h"
#include "turns.h"

#include <stdlib.h>

void ops_thread_ready(void)
{
    static _Thread_local bool is_ready;
    if (is_ready)
        return;
    if (assume_thread_init() < 0)
        abort(); /* a umask shared between threads would give files a mode that nobody asked for */
    is_ready = true;
}

static unsigned enter(fuse_req_t req, enum counters_request request)
{
    ops_thread_ready();
    counters_add(&ops_of(req)->counters->requests[request], 1);
    return turns_begin(ops_of(req)->turns);
}

#define OP(name, parameters, ...)                                                                                      \
    static void enter_##name parameters                                                                                \
    {                                                                                                                  \
        struct turns *turns = ops_of(req)->turns; /* the request ends with the reply */                                \
        unsigned turn = enter(req, COUNTERS_##name);                                                                   \
        ops_##name(__VA_ARGS__);                                                                                       \
        turns_end(turns, turn);                                                                                        \
    }

OP(lookup, (fuse_req_t req, fuse_ino_t parent, const char *name), req, parent, name)
OP(forget, (fuse_req_t req, fuse_ino_t ino, uint64_t nlookup), req, ino, nlookup)
OP(getattr, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino, fi)
OP(readlink, (fuse_req_t req, fuse_ino_t ino), req, ino)
OP(statfs, (fuse_req_t req, fuse_ino_t ino), req, ino)
OP(opendir, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino, fi)
OP(readdir, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi), req, ino, size,
   offset, fi)
OP(readdirplus, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi), req, ino, size,
   offset, fi)
OP(fsyncdir, (fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi), req, ino, datasync, fi)
OP(open, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino, fi)
OP(create, (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi), req, parent,
   name, mode, fi)
OP(release, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino, fi)
OP(read, (fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi), req, ino, size, offset,
   fi)
OP(write, (fuse_req_t req, fuse_ino_t ino, const char *buffer, size_t size, off_t offset, struct fuse_file_info *fi),
   req, ino, buffer, size, offset, fi)
OP(flush, (fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi), req, ino, fi)
OP(fsync, (fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi), req, ino, datasync, fi)
OP(lseek, (fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi), req, ino, offset,
   whence, fi)
OP(fallocate, (fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length, struct fuse_file_info *fi), req,
   ino, mode, offset, length, fi)
OP(copy_file_range,
   (fuse_req_t req, fuse_ino_t ino_in, off_t offset_in, struct fuse_file_info *fi_in, fuse_ino_t ino_out,
    off_t offset_out, struct fuse_file_info *fi_out, size_t length, int flags),
   req, ino_in, offset_in, fi_in, ino_out, offset_out, fi_out, length, flags)
OP(ioctl,
   (fuse_req_t req, fuse_ino_t ino, unsigned int command, void *argument, struct fuse_file_info *fi, unsigned flags,
    const void *in, size_t in_size, size_t out_size),
   req, ino, command, argument, fi, flags, in, in_size, out_size)
OP(mknod, (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev), req, parent, name, mode, rdev)
OP(mkdir, (fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode), req, parent, name, mode)
OP(symlink, (fuse_req_t req, const char *target, fuse_ino_t parent, const char *name), req, target, parent, name)
OP(link, (fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name), req, ino, parent, name)
OP(unlink, (fuse_req_t req, fuse_ino_t parent, const char *name), req, parent, name)
OP(rmdir, (fuse_req_t req, fuse_ino_t parent, const char *name), req, parent, name)
OP(rename,
   (fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name, unsigned flags),
   req, parent, name, new_parent, new_name, flags)
OP(setattr, (fuse_req_t req, fuse_ino_t ino, struct stat *attributes, int to_set, struct fuse_file_info *fi), req, ino,
   attributes, to_set, fi)
OP(setxattr, (fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags), req, ino,
   name, value, size, flags)
OP(getxattr, (fuse_req_t req, fuse_ino_t ino, const char *name, size_t size), req, ino, name, size)
OP(listxattr, (fuse_req_t req, fuse_ino_t ino, size_t size), req, ino, size)
OP(removexattr, (fuse_req_t req, fuse_ino_t ino, const char *name), req, ino, name)

static void enter_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    counters_add(&ops_of(req)->counters->requests[COUNTERS_forget], 1);
    ops_forget_multi(req, count, forgets);
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
static void enter_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi)
{
    struct turns *turns = ops_of(req)->turns;
    unsigned turn = enter(req, COUNTERS_tmpfile);
    ops_create(req, parent, OPS_TMPFILE_NAME, mode, fi);
    turns_end(turns, turn);
}
#endif

void ops_fill(struct fuse_lowlevel_ops *table)
{
    *table = (struct fuse_lowlevel_ops)
    {
        .lookup = enter_lookup, .forget = enter_forget, .forget_multi = enter_forget_multi, .getattr = enter_getattr,
        .readlink = enter_readlink, .statfs = enter_statfs, .opendir = enter_opendir, .readdir = enter_readdir,
        .readdirplus = enter_readdirplus, .fsyncdir = enter_fsyncdir, .open = enter_open, .create = enter_create,
        .release = enter_release, .read = enter_read, .write = enter_write, .flush = enter_flush, .fsync = enter_fsync,
        .lseek = enter_lseek, .fallocate = enter_fallocate, .copy_file_range = enter_copy_file_range,
        .ioctl = enter_ioctl, .mknod = enter_mknod, .mkdir = enter_mkdir, .symlink = enter_symlink, .link = enter_link,
        .unlink = enter_unlink, .rmdir = enter_rmdir, .rename = enter_rename, .setattr = enter_setattr,
        .setxattr = enter_setxattr, .getxattr = enter_getxattr, .listxattr = enter_listxattr,
        .removexattr = enter_removexattr,
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
        .tmpfile = enter_tmpfile,
#endif
    };
}
