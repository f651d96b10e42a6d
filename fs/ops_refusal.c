/*
 * What a GETATTR tells of a refusal (DESIGN.md decision 3).
 *
 * When fuse_permission() in the kernel finds that mode bits or an ACL refuse the caller, it asks for the attributes once
 * more before it says EACCES, and an error in answer to that becomes the error of the system call. This is the only sign
 * that the daemon gets of most refused writes, and the only chance to say EROFS where a read-only mount, which looks at the
 * mount before it looks at the mode, would have said it.
 *
 * So it must be known that the GETATTR is such a one. The kernel has no other reason to ask about a directory whose
 * attributes it was given and may still believe ("promised"); a directory on the way to the place of the write, which the
 * caller may search, is not asked about then. A file is never on the way to somewhere.
 *
 * But what a look-up told is not always believed: where the kernel dropped any inode meanwhile, as it does when memory is
 * short, it asks again about one that is new to it (evict_ctr in fuse_change_attributes_common(), since Linux 6.13 or so).
 * An error in answer to that would fail a call that only goes through the directory. So after a look-up the path decides as
 * well; after an answer to GETATTR, which is always believed, it need not be read.
 *
 * An error that is wrong in spite of that replaces one refusal by another, as at the place itself (the kernel may have asked
 * before it found another reason); or, where memory is short, it meets a path that begins at a place that is not known and
 * leads through links that are not found from the root.
 */
#include "ops_private.h"

#include "access.h"
#include "caller.h"
#include "intent.h"
#include "intent_way.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>

#define HAS(capabilities, which) (((capabilities) & (UINT64_C(1) << (which))) != 0)

/* Whom the kernel looked at, and what mode bits and ACL allow him. */
struct subject {
    struct access_subject ids;
    gid_t *groups; /* owned */
    uint64_t capabilities;
    char *acl; /* owned */
    size_t acl_size;
};

static void read_subject(const struct ops *ops, const struct assume_credentials *who, struct node *node,
                         const struct stat *st, struct subject *ret)
{
    *ret = (struct subject){.ids = {.uid = who->uid, .gid = who->gid}};
    if (caller_groups(who->tid, &ret->groups, &ret->ids.n_groups) == 0)
        ret->ids.groups = ret->groups;
    else
        ret->ids.n_groups = 0;
    (void)caller_capabilities_over(who->tid, st->st_uid, st->st_gid, &ret->capabilities);
    ssize_t size = tree_getxattr(ops->tree, node, ACCESS_ACL_XATTR, NULL, 0);
    if (size > 0) {
        ret->acl = g_malloc((size_t)size);
        size = tree_getxattr(ops->tree, node, ACCESS_ACL_XATTR, ret->acl, (size_t)size);
        ret->acl_size = size > 0 ? (size_t)size : 0;
    }
}

static void clear_subject(struct subject *subject)
{
    g_free(subject->groups);
    g_free(subject->acl);
}

static bool allows(const struct subject *subject, const struct stat *st, unsigned wanted)
{
    return access_allows(st, subject->acl_size > 0 ? subject->acl : NULL, subject->acl_size, &subject->ids, wanted);
}

/* What the kernel asks of a file at once: an open wants to read, too, and O_TRUNC means writing (build_open_flags). */
static unsigned file_access(const struct intent *intent)
{
    bool reads = (intent->operation == DENIAL_OPEN || intent->operation == DENIAL_CREATE) &&
                 (intent->flags & O_ACCMODE) != O_WRONLY;
    return ACCESS_WRITE | (reads ? ACCESS_READ : 0);
}

/* Whether this caller is being refused the change that he is up to, and not the way to it. */
static bool is_refused(const struct subject *subject, const struct stat *st, enum ops_promise promise,
                       const struct intent *intent)
{
    /* Where the kernel is known to have refused, they did not count. */
    if (promise != OPS_PROMISE_BELIEVED && HAS(subject->capabilities, CAP_DAC_OVERRIDE))
        return false;
    if (!S_ISDIR(st->st_mode))
        return !allows(subject, st, file_access(intent));
    if (intent->by_descriptor)
        return !allows(subject, st, ACCESS_WRITE);
    return !allows(subject, st, ACCESS_WRITE | ACCESS_EXECUTE) &&
           (allows(subject, st, ACCESS_EXECUTE) || HAS(subject->capabilities, CAP_DAC_READ_SEARCH));
}

/* An owner whom the mode lets do all is not refused: by far the most callers, told without a look at /proc. */
static bool is_plainly_allowed(const struct assume_credentials *who, const struct stat *st)
{
    mode_t needed = S_IRUSR | S_IWUSR | (S_ISDIR(st->st_mode) ? S_IXUSR : 0);
    return who->uid == st->st_uid && (st->st_mode & needed) == needed;
}

