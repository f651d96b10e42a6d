/*
 * assume - does a system call in a backing directory as the caller.
 *
 * With the caller's fsuid, fsgid, groups and umask the backing file system sets owners and applies setgid directories,
 * default ACLs, sticky bits and quotas by itself, and checks permissions a second time (the kernel did so before it sent
 * the request: default_permissions). Credentials of Linux belong to a thread, so other serving threads are not touched.
 *
 *     struct assume as;
 *     assume_begin(&as, &credentials, umask);
 *     do
 *         status = mkdirat(…) < 0 ? -errno : 0;
 *     while (assume_again(&as, status));
 *
 * The first try has the caller's ids but neither his supplementary groups nor capabilities, because asking for them is a
 * read of /proc for each call. Only where that is refused (-EACCES, -EPERM) are they read, and the call is tried again
 * with them; the second refusal stands.
 */
#ifndef ROFUSE_FS_ASSUME_H
#define ROFUSE_FS_ASSUME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What this process can do; the same for all threads, read once at set-up. */
struct assume_power {
    bool can_change_ids; /* CAP_SETUID and CAP_SETGID */
    uid_t uid;           /* own fsuid and fsgid */
    gid_t gid;
    uint64_t file_capabilities; /* capabilities over files that are permitted to us */
};

/* Reads the process's power, gives up its own supplementary groups (they would count as the caller's) and
 * CAP_SYS_RESOURCE (quotas and reserved blocks are for the caller, too). Before threads are started. */
void assume_power_read(struct assume_power *power);

/* To be called once by every thread that will act as callers: its umask becomes its own. Returns 0 or -errno. */
int assume_thread_init(void);

struct assume_credentials {
    pid_t tid; /* 0 = cannot be seen */
    uid_t uid;
    gid_t gid;
};

struct assume {
    const struct assume_power *power;
    struct assume_credentials who;
    int object_fd; /* what the call is about; borrowed */
    int stage;     /* 0 not begun, 1 with ids, 2 with groups and capabilities */
};

/*
 * Begins. @object_fd: the file or directory whose owner decides which capabilities of a caller from another user namespace
 * count (O_PATH is enough). @umask: of the caller, -1 = the call makes nothing. @with_groups: start with groups, for a call
 * whose result (not only its permission) depends on them, as setting the setgid bit does.
 * Returns 0, or -EPERM when the caller cannot be assumed (we are an ordinary user and he is another one); then nothing was
 * changed and assume_again() must not be called.
 */
int assume_begin(struct assume *as, const struct assume_power *power, const struct assume_credentials *who,
                 int object_fd, int umask, bool with_groups);

/* Lets the thread be one that may not keep set-user-ID bits on what it writes (CAP_FSETID), and gives that back. */
void assume_keep_no_bits(bool keep_none);

/* After a try: true when it is worth another; otherwise we are ourselves again. */
bool assume_again(struct assume *as, int status);

#endif
