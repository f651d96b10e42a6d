#include "advice_spec.h"

#include "advice_data.h"
#include "advice_program.h"
#include "advice_target.h"
#include "mount_options.h"
#include "place.h"

#include <string.h>

#define WRITERS_MODE 0755
#define EVERYBODYS_MODE 01777

/* Below a place that is declared, what others declare is looked for so deep. */
#define MOST_DEPTH 16

/* Whether one of @others, @wish aside, is a path (0) or lies below it (1); -1: neither. */
static int find_other(const struct advice_wish *wish, const GPtrArray *others, const char *path)
{
    int found = -1;
    for (guint i = 0; others != NULL && i < others->len; i++) {
        const struct advice_wish *other = g_ptr_array_index(others, i);
        if (other == wish || other->is_new || !place_is_below(other->target, path))
            continue;
        if (strcmp(other->target, path) == 0)
            return 0;
        found = 1;
    }
    return found;
}

/* Whether all that the image has at a path lies in what others declare: then it is hidden by nobody. */
static bool is_others(const struct advice_input *input, const struct advice_wish *wish, const GPtrArray *others,
                      const char *path, unsigned depth)
{
    int where = find_other(wish, others, path);
    if (where <= 0 || depth == MOST_DEPTH)
        return where == 0;
    g_auto(GStrv) names = input->image->names(input->image->data, path);
    bool are_others = names != NULL && *names != NULL;
    for (char **name = names; are_others && *name != NULL; name++) {
        g_autofree char *below = g_build_filename(path, *name, NULL);
        are_others = is_others(input, wish, others, below, depth + 1);
    }
    return are_others;
}

/* A file that the making of the image left behind where files are of one run alone: a lock in /run, a log. A link is meant. */
static bool is_left_over(const struct advice_input *input, const char *path)
{
    if (!place_is_below(path, "/run") && !place_is_below(path, "/var/log"))
        return false;
    struct advice_seen seen;
    bool is_known = advice_look(input, path, &seen);
    bool is_file = is_known && seen.is_there && !seen.is_directory && strcmp(seen.path, path) == 0;
    g_free(seen.path);
    return is_file;
}

static bool is_dispensable(const struct advice_input *input, const struct advice_wish *wish, const char *name,
                           const GPtrArray *others, bool *ret_others)
{
    if (place_is_dispensable(wish->target, name))
        return true;
    g_autofree char *path = g_build_filename(wish->target, name, NULL);
    if (is_left_over(input, path))
        return true;
    if (!is_others(input, wish, others, path, 0))
        return false;
    *ret_others = true;
    return true;
}

bool advice_has_content(const struct advice_input *input, const struct advice_wish *wish, const GPtrArray *others,
                        bool *ret_others)
{
    *ret_others = false;
    if (wish->is_new)
        return false;
    g_auto(GStrv) names = input->image != NULL ? input->image->names(input->image->data, wish->target) : NULL;
    /* Where nobody knows, a place for what passes is likely to be empty, and any other is not. */
    if (names == NULL)
        return place_sort_of(wish->target) != PLACE_PASSING || place_is_home(wish->target);
    bool has_content = false;
    for (char **name = names; *name != NULL; name++)
        has_content |= !is_dispensable(input, wish, *name, others, ret_others);
    return has_content;
}

/* Whether it has a database that a person would keep. What settings are made to, as postmap does at every start, is no such. */
static bool keeps_database(const struct advice_input *input, const struct advice_wish *wish)
{
    g_autofree char *database = place_is_config(wish->target) ? NULL : advice_database(input, wish);
    return database != NULL;
}

bool advice_is_lasting(const struct advice_input *input, const struct advice_wish *wish)
{
    if (wish->fix != NULL)
        return wish->fix->kind == FACT_FIX_VOLUME;
    if (wish->passes)
        return false;
    if (keeps_database(input, wish))
        return true;
    bool has_others = false;
    switch (place_sort_of(wish->target)) {
    case PLACE_LASTING:
        return true;
    case PLACE_OTHER:
        return !advice_has_content(input, wish, NULL, &has_others);
    case PLACE_COSTLY:
        return wish->is_new && !place_is_below(wish->target, "/etc") &&
               (!place_is_below(wish->target, "/usr") || place_is_source(wish->target));
    default:
        return false;
    }
}

/* Who writes there, root aside. */
struct writer {
    bool is_known; /* there is one */
    bool is_several;
    bool has_heirs; /* others write where he makes it for them */
    uid_t uid;
    gid_t gid;
};

