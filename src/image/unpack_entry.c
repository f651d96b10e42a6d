#include "unpack_entry.h"

#include "app_error.h"
#include "text.h"
#include "unpack_attributes.h"
#include "unpack_fail.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static gboolean write_at(int fd, const char *bytes, size_t size, off_t offset, GError **error)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, bytes, size, offset);
        if (n < 0 && errno != EINTR)
            return unpack_fail_errno(error, "cannot be written", errno);
        bytes += n > 0 ? n : 0;
        offset += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return TRUE;
}

/* Pieces with holes between them. */
static gboolean write_content(int fd, struct archive *archive, la_int64_t size, GError **error)
{
    const void *bytes;
    size_t length;
    la_int64_t offset;
    int status;
    while ((status = archive_read_data_block(archive, &bytes, &length, &offset)) == ARCHIVE_OK) {
        if (offset < 0 || offset > size || (la_int64_t)length > size - offset)
            return app_error_failed(error, "its content is larger than it says");
        if (!write_at(fd, bytes, length, offset, error))
            return FALSE;
    }
    if (status != ARCHIVE_EOF) {
        const char *why = archive_error_string(archive);
        g_autofree char *shown = text_escape(why != NULL ? why : "it is damaged");
        return app_error_failed(error, "its content cannot be read: %s", shown);
    }
    if (ftruncate(fd, size) != 0)
        return unpack_fail_errno(error, "cannot be written", errno);
    return TRUE;
}

static gboolean make_file(int dir_fd, const char *name, struct archive *archive, struct archive_entry *entry,
                          GError **error)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return unpack_fail_errno(error, "cannot be made", errno);
    gboolean done = archive == NULL || write_content(fd, archive, archive_entry_size(entry), error);
    if (close(fd) != 0 && done)
        done = unpack_fail_errno(error, "cannot be written", errno);
    return done;
}

static gboolean make_directory(struct unpack_tree *tree, int dir_fd, const char *name, GError **error)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(st.st_mode))
            return TRUE;
        if (!unpack_tree_remove(tree, dir_fd, name, error))
            return FALSE;
    }
    if (mkdirat(dir_fd, name, 0700) != 0)
        return unpack_fail_errno(error, "cannot be made", errno);
    return TRUE;
}

/* A device, a fifo; a regular file takes its place where it cannot be made. */
static gboolean make_special(const struct unpack_tree *tree, int dir_fd, const char *name, struct archive_entry *entry,
                             bool *ret_stand_in, GError **error)
{
    mode_t type = archive_entry_filetype(entry);
    dev_t rdev = type == S_IFCHR || type == S_IFBLK ? archive_entry_rdev(entry) : 0;
    if (type == S_IFCHR && rdev == 0)
        return app_error_failed(error,
                                "a character device 0:0 is a whiteout of overlayfs; images have .wh. files for that");
    /* What override_stat, and the kernel, have room for. */
    if (major(rdev) > 0xfff || minor(rdev) > 0xfffff)
        return app_error_failed(error, "a device %u:%u does not exist", major(rdev), minor(rdev));
    if (tree->can_own && mknodat(dir_fd, name, type | 0600, rdev) == 0)
        return TRUE;
    if (tree->can_own && errno != EPERM)
        return unpack_fail_errno(error, "cannot be made", errno);
    *ret_stand_in = true;
    return make_file(dir_fd, name, NULL, NULL, error);
}

static gboolean make_symlink(int dir_fd, const char *name, struct archive_entry *entry, GError **error)
{
    const char *target = archive_entry_symlink(entry);
    if (target == NULL || *target == '\0')
        return app_error_failed(error, "a symbolic link to nothing");
    if (symlinkat(target, dir_fd, name) != 0)
        return unpack_fail_errno(error, "cannot be made", errno);
    return TRUE;
}

/* The other name is looked up first: what it lies in stays open no longer than the next look-up. */
static gboolean make_link(struct unpack_tree *tree, const char *path, const char *link, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *shown = text_word(link);
    g_autofree char *target = unpack_tree_path(link, &cause);
    if (target == NULL || *target == '\0')
        return app_error_failed(error, "a hard link to %s: %s", shown, cause != NULL ? cause->message : "is no file");
    const char *name, *target_name;
    struct stat st, own;
    int found = unpack_tree_parent(tree, target, false, &target_name, &cause);
    int target_fd = found >= 0 ? fcntl(found, F_DUPFD_CLOEXEC, 0) : -1;
    if (target_fd < 0)
        return app_error_failed(error, "a hard link to %s: %s", shown,
                                cause != NULL ? cause->message : g_strerror(errno));
    gboolean done = FALSE;
    int dir_fd = -1;
    if (fstatat(target_fd, target_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        app_error_failed(error, "a hard link to %s, which is not in the layer", shown);
    else if (S_ISDIR(st.st_mode))
        app_error_failed(error, "a hard link to %s, a directory", shown);
    else
        dir_fd = unpack_tree_parent(tree, path, true, &name, error);
    if (dir_fd >= 0 && fstatat(dir_fd, name, &own, AT_SYMLINK_NOFOLLOW) == 0 && own.st_ino == st.st_ino)
        done = TRUE; /* it is the same file already, and must not be removed */
    else if (dir_fd >= 0 && unpack_tree_remove(tree, dir_fd, name, error)) {
        done = linkat(target_fd, target_name, dir_fd, name, 0) == 0;
        if (!done)
            app_error_failed(error, "a hard link to %s: %s", shown, g_strerror(errno));
    }
    close(target_fd);
    return done;
}

static gboolean make_new(struct unpack_tree *tree, int dir_fd, const char *name, struct archive *archive,
                         struct archive_entry *entry, bool *ret_stand_in, GError **error)
{
    switch (archive_entry_filetype(entry)) {
    case S_IFDIR:
        return make_directory(tree, dir_fd, name, error);
    case S_IFREG:
        return unpack_tree_remove(tree, dir_fd, name, error) && make_file(dir_fd, name, archive, entry, error);
    case S_IFLNK:
        return unpack_tree_remove(tree, dir_fd, name, error) && make_symlink(dir_fd, name, entry, error);
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
        return unpack_tree_remove(tree, dir_fd, name, error) &&
               make_special(tree, dir_fd, name, entry, ret_stand_in, error);
    default:
        return app_error_failed(error, "is of a type that no image has");
    }
}

gboolean unpack_entry_make(struct unpack_tree *tree, struct archive *archive, struct archive_entry *entry,
                           const char *path, struct image_result *result, GError **error)
{
    const char *link = archive_entry_hardlink(entry);
    bool is_directory = archive_entry_filetype(entry) == S_IFDIR && link == NULL;
    bool is_stand_in = false;
    if (*path == '\0') {
        if (!is_directory)
            return app_error_failed(error, "the top of the layer is to be a directory");
        unpack_tree_remember(tree, path, unpack_attributes_time(entry));
        return unpack_attributes_set(tree, tree->root_fd, ".", entry, false, result, error);
    }
    if (link != NULL)
        return make_link(tree, path, link, error);
    const char *name;
    int dir_fd = unpack_tree_parent(tree, path, true, &name, error);
    if (dir_fd < 0 || !make_new(tree, dir_fd, name, archive, entry, &is_stand_in, error))
        return FALSE;
    if (is_directory)
        unpack_tree_remember(tree, path, unpack_attributes_time(entry));
    return unpack_attributes_set(tree, dir_fd, name, entry, is_stand_in, result, error);
}