/*
 * Whether DIR/NAME exists, in which case an open(2) with O_CREAT is no wish to change the directory. Before it has looked
 * the name up the kernel asks for permission to create it all the same, and drops the answer when the name is there
 * (lookup_open). Where NAME is a symbolic link it is replaced by the name that it leads to in the same directory; when it
 * leads elsewhere, the creation is not asked about here.
 */
static bool is_there(const struct ops *ops, struct node *dir, char name[NAME_MAX + 1])
{
    struct node *child;
    struct stat st;
    g_autofree char *text = NULL;
    if (tree_lookup(ops->tree, dir, name, &child, &st) < 0)
        return false;
    bool there = !S_ISLNK(st.st_mode) || tree_readlink(ops->tree, child, &text) < 0 || strlen(text) > NAME_MAX ||
                 strchr(text, '/') != NULL;
    node_unref(ops->tree->table, child);
    if (there || tree_lookup(ops->tree, dir, text, &child, &st) == 0) {
        if (!there)
            node_unref(ops->tree->table, child);
        return true;
    }
    strcpy(name, text);
    return false;
}

/* Whether the name that is to be made is there already: then the kernel says EEXIST before it asks whether it may be made. */
static bool exists(const struct ops *ops, struct node *dir, struct intent *intent)
{
    struct node *child;
    struct stat st;
    switch (intent->operation) {
    case DENIAL_CREATE:
        return is_there(ops, dir, intent->name);
    case DENIAL_MKDIR:
    case DENIAL_MKNOD:
    case DENIAL_SYMLINK:
    case DENIAL_LINK:
        if (tree_lookup(ops->tree, dir, intent->name, &child, &st) < 0)
            return false;
        node_unref(ops->tree->table, child);
        return true;
    default:
        return false;
    }
}

/* The change as the record tells it; false when the kernel will not refuse it here. @intent: gives up its name. */
static bool change_of(const struct ops *ops, struct node *node, struct intent *intent, struct change *ret)
{
    bool on_directory = S_ISDIR(node->id.type) && (intent->effect & INTENT_CHANGES_DIRECTORY);
    if (on_directory && intent->has_name && exists(ops, node, intent))
        return false;
    *ret = CHANGE(intent->operation, node, NULL);
    ret->flags = intent->flags;
    ret->mode = intent->mode;
    if (!S_ISDIR(node->id.type) && intent->operation == DENIAL_CREATE) {
        ret->operation = DENIAL_OPEN;
        ret->mode = -1;
    }
    if (on_directory && intent->operation != DENIAL_TMPFILE) {
        if (intent->has_name && !intent->two_paths)
            ret->name = intent->name;
        else
            ret->name_unknown = true;
    }
    return true;
}

/* Whom chown(2) is refused, by setattr_prepare() in the kernel. */
static bool is_refused_owner(const struct assume_credentials *who, const struct stat *st, const struct intent *intent)
{
    uint64_t capabilities = 0;
    if ((intent->uid == (uid_t)-1 && intent->gid == (gid_t)-1) || who->uid == 0 ||
        (who->uid == st->st_uid && (intent->uid == (uid_t)-1 || intent->uid == st->st_uid)))
        return false;
    (void)caller_capabilities_over(who->tid, st->st_uid, st->st_gid, &capabilities);
    return !HAS(capabilities, CAP_CHOWN);
}

/*
 * chown(2) of a file: the kernel asks for its attributes (fuse_setattr, to take set-user-ID bits away) before it looks
 * whether the caller is its owner, whom alone it would ask us about. A read-only mount comes before both.
 */
static int refuse_owner(const struct ops *ops, const struct assume_credentials *who, struct node *node,
                        const struct stat *st, const struct intent *intent, struct policy_verdict verdict)
{
    struct change change = CHANGE(DENIAL_CHOWN, node, NULL);
    if (verdict.error != 0)
        return gate_apply(&ops->gate, who, &change, verdict);
    if (is_refused_owner(who, st, intent))
        gate_record(&ops->gate, who, &change, EPERM, DENIAL_PERMISSION);
    return 0;
}

/* What is being tried, with the name where @memory is given. False where it is not known or changes nothing here. */
static bool read_intent(const struct assume_credentials *who, const struct stat *st, struct caller_memory *memory,
                        struct intent *ret)
{
    if (intent_read(who->tid, memory, ret) < 0)
        return false;
    /* Only a regular file can be truncated; for others O_TRUNC means nothing (do_open). */
    if ((ret->operation == DENIAL_OPEN || ret->operation == DENIAL_CREATE) && !S_ISREG(st->st_mode))
        ret->effect &= ~(unsigned)INTENT_CHANGES_FILE;
    unsigned wanted = INTENT_CHANGES_FILE;
    if (S_ISDIR(st->st_mode))
        wanted |= INTENT_CHANGES_DIRECTORY;
    else
        wanted |= INTENT_OPENS_FOR_WRITE | INTENT_CHANGES_OWNER;
    return ret->known && (ret->effect & wanted) != 0;
}

