/*
 * What would happen now to a write: the order in which the VFS, the gate and the backing file system look at things.
 */
#include "explain_private.h"

#include "assume.h"
#include "beneath.h"
#include "policy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A new verdict of the explanation, allowed as yet; takes over @path. Valid until the next one is added. */
static struct explain_verdict *add(const struct explain_walk *walk, enum explain_operation operation, char *path)
{
    struct explanation *out = walk->out;
    out->verdicts = g_renew(struct explain_verdict, out->verdicts, out->n_verdicts + 1);
    struct explain_verdict *verdict = &out->verdicts[out->n_verdicts++];
    *verdict = (struct explain_verdict){.operation = operation, .path = path};
    return verdict;
}

static void refuse(struct explain_verdict *verdict, int error, enum explain_reason reason)
{
    verdict->error = error;
    verdict->reason = reason;
}

static void refuse_by(struct explain_verdict *verdict, int error, enum explain_reason reason,
                      struct explain_access *access)
{
    refuse(verdict, error, reason);
    explain_access_clear(&verdict->access);
    verdict->access = *access;
    *access = (struct explain_access){0};
}

/* A directory on the way that may not be searched comes before all else. */
static bool refuse_blocked(const struct explain_walk *walk, bool is_blocked, struct explain_verdict *verdict)
{
    if (!is_blocked)
        return false;
    struct explain_access access = walk->blocker;
    access.path = g_strdup(access.path);
    refuse_by(verdict, EACCES, EXPLAIN_NO_SEARCH, &access);
    return true;
}

/* Whether the policy refuses; the same reasons in our words. */
static bool refuse_policy(const struct node *node, struct explain_verdict *verdict)
{
    struct policy_verdict policy = policy_change(node);
    if (policy.error == 0)
        return false;
    refuse(verdict, policy.error,
           policy.why == DENIAL_DECLARED_READ_ONLY ? EXPLAIN_DECLARED_READ_ONLY : EXPLAIN_NOT_DECLARED);
    return true;
}

/* Whether a file or directory of a route has one of these marks (STATX_ATTR_*); refuses then. */
static bool refuse_marked(const struct explain_walk *walk, struct node *node, uint64_t marks,
                          struct explain_verdict *verdict)
{
    struct statx stx = {0};
    int fd = node != NULL && node->id.kind == NODE_ROUTE ? tree_open(walk->tree, node) : -1;
    if (fd < 0)
        return false;
    bool is_marked = statx(fd, "", AT_EMPTY_PATH, 0, &stx) == 0 && (stx.stx_attributes & marks) != 0;
    close(fd);
    if (is_marked)
        refuse(verdict, EPERM, EXPLAIN_MARKED);
    return is_marked;
}

/* What the backing file system says once all else has agreed. @makes: a new inode. */
static void refuse_backing(const struct explain_walk *walk, const struct node *node, bool makes,
                           struct explain_verdict *verdict)
{
    const struct assume_power *power = walk->who->power;
    struct statvfs fs;
    if (power != NULL && !power->can_change_ids && walk->who->ids.uid != power->uid)
        refuse(verdict, EPERM, EXPLAIN_OTHER_USER);
    else if (fstatvfs(node->id.route->root_fd, &fs) < 0)
        refuse(verdict, errno, EXPLAIN_UNREADABLE);
    else if (fs.f_flag & ST_RDONLY)
        refuse(verdict, EROFS, EXPLAIN_BACKING_READ_ONLY);
    else if (makes && fs.f_files > 0 && fs.f_ffree == 0)
        refuse(verdict, ENOSPC, EXPLAIN_FULL);
    else if (policy_is_learned(node))
        verdict->reason = EXPLAIN_LEARNED;
}

/*
 * open(2) for writing of a regular file: the mode is looked at before the mount is (do_open()), so that EACCES is what
 * somebody hears whom the mode refuses; but with O_TRUNC a read-only mount speaks first.
 */
static void judge_file(const struct explain_walk *walk, bool truncates, struct explain_verdict *verdict)
{
    struct explain_access access;
    bool allows = explain_allows(walk, walk->node, &walk->st, ACCESS_WRITE, &access);
    if (!allows && !(truncates && policy_change(walk->node).error != 0))
        refuse_by(verdict, EACCES, EXPLAIN_NO_PERMISSION, &access);
    else if (!refuse_policy(walk->node, verdict) &&
             !refuse_marked(walk, walk->node, STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND, verdict))
        refuse_backing(walk, walk->node, false, verdict);
    explain_access_clear(&access);
}

