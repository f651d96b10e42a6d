#include "run_hint.h"

#include <glib.h>
#include <string.h>

/* What is put over these hides the programs, libraries and settings that the image is made of. */
static const char *const kept[] = {
    "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/boot", "/dev", "/proc", "/sys", "/opt",
};

/* Where the file hierarchy (file-hierarchy(7)) and habit keep what outlives a program. */
static const char *const lasting[] = {"/var/lib", "/var/opt", "/var/www", "/var/mail", "/var/spool", "/srv", "/data", "/home"};

bool run_hint_is_below(const char *path, const char *directory)
{
    size_t n = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* ".cache" and ".npm" of a home are made again by themselves. */
static bool is_passing(const char *directory)
{
    return strstr(directory, "/.cache") != NULL || strstr(directory, "/.npm") != NULL || strstr(directory, "/tmp") != NULL;
}

enum run_hint_kind run_hint_of(const char *directory)
{
    if (strcmp(directory, "/") == 0)
        return RUN_HINT_NONE;
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        if (run_hint_is_below(directory, kept[i]))
            return RUN_HINT_NONE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(lasting); i++) {
        if (run_hint_is_below(directory, lasting[i]) && !is_passing(directory))
            return RUN_HINT_VOLUME;
    }
    /* /var itself, /home and their like are too large a piece; so is what has the image's programs in it. */
    return strcmp(directory, "/var") == 0 ? RUN_HINT_NONE : RUN_HINT_TMPFS;
}

char *run_hint_volume_name(const char *directory)
{
    const char *slash = strrchr(directory, '/');
    GString *name = g_string_new(NULL);
    for (const char *c = slash != NULL ? slash + 1 : directory; *c != '\0'; c++) {
        if (g_ascii_isalnum(*c) || (*c == '-' && name->len > 0))
            g_string_append_c(name, *c);
    }
    if (name->len == 0)
        g_string_append(name, "data");
    return g_string_free(name, FALSE);
}
