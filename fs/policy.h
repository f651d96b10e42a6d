/*
 * policy - may this place be changed, and what does the caller hear if not.
 *
 * Pure: a verdict from facts, no file and no caller is looked at. A refusal is a verdict, not an error; gate.h turns it
 * into an errno and a record. Source of the errors: RULES.md section 3, the VFS' order of checks (mnt_want_write() before
 * may_create() and may_delete(); do_renameat2() and do_linkat() compare the mounts before they ask for write access).
 */
#ifndef ROFUSE_FS_POLICY_H
#define ROFUSE_FS_POLICY_H

#include "denial.h"

#include <stdbool.h>

struct node;

struct policy_verdict {
    int error;           /* 0 = allowed, else a positive errno */
    enum denial_why why; /* when error is EROFS */
};

/* A change of a node itself, or of a directory's names (then @node is the directory). A file that is open stays usable when
 * learn mode is switched off; a directory that somebody stands in is refused then. */
struct policy_verdict policy_change(const struct node *node);

/* Opening a file for a change. */
struct policy_verdict policy_open(const struct node *node);

/* Whether the name may be taken away or replaced: EBUSY where it is a mount point of a directory that may be changed. */
struct policy_verdict policy_remove(const struct node *dir, const char *name);

/* Whether a change of the node is allowed for learning's sake alone, and would be EROFS without that. */
bool policy_is_learned(const struct node *node);

/* A rename or a link from one directory to another: EXDEV between routes, and between a route and the image. */
struct policy_verdict policy_cross(const struct node *from, const struct node *to);

#endif
