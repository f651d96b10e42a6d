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

static bool decided(const struct access_decision *decision, unsigned wanted)
{
    return (decision->bits & wanted) == wanted;
}

static bool decide_by_mode(const struct stat *st, const struct access_subject *subject, unsigned wanted,
                           struct access_decision *ret)
{
    *ret = (struct access_decision){.rule = ACCESS_OF_OTHERS, .bits = st->st_mode & 7, .mask = 7};
    if (subject->uid == st->st_uid) {
        ret->rule = ACCESS_OF_OWNER;
        ret->id = st->st_uid;
        ret->bits = (st->st_mode >> 6) & 7;
    } else if (in_group(subject, st->st_gid)) {
        ret->rule = ACCESS_OF_GROUP;
        ret->id = st->st_gid;
        ret->bits = (st->st_mode >> 3) & 7;
    }
    return decided(ret, wanted);
}

/* The entries of an ACL; NULL, and none, where it is malformed. */
static const struct posix_acl_xattr_entry *entries_of(const void *acl, size_t acl_size, size_t *ret_n)
{
    const struct posix_acl_xattr_header *header = acl;
    *ret_n = 0;
    if (acl == NULL || acl_size < sizeof *header || le32toh(header->a_version) != POSIX_ACL_XATTR_VERSION)
        return NULL;
    *ret_n = (acl_size - sizeof *header) / sizeof(struct posix_acl_xattr_entry);
    return (const void *)(header + 1);
}

/* Whether an entry names this caller; what it then says of him. */
static bool matches(const struct posix_acl_xattr_entry *entry, const struct stat *st,
                    const struct access_subject *subject, struct access_decision *ret)
{
    uint32_t id = le32toh(entry->e_id);
    switch (le16toh(entry->e_tag)) {
    case ACL_USER:
        ret->rule = ACCESS_OF_NAMED_USER;
        ret->id = id;
        return id == subject->uid;
    case ACL_GROUP_OBJ:
        ret->rule = ACCESS_OF_GROUP;
        ret->id = st->st_gid;
        return in_group(subject, st->st_gid);
    case ACL_GROUP:
        ret->rule = ACCESS_OF_NAMED_GROUP;
        ret->id = id;
        return in_group(subject, id);
    default:
        return false;
    }
}

bool access_decide(const struct stat *st, const void *acl, size_t acl_size, const struct access_subject *subject,
                   unsigned wanted, struct access_decision *ret)
{
    size_t n_entries;
    const struct posix_acl_xattr_entry *entries = entries_of(acl, acl_size, &n_entries);
    /* The group bits are the ACL's mask; when they are empty the kernel does not look at the ACL at all, so that somebody
     * whom it names gets what others get (acl_permission_check). */
    if (entries == NULL || subject->uid == st->st_uid || (st->st_mode & S_IRWXG) == 0)
        return decide_by_mode(st, subject, wanted, ret);

    unsigned mask = 7, other = st->st_mode & 7;
    for (size_t i = 0; i < n_entries; i++) {
        if (le16toh(entries[i].e_tag) == ACL_MASK)
            mask = le16toh(entries[i].e_perm);
        else if (le16toh(entries[i].e_tag) == ACL_OTHER)
            other = le16toh(entries[i].e_perm);
    }
    bool group_matched = false;
    for (size_t i = 0; i < n_entries; i++) {
        struct access_decision found = {.mask = mask, .bits = le16toh(entries[i].e_perm) & mask};
        if (!matches(&entries[i], st, subject, &found))
            continue;
        /* One group that allows everything wanted is enough; groups that match but do not allow end in a refusal. */
        if (!group_matched || decided(&found, wanted))
            *ret = found;
        if (found.rule == ACCESS_OF_NAMED_USER || decided(&found, wanted))
            return decided(&found, wanted);
        group_matched = true;
    }
    if (!group_matched)
        *ret = (struct access_decision){.rule = ACCESS_OF_OTHERS, .bits = other, .mask = 7};
    return decided(ret, wanted);
}

bool access_allows(const struct stat *st, const void *acl, size_t acl_size, const struct access_subject *subject,
                   unsigned wanted)
{
    struct access_decision decision;
    return access_decide(st, acl, acl_size, subject, wanted, &decision);
}

size_t access_entries(const void *acl, size_t acl_size, struct access_entry *ret, size_t most)
{
    static const struct {
        unsigned theirs;
        enum access_tag tag;
    } tags[] = {
        {ACL_USER_OBJ, ACCESS_TAG_OWNER}, {ACL_USER, ACCESS_TAG_USER}, {ACL_GROUP_OBJ, ACCESS_TAG_OWN_GROUP},
        {ACL_GROUP, ACCESS_TAG_GROUP},    {ACL_MASK, ACCESS_TAG_MASK}, {ACL_OTHER, ACCESS_TAG_OTHERS},
    };
    size_t n_entries, n = 0;
    const struct posix_acl_xattr_entry *entries = entries_of(acl, acl_size, &n_entries);
    for (size_t i = 0; i < n_entries && n < most; i++) {
        for (size_t t = 0; t < sizeof tags / sizeof tags[0]; t++) {
            if (le16toh(entries[i].e_tag) != tags[t].theirs)
                continue;
            bool has_id = tags[t].tag == ACCESS_TAG_USER || tags[t].tag == ACCESS_TAG_GROUP;
            ret[n++] = (struct access_entry){.tag = tags[t].tag,
                                             .id = has_id ? le32toh(entries[i].e_id) : 0,
                                             .bits = le16toh(entries[i].e_perm) & 7};
        }
    }
    return n;
}
