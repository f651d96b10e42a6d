#include "advice_data.h"

#include "advice_target.h"
#include "place.h"

#include <string.h>

static const char *const suffixes[] = {".db",  ".db3", ".sqlite", ".sqlite3", ".s3db", ".sl3", ".duckdb",
                                       ".mdb", ".rdb", ".aof",    ".dbm",     ".gdbm", ".tdb", ".realm"};

/* What SQLite puts behind the name of a database for the files that it makes beside it. */
static const char *const beside[] = {"-journal", "-wal", "-shm"};

static bool has_suffix(const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        /* ".db" alone is a hidden file. */
        if (g_str_has_suffix(lower, suffixes[i]) && strlen(lower) > strlen(suffixes[i]))
            return true;
    }
    return false;
}

/* Of the file that another one is made beside; the path itself where it is none of those. Owned. */
static char *main_file(const char *path)
{
    for (size_t i = 0; i < G_N_ELEMENTS(beside); i++) {
        if (g_str_has_suffix(path, beside[i]))
            return g_strndup(path, strlen(path) - strlen(beside[i]));
    }
    return g_strdup(path);
}

GHashTable *advice_data_paths(const GPtrArray *facts)
{
    GHashTable *paths = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(facts, i);
        for (guint j = 0; j < fact->paths->len; j++)
            g_hash_table_add(paths, g_ptr_array_index(fact->paths, j));
    }
    return paths;
}

/* By anybody: files of one database are often facts of their own. */
static bool is_tried(const struct advice_input *input, const char *path)
{
    return g_hash_table_contains(input->tried, path);
}

static bool is_tried_in(const struct advice_input *input, const char *directory, const char *name)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    return is_tried(input, path);
}

/* LevelDB and RocksDB: "MANIFEST-000004", and where nothing can be made a lock and a log only. */
static bool is_of_leveldb(const struct advice_input *input, const char *directory, const char *name)
{
    static const char manifest[] = "MANIFEST-";
    if (g_str_has_prefix(name, manifest))
        return g_ascii_isdigit(name[strlen(manifest)]);
    return strcmp(name, "LOCK") == 0 &&
           (is_tried_in(input, directory, "LOG") || is_tried_in(input, directory, "CURRENT"));
}

static bool is_cache(const char *directory)
{
    static const char cache[] = "cache";
    g_auto(GStrv) names = g_strsplit(directory, "/", -1);
    for (char **name = names; *name != NULL; name++) {
        size_t size = strlen(*name);
        if (size >= strlen(cache) && g_ascii_strcasecmp(*name + size - strlen(cache), cache) == 0)
            return true;
    }
    return false;
}

/* What is below a path's home, from its slash on; NULL: it is in none. */
static const char *below_home(const char *path)
{
    static const char roots[] = "/root/", others[] = "/home/";
    if (g_str_has_prefix(path, roots))
        return path + strlen(roots) - 1;
    return g_str_has_prefix(path, others) ? strchr(path + strlen(others), '/') : NULL;
}

static bool is_for_a_while(const char *file, const char *directory)
{
    const char *below = below_home(file);
    if (is_cache(directory) || (below != NULL && strstr(below, "/.") != NULL))
        return true;
    return !place_is_home(directory) && (place_is_temporary(directory) || place_sort_of(directory) == PLACE_PASSING);
}

/* Owned; NULL: it is part of none. */
static char *database_of(const struct advice_input *input, const char *path)
{
    g_autofree char *file = main_file(path), *directory = place_parent(file);
    const char *name = strrchr(file, '/');
    if (name == NULL)
        return NULL;
    /* Most are told by their names alone, with little work. */
    bool is_file = has_suffix(name + 1) || (strcmp(file, path) != 0 && is_tried(input, file));
    if ((!is_file && !is_of_leveldb(input, directory, name + 1)) || is_for_a_while(file, directory))
        return NULL;
    return is_file ? g_steal_pointer(&file) : g_steal_pointer(&directory);
}

static bool is_of_content(const struct fact *fact)
{
    const uint32_t removal = (1U << DENIAL_UNLINK) | (1U << DENIAL_RMDIR);
    return fact_is_write(fact) && (fact->operations & ~removal) != 0;
}

/* Whether a file cannot but have been made: what the image lacks is neither opened nor removed. Learn mode makes it there. */
static bool was_made(const struct advice_input *input, const struct fact *fact, const char *path)
{
    struct advice_seen seen;
    if (fact->learned || fact->why != DENIAL_NOT_DECLARED)
        return false;
    bool is_known = advice_look(input, path, &seen);
    bool is_missing = is_known && !seen.is_there;
    g_free(seen.path);
    return is_missing;
}

/* @made: of the files that were made alone. */
static char *database_of_fact(const struct advice_input *input, const struct fact *fact, bool made)
{
    char *found = NULL;
    for (guint i = 0; is_of_content(fact) && i < fact->paths->len && found == NULL; i++) {
        const char *path = g_ptr_array_index(fact->paths, i);
        if (!made || was_made(input, fact, path))
            found = database_of(input, path);
    }
    return found;
}

/* The one that was to be changed, and not only opened, removed or given other attributes. Of several files a fact does not say
 * which of them was. */
static char *changed_database(const struct advice_input *input, const struct fact *fact)
{
    const uint32_t removal = (1U << DENIAL_UNLINK) | (1U << DENIAL_RMDIR), open = 1U << DENIAL_OPEN;
    const uint32_t attributes = (1U << DENIAL_CHMOD) | (1U << DENIAL_CHOWN) | (1U << DENIAL_UTIMES) |
                                (1U << DENIAL_SETXATTR) | (1U << DENIAL_REMOVEXATTR) | (1U << DENIAL_SETFLAGS) |
                                (1U << DENIAL_EXEC);
    if ((fact->operations & ~(open | removal | attributes)) == 0)
        return NULL;
    return database_of_fact(input, fact, fact->paths->len > 1 && (fact->operations & (open | removal)) != 0);
}

bool advice_changes_database(const struct advice_input *input, const struct fact *fact)
{
    g_autofree char *database = changed_database(input, fact);
    return database != NULL;
}

/* What went on without may have been there to be read. */
static char *kept_database(const struct advice_input *input, const struct fact *fact)
{
    return fact->class == FACT_TOLERATED ? changed_database(input, fact) : database_of_fact(input, fact, false);
}

char *advice_database(const struct advice_input *input, const struct advice_wish *wish)
{
    char *found = NULL;
    for (guint i = 0; i < wish->facts->len && found == NULL; i++)
        found = kept_database(input, g_ptr_array_index(wish->facts, i));
    return found;
}
