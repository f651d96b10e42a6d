#include "unpack_attributes.h"

#include "app_error.h"
#include "text.h"
#include "unpack_fail.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OVERRIDE "user.containers.override_stat"

struct timespec unpack_attributes_time(struct archive_entry *entry)
{
    long nanoseconds = archive_entry_mtime_nsec(entry);
    return (struct timespec){
        .tv_sec = archive_entry_mtime_is_set(entry) ? (time_t)archive_entry_mtime(entry) : 0,
        .tv_nsec = nanoseconds >= 0 && nanoseconds < 1000000000 ? nanoseconds : 0,
    };
}

static gboolean read_owner(struct archive_entry *entry, uid_t *ret_uid, gid_t *ret_gid, GError **error)
{
    la_int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
        return app_error_failed(error, "the owner %lld:%lld is none that a file can have", (long long)uid,
                                (long long)gid);
    *ret_uid = (uid_t)uid;
    *ret_gid = (gid_t)gid;
    return TRUE;
}

/* A file system that is full is a failure; one that does not know the attribute is not. */
static gboolean set_xattr(int dir_fd, const char *name, const char *key, const void *value, size_t size, bool is_needed,
                          struct image_result *result, GError **error)
{
    /* There is no lsetxattrat() in every kernel, and the working directory is nobody else's. */
    if (fchdir(dir_fd) == 0 && lsetxattr(name, key, value, size, 0) == 0)
        return TRUE;
    if (is_needed || errno == ENOSPC || errno == EDQUOT) {
        g_autofree char *shown = text_word(key);
        return app_error_failed(error, "the attribute %s cannot be set: %s%s", shown, g_strerror(errno),
                                errno == ENOTSUP ? "; put the store on another file system, with --state-dir DIR"
                                : errno == ENOSPC || errno == EDQUOT ? UNPACK_FULL_HINT
                                                                     : "");
    }
    if (result != NULL)
        result->dropped++;
    return TRUE;
}

static gboolean set_override(struct unpack_tree *tree, int dir_fd, const char *name, uid_t uid, gid_t gid, mode_t mode,
                             dev_t rdev, GError **error)
{
    char value[96];
    int length = snprintf(value, sizeof value, "%u:%u:0%o", uid, gid, mode & 07777);
    const char *word = S_ISDIR(mode) ? ":dir" : S_ISFIFO(mode) ? ":pipe" : S_ISSOCK(mode) ? ":socket" : ":file";
    if (S_ISCHR(mode) || S_ISBLK(mode))
        snprintf(value + length, sizeof value - (size_t)length, ":%s-%u-%u", S_ISCHR(mode) ? "char" : "block",
                 major(rdev), minor(rdev));
    else
        snprintf(value + length, sizeof value - (size_t)length, "%s", word);
    tree->overridden = true;
    return set_xattr(dir_fd, name, OVERRIDE, value, strlen(value), true, NULL, error);
}

/* Attributes by which stacks of layers are described are no part of an image: it has whiteout files for that. */
static bool is_metadata(const char *key)
{
    static const char *const prefixes[] = {"trusted.overlay.", "user.overlay.", "user.fuseoverlayfs."};
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(key, prefixes[i]))
            return true;
    }
    return strcmp(key, OVERRIDE) == 0;
}

static gboolean set_xattrs(int dir_fd, const char *name, struct archive_entry *entry, struct image_result *result,
                           GError **error)
{
    const char *key;
    const void *value;
    size_t size;
    archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &key, &value, &size) == ARCHIVE_OK) {
        if (key != NULL && !is_metadata(key) && !set_xattr(dir_fd, name, key, value, size, false, result, error))
            return FALSE;
    }
    return TRUE;
}

/* As root: the mode after the owner, which takes set-uid bits away; attributes after both, as capabilities go too. */
static gboolean set_own(int dir_fd, const char *name, mode_t type, mode_t mode, uid_t uid, gid_t gid, GError **error)
{
    if (fchownat(dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0)
        return unpack_fail_errno(error, "its owner cannot be set", errno);
    if (type != S_IFLNK && fchmodat(dir_fd, name, mode, 0) != 0)
        return unpack_fail_errno(error, "its mode cannot be set", errno);
    return TRUE;
}

gboolean unpack_attributes_set(struct unpack_tree *tree, int dir_fd, const char *name, struct archive_entry *entry,
                               bool is_stand_in, struct image_result *result, GError **error)
{
    mode_t type = archive_entry_filetype(entry), mode = archive_entry_perm(entry) & 07777;
    uid_t uid = 0;
    gid_t gid = 0;
    if (!read_owner(entry, &uid, &gid, error))
        return FALSE;
    if (tree->can_own && !set_own(dir_fd, name, type, mode, uid, gid, error))
        return FALSE;
    mode_t readable = (mode & 0777) | (type == S_IFDIR ? 0700 : 0600);
    if (!tree->can_own && type != S_IFLNK && fchmodat(dir_fd, name, readable, 0) != 0)
        return unpack_fail_errno(error, "its mode cannot be set", errno);
    if (!set_xattrs(dir_fd, name, entry, result, error))
        return FALSE;
    if ((is_stand_in || !tree->can_own) && type != S_IFLNK &&
        !set_override(tree, dir_fd, name, uid, gid, type | mode, archive_entry_rdev(entry), error))
        return FALSE;
    const struct timespec times[2] = {unpack_attributes_time(entry), unpack_attributes_time(entry)};
    if (type != S_IFDIR && utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) != 0)
        return unpack_fail_errno(error, "its time cannot be set", errno);
    return TRUE;
}

gboolean unpack_attributes_set_implied(struct unpack_tree *tree, int dir_fd, const char *name, GError **error)
{
    return tree->can_own || set_override(tree, dir_fd, name, 0, 0, S_IFDIR | 0755, 0, error);
}

gboolean unpack_attributes_mark_root(struct unpack_tree *tree, GError **error)
{
    struct stat st;
    char value[8];
    if (!tree->overridden)
        return TRUE;
    if (fchdir(tree->root_fd) != 0 || fstatat(tree->root_fd, ".", &st, 0) != 0)
        return unpack_fail_errno(error, "the top directory", errno);
    /* The entry for the top directory may have said it. */
    if (lgetxattr(".", OVERRIDE, value, 0) > 0)
        return TRUE;
    uid_t uid = tree->can_own ? st.st_uid : 0;
    gid_t gid = tree->can_own ? st.st_gid : 0;
    return set_override(tree, tree->root_fd, ".", uid, gid, st.st_mode, 0, error);
}
