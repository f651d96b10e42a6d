#include "path.h"

#include <glib.h>
#include <string.h>

char *path_join(const char *dir, const char *name)
{
    if (dir[0] == '\0')
        return g_strdup(name);
    size_t dir_length = strlen(dir), name_length = strlen(name);
    char *joined = g_malloc(dir_length + 1 + name_length + 1);
    memcpy(joined, dir, dir_length);
    joined[dir_length] = '/';
    memcpy(joined + dir_length + 1, name, name_length + 1);
    return joined;
}

size_t path_next(const char **rest, const char **ret)
{
    const char *start = *rest + strspn(*rest, "/");
    size_t length = strcspn(start, "/");
    *ret = start;
    *rest = start + length;
    return length;
}

bool path_is_name(const char *name)
{
    return name[0] != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strchr(name, '/') == NULL;
}
