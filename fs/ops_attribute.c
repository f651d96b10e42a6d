/*
 * Operations that change attributes, and extended attributes.
 */
#include "ops_private.h"

#include "access.h"
#include "beneath.h"
#include "caller.h"
#include "intent.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define SET_OWNER (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)
#define SET_KILL (FUSE_SET_ATTR_KILL_SUID | FUSE_SET_ATTR_KILL_SGID)
#define SET_TIMES (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW)

/* Which system call asks for this: the strongest of what is to be set. */
static enum denial_operation setattr_operation(int to_set)
{
    if (to_set & FUSE_SET_ATTR_SIZE)
        return DENIAL_TRUNCATE;
    if (to_set & SET_OWNER)
        return DENIAL_CHOWN;
    if (to_set & FUSE_SET_ATTR_MODE)
        return DENIAL_CHMOD;
    return DENIAL_UTIMES;
}

static struct timespec wanted_time(const struct timespec *time, int to_set, int set, int set_now)
{
    if (to_set & set_now)
        return (struct timespec){.tv_nsec = UTIME_NOW};
    if (to_set & set)
        return *time;
    return (struct timespec){.tv_nsec = UTIME_OMIT};
}

/*
 * Sets what is asked for on a file of a route, as whoever the thread is. The order is the kernel's (setattr_copy): the
 * owner first, as a change of it takes set-user-ID bits away that the mode then says; the times last.
 * @open_fd: the caller's open file, or -1; through it a size can be set without permission on the file.
 * Returns 0 or -errno.
 */
static int set_attributes(const char *path, int open_fd, const struct stat *wanted, int to_set)
{
    if (to_set & SET_OWNER) {
        uid_t uid = (to_set & FUSE_SET_ATTR_UID) ? wanted->st_uid : (uid_t)-1;
        gid_t gid = (to_set & FUSE_SET_ATTR_GID) ? wanted->st_gid : (gid_t)-1;
        if (chown(path, uid, gid) < 0)
            return -errno;
    }
    if ((to_set & FUSE_SET_ATTR_MODE) && chmod(path, wanted->st_mode & 07777) < 0)
        return -errno;
    if (to_set & FUSE_SET_ATTR_SIZE) {
        int status = open_fd >= 0 ? ftruncate(open_fd, wanted->st_size) : truncate(path, wanted->st_size);
        if (status < 0)
            return -errno;
    }
    if (to_set & SET_TIMES) {
        struct timespec times[2] = {
            wanted_time(&wanted->st_atim, to_set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW),
            wanted_time(&wanted->st_mtim, to_set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW),
        };
        if (utimensat(AT_FDCWD, path, times, 0) < 0)
            return -errno;
    }
    return 0;
}

/*
 * A write, truncate or chown by somebody else takes set-user-ID bits and their like away; the kernel sends that as a chmod
 * by the writer, whom the backing file system would refuse a chmod (fuse_setattr with ATTR_FORCE). A chmod of his own
 * never comes this far (setattr_prepare), so what only takes these bits away is the kernel's wish and done as ourselves.
 * Returns true when the mode is dealt with.
 */
static bool take_privileges_away(const char *path, const struct stat *wanted)
{
    struct stat st;
    if (stat(path, &st) < 0 || S_ISDIR(st.st_mode))
        return false;
    mode_t now = st.st_mode & 07777, then = wanted->st_mode & 07777;
    bool only_that = now != then && (now & ~then & ~(mode_t)(S_ISUID | S_ISGID)) == 0 && (then & ~now) == 0;
    return only_that && chmod(path, then) == 0;
}

static bool is_in_group(const struct assume_credentials *who, gid_t gid)
{
    g_autofree gid_t *groups = NULL;
    size_t n_groups = 0;
    bool found = who->gid == gid;
    if (!found && who->tid != 0 && caller_groups(who->tid, &groups, &n_groups) == 0)
        for (size_t i = 0; i < n_groups && !found; i++)
            found = groups[i] == gid;
    return found;
}

static bool has_fsetid(const struct assume_credentials *who, const struct stat *st)
{
    uint64_t capabilities = 0;
    return who->tid != 0 && caller_capabilities_over(who->tid, st->st_uid, st->st_gid, &capabilities) == 0 &&
           (capabilities & (UINT64_C(1) << CAP_FSETID));
}