static struct writer find_writer(const struct advice_wish *wish)
{
    struct writer writer = {0};
    for (guint i = 0; i < wish->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(wish->facts, i);
        if (fact->uid == 0 || fact->uid == (uid_t)-1 || fact->gid == (gid_t)-1)
            continue;
        if (advice_is_made_for(wish, fact)) {
            writer.has_heirs = true;
            continue;
        }
        writer.is_several |= writer.is_known && writer.uid != fact->uid;
        if (!writer.is_known) {
            writer.uid = fact->uid;
            writer.gid = fact->gid;
        }
        writer.is_known = true;
    }
    return writer;
}

static bool is_everybodys(const struct advice_input *input, const char *target, mode_t *ret_mode, uid_t *ret_uid)
{
    static const char *const known[] = {"/tmp", "/var/tmp", "/dev/shm", "/run/lock", NULL};
    struct advice_seen seen;
    bool is_known = advice_look(input, target, &seen) && seen.is_there;
    g_free(seen.path);
    *ret_mode = is_known ? seen.mode : WRITERS_MODE;
    *ret_uid = is_known ? seen.uid : (uid_t)-1;
    return is_known ? (seen.mode & 0002) != 0 : g_strv_contains(known, target);
}

bool advice_is_wide(const struct advice_wish *wish)
{
    enum place_sort sort = place_sort_of(wish->target);
    return sort == PLACE_SHARED || (sort == PLACE_COSTLY && !wish->is_new) || place_is_home(wish->target);
}

/* As the image has it, if that is known. */
static void keep_owner(const struct advice_input *input, const char *target, struct route_spec *spec)
{
    struct advice_seen seen;
    if (advice_look(input, target, &seen) && seen.is_directory) {
        spec->has_mode = true;
        spec->mode = seen.mode & 01777;
        spec->has_uid = spec->has_gid = seen.uid != 0 || seen.gid != 0;
        spec->uid = seen.uid;
        spec->gid = seen.gid;
    }
    g_free(seen.path);
}

/* docker's tmpfs is everybody's: nothing is said where that is right, or where root writes, who may anyway, unless it is wide, or
 * he makes directories there for others, who need no more. */
static void set_owner(const struct advice_input *input, const struct advice_wish *wish, struct route_spec *spec)
{
    struct writer writer = find_writer(wish);
    mode_t mode;
    uid_t owner;
    if (is_everybodys(input, wish->target, &mode, &owner))
        return;
    if (!writer.is_known) {
        if (!spec->has_mode && advice_is_wide(wish))
            keep_owner(input, wish->target, spec);
        /* One that root would have made gets the mode that it would have had. */
        bool is_roots = wish->is_new && g_hash_table_contains(input->made, wish->target);
        if (!spec->has_mode && (writer.has_heirs || is_roots)) {
            spec->has_mode = true;
            spec->mode = WRITERS_MODE;
        }
        return;
    }
    if (writer.is_several) {
        spec->mode = spec->has_mode ? spec->mode : EVERYBODYS_MODE;
        spec->has_mode = true;
        return;
    }
    /* A program that looks after its directory's mode finds the one that it knows. */
    if (!spec->has_mode)
        spec->mode = owner == writer.uid ? (mode & WRITERS_MODE) | 0700 : WRITERS_MODE;
    spec->has_mode = spec->has_uid = spec->has_gid = true;
    spec->uid = writer.uid;
    spec->gid = writer.gid;
}

/* Whether the run may have had more there at once than it left: it removed something, or wrote it over. */
static bool had_more(const struct advice_wish *wish)
{
    const uint32_t signs = (1U << DENIAL_UNLINK) | (1U << DENIAL_TMPFILE) | (1U << DENIAL_TRUNCATE) |
                           (1U << DENIAL_RENAME) | (1U << DENIAL_OPEN);
    for (guint i = 0; i < wish->facts->len; i++) {
        if ((((const struct fact *)g_ptr_array_index(wish->facts, i))->operations & signs) != 0)
            return true;
    }
    return false;
}

/* A size that is said already stands, unless the same run would not have room in it. */
static void set_size(const struct advice_input *input, const struct advice_wish *wish, struct route_spec *spec)
{
    uint64_t content = 0, written = fact_written_below(input->written, wish->target);
    if (written == 0 || spec->size_percent != 0)
        return;
    if (spec->tmpcopyup && (input->image == NULL || !input->image->size(input->image->data, wish->target, &content)))
        return;
    if (had_more(wish))
        written += input->written->gone;
    if (spec->size == 0 || spec->size < content + written)
        spec->size = fact_written_limit(content, written);
}

/* Where a fact's attempts are in a place: what the image has there, below the target if that is deeper. */
static bool look_at_attempts(const struct advice_input *input, const struct advice_wish *wish, const struct fact *fact,
                             struct advice_seen *ret)
{
    const char *const paths[] = {fact_is_write(fact) ? fact->directory : fact->place, fact->directory, wish->target};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        bool is_known = advice_look(input, paths[i], ret);
        if (i + 1 == G_N_ELEMENTS(paths) || (ret->is_directory && place_is_below(ret->path, wish->target)))
            return is_known;
        g_free(ret->path);
    }
    return false;
}

