#include "fact_crowd.h"

#include "facts.h"

#include <string.h>

/* Directories above a place that are counted: names are chosen by programs, and can be deep. */
#define MOST_LEVELS 12

struct crowd {
    unsigned names; /* places in the directory */
    unsigned
        directories; /* in which there are places, at or below it, each counted once; those of a place "**" as one */
    char *place;     /* that all are now, "DIR/ *" or "DIR/ **"; owned; NULL = not yet */
    bool is_deep;    /* "**" */
};

struct fact_crowds {
    GTree *by_key; /* owned; struct crowd by program, reason and directory */
    size_t memory; /* of keys and places */
};

static int compare_keys(const void *a, const void *b, void *data)
{
    (void)data;
    return strcmp(a, b);
}

static void free_crowd(void *data)
{
    struct crowd *crowd = data;
    g_free(crowd->place);
    g_free(crowd);
}

struct fact_crowds *fact_crowds_new(void)
{
    struct fact_crowds *crowds = g_new0(struct fact_crowds, 1);
    /* A tree: names are chosen by programs, and a hash of theirs could be made to collide. */
    crowds->by_key = g_tree_new_full(compare_keys, NULL, g_free, free_crowd);
    return crowds;
}

void fact_crowds_free(struct fact_crowds *crowds)
{
    if (crowds == NULL)
        return;
    g_tree_unref(crowds->by_key);
    g_free(crowds);
}

size_t fact_crowds_memory(const struct fact_crowds *crowds)
{
    return crowds->memory;
}

static const char *program_of(const struct fact *fact)
{
    return fact->executable != NULL ? fact->executable : fact->comm != NULL ? fact->comm : "";
}

/* "\n" separates: in a name it would only put together what is apart. */
static char *make_key(const struct fact *fact, const char *directory)
{
    return g_strdup_printf("%s\n%d %d\n%s", program_of(fact), (int)fact->why, fact->learned, directory);
}

static struct crowd *find(const struct fact_crowds *crowds, const struct fact *fact, const char *directory)
{
    g_autofree char *key = make_key(fact, directory);
    return g_tree_lookup(crowds->by_key, key);
}

static struct crowd *find_or_make(struct fact_crowds *crowds, const struct fact *fact, const char *directory)
{
    struct crowd *crowd = find(crowds, fact, directory);
    if (crowd == NULL) {
        enum { NODE = 64 }; /* of the tree */
        char *key = make_key(fact, directory);
        crowd = g_new0(struct crowd, 1);
        /* Twice: it may become a place, which is not longer than its key. */
        crowds->memory += sizeof *crowd + NODE + 2 * (strlen(key) + 1);
        g_tree_insert(crowds->by_key, key, crowd);
    }
    return crowd;
}

/* Cuts the last part off; false at the root. */
static bool go_up(char *directory)
{
    char *slash = strrchr(directory, '/');
    if (slash == NULL || directory[1] == '\0')
        return false;
    slash[slash == directory] = '\0';
    return true;
}

const char *fact_crowds_place(const struct fact_crowds *crowds, const struct fact *fact)
{
    g_autofree char *directory = g_path_get_dirname(fact->place);
    const struct crowd *crowd = find(crowds, fact, directory);
    if (crowd != NULL && crowd->place != NULL)
        return crowd->place;
    while (go_up(directory)) {
        crowd = find(crowds, fact, directory);
        if (crowd != NULL && crowd->is_deep)
            return crowd->place;
    }
    return NULL;
}

/* Two parts at least: "/var/lib", not "/var". */
static bool is_deep_enough(const char *directory)
{
    return strchr(directory + 1, '/') != NULL;
}

/* A directory more, for it and all above it; the deepest that has too many by that becomes a place. */
static struct crowd *count_directory(struct fact_crowds *crowds, const struct fact *fact, const char *directory)
{
    g_autofree char *above = g_strdup(directory);
    struct crowd *found = NULL;
    unsigned saved = 0, levels = 0;
    do {
        struct crowd *crowd = find_or_make(crowds, fact, above);
        /* Those that were many below the place that was found are one from now on. */
        crowd->directories = crowd->directories + 1 - MIN(saved, crowd->directories);
        if (found != NULL || crowd->directories <= FACTS_MOST_DIRECTORIES || !is_deep_enough(above))
            continue;
        found = crowd;
        saved = crowd->directories - 1;
        crowd->is_deep = true;
        g_free(crowd->place);
        crowd->place = g_strconcat(above, "/**", NULL);
    } while (++levels < MOST_LEVELS && go_up(above));
    return found;
}

const char *fact_crowds_add(struct fact_crowds *crowds, const struct fact *fact)
{
    g_autofree char *directory = g_path_get_dirname(fact->place);
    struct crowd *crowd = find_or_make(crowds, fact, directory);
    crowd->names++;
    struct crowd *deep = crowd->names == 1 ? count_directory(crowds, fact, directory) : NULL;
    if (deep != NULL)
        return deep->place;
    if (crowd->names <= FACTS_MOST_NAMES)
        return NULL;
    if (crowd->place == NULL)
        crowd->place = g_strconcat(strcmp(directory, "/") == 0 ? "" : directory, "/*", NULL);
    return crowd->place;
}

bool fact_crowds_holds(const char *place, const struct fact *like, const struct fact *fact)
{
    if (fact->why != like->why || fact->learned != like->learned || strcmp(program_of(fact), program_of(like)) != 0)
        return false;
    const char *star = strrchr(place, '/') + 1;
    if (strncmp(fact->place, place, (size_t)(star - place)) != 0)
        return false;
    return strcmp(star, "**") == 0 || strchr(fact->place + (star - place), '/') == NULL;
}
