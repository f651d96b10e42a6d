#include "umount_beneath.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_parent(const char *mountpoint, const char *parent)
{
    int root = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    int fd = beneath_open(root, parent, O_PATH | O_DIRECTORY, false);
    close(root);
    return fd;
}

int umount_beneath(const char *mountpoint, const char *place, uint64_t mount_id, bool lazy)
{
    g_autofree char *path = g_strdup(place + strspn(place, "/"));
    char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path, *parent = slash != NULL ? path : "";
    if (slash != NULL)
        *slash = '\0';
    /* A descriptor of the mount itself would keep it in use; one of the directory that it lies in does not. */
    int fd = open_parent(mountpoint, parent);
    if (fd < 0)
        return fd;
    struct statx st = {0};
    int status = 0;
    if (mount_id != 0 &&
        statx(fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0)
        status = -errno;
    else if (mount_id != 0 && st.stx_mnt_id != mount_id)
        status = -EINVAL;
    if (status == 0) {
        struct beneath_link link;
        g_autofree char *at = g_strconcat(beneath_link_path(&link, fd), "/", name, NULL);
        status = umount2(at, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) < 0 ? -errno : 0;
    }
    close(fd);
    return status;
}
