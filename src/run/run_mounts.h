/*
 * run_mounts - mounting at a place inside a root, wherever the image's symbolic links lead to inside it.
 *
 * All return 0 or -errno, leave no descriptor open, and need /proc of the host; one thread.
 */
#ifndef ROFUSE_SRC_RUN_MOUNTS_H
#define ROFUSE_SRC_RUN_MOUNTS_H

enum run_bind_flags {
    RUN_BIND_READ_ONLY = 1,
    RUN_BIND_RECURSIVE = 2, /* what is mounted below comes too, and is as read-only */
    RUN_BIND_OVER_LINK = 4, /* a symbolic link that leads nowhere is covered itself */
};

/* mount(2) of a new file system. */
int run_mount_at(int root, const char *path, const char *type, const char *source, unsigned long flags,
                 const char *data);

/* Binds a path of the host, or one inside the root, on a path inside the root. */
int run_mount_bind_host(int root, const char *source, const char *path, int flags);
int run_mount_bind_inside(int root, const char *source, const char *path, int flags);

/* Makes a path read as empty: a directory by an empty read-only tmpfs, a file by /dev/null. One that is not there is. */
int run_mount_mask(int root, const char *path);

/* A new file, 0644, with a text in it. */
int run_mount_write_file(int root, const char *path, const char *text);

/* Takes off what is mounted at a path. */
int run_mount_detach(int root, const char *path);

#endif
