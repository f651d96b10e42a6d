#include "umount_beneath.h"

#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a line of mountinfo has the mount point (proc_pid_mountinfo(5)). */
#define POINT_FIELD 4

static int open_parent(const char *mountpoint, const char *parent)
{
    int root = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    int fd = beneath_open(root, parent, O_PATH | O_DIRECTORY, false);
    close(root);
    return fd;
}

static int umount_one(const char *mountpoint, const char *place, uint64_t mount_id, bool lazy)
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

/* Deepest first; of two that lie on each other the upper one first, as the array begins with what was mounted last. */
static int compare_descending(const void *a, const void *b)
{
    return strcmp(*(char *const *)b, *(char *const *)a);
}

/* The points of /proc/self/mountinfo strictly below @point, in the order in which they can be unmounted; owned. */
static GPtrArray *find_below(const char *point)
{
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
        return found;
    size_t length = strlen(point);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        g_auto(GStrv) fields = g_strsplit(*line, " ", POINT_FIELD + 2);
        if (g_strv_length(fields) < POINT_FIELD + 2)
            continue;
        char *at = g_strcompress(fields[POINT_FIELD]); /* the kernel escapes blanks and backslashes as \ooo */
        if (strncmp(at, point, length) == 0 && at[length] == '/')
            g_ptr_array_insert(found, 0, at);
        else
            g_free(at);
    }
    g_ptr_array_sort(found, compare_descending);
    return found;
}

int umount_beneath(const char *mountpoint, const char *place, uint64_t mount_id, bool lazy)
{
    int status = umount_one(mountpoint, place, mount_id, lazy);
    if (status != -EBUSY)
        return status;
    g_autofree char *point = g_build_path("/", mountpoint, place, NULL);
    g_autoptr(GPtrArray) below = find_below(point);
    for (guint i = 0; i < below->len; i++)
        (void)umount_one(mountpoint, (char *)g_ptr_array_index(below, i) + strlen(mountpoint), 0, false);
    return below->len > 0 ? umount_one(mountpoint, place, mount_id, lazy) : status;
}
