/*
 * mount_table - what is mounted, as the kernel tells it in /proc/PID/mountinfo (proc_pid_mountinfo(5)).
 */
#ifndef ROFUSE_SRC_MOUNT_TABLE_H
#define ROFUSE_SRC_MOUNT_TABLE_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

struct mount_entry {
    int id;              /* unique at a time */
    int parent;          /* id of the mount that it lies on */
    char *point;         /* where it is mounted, octal escapes undone; owned */
    char *type;          /* "fuse.rofuse"; owned */
    char *source;        /* for us the mount's name; owned */
    char *root;          /* which directory of the file system is to be seen there, "/" for the whole; owned */
    dev_t device;        /* of the file system, as stat(2) has it */
    char *options;       /* of the mount, as the kernel writes them: "rw,nosuid,nodev,relatime"; owned */
    char *super_options; /* of the file system: "rw,user_id=0,group_id=0,default_permissions,allow_other"; owned */
    bool is_read_only;   /* by this mount's own flag or by the file system's: the kernel refuses writes itself */
};

/* Reads one table from its text; malformed lines are left out. Elements are struct mount_entry, owned by the array,
 * which the caller owns. Pure; any thread. */
GPtrArray *mount_table_parse(const char *text);

/* The mounts that this process sees. NULL with one line. */
GPtrArray *mount_table_read(GError **error);

/* The mount on top at exactly this point, or NULL; owned by the table. */
const struct mount_entry *mount_table_at(const GPtrArray *table, const char *point);

/* A mount strictly below a point, or NULL. */
const struct mount_entry *mount_table_below(const GPtrArray *table, const char *point);

/* Whether a mount of ours with this file system's @device is on top at a point just now. A bind of the mount over itself, as
 * runtimes make it, is one too. */
bool mount_table_still_has(const char *point, dev_t device);

/* One of ours, alive or dead. NULL is allowed. */
bool mount_entry_is_rofuse(const struct mount_entry *entry);

#endif