/* open(2) of anything else. */
static void judge_special(const struct explain_walk *walk, struct explain_verdict *verdict)
{
    struct explain_access access;
    bool allows = explain_allows(walk, walk->node, &walk->st, ACCESS_WRITE, &access);
    if (S_ISDIR(walk->st.st_mode))
        refuse(verdict, EISDIR, EXPLAIN_NOT_A_FILE);
    else if (S_ISCHR(walk->st.st_mode) || S_ISBLK(walk->st.st_mode))
        refuse(verdict, EACCES, EXPLAIN_DEVICE);
    else if (!allows)
        refuse_by(verdict, EACCES, EXPLAIN_NO_PERMISSION, &access);
    else if (S_ISSOCK(walk->st.st_mode))
        refuse(verdict, ENXIO, EXPLAIN_SOCKET);
    explain_access_clear(&access);
}

static void judge_open(const struct explain_walk *walk, enum explain_operation operation)
{
    struct explain_verdict *verdict = add(walk, operation, g_strdup(walk->out->resolved));
    if (refuse_blocked(walk, walk->is_blocked, verdict))
        return;
    if (S_ISREG(walk->st.st_mode))
        judge_file(walk, operation == EXPLAIN_TRUNCATE, verdict);
    else
        judge_special(walk, verdict);
}

/* A new name in the directory that was reached. Takes over @path. */
static void judge_create(const struct explain_walk *walk, char *path)
{
    struct explain_verdict *verdict = add(walk, EXPLAIN_CREATE, path);
    struct explain_access access;
    struct stat st;
    if (refuse_blocked(walk, walk->is_blocked, verdict))
        return;
    int status = tree_stat(walk->tree, walk->dir, &st);
    if (status < 0) {
        refuse(verdict, -status, EXPLAIN_UNREADABLE);
        return;
    }
    /* A read-only mount comes before the mode here. */
    if (refuse_policy(walk->dir, verdict))
        return;
    if (!explain_allows(walk, walk->dir, &st, ACCESS_WRITE | ACCESS_EXECUTE, &access))
        refuse_by(verdict, EACCES, EXPLAIN_NO_PERMISSION, &access);
    else if (!refuse_marked(walk, walk->dir, STATX_ATTR_IMMUTABLE, verdict))
        refuse_backing(walk, walk->dir, true, verdict);
    explain_access_clear(&access);
}

/* A route's directory without names; what cannot be read counts as empty. */
static bool is_empty(const struct explain_walk *walk, struct node *node)
{
    int path_fd = tree_open(walk->tree, node);
    int fd = path_fd >= 0 ? beneath_reopen(path_fd, O_RDONLY | O_DIRECTORY) : -1;
    if (path_fd >= 0)
        close(path_fd);
    DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
    if (stream == NULL) {
        if (fd >= 0)
            close(fd);
        return true;
    }
    bool empty = true;
    for (const struct dirent *entry; empty && (entry = readdir(stream)) != NULL;)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(stream);
    return empty;
}

/* check_sticky(): names of a sticky directory are for their owners and the directory's. */
static bool is_kept(const struct explain_walk *walk, const struct stat *dir)
{
    uid_t uid = walk->who->ids.uid;
    return (dir->st_mode & S_ISVTX) && uid != 0 && uid != dir->st_uid && uid != walk->name.st.st_uid;
}

static bool is_native_root(const struct node *node)
{
    return node->id.kind == NODE_ROUTE && node->id.route->native && node->id.route->root == node;
}

/* In a directory of a route that may be changed. */
static void judge_removal(const struct explain_walk *walk, bool allows, struct explain_access *access,
                          struct explain_verdict *verdict)
{
    if (!allows)
        refuse_by(verdict, EACCES, EXPLAIN_NO_PERMISSION, access);
    else if (policy_remove(walk->name.dir, walk->name.name).error == EBUSY)
        refuse(verdict, EBUSY, EXPLAIN_MOUNT_POINT);
    else if (!refuse_marked(walk, walk->name.dir, STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND, verdict) &&
             !refuse_marked(walk, walk->name.node, STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND, verdict))
        refuse_backing(walk, walk->name.dir, false, verdict);
}

