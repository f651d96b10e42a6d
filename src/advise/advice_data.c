#include "advice_data.h"

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

/* By anybody: files of one database are often facts of their own. */
static bool is_tried(const struct advice_input *input, const char *path)
{
    for (guint i = 0; i < input->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(input->facts, i);
        if (g_ptr_array_find_with_equal_func(fact->paths, path, g_str_equal, NULL))
            return true;
    }
    return false;
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

static bool is_for_a_while(const char *directory, const char *name)
{
    if (place_is_home(directory))
        return *name == '.';
    return place_is_temporary(directory) || place_sort_of(directory) == PLACE_PASSING;
}

/* Owned; NULL: it is part of none. */
static char *database_of(const struct advice_input *input, const char *path)
{
    g_autofree char *file = main_file(path), *directory = place_parent(file);
    const char *name = strrchr(file, '/');
    if (name == NULL || is_for_a_while(directory, name + 1))
        return NULL;
    if (has_suffix(name + 1) || (strcmp(file, path) != 0 && is_tried(input, file)))
        return g_steal_pointer(&file);
    return is_of_leveldb(input, directory, name + 1) ? g_steal_pointer(&directory) : NULL;
}

static bool is_of_content(const struct fact *fact)
{
    const uint32_t removal = (1U << DENIAL_UNLINK) | (1U << DENIAL_RMDIR);
    return fact_is_write(fact) && (fact->operations & ~removal) != 0;
}

char *advice_database_of_fact(const struct advice_input *input, const struct fact *fact)
{
    char *found = NULL;
    for (guint i = 0; is_of_content(fact) && i < fact->paths->len && found == NULL; i++)
        found = database_of(input, g_ptr_array_index(fact->paths, i));
    return found;
}

char *advice_database(const struct advice_input *input, const struct advice_wish *wish)
{
    char *found = NULL;
    for (guint i = 0; i < wish->facts->len && found == NULL; i++)
        found = advice_database_of_fact(input, g_ptr_array_index(wish->facts, i));
    return found;
}

bool advice_changes_database(const struct advice_input *input, const struct fact *fact)
{
    g_autofree char *database = advice_database_of_fact(input, fact);
    return database != NULL && (fact->operations & ~(UINT32_C(1) << DENIAL_OPEN)) != 0;
}