/* A new volume starts with the image's directory and what is in it, with owners and modes; one that the image lacks is root's. */
static bool volume_refuses(const struct advice_input *input, const struct advice_wish *wish)
{
    for (guint i = 0; i < wish->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(wish->facts, i);
        struct advice_seen seen;
        if (fact->uid == 0 || fact->uid == (uid_t)-1 || advice_is_made_for(wish, fact))
            continue;
        if (wish->is_new)
            return true;
        bool is_known = look_at_attempts(input, wish, fact, &seen);
        bool lets_in = advice_lets_in(&seen, fact);
        g_free(seen.path);
        if (is_known && !lets_in)
            return true;
    }
    return false;
}

/* "; what the image has there (5 MiB) is copied into memory at every start"; "" for empty directories, which cost nothing. */
static char *copy_cost(const struct advice_input *input, const char *target)
{
    uint64_t bytes = 0;
    bool is_known = input->image != NULL && input->image->size(input->image->data, target, &bytes);
    g_autofree char *size = g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
    if (is_known && bytes == 0)
        return g_strdup("");
    return is_known ? g_strdup_printf("; what the image has there (%s) is copied into memory at every start", size)
                    : g_strdup("; what the image has there is copied into memory at every start");
}

/* Of what settings are made to: "; /etc/x/y.db is gone at the next start: ..."; "" where it is nothing of the kind. */
static char *loss(const struct advice_input *input, const struct advice_wish *wish)
{
    g_autofree char *database = wish->fix == NULL ? advice_database(input, wish) : NULL;
    return database != NULL ? g_strdup_printf("; %s is gone at the next start: unless it is made anew then, declare a "
                                              "volume in its stead",
                                              database)
                            : g_strdup("");
}

/* What is opened. */
static char *find_cost(const struct advice_input *input, const struct advice_wish *wish, bool copies)
{
    g_autofree char *memory = copies ? copy_cost(input, wish->target) : g_strdup("");
    if (advice_holds_program(wish))
        return g_strdup_printf("the program itself lies in %s: whoever breaks in can change it until the next start%s",
                               wish->target, memory);
    if (place_is_config(wish->target)) {
        g_autofree char *lost = loss(input, wish);
        return g_strdup_printf("the settings in %s can be changed until the next start%s%s", wish->target, memory,
                               lost);
    }
    if (advice_is_wide(wish) && wish->is_new)
        return g_strdup_printf("all of %s is opened, which the image lacks; what the program makes in it, declared by "
                               "itself, would open less",
                               wish->target);
    if (advice_is_wide(wish))
        return g_strdup_printf("all of %s is opened, with what else lies there%s", wish->target, memory);
    return *memory != '\0' ? g_strdup(memory + strlen("; ")) : NULL;
}

/* What a volume opens that is there for a database alone; NULL: nothing worth a word. */
static char *find_volume_cost(const struct advice_input *input, const struct advice_wish *wish)
{
    static const char ages[] = "files of a newer image do not come into a volume that is there";
    bool has_others = false;
    if (wish->fix != NULL || place_sort_of(wish->target) == PLACE_LASTING)
        return NULL;
    if (advice_holds_program(wish))
        return g_strdup_printf("the program itself lies in %s: whoever breaks in can change it for good, and %s; a "
                               "directory of its own for the database would open less",
                               wish->target, ages);
    if (!advice_has_content(input, wish, NULL, &has_others))
        return NULL;
    return g_strdup_printf(advice_is_wide(wish) ? "all of %s is opened, with what else lies there, and %s"
                                                : "what the image has in %s is copied into it once: %s",
                           wish->target, ages);
}

/* Whether what the image has there is a part of the program's data, or the program. Where nobody knows what a directory for data
 * has, most have nothing. */
static bool must_fill(const struct advice_input *input, const struct advice_wish *wish)
{
    struct advice_seen seen;
    bool has_others = false, is_known = advice_look(input, wish->target, &seen);
    g_free(seen.path);
    return (is_known || place_sort_of(wish->target) != PLACE_LASTING) &&
           advice_has_content(input, wish, NULL, &has_others);
}

/* Why it is kept. */
static char *find_volume_reason(const struct advice_input *input, const struct advice_wish *wish)
{
    g_autofree char *database = wish->note == NULL ? advice_database(input, wish) : NULL;
    if (database != NULL)
        return g_strdup_printf("%s is a database, by its name, which one would miss", database);
    return g_strdup(wish->note != NULL ? wish->note : "data that one would miss");
}

