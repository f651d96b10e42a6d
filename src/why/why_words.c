#include "why_words.h"

#include "place.h"
#include "state.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

const char *why_operation_name(enum explain_operation operation)
{
    static const char *const names[EXPLAIN_N_OPERATIONS] = {
        [EXPLAIN_WRITE] = "write",   [EXPLAIN_TRUNCATE] = "truncate", [EXPLAIN_CREATE] = "create",
        [EXPLAIN_REMOVE] = "remove", [EXPLAIN_EXECUTE] = "execute",
    };
    return names[operation];
}

const char *why_form_name(enum explain_form form)
{
    static const char *const names[EXPLAIN_N_FORMS] = {
        [EXPLAIN_WHITEOUT_FILE] = "whiteout-file",           [EXPLAIN_WHITEOUT_DEVICE] = "whiteout-device",
        [EXPLAIN_WHITEOUT_ATTRIBUTE] = "whiteout-attribute", [EXPLAIN_OPAQUE_FILE] = "opaque-file",
        [EXPLAIN_OPAQUE_ATTRIBUTE] = "opaque-attribute",     [EXPLAIN_REPLACED] = "replaced",
    };
    return names[form];
}

const char *why_reason_name(enum explain_reason reason)
{
    static const char *const names[EXPLAIN_N_REASONS] = {
        [EXPLAIN_ALLOWED] = "allowed",
        [EXPLAIN_LEARNED] = "learned",
        [EXPLAIN_NOT_DECLARED] = "not-declared",
        [EXPLAIN_DECLARED_READ_ONLY] = "declared-read-only",
        [EXPLAIN_BACKING_READ_ONLY] = "backing-read-only",
        [EXPLAIN_NO_SEARCH] = "no-search",
        [EXPLAIN_NO_PERMISSION] = "permission",
        [EXPLAIN_STICKY] = "sticky",
        [EXPLAIN_MARKED] = "marked",
        [EXPLAIN_NOEXEC] = "declared-noexec",
        [EXPLAIN_NOSUID] = "declared-nosuid",
        [EXPLAIN_DEVICE] = "device",
        [EXPLAIN_SOCKET] = "socket",
        [EXPLAIN_NOT_A_FILE] = "not-a-file",
        [EXPLAIN_MISSING] = "missing",
        [EXPLAIN_NOT_A_DIRECTORY] = "not-a-directory",
        [EXPLAIN_MOUNT_POINT] = "mount-point",
        [EXPLAIN_NOT_EMPTY] = "not-empty",
        [EXPLAIN_FULL] = "full",
        [EXPLAIN_OTHER_USER] = "other-user",
        [EXPLAIN_LOOP] = "link-loop",
        [EXPLAIN_TOO_LONG] = "name-too-long",
        [EXPLAIN_UNREADABLE] = "unreadable",
    };
    return names[reason];
}

const char *why_rule_name(enum access_rule rule)
{
    static const char *const names[] = {
        [ACCESS_OF_OWNER] = "owner",
        [ACCESS_OF_GROUP] = "group",
        [ACCESS_OF_OTHERS] = "others",
        [ACCESS_OF_NAMED_USER] = "named-user",
        [ACCESS_OF_NAMED_GROUP] = "named-group",
    };
    return names[rule];
}

const char *why_tag_name(enum access_tag tag)
{
    static const char *const names[] = {
        [ACCESS_TAG_OWNER] = "owner", [ACCESS_TAG_USER] = "user", [ACCESS_TAG_OWN_GROUP] = "own-group",
        [ACCESS_TAG_GROUP] = "group", [ACCESS_TAG_MASK] = "mask", [ACCESS_TAG_OTHERS] = "others",
    };
    return names[tag];
}

const char *why_type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "symlink";
    case S_IFCHR:
    case S_IFBLK:
        return "device";
    case S_IFIFO:
        return "fifo";
    case S_IFSOCK:
        return "socket";
    default:
        return "file";
    }
}

char *why_bits(unsigned bits)
{
    return g_strdup_printf("%c%c%c", bits & ACCESS_READ ? 'r' : '-', bits & ACCESS_WRITE ? 'w' : '-',
                           bits & ACCESS_EXECUTE ? 'x' : '-');
}

/* Whose permissions they are that decided. */
static char *rule_words(const struct access_decision *decision)
{
    g_autofree char *bits = why_bits(decision->bits), *mask = why_bits(decision->mask);
    g_autofree char *cut = decision->mask != 7 ? g_strdup_printf(" under the mask %s", mask) : g_strdup("");
    switch (decision->rule) {
    case ACCESS_OF_OWNER:
        return g_strdup_printf("its owner has %s", bits);
    case ACCESS_OF_GROUP:
        return g_strdup_printf("group %u has %s%s", decision->id, bits, cut);
    case ACCESS_OF_NAMED_USER:
        return g_strdup_printf("its ACL gives user %u %s%s", decision->id, bits, cut);
    case ACCESS_OF_NAMED_GROUP:
        return g_strdup_printf("its ACL gives group %u %s%s", decision->id, bits, cut);
    case ACCESS_OF_OTHERS:
        break;
    }
    return g_strdup_printf("others have %s", bits);
}

