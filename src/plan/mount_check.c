#include "mount_check.h"

#include "app_error.h"
#include "guard.h"
#include "mount_table.h"
#include "paths.h"
#include "text.h"
#include "unmount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Dead mounts can lie on top of each other; nobody has more than a few. */
#define DEAD_MAX 16

gboolean mount_check_layers(struct mount_request *request, GError **error)
{
    for (char **layer = request->layers; *layer != NULL; layer++) {
        struct stat st;
        char *resolved = realpath(*layer, NULL);
        int code = resolved == NULL || stat(resolved, &st) != 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
        if (code != 0) {
            g_autofree char *shown = text_word(*layer);
            free(resolved);
            return app_error_failed(error, "--layer %s: %s; give a directory with an unpacked layer", shown,
                                    g_strerror(code));
        }
        g_free(*layer);
        *layer = g_strdup(resolved);
        free(resolved);
    }
    return TRUE;
}

static bool is_dead(const struct mount_entry *entry)
{
    if (!mount_entry_is_rofuse(entry))
        return false;
    int answer = guard_probe(entry->point);
    return answer == -ENOTCONN || answer == -ECONNABORTED;
}

/* Unmounts what dead daemons left at a point. */
static gboolean clear_dead(const char *point, GError **error)
{
    for (int i = 0; i < DEAD_MAX; i++) {
        g_autoptr(GPtrArray) table = mount_table_read(error);
        if (table == NULL)
            return FALSE;
        const struct mount_entry *entry = mount_table_at(table, point);
        if (!is_dead(entry))
            return TRUE;
        g_autofree char *shown = text_word(point);
        int result = unmount_point(point, true);
        if (result < 0)
            return app_error_failed(
                error,
                "the mount point %s has the mount %s of a dead daemon and it cannot be unmounted: %s; run: "
                "umount -l %s",
                shown, entry->source, g_strerror(-result), shown);
        app_notice("unmounted the mount %s of a dead daemon at %s", entry->source, shown);
    }
    return TRUE;
}

static gboolean check_free(const char *point, GError **error)
{
    g_autoptr(GPtrArray) table = mount_table_read(error);
    if (table == NULL)
        return FALSE;
    g_autofree char *shown = text_word(point);
    const struct mount_entry *entry = mount_table_at(table, point);
    if (mount_entry_is_rofuse(entry))
        return app_error_failed(
            error, "the mount point %s has a rofuse mount already (%s); unmount it first: rofuse umount %s", shown,
            entry->source, shown);
    if (entry != NULL)
        return app_error_failed(error, "the mount point %s is a mount already (%s from %s); choose another directory",
                                shown, entry->type, entry->source);
    entry = mount_table_below(table, point);
    if (entry != NULL) {
        g_autofree char *below = text_word(entry->point);
        return app_error_failed(
            error,
            "the mount point %s is not empty of other mounts: %s is mounted below; unmount it or choose "
            "another directory",
            shown, below);
    }
    return TRUE;
}

gboolean mount_check_point(struct mount_request *request, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autofree char *shown = text_word(request->mountpoint);
    /* First without touching what is at the end of the path: it could be dead. */
    g_autofree char *point = paths_absolute(request->mountpoint, &cause);
    if (point == NULL)
        return app_error_failed(error, "the mount point %s; give the path of an existing directory", cause->message);
    if (!clear_dead(point, error))
        return FALSE;
    char *resolved = realpath(point, NULL);
    if (resolved == NULL)
        return app_error_failed(error, "the mount point %s: %s%s", shown, g_strerror(errno),
                                errno == ENOENT ? "; make the directory first"
                                                : "; give the path of an existing directory");
    g_free(point);
    point = g_strdup(resolved);
    free(resolved);
    struct stat st;
    if (!clear_dead(point, error) || !check_free(point, error))
        return FALSE;
    if (stat(point, &st) != 0)
        return app_error_failed(error, "the mount point %s: %s", shown, g_strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return app_error_failed(error, "the mount point %s is not a directory; give a directory", shown);
    if (strcmp(point, "/") == 0)
        return app_error_failed(error, "the mount point cannot be /; give a directory below it");
    g_free(request->mountpoint);
    request->mountpoint = g_steal_pointer(&point);
    return TRUE;
}

static bool is_below(const char *path, const char *point)
{
    size_t length = strlen(point);
    return strncmp(path, point, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

gboolean mount_check_logs(const struct mount_request *request, GError **error)
{
    for (size_t i = 0; i < request->n_logs; i++) {
        const char *path = request->logs[i].path;
        if (path != NULL && is_below(path, request->mountpoint)) {
            g_autofree char *shown = text_word(path);
            return app_error_failed(error, "--log file:%s lies below the mount point; choose a place outside of it",
                                    shown);
        }
    }
    return TRUE;
}

gboolean mount_check_state(const struct mount_request *request, const struct paths *paths, GError **error)
{
    const char *const places[] = {paths->run, paths->volumes, paths->log};
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        if (is_below(places[i], request->mountpoint)) {
            g_autofree char *shown = text_word(places[i]);
            return app_error_failed(
                error, "the place for state %s lies below the mount point; give another one with --state-dir DIR",
                shown);
        }
    }
    return TRUE;
}
