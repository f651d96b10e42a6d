#include "paths.h"

#include "app_error.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A user namespace's root is root by number only: the host's directories are not its own. */
static bool is_system(void)
{
    if (geteuid() != 0)
        return false;
    const char *const places[] = {"/run", "/var/lib"};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        if (access(places[i], W_OK) != 0)
            return false;
    }
    return true;
}

/* The XDG specification says that a relative path in one of these variables is to be ignored. */
static const char *absolute_variable(const char *name)
{
    const char *value = g_getenv(name);
    return value != NULL && *value == '/' ? value : NULL;
}

static struct paths *find_for_user(GError **error)
{
    const char *data_home = absolute_variable("XDG_DATA_HOME");
    const char *home = absolute_variable("HOME");
    /* GLib has warnings, and "/", for users without an entry. */
    const struct passwd *user = home == NULL ? getpwuid(geteuid()) : NULL;
    if (user != NULL)
        home = user->pw_dir;
    g_autofree char *data = data_home != NULL              ? g_build_filename(data_home, "rofuse", NULL)
                            : home != NULL && *home == '/' ? g_build_filename(home, ".local", "share", "rofuse", NULL)
                                                           : NULL;
    if (data == NULL) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "there is no place for volumes and state; set HOME, or give "
                    "--state-dir DIR");
        return NULL;
    }
    const char *runtime = absolute_variable("XDG_RUNTIME_DIR");
    struct paths *paths = g_new0(struct paths, 1);
    paths->volumes = g_build_filename(data, "volumes", NULL);
    paths->run = runtime != NULL ? g_build_filename(runtime, "rofuse", NULL) : g_build_filename(data, "run", NULL);
    paths->log = g_build_filename(data, "log", NULL);
    paths->images = g_build_filename(data, "images", NULL);
    return paths;
}

struct paths *paths_find(const char *state_dir, GError **error)
{
    if (state_dir == NULL && !is_system())
        return find_for_user(error);
    struct paths *paths = g_new0(struct paths, 1);
    if (state_dir == NULL) {
        paths->volumes = g_strdup("/var/lib/rofuse/volumes");
        paths->run = g_strdup("/run/rofuse");
        paths->log = g_strdup("/var/lib/rofuse/log");
        paths->images = g_strdup("/var/lib/rofuse/images");
        return paths;
    }
    g_autofree char *base = paths_absolute(state_dir, error);
    if (base == NULL) {
        paths_free(paths);
        return NULL;
    }
    paths->volumes = g_build_filename(base, "volumes", NULL);
    paths->run = g_build_filename(base, "run", NULL);
    paths->log = g_build_filename(base, "log", NULL);
    paths->images = g_build_filename(base, "images", NULL);
    return paths;
}

void paths_free(struct paths *paths)
{
    if (paths == NULL)
        return;
    g_free(paths->volumes);
    g_free(paths->run);
    g_free(paths->log);
    g_free(paths->images);
    g_free(paths);
}

gboolean paths_make(const char *directory, GError **error)
{
    g_autofree char *parent = g_path_get_dirname(directory);
    struct stat st;
    int result = mkdir(directory, 0700);
    if (result != 0 && errno == ENOENT && g_mkdir_with_parents(parent, 0711) == 0)
        result = mkdir(directory, 0700);
    if (result == 0)
        return TRUE;
    int code = errno;
    if (code == EEXIST && stat(directory, &st) == 0 && S_ISDIR(st.st_mode))
        return TRUE;
    g_autofree char *shown = text_word(directory);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                "cannot make the directory %s: %s; give another place with "
                "--state-dir DIR",
                shown, g_strerror(code == EEXIST ? ENOTDIR : code));
    return FALSE;
}

/* Two names, so that "DIR/..", "DIR/." and "DIR/" are resolved wholly: their last component is not what is meant. */
static bool ends_in_dots(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name != NULL ? name + 1 : path;
    return *name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

char *paths_absolute(const char *path, GError **error)
{
    g_autofree char *trimmed = g_strdup(path);
    for (size_t length = strlen(trimmed); length > 1 && trimmed[length - 1] == '/'; length--)
        trimmed[length - 1] = '\0';
    bool whole = ends_in_dots(trimmed);
    g_autofree char *directory = whole ? g_strdup(trimmed) : g_path_get_dirname(trimmed);
    char *resolved = realpath(directory, NULL);
    if (resolved == NULL && errno == ENOENT && !whole) {
        /* A parent that is still to be made: the text has to do. */
        return g_canonicalize_filename(trimmed, NULL);
    }
    if (resolved == NULL) {
        g_autofree char *shown = text_word(path);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s: %s", shown, g_strerror(errno));
        return NULL;
    }
    const char *name = strrchr(trimmed, '/');
    char *absolute = whole ? g_strdup(resolved) : g_build_filename(resolved, name != NULL ? name + 1 : trimmed, NULL);
    free(resolved);
    return absolute;
}
