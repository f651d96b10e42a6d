#include "explain_private.h"

#include "path.h"

#include <glib.h>
#include <sys/stat.h>

char *explain_text(struct tree *tree, const struct node *node, const char *name)
{
    g_autofree char *inner = node_path(tree->table, node);
    g_autofree char *named = name != NULL ? path_join(inner, name) : g_strdup(inner);
    return g_strconcat("/", named, NULL);
}

char *explain_acl(struct tree *tree, struct node *node, size_t *ret_size)
{
    *ret_size = 0;
    if (S_ISLNK(node->id.type))
        return NULL;
    ssize_t size = tree_getxattr(tree, node, ACCESS_ACL_XATTR, NULL, 0);
    if (size <= 0)
        return NULL;
    char *value = g_malloc((size_t)size);
    size = tree_getxattr(tree, node, ACCESS_ACL_XATTR, value, (size_t)size);
    if (size <= 0)
        g_clear_pointer(&value, g_free);
    else
        *ret_size = (size_t)size;
    return value;
}

void explain_access_clear(struct explain_access *access)
{
    g_free(access->path);
    *access = (struct explain_access){0};
}

/* CAP_DAC_OVERRIDE, which root is taken to have: it executes only what somebody may execute (generic_permission()). */
static bool overrides(const struct stat *st, unsigned wanted)
{
    return S_ISDIR(st->st_mode) || !(wanted & ACCESS_EXECUTE) || (st->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH));
}

bool explain_allows(const struct explain_walk *walk, struct node *node, const struct stat *st, unsigned wanted,
                    struct explain_access *ret)
{
    size_t size;
    g_autofree char *acl = explain_acl(walk->tree, node, &size);
    *ret = (struct explain_access){
        .path = explain_text(walk->tree, node, NULL),
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .wanted = wanted,
    };
    bool allows = access_decide(st, acl, size, &walk->who->ids, wanted, &ret->decision);
    return allows || (walk->who->ids.uid == 0 && overrides(st, wanted));
}
