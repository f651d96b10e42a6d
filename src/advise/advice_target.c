#include "advice_target.h"

#include "place.h"

#include <string.h>

/* By file-hierarchy(7); for images that nobody has looked into. */
static char *plain_canonical(const char *path)
{
    static const char *const links[][2] = {{"/var/run", "/run"}, {"/var/lock", "/run/lock"}};
    for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
        if (place_is_below(path, links[i][0]))
            return g_strconcat(links[i][1], path + strlen(links[i][0]), NULL);
    }
    return g_strdup(path);
}

bool advice_look(const struct advice_input *input, const char *path, struct advice_seen *ret)
{
    if (input->image != NULL && input->image->look(input->image->data, path, ret))
        return true;
    *ret = (struct advice_seen){.path = plain_canonical(path), .is_there = true, .is_directory = true};
    return false;
}

bool advice_lets_in(const struct advice_seen *seen, const struct fact *fact)
{
    bool is_member = seen->gid == fact->gid;
    for (guint i = 0; i < fact->groups->len; i++)
        is_member |= g_array_index(fact->groups, gid_t, i) == seen->gid;
    return seen->is_there && ((seen->mode & 0002) != 0 || (seen->uid == fact->uid && (seen->mode & 0200) != 0) ||
                              (is_member && (seen->mode & 0020) != 0));
}

static char *canonical(const struct advice_input *input, const char *path)
{
    struct advice_seen seen;
    advice_look(input, path, &seen);
    return seen.path;
}

const struct route_spec *advice_find_route(const struct advice_input *input, const char *path)
{
    const struct route_spec *found = NULL;
    size_t longest = 0;
    g_autofree char *resolved = canonical(input, path);
    for (size_t i = 0; i < input->n_routes; i++) {
        g_autofree char *target = canonical(input, input->routes[i].target);
        if (place_is_below(resolved, target) && strlen(target) >= longest) {
            found = &input->routes[i];
            longest = strlen(target);
        }
    }
    return found;
}

static bool is_pattern(const char *path)
{
    return strchr(path, '*') != NULL;
}

/* The first of the fact's directories where writing is for a while only, or the first of all. */
static const char *choose_directory(const struct fact *fact)
{
    if (place_sort_of(fact->directory) == PLACE_PASSING)
        return fact->directory;
    for (guint i = 0; i < fact->alternatives->len; i++) {
        const char *other = g_ptr_array_index(fact->alternatives, i);
        if (place_sort_of(other) == PLACE_PASSING)
            return other;
    }
    return fact->directory;
}

static bool is_known_directory(const struct advice_input *input, const char *path)
{
    struct advice_seen seen;
    bool is_known = advice_look(input, path, &seen) && seen.is_directory;
    g_free(seen.path);
    return is_known;
}

/* Whether somebody makes a directory there: in learn mode it is there when its owner is changed. */
static bool is_made(const struct advice_input *input, const char *path)
{
    return g_hash_table_contains(input->made, path);
}

/*
 * The place that the attempts want writable: the directory that they are in; or a directory that is to be made, and is the
 * only one; or one whose own owner or mode was to be changed, as programs do that are going to write there. @ret_is_own: it
 * is that, and the image has it.
 */
static char *wanted_directory(const struct advice_input *input, const struct fact *fact, bool *ret_is_own)
{
    bool is_fixed = !is_pattern(fact->place), is_attribute = is_fixed && !fact_is_write(fact);
    *ret_is_own = is_attribute && is_known_directory(input, fact->place);
    if (*ret_is_own || (is_attribute && is_made(input, fact->place)))
        return g_strdup(fact->place);
    const char *directory = choose_directory(fact);
    bool is_made = fact_has(fact, DENIAL_MKDIR) && is_fixed && place_is_below(fact->place, directory);
    return g_strdup(is_made && directory == fact->directory ? fact->place : directory);
}

/* Whether a directory was made in the image for nothing but what is written there. */
static bool is_vacant(const struct advice_input *input, const char *path)
{
    enum place_sort sort = place_sort_of(path);
    if (input->image == NULL || (sort != PLACE_LASTING && sort != PLACE_OTHER))
        return false;
    g_auto(GStrv) names = input->image->names(input->image->data, path);
    return names != NULL && *names == NULL;
}

/* Whether an argument of mkdir(1) lets a directory be there already. */
static bool is_parents_option(const char *arg)
{
    return strcmp(arg, "--parents") == 0 || (arg[0] == '-' && arg[1] != '-' && strchr(arg, 'p') != NULL);
}

/* Whether it cannot but fail where the directory is there: declared by itself it would be. Of any other program one may expect
 * that it works when its container is started again, in which it is there as well. */
static bool must_make(const struct fact *fact)
{
    g_autofree char *program = fact_program(fact);
    if (!fact_has(fact, DENIAL_MKDIR) || strcmp(program, "mkdir") != 0 || *fact->args == NULL)
        return false;
    for (char **arg = fact->args + 1; *arg != NULL; arg++) {
        if (is_parents_option(*arg))
            return false;
    }
    return true;
}

/*
 * What can be declared: the path itself where it is there; else, where all is for a while or the image has nothing, the
 * directory that is there; else the first that is missing, so that nothing of the image is opened: not even of /run, which a
 * program shares with others, unless it would miss making it.
 */