/* Without group execution, the set-group-ID bit goes only with a stranger (setattr_should_drop_sgid in the kernel). */
static mode_t group_bit_to_drop(const struct assume_credentials *who, const struct stat *st)
{
    return (st->st_mode & S_ISGID) && ((st->st_mode & S_IXGRP) || !is_in_group(who, st->st_gid)) ? S_ISGID : 0;
}

void ops_drop_privileges(const struct assume_credentials *who, int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & (S_ISUID | S_ISGID)) || has_fsetid(who, &st))
        return;
    mode_t gone = S_ISUID | group_bit_to_drop(who, &st);
    struct beneath_link link;
    (void)chmod(beneath_link_path(&link, fd), st.st_mode & 07777 & ~gone);
}

/*
 * Where the kernel leaves it to us to take set-user-ID bits away (HANDLE_KILLPRIV_V2), it says so with a flag beside a new
 * size, or with a change that sets nothing. That comes before a write (file_remove_privs) and is done as ourselves; but also
 * from chown(2) of nothing to nobody, which is a chmod of the caller's own. Returns what is to be set.
 */
static int drop_privileges(const struct assume_credentials *who, int fd, int to_set, struct stat *attributes)
{
    struct intent intent;
    struct stat st;
    if (to_set & FUSE_SET_ATTR_KILL_SUID)
        ops_drop_privileges(who, fd);
    if ((to_set & ~SET_KILL) != 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return to_set & ~SET_KILL;
    mode_t gone = st.st_mode & S_ISUID;
    if ((st.st_mode & S_IXGRP) || !has_fsetid(who, &st))
        gone |= group_bit_to_drop(who, &st);
    if (gone != 0 && who->tid != 0 && intent_read(who->tid, NULL, &intent) == 0 && intent.known &&
        (intent.effect & INTENT_CHANGES_OWNER)) {
        attributes->st_mode = st.st_mode & 07777 & ~gone;
        return FUSE_SET_ATTR_MODE;
    }
    ops_drop_privileges(who, fd);
    return 0;
}

static bool has_group_bit(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_ISGID);
}

void ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attributes, int to_set, struct fuse_file_info *fi)
{
    struct ops *ops = ops_of(req);
    struct node *node = ops_open_node(req, ino, fi);
    struct assume_credentials who = ops_who(req);
    struct change change = CHANGE(setattr_operation(to_set), node, NULL);
    if (to_set & FUSE_SET_ATTR_MODE)
        change.mode = attributes->st_mode & 07777;
    int error = gate_check(&ops->gate, &who, &change);
    if (error != 0) {
        ops_reply_status(req, error);
        return;
    }
    int fd = tree_open(ops->tree, node);
    if (fd < 0) {
        ops_reply_status(req, fd);
        return;
    }
    struct beneath_link link;
    struct assume as;
    const char *path = beneath_link_path(&link, fd);
    if ((to_set & FUSE_SET_ATTR_MODE) && take_privileges_away(path, attributes))
        to_set &= ~FUSE_SET_ATTR_MODE;
    if (ops->kills_privileges)
        to_set = drop_privileges(&who, fd, to_set, attributes);
    /* Without his groups, chmod would take the setgid bit away in silence, and so would whatever takes bits away. */
    bool with_groups = (to_set & FUSE_SET_ATTR_MODE) ? (attributes->st_mode & S_ISGID) != 0
                                                     : (to_set & (FUSE_SET_ATTR_SIZE | SET_OWNER)) && has_group_bit(fd);
    int status = assume_begin(&as, &ops->power, &who, fd, -1, with_groups);
    if (status == 0)
        do
            status = set_attributes(path, fi != NULL ? ops_file(fi)->fd : -1, attributes, to_set);
        while (assume_again(&as, status));
    close(fd);
    ops_attributes_changed(node);
    struct stat st;
    /* The kernel's own wishes, and what is done with an open file, are no facts of their own. */
    if (status == 0 && to_set != 0 && !(fi != NULL && change.operation == DENIAL_TRUNCATE))
        gate_done(&ops->gate, &who, &change);
    if (status < 0)
        error = gate_failed(&ops->gate, &who, &change, status);
    else
        error = -tree_stat(ops->tree, node, &st);
    if (error != 0)
        ops_reply_status(req, error);
    else
        ops_reply_attr(req, node, &st);
}

