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
#include <stdint.h>
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

/* Which of a file's permissions decides about somebody. */
enum access_rule {
    ACCESS_OF_OWNER,
    ACCESS_OF_GROUP, /* of the file's own group */
    ACCESS_OF_OTHERS,
    ACCESS_OF_NAMED_USER,  /* an entry of the ACL */
    ACCESS_OF_NAMED_GROUP, /* the same */
};

struct access_decision {
    enum access_rule rule;
    uint32_t id;   /* of the user or the group that the rule names; of others: 0 */
    unsigned bits; /* what it gives, the ACL's mask applied */
    unsigned mask; /* of the ACL; 7 where it does not count */
};

/* As access_allows(), and which rule decided: of several groups the one that allows, or the first that matches. */
bool access_decide(const struct stat *st, const void *acl, size_t acl_size, const struct access_subject *subject,
                   unsigned wanted, struct access_decision *ret);

/* One entry of an ACL, the mask not applied. */
struct access_entry {
    enum access_tag {
        ACCESS_TAG_OWNER,
        ACCESS_TAG_USER,
        ACCESS_TAG_OWN_GROUP,
        ACCESS_TAG_GROUP,
        ACCESS_TAG_MASK,
        ACCESS_TAG_OTHERS,
    } tag;
    uint32_t id; /* of USER and GROUP, else 0 */
    unsigned bits;
};

/* The first @most entries of an ACL, as its value has them; those of unknown kinds are left out. Returns how many: 0 for
 * a malformed one. */
size_t access_entries(const void *acl, size_t acl_size, struct access_entry *ret, size_t most);

/*
 * access_allows - whether all of @wanted is allowed.
 *
 * @acl, @acl_size: value of system.posix_acl_access, or NULL. A malformed one is taken for absent.
 */
bool access_allows(const struct stat *st, const void *acl, size_t acl_size, const struct access_subject *subject,
                   unsigned wanted);

#endif