static char *access_words(const struct explain_access *access)
{
    g_autofree char *path = text_word(access->path), *rule = rule_words(&access->decision);
    g_autofree char *wanted = why_bits(access->wanted);
    return g_strdup_printf("%s is %u:%u %04o: %s, and this takes %s", path, access->uid, access->gid, access->mode,
                           rule, wanted);
}

/* "--tmpfs /run", as a shell takes it: one line whatever the bytes are. */
static char *option_words(const char *option, const char *value)
{
    g_autofree char *word = text_shell(value);
    return g_strconcat(option, " ", word, NULL);
}

/* The route as it would be declared to be written. */
static char *writable_route(const struct explanation *explanation)
{
    struct route_spec spec;
    route_spec_copy(&spec, &explanation->route);
    spec.read_only = false;
    g_autofree char *options = state_route_options(&spec);
    g_autofree char *value = g_strconcat(spec.source != NULL ? spec.source : "", spec.source != NULL ? ":" : "",
                                         spec.target, *options != '\0' ? ":" : "", options, NULL);
    g_autofree char *words = option_words(spec.kind == ROUTE_TMPFS ? "--tmpfs" : "-v", value);
    route_spec_clear(&spec);
    return g_steal_pointer(&words);
}

/* A permission in a tmpfs is a matter of its options as well. */
static char *permission_words(const struct explanation *explanation, const struct explain_access *access)
{
    g_autofree char *words = access_words(access);
    bool is_root = explanation->route_target != NULL && strcmp(access->path, explanation->route_target) == 0;
    if (!is_root || explanation->route.kind != ROUTE_TMPFS)
        return g_steal_pointer(&words);
    return g_strconcat(words, "; a tmpfs gets its owner and mode by uid=, gid= and mode=", NULL);
}

/* The place to declare: the deepest directory; where that is the root, the first component below it. NULL: there is none. */
static char *place_to_declare(const struct explanation *explanation)
{
    const char *name = explanation->resolved + 1;
    if (strcmp(explanation->deepest, "/") != 0)
        return g_strdup(explanation->deepest);
    return *name != '\0' ? g_strndup(explanation->resolved, 1 + strcspn(name, "/")) : NULL;
}

/* Why nothing is to be declared for a path that no route holds; NULL: something is. As advise has it. */
static char *refusal(const struct explanation *explanation)
{
    g_autofree char *place = place_to_declare(explanation);
    if (place == NULL)
        return g_strdup("the root itself cannot be one");
    char *words = place_runtime_words(explanation->resolved);
    if (words == NULL)
        words = place_runtime_words(place);
    if (words == NULL && !place_can_be_said(place))
        words = g_strdup("the name of the directory has characters that options cannot say");
    return words;
}

/* @as_shell: as a shell takes it. */
static void add_declaration(GPtrArray *list, bool as_shell, const char *option, const char *before, const char *path,
                            const char *after)
{
    g_autofree char *value = g_strconcat(before, path, after, NULL);
    g_ptr_array_add(list, as_shell ? option_words(option, value) : g_strconcat(option, " ", value, NULL));
}

static char **declarations(const struct explanation *explanation, bool as_shell)
{
    GPtrArray *list = g_ptr_array_new();
    bool in_root = strcmp(explanation->deepest, "/") == 0, is_file = in_root && explanation->status == 0;
    g_autofree char *place = place_to_declare(explanation), *words = refusal(explanation);
    if (explanation->place != EXPLAIN_IN_ROUTE && words == NULL) {
        const char *copy = !in_root && explanation->deepest_has_names ? ":tmpcopyup" : "";
        if (!is_file)
            add_declaration(list, as_shell, "--tmpfs", "", place, copy);
        add_declaration(list, as_shell, "-v", is_file ? "./FILE:" : "NAME:", place, "");
    }
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}

static char *not_declared_words(const struct explanation *explanation)
{
    g_autofree char *words = refusal(explanation), *shown = words != NULL ? text_escape(words) : NULL;
    if (shown != NULL)
        return g_strdup_printf("no declared place covers it, and %s", shown);
    g_auto(GStrv) list = declarations(explanation, true);
    g_autofree char *all = g_strjoinv(" or ", list), *place = place_to_declare(explanation);
    const char *price =
        place_sort_of(place) != PLACE_SYSTEM
            ? ""
            : ", and open programs or settings of the whole system, which are better changed in the image";
    return g_strdup_printf("no declared place covers it; %s would%s", all, price);
}

static char *stopped_words(const struct explanation *explanation)
{
    g_autofree char *stopped = text_word(explanation->stopped);
    return explanation->status == -ENOTDIR ? g_strdup_printf("%s is no directory", stopped)
                                           : g_strdup_printf("%s is missing", stopped);
}