static void set_volume(const struct advice_input *input, const struct advice_wish *wish, GPtrArray *names,
                       struct advice *ret)
{
    const char *known = wish->fix != NULL ? wish->fix->name : NULL;
    bool is_free = known != NULL && !g_ptr_array_find_with_equal_func(names, known, g_str_equal, NULL);
    if (is_free)
        g_ptr_array_add(names, g_strdup(known));
    ret->kind = ADVICE_VOLUME;
    ret->spec = (struct route_spec){.kind = ROUTE_VOLUME, .target = g_strdup(wish->target)};
    ret->spec.source = g_strdup(is_free ? known : place_volume_name(wish->target, names));
    ret->why = find_volume_reason(input, wish);
    ret->cost = find_volume_cost(input, wish);
    ret->fills = must_fill(input, wish);
}

/* The knowledge base's options are docker's words; its test reads each entry, so that a wrong one is seen there. */
static void read_fix(const struct fact_fix *fix, struct route_spec *ret)
{
    struct mount_options *options = mount_options_new("/", NULL);
    const char *words = fix->kind == FACT_FIX_TMPFS ? fix->options : NULL;
    g_autofree char *value = words != NULL ? g_strconcat("/x:", words, NULL) : g_strdup("/x");
    size_t n = 0;
    *ret = (struct route_spec){.kind = ROUTE_TMPFS, .noexec = true, .nosuid = true, .nodev = true};
    if (mount_options_add_tmpfs(options, "fix", value, NULL)) {
        *ret = *mount_options_routes(options, &n);
        ret->target = NULL;
    }
    mount_options_free(options);
}

/* Whether the image is known to have nothing in a directory. */
static bool is_empty(const struct advice_input *input, const char *path)
{
    g_auto(GStrv) names = input->image != NULL ? input->image->names(input->image->data, path) : NULL;
    return names != NULL && *names == NULL;
}

/* What a place must allow for those whom it was joined with. */
static void apply_more(const struct advice_input *input, const struct advice_wish *wish, struct route_spec *spec,
                       bool *copies)
{
    for (guint i = 0; i < wish->more->len; i++) {
        const struct fact_fix *fix = g_ptr_array_index(wish->more, i);
        struct route_spec other;
        read_fix(fix, &other);
        spec->noexec &= other.noexec;
        spec->nosuid &= other.nosuid;
        spec->size = spec->size != 0 ? MAX(spec->size, other.size) : 0;
        *copies |= fix->copy && place_is_below(wish->target, fix->target) && !is_empty(input, wish->target);
    }
}

static void set_tmpfs(const struct advice_input *input, const struct advice_wish *wish, bool copies, struct advice *ret)
{
    mode_t mode;
    uid_t owner;
    bool says_mode = false;
    ret->kind = ADVICE_TMPFS;
    ret->spec = (struct route_spec){.kind = ROUTE_TMPFS, .noexec = true, .nosuid = true, .nodev = true};
    if (wish->fix != NULL) {
        read_fix(wish->fix, &ret->spec);
        says_mode = ret->spec.has_mode && !wish->fix->for_writer;
    }
    apply_more(input, wish, &ret->spec, &copies);
    ret->spec.target = g_strdup(wish->target);
    ret->spec.tmpcopyup = copies;
    ret->spec.noexec &= !advice_executes(wish);
    if (!says_mode)
        set_owner(input, wish, &ret->spec);
    else if (ret->spec.mode == EVERYBODYS_MODE && is_everybodys(input, wish->target, &mode, &owner))
        ret->spec.has_mode = false; /* the default */
    set_size(input, wish, &ret->spec);
    ret->needs_owner = copies && volume_refuses(input, wish);
    ret->why = g_strdup(wish->note != NULL ? wish->note
                        : copies           ? "it starts with what the image has there, which an empty tmpfs would hide"
                                           : "nobody misses what is there");
}

void advice_spec_make(const struct advice_input *input, const struct advice_wish *wish, const GPtrArray *others,
                      GPtrArray *names, struct advice *ret)
{
    struct writer writer = find_writer(wish);
    bool is_lasting = advice_is_lasting(input, wish), has_others = false;
    ret->need = wish->need;
    if (is_lasting && !volume_refuses(input, wish)) {
        set_volume(input, wish, names, ret);
        return;
    }
    bool copies = advice_has_content(input, wish, others, &has_others);
    if (wish->fix != NULL)
        copies = (wish->fix->copy && !is_empty(input, wish->target)) || (is_lasting && copies);
    set_tmpfs(input, wish, copies, ret);
    ret->outlives = is_lasting;
    ret->cost = find_cost(input, wish, copies);
    if (is_lasting) {
        g_free(ret->cost);
        g_free(ret->why);
        ret->why = g_strdup("data that one would miss, but in memory: a new volume would be root's");
        ret->cost = g_strdup_printf(
            "it is gone at the next start; to keep it, make %s in the image, owned by %u:%u, and declare a "
            "volume",
            wish->target, (unsigned)writer.uid, (unsigned)writer.gid);
    }
}
