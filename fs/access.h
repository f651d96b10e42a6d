/*
 * access - what mode bits and POSIX ACLs allow a caller, without capabilities.
 *
 * Pure. The kernel decides who may do what (default_permissions); this only tells why it decided so, where a request
 * does not say it. Source: the kernel's generic_permission() and posix_acl_permission(), acl(5).
 */
#ifndef ROFUSE_FS_ACCESS_H
#define ROFUSE_FS_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#define ACCESS_ACL_XATTR "system.posix_acl_access"

enum {
    ACCESS_EXECUTE = 1, /* or search, of a directory */
    ACCESS_WRITE = 2,
    ACCESS_READ = 4,
};

struct access_subject {
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* supplementary ones */
    size_t n_groups;
};

/*
 * access_allows - whether all of @wanted is allowed.
 *
 * @acl, @acl_size: value of system.posix_acl_access, or NULL. A malformed one is taken for absent.
 */
bool access_allows(const struct stat *st, const void *acl, size_t acl_size, const struct access_subject *subject,
                   unsigned wanted);

#endif