/* Both changes of extended attributes; value NULL removes. */
static void change_xattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
    struct ops *ops = ops_of(req);
    struct node *node = ops_node(req, ino);
    struct assume_credentials who = ops_who(req);
    struct change change = CHANGE(value != NULL ? DENIAL_SETXATTR : DENIAL_REMOVEXATTR, node, NULL);
    /* Whatever the answer is, the kernel forgets the attributes after it has asked for a change of an ACL (fuse_set_acl). */
    if (g_str_has_prefix(name, "system.posix_acl_"))
        ops_attributes_changed(node);
    int error = gate_check(&ops->gate, &who, &change);
    if (error != 0) {
        ops_reply_status(req, error);
        return;
    }
    int fd = tree_open(ops->tree, node);
    if (fd < 0) {
        ops_reply_status(req, fd);
        return;
    }
    struct beneath_link link;
    struct assume as;
    const char *path = beneath_link_path(&link, fd);
    /* An access ACL sets the mode, and with it the setgid bit that a stranger to the group may not keep. */
    int status = assume_begin(&as, &ops->power, &who, fd, -1, strcmp(name, ACCESS_ACL_XATTR) == 0);
    if (status == 0)
        do
            status =
                (value != NULL ? setxattr(path, name, value, size, flags) : removexattr(path, name)) < 0 ? -errno : 0;
        while (assume_again(&as, status));
    close(fd);
    ops_attributes_changed(node);
    if (status == 0)
        gate_done(&ops->gate, &who, &change);
    ops_reply_status(req, status < 0 ? gate_failed(&ops->gate, &who, &change, status) : 0);
}

void ops_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
    change_xattr(req, ino, name, value, size, flags);
}

void ops_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
    change_xattr(req, ino, name, NULL, 0, 0);
}

void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
    struct node *node = ops_node(req, ino);
    /* Of every write and of every start of a program; the image's answer is known without looking. */
    if (node->id.kind != NODE_ROUTE && strcmp(name, "security.capability") == 0)
        ops_note_chown(req, node);
    g_autofree char *value = size > 0 ? g_malloc(size) : NULL;
    ssize_t length = tree_getxattr(ops_of(req)->tree, node, name, value, size);
    if (length < 0)
        ops_reply_status(req, (int)length);
    else if (size == 0)
        fuse_reply_xattr(req, (size_t)length);
    else
        fuse_reply_buf(req, value, (size_t)length);
}

/* trusted.* exists only for those who may administer the system; the daemon may, the caller perhaps not. */
static bool sees_trusted(const struct assume_credentials *who)
{
    uint64_t capabilities = 0;
    return who->tid != 0 && caller_capabilities(who->tid, &capabilities) == 0 &&
           (capabilities & (UINT64_C(1) << CAP_SYS_ADMIN));
}

static size_t drop_trusted(char *names, size_t length)
{
    size_t kept = 0;
    for (size_t at = 0; at < length;) {
        size_t size = strlen(names + at) + 1;
        if (strncmp(names + at, "trusted.", strlen("trusted.")) != 0) {
            memmove(names + kept, names + at, size);
            kept += size;
        }
        at += size;
    }
    return kept;
}

void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
    struct tree *tree = ops_of(req)->tree;
    struct node *node = ops_node(req, ino);
    struct assume_credentials who = ops_who(req);
    ssize_t length = tree_listxattr(tree, node, NULL, 0);
    g_autofree char *names = length > 0 ? g_malloc((size_t)length) : NULL;
    if (length > 0)
        length = tree_listxattr(tree, node, names, (size_t)length);
    if (length > 0 && memmem(names, (size_t)length, "trusted.", strlen("trusted.")) != NULL && !sees_trusted(&who))
        length = (ssize_t)drop_trusted(names, (size_t)length);
    if (length < 0)
        ops_reply_status(req, (int)length);
    else if (size == 0)
        fuse_reply_xattr(req, (size_t)length);
    else if ((size_t)length > size)
        ops_reply_status(req, ERANGE);
    else
        fuse_reply_buf(req, names, (size_t)length);
}