/* An openat2(2) whose flags cannot be read: of a directory that is asked about again it can only want a new name. */
static bool suppose_create(const struct stat *st, struct intent *intent)
{
    if (!S_ISDIR(st->st_mode) || intent->known)
        return false;
    intent->known = true;
    intent->operation = DENIAL_CREATE;
    intent->effect = INTENT_CHANGES_DIRECTORY;
    return true;
}

/* Whether a path meets the directory. */
static enum intent_way meets(const struct ops *ops, struct node *dir, const char *path, bool itself)
{
    return path != NULL ? intent_way(ops->tree, dir, path, itself) : INTENT_WAY_ELSEWHERE;
}

/*
 * Whether the call is known to go through the directory only. Where the path cannot be read (another program holds the reader
 * up) it is not: otherwise a program could keep the refusals of others out of the log.
 */
static bool passes_through(const struct ops *ops, const struct assume_credentials *who, struct node *dir,
                           const struct intent *intent)
{
    struct intent_paths paths;
    bool itself = !(intent->effect & INTENT_CHANGES_DIRECTORY) || intent->operation == DENIAL_TMPFILE;
    if (intent->by_descriptor || intent_read_paths(who->tid, ops->gate.memory, &paths) < 0)
        return false;
    bool of_descriptor = paths.changed[0] != NULL && paths.changed[0][0] == '\0';
    enum intent_way one = meets(ops, dir, paths.changed[0], itself), two = meets(ops, dir, paths.changed[1], itself);
    enum intent_way changed = MAX(one, two), passed = meets(ops, dir, paths.passed, false);
    bool has_bare = one == INTENT_WAY_PERHAPS || two == INTENT_WAY_PERHAPS;
    intent_paths_clear(&paths);
    if (of_descriptor || changed == INTENT_WAY_PLACE)
        return false;
    /* As in "mv sub/file .": where the one path begins, the other has its place. */
    if (has_bare && MAX(changed, passed) == INTENT_WAY_BEGINS)
        return false;
    return changed >= INTENT_WAY_BEGINS || passed > changed;
}

int ops_refusal(const struct ops *ops, const struct assume_credentials *who, struct node *node, const struct stat *st,
                enum ops_promise promise)
{
    bool is_dir = S_ISDIR(st->st_mode), plainly_allowed = is_plainly_allowed(who, st);
    struct policy_verdict verdict = policy_change(node);
    if (who->tid == 0 || (is_dir && promise == OPS_PROMISE_NONE) || (plainly_allowed && verdict.error == 0))
        return 0;
    struct intent intent;
    bool wanted = read_intent(who, st, NULL, &intent);
    if (wanted && (intent.effect & INTENT_CHANGES_OWNER))
        return refuse_owner(ops, who, node, st, &intent, verdict);
    if (plainly_allowed || (!wanted && !intent.in_memory))
        return 0;

    struct subject subject;
    read_subject(ops, who, node, st, &subject);
    bool refused = is_refused(&subject, st, promise, &intent);
    if (refused && wanted) {
        /* For the name, which is in the caller's memory and is read only now that it is needed. */
        refused = read_intent(who, st, ops->gate.memory, &intent);
    } else if (intent.in_memory) {
        refused = (read_intent(who, st, ops->gate.memory, &intent) || suppose_create(st, &intent)) &&
                  is_refused(&subject, st, promise, &intent);
    }
    clear_subject(&subject);
    struct change change;
    if (refused && is_dir && promise == OPS_PROMISE_GIVEN)
        refused = !passes_through(ops, who, node, &intent);
    if (!refused || !change_of(ops, node, &intent, &change))
        return 0;
    /* A plain open for writing looks at the mode before it looks at the mount (do_open: may_open, then do_dentry_open). */
    if (verdict.error == EROFS && (is_dir || (intent.effect & INTENT_CHANGES_FILE)))
        return gate_apply(&ops->gate, who, &change, verdict);
    gate_record(&ops->gate, who, &change, EACCES, DENIAL_PERMISSION);
    return 0;
}

void ops_note_chown(fuse_req_t req, struct node *node)
{
    const struct ops *ops = ops_of(req);
    struct assume_credentials who = ops_who(req);
    struct intent intent;
    struct stat st;
    if (!ops->kills_privileges || who.uid == 0 || who.tid == 0 || intent_read(who.tid, NULL, &intent) < 0 ||
        !intent.known || !(intent.effect & INTENT_CHANGES_OWNER) || tree_stat(ops->tree, node, &st) < 0 ||
        !is_refused_owner(&who, &st, &intent))
        return;
    struct change change = CHANGE(DENIAL_CHOWN, node, NULL);
    gate_record(&ops->gate, &who, &change, EPERM, DENIAL_PERMISSION);
}