static char *existing_place(const struct advice_input *input, const char *path, const struct fact *fact,
                            bool *ret_is_new)
{
    const char *existed = fact->directory; /* it was there when it was tried */
    g_autofree char *missing = NULL;
    struct advice_seen seen;
    bool is_known = advice_look(input, path, &seen);
    g_autofree char *at = g_strdup(seen.path);
    if (!is_known && strcmp(path, existed) != 0 && place_is_below(path, existed)) {
        missing = g_strdup(at);
        g_free(at);
        at = canonical(input, existed);
    }
    while (is_known && !(seen.is_there && seen.is_directory) && strcmp(at, "/") != 0) {
        g_free(missing);
        missing = seen.is_there ? NULL : g_strdup(at);
        char *parent = place_parent(at);
        g_free(at);
        at = parent;
        g_free(seen.path);
        is_known = advice_look(input, at, &seen);
    }
    g_free(seen.path);
    bool is_whole = place_is_whole(at) || (strcmp(at, "/run") == 0 && must_make(fact));
    *ret_is_new = missing != NULL && !is_whole && !is_vacant(input, at);
    return *ret_is_new ? g_steal_pointer(&missing) : g_steal_pointer(&at);
}

static bool is_empty_of(const struct advice_input *input, const char *path, uid_t uid)
{
    struct advice_seen seen;
    bool is_own = advice_look(input, path, &seen) && seen.is_directory && seen.uid == uid;
    g_free(seen.path);
    g_auto(GStrv) names = is_own ? input->image->names(input->image->data, path) : NULL;
    return names != NULL && *names == NULL;
}

/* Whether a program's own directory has several empty ones of its own, and nothing else: between them it moves its files. */
static bool is_spool(const struct advice_input *input, const char *path, uid_t uid)
{
    struct advice_seen seen;
    bool is_own = place_sort_of(path) == PLACE_LASTING && advice_look(input, path, &seen);
    if (!is_own)
        return false;
    is_own = seen.is_directory && seen.uid == uid && strcmp(seen.path, path) == 0;
    g_free(seen.path);
    g_auto(GStrv) names = is_own ? input->image->names(input->image->data, path) : NULL;
    guint n = 0;
    for (; names != NULL && names[n] != NULL; n++) {
        g_autofree char *below = g_build_filename(path, names[n], NULL);
        if (!is_empty_of(input, below, uid))
            return false;
    }
    return n > 1;
}

/* The spool that a place is a part of, or the place; owned. */
static char *whole_spool(const struct advice_input *input, const char *place, uid_t uid)
{
    g_autofree char *parent = place_parent(place);
    bool is_user = uid != 0 && uid != (uid_t)-1;
    return is_user && place_sort_of(place) == PLACE_LASTING && is_spool(input, parent, uid) ? g_steal_pointer(&parent)
                                                                                            : g_strdup(place);
}

/* Whether one of the files that were tried begins as the database of users does: /etc/passwdXXXXXX is sed's. */
static bool is_about_users(const struct fact *fact)
{
    static const char *const names[] = {"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"};
    for (guint i = 0; i < fact->paths->len; i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(names); j++) {
            if (g_str_has_prefix(g_ptr_array_index(fact->paths, i), names[j]))
                return true;
        }
    }
    return false;
}

static bool is_program(const struct fact *fact, const char *name)
{
    g_autofree char *program = fact_program(fact);
    return strcmp(program, name) == 0 || (fact->comm != NULL && strcmp(fact->comm, name) == 0);
}

static char *system_reason(const struct fact *fact, const char *directory)
{
    if (is_about_users(fact))
        return g_strdup(
            "run the program as the user that it wants (user: in Compose, --user) instead of rewriting "
            "/etc/passwd and its like, or do that when the image is built; nobody should be able to write in /etc");
    if (is_program(fact, "sed"))
        return g_strdup_printf(
            "sed -i makes a new file beside the old one and renames it, for which all of %s would have to be "
            "writable; do it when the image is built",
            directory);
    if (strcmp(directory, "/") == 0)
        return g_strdup(
            "it writes in /, which most often is its working directory: give it another one (working_dir: in "
            "Compose, --workdir) that is declared");
    return g_strdup_printf("%s has programs or settings of the whole system; change it when the image is built",
                           directory);
}

static char *refusal(const struct fact *fact, const char *directory, bool is_new, bool has_content)
{
    enum place_sort sort = place_sort_of(directory);
    if (sort == PLACE_RUNTIME)
        return place_runtime_words(directory);
    if (sort == PLACE_SYSTEM)
        return system_reason(fact, directory);
    if (!has_content && sort == PLACE_COSTLY && !is_new)
        return g_strdup_printf(
            "only attributes of files of the image are changed in %s; set them when the image is built", directory);
    if (!place_can_be_said(directory))
        return g_strdup("the name of the directory has characters that options cannot say");
    return NULL;
}

char *advice_target_refusal(const struct fact *fact, const char *directory)
{
    return refusal(fact, directory, false, true);
}

void advice_target_of(const struct advice_input *input, const struct fact *fact, struct advice_target *ret)
{
    bool is_new = false, is_own = false;
    *ret = (struct advice_target){0};
    ret->reason = is_pattern(fact->place) ? NULL : place_runtime_words(fact->place);
    if (ret->reason != NULL)
        return;
    g_autofree char *wanted = wanted_directory(input, fact, &is_own);
    g_autofree char *own = existing_place(input, wanted, fact, &is_new);
    g_autofree char *place = is_new ? g_strdup(own) : whole_spool(input, own, fact->uid);
    ret->reason = refusal(fact, place, is_new, is_own || fact_is_write(fact));
    ret->is_new = is_new;
    if (ret->reason == NULL)
        ret->path = g_steal_pointer(&place);
}
