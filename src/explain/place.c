#include "place.h"

#include <string.h>

/* With all that is below them. */
static const char *const runtime[] = {"/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"};
static const char *const programs[] = {
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/boot",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libx32",
    "/usr/libexec",
    "/usr/games",
    "/usr/local/bin",
    "/usr/local/lib",
    "/usr/local/sbin",
    "/usr/include",
    "/etc/ssl",
    "/etc/pam.d",
    "/etc/sudoers.d",
    "/etc/security",
    "/etc/init.d",
    "/etc/profile.d",
    "/etc/alternatives",
    "/etc/ld.so.conf.d",
};
static const char *const passing[] = {"/tmp",      "/run",       "/var/tmp", "/var/run",
                                      "/var/lock", "/var/cache", "/var/log", "/dev/shm"};
static const char *const lasting[] = {"/var/lib", "/var/spool", "/var/mail", "/var/backups", "/srv", "/data", "/home"};
static const char *const costly[] = {"/etc", "/usr"};

/* Images put a program of their own in a directory of these as others do in one of "/". */
static const char *const sources[] = {"/usr/src", "/usr/local/src"};

/* By themselves. */
static const char *const whole[] = {
    "/",        "/etc",          "/usr", "/usr/local", "/usr/share", "/usr/local/share", "/usr/local/etc",
    "/usr/src", "/usr/local/src"};
static const char *const shared[] = {"/var", "/var/lib", "/var/local", "/home",      "/opt",    "/srv",
                                     "/mnt", "/media",   "/var/cache", "/var/spool", "/var/www"};

/* A component anywhere in the path, and the last one. */
static const char *const passing_names[] = {"tmp", "temp", "cache", ".cache", ".npm", ".config", ".local", NULL};
static const char *const passing_last[] = {"logs", "log",   "run",     "work",  "sockets", "sessions",
                                           "body", "proxy", "fastcgi", "uwsgi", "scgi",    NULL};
static const char *const lasting_last[] = {"data",   "db",    "database", "storage", "uploads", "upload",
                                           "backup", "media", "backups",  "state",   NULL};

bool place_is_below(const char *path, const char *directory)
{
    size_t n = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_below_any(const char *path, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (place_is_below(path, list[i]))
            return true;
    }
    return false;
}

static bool is_one_of(const char *path, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(path, list[i]) == 0)
            return true;
    }
    return false;
}

static bool has_passing_name(const char *directory)
{
    if (place_is_below(directory, "/etc"))
        return false;
    g_auto(GStrv) names = g_strsplit(directory, "/", -1);
    for (const char *const *name = passing_names; *name != NULL; name++) {
        if (g_strv_contains((const char *const *)names, *name))
            return true;
    }
    const char *last = strrchr(directory, '/') + 1;
    return g_strv_contains(passing_last, last) || g_str_has_suffix(last, "_temp");
}

bool place_is_home(const char *directory)
{
    const char *below = g_str_has_prefix(directory, "/home/") ? directory + strlen("/home/") : NULL;
    return strcmp(directory, "/root") == 0 || (below != NULL && *below != '\0' && strchr(below, '/') == NULL);
}

bool place_is_source(const char *directory)
{
    return is_below_any(directory, sources, G_N_ELEMENTS(sources)) &&
           !is_one_of(directory, sources, G_N_ELEMENTS(sources));
}

enum place_sort place_sort_of(const char *directory)
{
    if (!place_is_below(directory, "/dev/shm") && is_below_any(directory, runtime, G_N_ELEMENTS(runtime)))
        return PLACE_RUNTIME;
    if (is_one_of(directory, whole, G_N_ELEMENTS(whole)) || is_one_of(directory, programs, G_N_ELEMENTS(programs)))
        return PLACE_SYSTEM;
    if (is_one_of(directory, shared, G_N_ELEMENTS(shared)))
        return PLACE_SHARED;
    if (is_below_any(directory, passing, G_N_ELEMENTS(passing)) || has_passing_name(directory) ||
        place_is_home(directory))
        return PLACE_PASSING;
    if (is_below_any(directory, programs, G_N_ELEMENTS(programs)))
        return PLACE_SYSTEM;
    if (is_below_any(directory, costly, G_N_ELEMENTS(costly)) && !place_is_source(directory))
        return PLACE_COSTLY;
    if (is_below_any(directory, lasting, G_N_ELEMENTS(lasting)) ||
        g_strv_contains(lasting_last, strrchr(directory, '/') + 1))
        return PLACE_LASTING;
    /* "/app", "/opt/app" and "/usr/src/app": most likely a program's own directory. */
    g_autofree char *parent = place_parent(directory);
    bool is_own =
        strcmp(parent, "/") == 0 || strcmp(parent, "/opt") == 0 || is_one_of(parent, sources, G_N_ELEMENTS(sources));
    return is_own ? PLACE_COSTLY : PLACE_OTHER;
}

