#include "access.h"

#include <endian.h>
#include <linux/posix_acl_xattr.h>
#include <stdint.h>

/* Of linux/posix_acl.h, which is not for user space. */
enum {
    ACL_USER_OBJ = 0x01,
    ACL_USER = 0x02,
    ACL_GROUP_OBJ = 0x04,
    ACL_GROUP = 0x08,
    ACL_MASK = 0x10,
    ACL_OTHER = 0x20
};

static bool in_group(const struct access_subject *subject, gid_t gid)
{
    if (subject->gid == gid)
        return true;
    for (size_t i = 0; i < subject->n_groups; i++)
        if (subject->groups[i] == gid)
            return true;
    return false;
}

static bool mode_allows(const struct stat *st, const struct access_subject *subject, unsigned wanted)
{
    unsigned bits = st->st_mode & 7;
    if (subject->uid == st->st_uid)
        bits = (st->st_mode >> 6) & 7;
    else if (in_group(subject, st->st_gid))
        bits = (st->st_mode >> 3) & 7;
    return (bits & wanted) == wanted;
}

bool access_allows(const struct stat *st, const void *acl, size_t acl_size, const struct access_subject *subject,
                   unsigned wanted)
{
    const struct posix_acl_xattr_header *header = acl;
    /* The group bits are the ACL's mask; when they are empty the kernel does not look at the ACL at all, so that somebody
     * whom it names gets what others get (acl_permission_check). */
    if (acl == NULL || acl_size < sizeof *header || le32toh(header->a_version) != POSIX_ACL_XATTR_VERSION ||
        subject->uid == st->st_uid || (st->st_mode & S_IRWXG) == 0)
        return mode_allows(st, subject, wanted);

    const struct posix_acl_xattr_entry *entries = (const void *)(header + 1);
    size_t n_entries = (acl_size - sizeof *header) / sizeof entries[0];
    unsigned mask = 7, other = st->st_mode & 7;
    for (size_t i = 0; i < n_entries; i++) {
        if (le16toh(entries[i].e_tag) == ACL_MASK)
            mask = le16toh(entries[i].e_perm);
        else if (le16toh(entries[i].e_tag) == ACL_OTHER)
            other = le16toh(entries[i].e_perm);
    }
    bool group_matched = false;
    for (size_t i = 0; i < n_entries; i++) {
        unsigned tag = le16toh(entries[i].e_tag), bits = le16toh(entries[i].e_perm) & mask;
        uint32_t id = le32toh(entries[i].e_id);
        if (tag == ACL_USER && id == subject->uid)
            return (bits & wanted) == wanted;
        if ((tag == ACL_GROUP_OBJ && in_group(subject, st->st_gid)) || (tag == ACL_GROUP && in_group(subject, id))) {
            /* One group that allows everything wanted is enough; groups that match but do not allow end in a refusal. */
            if ((bits & wanted) == wanted)
                return true;
            group_matched = true;
        }
    }
    return !group_matched && (other & wanted) == wanted;
}
