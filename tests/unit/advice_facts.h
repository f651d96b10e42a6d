/* Facts, images and declarations said shortly, for tests of advice. */
#ifndef ROFUSE_TESTS_ADVICE_FACTS_H
#define ROFUSE_TESTS_ADVICE_FACTS_H

#include "advice.h"
#include "mount_options.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OP(name) (1U << DENIAL_##name)

struct said_fact {
    const char *exe; /* NULL ends a list */
    unsigned id;     /* user and group */
    uint32_t operations;
    const char *place, *directory;
    enum fact_class class;
    enum denial_why why;
    const char *route_target;
    const char *alternative;
    struct fact_fix fix;   /* with a target, a name or a value: of the knowledge base */
    struct fact_fix other; /* an alternative to it */
    const char *arg;
    const char *comm;
    const char *parents;      /* executables, the nearest first, with blanks between them */
    uint32_t inside, outside; /* bits of them */
    const char *paths;        /* with blanks between them; NULL: the place */
};

static inline struct fact *make_fact(const struct said_fact *said)
{
    struct fact *fact = fact_new();
    fact->executable = g_strdup(said->exe);
    fact->comm = g_strdup(said->comm);
    fact->place = g_strdup(said->place);
    fact->directory = g_strdup(said->directory);
    g_auto(GStrv) paths = g_strsplit(said->paths != NULL ? said->paths : said->place, " ", -1);
    for (char **path = paths; *path != NULL; path++)
        g_ptr_array_add(fact->paths, g_strdup(*path));
    if (said->alternative != NULL)
        g_ptr_array_add(fact->alternatives, g_strdup(said->alternative));
    fact->operations = said->operations;
    fact->class = said->class;
    fact->why = said->why;
    fact->uid = said->id;
    fact->gid = said->id;
    fact->count = 1;
    fact->route_target = g_strdup(said->route_target);
    if (said->arg != NULL) {
        g_strfreev(fact->args);
        fact->args = g_strsplit(said->arg, " ", -1);
    }
    if (said->fix.target != NULL || said->fix.name != NULL || said->fix.value != NULL) {
        fact->knowledge = g_strdup("known");
        fact->note = g_strdup("a note");
        g_ptr_array_add(fact->fixes, fact_fix_copy(&said->fix));
        if (said->other.target != NULL)
            g_ptr_array_add(fact->fixes, fact_fix_copy(&said->other));
    }
    g_auto(GStrv) parents = g_strsplit(said->parents != NULL ? said->parents : "", " ", -1);
    for (char **parent = parents; *parent != NULL; parent++)
        g_ptr_array_add(fact->parents, g_strdup(*parent));
    fact->parents_inside = said->inside;
    fact->parents_outside = said->outside;
    fact_set_id(fact);
    return fact;
}

/* A layer from words: "PATH/" a directory, "PATH" a file, "PATH>TARGET" a link; ":MODE:ID" behind changes mode and owner.
 * Parents come first. */
static inline void make_layer(const char *layer, const char *words)
{
    g_auto(GStrv) entries = g_strsplit(words, " ", -1);
    for (char **entry = entries; *entry != NULL; entry++) {
        if (**entry == '\0')
            continue;
        g_auto(GStrv) parts = g_strsplit(*entry, ":", -1);
        char *target = strchr(parts[0], '>');
        if (target != NULL)
            *target++ = '\0';
        g_autofree char *path = g_build_filename(layer, parts[0], NULL);
        g_autofree char *parent = g_path_get_dirname(path);
        bool is_directory = g_str_has_suffix(parts[0], "/");
        g_assert_cmpint(g_mkdir_with_parents(is_directory ? path : parent, 0755), ==, 0);
        if (target != NULL)
            g_assert_cmpint(symlink(target, path), ==, 0);
        else if (!is_directory)
            g_assert_true(g_file_set_contents(path, "x", 1, NULL));
        if (parts[1] != NULL) {
            g_assert_cmpint(chown(path, (uid_t)atoi(parts[2]), (gid_t)atoi(parts[2])), ==, 0);
            g_assert_cmpint(chmod(path, (mode_t)strtoul(parts[1], NULL, 8)), ==, 0);
        }
    }
}

/* "--tmpfs /run:size=1m" and "-v a:/b" as one list of words. */
static inline struct mount_options *make_routes(const char *words)
{
    struct mount_options *routes = mount_options_new("/", NULL);
    g_auto(GStrv) list = g_strsplit(words, " ", -1);
    for (char **word = list; *word != NULL && word[1] != NULL; word += 2) {
        GError *error = NULL;
        if (strcmp(*word, "-v") == 0)
            mount_options_add_volume(routes, *word, word[1], &error);
        else
            mount_options_add_tmpfs(routes, *word, word[1], &error);
        g_assert_no_error(error);
    }
    return routes;
}

static inline void remove_tree_of(const char *path)
{
    char *argv[] = {(char *)"rm", (char *)"-rf", (char *)path, NULL};
    g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
}

#endif
