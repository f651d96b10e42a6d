#include "compose_files.h"

#include "app_error.h"
#include "compose.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *fail(const char *path, const char *place, GError **error, const char *reason)
{
    g_autofree char *shown = text_word(path);
    bool is_itself = strcmp(path, place) == 0;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s%s%s: %s", is_itself ? "" : place, is_itself ? "" : ": ", shown,
                reason);
    return NULL;
}

static char *read_all(int fd, size_t limit, size_t *ret_length)
{
    char *text = g_malloc(limit + 2);
    size_t length = 0;
    while (length <= limit) {
        ssize_t n = TEMP_FAILURE_RETRY(read(fd, text + length, limit + 1 - length));
        if (n < 0) {
            g_free(text);
            return NULL;
        }
        if (n == 0)
            break;
        length += (size_t)n;
    }
    text[length] = '\0';
    *ret_length = length;
    return text;
}

char *compose_files_read(const char *path, const char *place, size_t limit, bool *ret_missing, size_t *ret_length,
                         GError **error)
{
    /* Not to wait for the writer of a pipe, nor to make a terminal ours. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && ret_missing != NULL && (errno == ENOENT || errno == ENOTDIR)) {
        *ret_missing = true;
        return NULL;
    }
    if (fd < 0) {
        g_autofree char *cause =
            g_strdup_printf("%s%s", g_strerror(errno), errno == ENOENT ? "; name a file that is there" : "");
        return fail(path, place, error, cause);
    }
    struct stat st;
    char *text = NULL;
    g_autofree char *large = g_strdup_printf("it has more than %zu bytes; is it the right file?", limit);
    bool is_known = fstat(fd, &st) == 0;
    if (is_known && !S_ISREG(st.st_mode))
        fail(path, place, error,
             S_ISDIR(st.st_mode) ? "it is a directory; name the file"
                                 : "it is no regular file; copy what it gives into one");
    else if (!is_known || (text = read_all(fd, limit, ret_length)) == NULL)
        fail(path, place, error, g_strerror(errno));
    else if (*ret_length > limit)
        fail(path, place, error, large);
    if (text != NULL && *ret_length > limit)
        g_clear_pointer(&text, g_free);
    close(fd);
    return text;
}

char *compose_files_absolute(const char *base, const char *path)
{
    if (*path == '/')
        return g_strdup(path);
    while (g_str_has_prefix(path, "./"))
        path += 1 + strspn(path + 1, "/");
    return g_strconcat(base, g_str_has_suffix(base, "/") ? "" : "/", path, NULL);
}

char *compose_files_shown(const char *directory, const char *path)
{
    size_t length = strlen(directory);
    bool is_below = length > 1 && g_str_has_prefix(path, directory) && path[length] == '/' && path[length + 1] != '\0';
    return g_strdup(is_below ? path + length + 1 : path);
}

/* The first of some names that is in a directory; owned by the caller. */
static char *find_name(const char *directory, const char *const *names)
{
    for (; *names != NULL; names++) {
        g_autofree char *path = compose_files_absolute(directory, *names);
        if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_DIR))
            return g_steal_pointer(&path);
    }
    return NULL;
}

char *compose_find_file(const char *directory)
{
    static const char *const names[] = {"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml",
                                        NULL};
    g_autofree char *here = g_strdup(directory);
    for (;;) {
        char *file = find_name(here, names);
        if (file != NULL || strcmp(here, "/") == 0 || *here != '/')
            return file;
        char *parent = g_path_get_dirname(here);
        g_free(here);
        here = parent;
    }
}

char *compose_files_find_override(const char *file)
{
    static const char *const names[] = {"compose.override.yaml", "compose.override.yml", "docker-compose.override.yaml",
                                        "docker-compose.override.yml", NULL};
    g_autofree char *directory = g_path_get_dirname(file);
    return find_name(directory, names);
}

bool compose_files_is_project(const char *name)
{
    if (!g_ascii_islower(*name) && !g_ascii_isdigit(*name))
        return false;
    for (; *name != '\0'; name++) {
        if (!g_ascii_islower(*name) && !g_ascii_isdigit(*name) && *name != '_' && *name != '-')
            return false;
    }
    return true;
}

char *compose_files_project_of(const char *directory)
{
    g_autofree char *base = g_path_get_basename(directory);
    GString *name = g_string_new(NULL);
    for (const char *c = base; *c != '\0'; c++) {
        char lower = g_ascii_tolower(*c);
        if (g_ascii_isalnum(lower) || (name->len > 0 && (lower == '_' || lower == '-')))
            g_string_append_c(name, lower);
    }
    return g_string_free(name, FALSE);
}