/* unlink(2), or rmdir(2), of the name as it was given. */
static void judge_remove(const struct explain_walk *walk)
{
    const struct explain_name *name = &walk->name;
    struct explain_verdict *verdict = add(walk, EXPLAIN_REMOVE, explain_text(walk->tree, name->dir, name->name));
    struct explain_access access;
    struct stat st;
    if (refuse_blocked(walk, name->is_blocked, verdict))
        return;
    int status = tree_stat(walk->tree, name->dir, &st);
    if (status < 0) {
        refuse(verdict, -status, EXPLAIN_UNREADABLE);
        return;
    }
    bool allows = explain_allows(walk, name->dir, &st, ACCESS_WRITE | ACCESS_EXECUTE, &access);
    /* The kernel looks at the sticky bit and at mounts by itself, before it asks. */
    if (allows && is_kept(walk, &st))
        refuse_by(verdict, EPERM, EXPLAIN_STICKY, &access);
    else if (allows && is_native_root(name->node))
        refuse(verdict, EBUSY, EXPLAIN_MOUNT_POINT);
    else if (!refuse_policy(name->dir, verdict))
        judge_removal(walk, allows, &access, verdict);
    if (verdict->error == 0 && S_ISDIR(name->st.st_mode) && !is_empty(walk, name->node))
        refuse(verdict, ENOTEMPTY, EXPLAIN_NOT_EMPTY);
    explain_access_clear(&access);
}

static bool gains_by_exec(const struct explain_walk *walk)
{
    const struct access_subject *ids = &walk->who->ids;
    return ((walk->st.st_mode & S_ISUID) && walk->st.st_uid != ids->uid) ||
           ((walk->st.st_mode & S_ISGID) && (walk->st.st_mode & S_IXGRP) && walk->st.st_gid != ids->gid);
}

static void judge_execute(const struct explain_walk *walk)
{
    struct explain_verdict *verdict = add(walk, EXPLAIN_EXECUTE, g_strdup(walk->out->resolved));
    struct explain_access access;
    if (refuse_blocked(walk, walk->is_blocked, verdict))
        return;
    const struct route_spec *spec = walk->node->id.kind == NODE_ROUTE ? &walk->node->id.route->spec : NULL;
    if (!explain_allows(walk, walk->node, &walk->st, ACCESS_EXECUTE, &access))
        refuse_by(verdict, EACCES, EXPLAIN_NO_PERMISSION, &access);
    else if (spec != NULL && spec->noexec)
        refuse(verdict, EACCES, EXPLAIN_NOEXEC);
    else if (spec != NULL && spec->nosuid && !walk->node->id.route->native && gains_by_exec(walk))
        refuse(verdict, EACCES, EXPLAIN_NOSUID);
    explain_access_clear(&access);
}

/* What is said of a path that is not there. */
static void judge_missing(const struct explain_walk *walk)
{
    const struct explanation *out = walk->out;
    if (out->status == -ENOENT && walk->rest == NULL) {
        judge_create(walk, g_strdup(out->resolved));
        return;
    }
    struct explain_verdict *verdict = add(walk, EXPLAIN_CREATE, g_strdup(out->resolved));
    if (!refuse_blocked(walk, walk->is_blocked, verdict))
        refuse(verdict, -out->status,
               out->status == -ENOENT    ? EXPLAIN_MISSING
               : out->status == -ENOTDIR ? EXPLAIN_NOT_A_DIRECTORY
                                         : EXPLAIN_UNREADABLE);
    /* Of the first that is missing, for mkdir -p. */
    if (out->status == -ENOENT)
        judge_create(walk, g_strdup(out->stopped));
}

void explain_verdicts(const struct explain_walk *walk)
{
    const char *resolved = walk->out->resolved;
    if (walk->node == NULL) {
        judge_missing(walk);
    } else if (S_ISDIR(walk->st.st_mode)) {
        judge_create(walk, g_str_has_suffix(resolved, "/") ? g_strdup(resolved) : g_strconcat(resolved, "/", NULL));
    } else {
        judge_open(walk, EXPLAIN_WRITE);
        if (S_ISREG(walk->st.st_mode))
            judge_open(walk, EXPLAIN_TRUNCATE);
        /* Of what is no program, nobody wonders why it does not run. */
        if (S_ISREG(walk->st.st_mode) && (walk->st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
            judge_execute(walk);
    }
    if (walk->name.node != NULL)
        judge_remove(walk);
}
