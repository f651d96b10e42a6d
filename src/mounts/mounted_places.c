#include "mounted_places.h"

#include "mount_table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct mount_entry *find_id(const GPtrArray *table, int id)
{
    for (guint i = 0; i < table->len; i++) {
        const struct mount_entry *entry = g_ptr_array_index(table, i);
        if (entry->id == id)
            return entry;
    }
    return NULL;
}

/* The path of a mount point inside the file system that the mount @on shows from its root on; owned, or NULL. */
static char *inner_path(const struct mount_entry *entry, const struct mount_entry *on)
{
    size_t length = strcmp(on->point, "/") == 0 ? 0 : strlen(on->point);
    /* Of a directory that is gone nothing can be found by its name. */
    if (strncmp(entry->point, on->point, length) != 0 ||
        (entry->point[length] != '/' && entry->point[length] != '\0') || g_str_has_suffix(on->root, "//deleted") ||
        g_str_has_suffix(entry->point, "//deleted"))
        return NULL;
    char *path = g_strconcat(strcmp(on->root, "/") == 0 ? "" : on->root, entry->point + length, NULL);
    if (path[0] == '\0') { /* over the root as a whole */
        g_free(path);
        return NULL;
    }
    return path;
}

void mounted_places_add(const GPtrArray *table, dev_t device, GPtrArray *places)
{
    for (guint i = 0; i < table->len; i++) {
        const struct mount_entry *entry = g_ptr_array_index(table, i);
        const struct mount_entry *on = find_id(table, entry->parent);
        char *path = on != NULL && on != entry && on->device == device ? inner_path(entry, on) : NULL;
        if (path != NULL && !g_ptr_array_find_with_equal_func(places, path, g_str_equal, NULL))
            g_ptr_array_add(places, path);
        else
            g_free(path);
    }
}

/* What tells one view of the mounts from another: the namespace, and the root directory, above which nothing is shown. Owned;
 * NULL where the process is gone or may not be looked at. */
static char *view_of(const char *pid)
{
    struct statx st = {0};
    g_autofree char *link = g_strdup_printf("/proc/%s/ns/mnt", pid);
    g_autofree char *root = g_strdup_printf("/proc/%s/root", pid);
    g_autofree char *namespace = g_file_read_link(link, NULL);
    if (namespace == NULL)
        return NULL;
    (void)statx(AT_FDCWD, root, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO | STATX_MNT_ID, &st);
    return g_strdup_printf("%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, namespace, (guint64)st.stx_mnt_id,
                           (guint64)st.stx_ino);
}

GPtrArray *mounted_places(dev_t device)
{
    GPtrArray *places = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) views = g_ptr_array_new_with_free_func(g_free);
    GDir *listing = g_dir_open("/proc", 0, NULL);
    const char *name;
    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
        char *view = g_ascii_isdigit(*name) ? view_of(name) : NULL;
        if (view == NULL || g_ptr_array_find_with_equal_func(views, view, g_str_equal, NULL)) {
            g_free(view);
            continue;
        }
        g_autofree char *path = g_strdup_printf("/proc/%s/mountinfo", name);
        g_autofree char *text = NULL;
        if (!g_file_get_contents(path, &text, NULL, NULL)) {
            g_free(view);
            continue;
        }
        g_ptr_array_add(views, view);
        g_autoptr(GPtrArray) table = mount_table_parse(text);
        mounted_places_add(table, device, places);
    }
    if (listing != NULL)
        g_dir_close(listing);
    return places;
}
