/*
 * overlay - a throw-away layer over a directory: an overlayfs of the kernel's on a tmpfs of its own, which no name space
 * shows.
 *
 * Copying up, whiteouts, opaque directories and renames of directories are the kernel's business. Both mounts are gone with
 * the last descriptor, whatever ended the daemon. It takes CAP_SYS_ADMIN in the user namespace that owns the mount
 * namespace.
 *
 * In a user namespace of less than the whole machine the kernel has no file handles for overlayfs (ovl_can_decode_fh), and
 * no right to trusted attributes: a file that is copied up may get another inode number, a hard link of the lower
 * directory becomes a file of its own then, and a directory of the lower one cannot be renamed (EXDEV, which mv(1) knows).
 */
#ifndef ROFUSE_FS_OVERLAY_H
#define ROFUSE_FS_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

struct tmpfs_size;

struct overlay {
    int root_fd;     /* O_PATH like: the root of the overlayfs */
    int upper_fd;    /* what was changed: overlayfs' upper directory */
    bool is_trusted; /* its metadata are in trusted.overlay.*, and numbers and links last; else user.overlay.* */
};

/*
 * overlay_new - puts one over a directory.
 *
 * @lower_fd: the root of a mount that is attached nowhere (fsmount(2)) and whose file system answers already.
 * @size: of the tmpfs. It is full by that, or by the number of files that the kernel allows a tmpfs.
 * @ret: on success its descriptors are owned by the caller, overlay_clear().
 * @ret_why: on failure one line with the mend; owned, g_free().
 * Returns 0 or -errno. Any thread; it starts one, which has a mount namespace for itself.
 */
int overlay_new(int lower_fd, const struct tmpfs_size *size, struct overlay *ret, char **ret_why);

/* What the layer may hold and holds, in bytes; 0 and 0 where that cannot be told. Any thread. */
void overlay_space(int upper_fd, uint64_t *ret_size, uint64_t *ret_used);

/* The path in the lower directory of what is shown at a path, which differs where a directory on the way was renamed. Of a layer
 * that is trusted. Both with a leading slash; owned by the caller. Any thread. */
char *overlay_lower_path(int upper_fd, const char *path);

void overlay_clear(struct overlay *overlay); /* safe on one of zeros but for fds of -1 */

#endif