bool place_is_config(const char *directory)
{
    return place_is_below(directory, "/etc") || place_is_below(directory, "/usr/local/etc");
}

bool place_is_program(const char *directory)
{
    bool is_of_usr = place_is_below(directory, "/usr") && !place_is_source(directory);
    bool is_among = is_of_usr || is_below_any(directory, programs, G_N_ELEMENTS(programs));
    enum place_sort sort = place_sort_of(directory);
    return is_among && !place_is_config(directory) && (sort == PLACE_SYSTEM || sort == PLACE_COSTLY);
}

bool place_is_wide(const char *directory)
{
    static const char *const others[] = {"/", "/dev", "/proc", "/sys", "/var/log"};
    return is_one_of(directory, others, G_N_ELEMENTS(others)) || place_sort_of(directory) == PLACE_SHARED ||
           place_is_home(directory);
}

bool place_is_temporary(const char *directory)
{
    return is_below_any(directory, passing, G_N_ELEMENTS(passing)) && !place_is_below(directory, "/var/log");
}

bool place_is_whole(const char *directory)
{
    return place_sort_of(directory) == PLACE_PASSING && strcmp(directory, "/var/log") != 0 &&
           strcmp(directory, "/run") != 0 && !place_is_home(directory);
}

bool place_is_dispensable(const char *directory, const char *name)
{
    static const char *const of_run[] = {"lock", "shm", "mount", "user", "utmp", "systemd", "secrets", "initctl", NULL};
    static const char *const of_log[] = {
        "apt",  "alternatives.log", "bootstrap.log", "btmp",   "dpkg.log", "faillog", "lastlog",
        "wtmp", "tallylog",         "journal",       "README", "private",  NULL};
    static const char *const of_home[] = {".bashrc", ".profile", ".bash_logout", ".bash_profile", ".bash_history",
                                          ".cshrc",  ".tcshrc",  ".wget-hsts",   ".cache",        NULL};
    static const char *const of_cache[] = {"apt", "debconf", "ldconfig", "apk", "misc", "dnf", "yum", NULL};
    if (place_is_below(directory, "/tmp") || place_is_below(directory, "/var/tmp") ||
        strcmp(directory, "/dev/shm") == 0)
        return true;
    if (strcmp(directory, "/run") == 0)
        return g_strv_contains(of_run, name);
    if (strcmp(directory, "/var/log") == 0)
        return g_strv_contains(of_log, name);
    if (strcmp(directory, "/var/cache") == 0)
        return g_strv_contains(of_cache, name);
    return place_is_home(directory) && g_strv_contains(of_home, name);
}

char *place_runtime_words(const char *path)
{
    return place_sort_of(path) == PLACE_RUNTIME
               ? g_strdup_printf("%s is made by the runtime, with or without a read-only root", path)
               : NULL;
}

char *place_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL || slash == path ? g_strdup("/") : g_strndup(path, (gsize)(slash - path));
}

bool place_can_be_said(const char *path)
{
    if (!g_utf8_validate(path, -1, NULL))
        return false;
    for (const char *c = path; *c != '\0'; c = g_utf8_next_char(c)) {
        if (!g_unichar_isprint(g_utf8_get_char(c)) || strchr(":,\"'`\\$", *c) != NULL)
            return false;
    }
    return true;
}

static bool is_taken(const GPtrArray *taken, const char *name)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)taken, name, g_str_equal, NULL);
}

/* "data" alone says little: "postgresql-data". And docker's names have two characters at least. @is_long: always both. */
static char *plain_name(const char *directory, bool is_long)
{
    g_autofree char *parent = place_parent(directory);
    const char *last = strrchr(directory, '/') + 1, *above = strrchr(parent, '/') + 1;
    static const char *const too_short[] = {"data", "db", "lib", "state", "storage", NULL};
    bool is_short = (is_long || g_strv_contains(too_short, last) || strlen(last) < 2) && *above != '\0';
    g_autofree char *both = is_short ? g_strconcat(above, "-", last, NULL) : g_strdup(last);
    GString *name = g_string_new(NULL);
    for (const char *c = both; *c != '\0'; c++) {
        if (g_ascii_isalnum(*c) || ((*c == '-' || *c == '_') && name->len > 0))
            g_string_append_c(name, *c);
    }
    if (name->len < 2)
        g_string_append(name, name->len == 0 ? "data" : "-data");
    return g_string_free(name, FALSE);
}

const char *place_volume_name(const char *directory, GPtrArray *taken)
{
    g_autofree char *base = plain_name(directory, false);
    char *name = is_taken(taken, base) ? plain_name(directory, true) : g_strdup(base);
    for (unsigned i = 2; is_taken(taken, name); i++) {
        g_free(name);
        name = g_strdup_printf("%s-%u", base, i);
    }
    g_ptr_array_add(taken, name);
    return name;
}