/* Whether a link was followed twice. */
static bool is_loop(const struct explanation *explanation)
{
    for (size_t i = 0; i < explanation->n_links; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(explanation->links[i].path, explanation->links[j].path) == 0)
                return true;
    return false;
}

/* A name has 255 bytes at most (NAME_MAX), and a path 4095 (PATH_MAX, with the byte at its end). */
static const char *too_long_words(const struct explanation *explanation)
{
    return strlen(strrchr(explanation->stopped, '/') + 1) > NAME_MAX
               ? "it has a name that is longer than 255 bytes"
               : "the path, with the symbolic links on the way, is longer than 4095 bytes";
}

/* The reasons that lie in the route's words. */
static char *route_words(const struct explanation *explanation, enum explain_reason reason)
{
    g_autofree char *target = text_word(explanation->route_target);
    g_autofree char *source = explanation->route.source != NULL ? text_word(explanation->route.source) : g_strdup("-");
    g_autofree char *plain = writable_route(explanation);
    switch (reason) {
    case EXPLAIN_DECLARED_READ_ONLY:
        return g_strdup_printf("%s is declared read-only; %s would let it be written", target, plain);
    case EXPLAIN_BACKING_READ_ONLY:
        return g_strdup_printf("%s is declared, but %s itself lies on a read-only file system", target, source);
    case EXPLAIN_NOEXEC:
        return g_strdup_printf("%s is declared noexec; the option exec allows it", target);
    case EXPLAIN_NOSUID:
        return g_strdup_printf(
            "%s is declared nosuid, and this program would change its user; the option suid allows it", target);
    default:
        return g_strdup_printf("the file system behind %s has no room for another file", target);
    }
}

static const char *plain_words(enum explain_reason reason)
{
    switch (reason) {
    case EXPLAIN_ALLOWED:
        return "allowed";
    case EXPLAIN_MARKED:
        return "it, or its directory, is immutable or append-only (lsattr shows it, chattr -i -a takes that away)";
    case EXPLAIN_DEVICE:
        return "devices cannot be opened through the mount (nodev)";
    case EXPLAIN_SOCKET:
        return "a socket is connected to, not opened";
    case EXPLAIN_NOT_A_FILE:
        return "it is no regular file";
    case EXPLAIN_MOUNT_POINT:
        return "a declared place lies there";
    case EXPLAIN_NOT_EMPTY:
        return "the directory is not empty";
    case EXPLAIN_OTHER_USER:
        return "the daemon is no root, and can act for its own user alone";
    default:
        return "it cannot be read";
    }
}

char *why_message(const struct explanation *explanation, const struct explain_verdict *verdict)
{
    g_autofree char *words = NULL;
    switch (verdict->reason) {
    case EXPLAIN_NOT_DECLARED:
        /* Of a name that is there: what has to be writable is the directory around it. */
        return verdict->operation == EXPLAIN_REMOVE ? g_strdup("no declared place covers the directory that has it")
                                                    : not_declared_words(explanation);
    case EXPLAIN_LEARNED:
        words = verdict->operation == EXPLAIN_REMOVE ? g_strdup("no declared place covers the directory that has it")
                                                     : not_declared_words(explanation);
        return g_strconcat("by learn mode alone, and gone with it; else EROFS: ", words, NULL);
    case EXPLAIN_NO_SEARCH:
        words = permission_words(explanation, &verdict->access);
        return g_strconcat("no way to it: ", words, NULL);
    case EXPLAIN_NO_PERMISSION:
        return permission_words(explanation, &verdict->access);
    case EXPLAIN_STICKY:
        words = text_word(verdict->access.path);
        return g_strdup_printf("%s is sticky (%04o): only its owner, %u, and the file's may remove it", words,
                               verdict->access.mode, verdict->access.uid);
    case EXPLAIN_MISSING:
    case EXPLAIN_NOT_A_DIRECTORY:
        return stopped_words(explanation);
    case EXPLAIN_LOOP:
        return g_strdup(is_loop(explanation) ? "a loop of symbolic links"
                                             : "more than 40 symbolic links on the way, which nobody follows");
    case EXPLAIN_TOO_LONG:
        return g_strdup(too_long_words(explanation));
    case EXPLAIN_DECLARED_READ_ONLY:
    case EXPLAIN_BACKING_READ_ONLY:
    case EXPLAIN_NOEXEC:
    case EXPLAIN_NOSUID:
    case EXPLAIN_FULL:
        /* Removing a route's root is a matter of the directory around it, which may be another route's. */
        if (explanation->route_target == NULL ||
            (verdict->operation == EXPLAIN_REMOVE && strcmp(explanation->route_target, verdict->path) == 0))
            return g_strdup("the directory that has it cannot be written");
        return route_words(explanation, verdict->reason);
    default:
        return g_strdup(plain_words(verdict->reason));
    }
}

char **why_declarations(const struct explanation *explanation)
{
    return declarations(explanation, false);
}
