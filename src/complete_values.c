#include "complete_values.h"

#include "compose_project.h"
#include "guard.h"
#include "image_record.h"
#include "state_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* More than anybody reads through. */
#define MOST_NAMES 2000

static GPtrArray *new_list(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

GPtrArray *complete_mounts(const struct paths *paths)
{
    GPtrArray *list = new_list();
    g_autoptr(GPtrArray) states = state_dir_read(paths->run);
    for (guint i = 0; i < states->len; i++) {
        const struct state *state = g_ptr_array_index(states, i);
        g_ptr_array_add(list, g_strdup(state->mountpoint));
        g_ptr_array_add(list, g_strdup(state->name));
    }
    return list;
}

/* Whether a mount is meant: by the word, or by its being none of a mount. */
static bool is_meant(const GPtrArray *states, const struct state *state, const char *word)
{
    bool is_named = false;
    for (guint i = 0; word != NULL && i < states->len; i++) {
        const struct state *other = g_ptr_array_index(states, i);
        bool is_it = strcmp(other->name, word) == 0 || strcmp(other->mountpoint, word) == 0;
        if (is_it && other == state)
            return true;
        is_named |= is_it;
    }
    return !is_named;
}

GPtrArray *complete_targets(const struct paths *paths, const char *word)
{
    GPtrArray *list = new_list();
    g_autoptr(GPtrArray) states = state_dir_read(paths->run);
    for (guint i = 0; i < states->len; i++) {
        const struct state *state = g_ptr_array_index(states, i);
        for (size_t at = 0; at < state->n_routes && is_meant(states, state, word); at++)
            g_ptr_array_add(list, g_strdup(state->routes[at].target));
    }
    return list;
}

/* A directory inside a mount, by a path that cannot lead out of it; NULL where there is none. */
static DIR *open_inside(const char *point, const char *inside)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_IN_ROOT};
    int root = open(point, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = root >= 0 ? (int)syscall(SYS_openat2, root, inside, &how, sizeof how) : -1;
    if (root >= 0)
        close(root);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (fd >= 0 && directory == NULL)
        close(fd);
    return directory;
}

static bool is_directory(DIR *directory, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    /* A link's target would be one of the host here: it is taken for no directory. */
    return fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static void add_entries(GPtrArray *list, const char *point, const char *prefix, bool only_directories)
{
    const char *slash = strrchr(prefix, '/');
    g_autofree char *inside = slash != NULL ? g_strndup(prefix, (gsize)(slash + 1 - prefix)) : g_strdup("/");
    const char *beginning = slash != NULL ? slash + 1 : prefix;
    DIR *directory = guard_probe(point) == 0 ? open_inside(point, inside) : NULL;
    struct dirent *entry;
    while (directory != NULL && list->len < MOST_NAMES && (entry = readdir(directory)) != NULL) {
        bool is_dots = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (is_dots || !g_str_has_prefix(entry->d_name, beginning))
            continue;
        bool is_one = is_directory(directory, entry);
        if (is_one || !only_directories)
            g_ptr_array_add(list, g_strconcat(inside, entry->d_name, is_one ? "/" : "", NULL));
    }
    if (directory != NULL)
        closedir(directory);
}

GPtrArray *complete_inside(const struct paths *paths, const char *word, const char *prefix, bool only_directories)
{
    GPtrArray *list = new_list();
    g_autoptr(GPtrArray) states = state_dir_read(paths->run);
    for (guint i = 0; i < states->len; i++) {
        const struct state *state = g_ptr_array_index(states, i);
        if (state_is_alive(state) && is_meant(states, state, word))
            add_entries(list, state->mountpoint, prefix, only_directories);
    }
    return list;
}

GPtrArray *complete_images(const struct paths *paths)
{
    GPtrArray *list = new_list();
    g_autoptr(GPtrArray) records = image_record_read_all(paths->images);
    for (guint i = 0; i < records->len; i++) {
        const struct image_record *record = g_ptr_array_index(records, i);
        for (char **name = record->names; *name != NULL; name++)
            g_ptr_array_add(list, g_strdup(*name));
        if (record->names[0] == NULL)
            g_ptr_array_add(list, image_record_title(record));
    }
    return list;
}

GPtrArray *complete_services(char *const *files)
{
    GPtrArray *list = new_list();
    g_autofree char *directory = g_get_current_dir();
    g_auto(GStrv) environment = g_get_environ();
    const struct compose_options options = {
        .files = files, .directory = directory, .environment = environment, .home = g_get_home_dir()};
    struct compose_project *project = compose_project_load(&options, NULL, 0, NULL);
    const struct compose_node *services = project != NULL ? compose_node_get(project->root, "services") : NULL;
    for (guint i = 0; services != NULL && services->kind == COMPOSE_MAPPING && i < services->n; i++)
        g_ptr_array_add(list, g_strdup(services->pairs[i].key->text));
    compose_project_free(project);
    return list;
}
