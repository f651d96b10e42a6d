#include "image_name.h"

#include <stdbool.h>
#include <string.h>

/* "docker.io/library/busybox:latest" as docker shows it. Owned by the caller. */
static char *short_name(const char *name)
{
    static const char *const prefixes[] = {"docker.io/library/", "docker.io/", "index.docker.io/library/"};
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(name, prefixes[i])) {
            name += strlen(prefixes[i]);
            break;
        }
    }
    const char *last = strrchr(name, '/');
    bool has_tag = strpbrk(last != NULL ? last : name, ":@") != NULL;
    return has_tag ? g_strdup(name) : g_strconcat(name, ":latest", NULL);
}

gboolean image_name_equal(const char *a, const char *b)
{
    g_autofree char *left = short_name(a), *right = short_name(b);
    return strcmp(left, right) == 0;
}

/* A registry is a host: its part before the first slash has a dot or a port, or is "localhost" (docker's reference). */
static bool has_registry(const char *name)
{
    size_t length = strcspn(name, "/");
    return name[length] == '/' && (strcspn(name, ".:") < length || g_str_has_prefix(name, "localhost/"));
}

gboolean image_name_is_local(const char *name, const char *word)
{
    static const char local[] = "localhost/";
    return g_str_has_prefix(name, local) && !has_registry(word) && image_name_equal(name + strlen(local), word);
}
