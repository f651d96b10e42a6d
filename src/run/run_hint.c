#include "run_hint.h"

#include <glib.h>
#include <string.h>

/* What is put over these hides the programs, libraries and settings that the image is made of. */
static const char *const kept[] = {
    "/etc", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/boot", "/dev", "/proc", "/sys", "/opt",
};

/* Where the file hierarchy (file-hierarchy(7)) and habit keep what outlives a program, and what does not. */
static const char *const lasting[] = {"/var", "/srv", "/data", "/home"};
static const char *const passing[] = {"/tmp", "/run", "/var/tmp", "/var/run", "/var/lock", "/var/cache"};
static const char *const passing_names[] = {"tmp", "temp", "cache", ".cache", ".npm"};

bool run_hint_is_below(const char *path, const char *directory)
{
    size_t n = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_below_any(const char *path, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (run_hint_is_below(path, list[i]))
            return true;
    }
    return false;
}

bool run_hint_is_passing(const char *directory)
{
    if (is_below_any(directory, passing, G_N_ELEMENTS(passing)))
        return true;
    g_auto(GStrv) names = g_strsplit(directory, "/", -1);
    for (size_t i = 0; i < G_N_ELEMENTS(passing_names); i++) {
        if (g_strv_contains((const char *const *)names, passing_names[i]))
            return true;
    }
    return false;
}

enum run_hint_kind run_hint_of(const char *directory)
{
    if (strcmp(directory, "/") == 0 || strcmp(directory, "/var") == 0 || strcmp(directory, "/home") == 0 ||
        is_below_any(directory, kept, G_N_ELEMENTS(kept)))
        return RUN_HINT_NONE;
    if (run_hint_is_passing(directory))
        return RUN_HINT_TMPFS;
    if (is_below_any(directory, lasting, G_N_ELEMENTS(lasting)))
        return RUN_HINT_VOLUME;
    /* "/app": the program itself, which a volume would keep as it is now for ever. What is below it may be its data. */
    return strchr(directory + 1, '/') != NULL ? RUN_HINT_VOLUME : RUN_HINT_NONE;
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
