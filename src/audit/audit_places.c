#include "audit_places.h"

#include <glib.h>
#include <string.h>

static const char *const programs[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/boot"};

static const char *const wide[] = {"/",    "/var",   "/var/lib", "/var/cache", "/var/log", "/home",
                                   "/opt", "/srv",   "/root",    "/dev",       "/proc",    "/sys",
                                   "/mnt", "/media", "/var/www", "/usr/src"};

static const char *const temporary[] = {"/tmp", "/run", "/var/tmp", "/var/run", "/var/lock", "/var/cache"};

static const char *const host[] = {"/etc",   "/usr",     "/bin",  "/sbin",           "/lib",
                                   "/lib64", "/boot",    "/dev",  "/proc",           "/sys",
                                   "/run",   "/var/run", "/root", "/var/lib/docker", "/var/lib/containers"};

bool audit_is_below(const char *path, const char *directory)
{
    size_t n = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    return strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static bool is_below_any(const char *path, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (audit_is_below(path, list[i]))
            return true;
    return false;
}

bool audit_is_program(const char *path)
{
    return is_below_any(path, programs, G_N_ELEMENTS(programs)) && !audit_is_below(path, "/usr/local/var");
}

bool audit_is_config(const char *path)
{
    return audit_is_below(path, "/etc") || audit_is_below(path, "/usr/local/etc");
}

bool audit_is_wide(const char *path)
{
    for (size_t i = 0; i < G_N_ELEMENTS(wide); i++)
        if (strcmp(path, wide[i]) == 0)
            return true;
    return false;
}

bool audit_is_temporary(const char *path)
{
    return is_below_any(path, temporary, G_N_ELEMENTS(temporary));
}

bool audit_is_host_business(const char *path)
{
    return strcmp(path, "/") == 0 || is_below_any(path, host, G_N_ELEMENTS(host));
}
