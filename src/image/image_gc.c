#include "image_gc.h"

#include "app_error.h"
#include "image_digest.h"
#include "image_record.h"
#include "image_store.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static bool is_needed(const GPtrArray *records, const char *diff_id)
{
    for (guint i = 0; i < records->len; i++) {
        const struct image_record *record = g_ptr_array_index(records, i);
        for (char **own = record->diff_ids; *own != NULL; own++) {
            if (strcmp(*own, diff_id) == 0)
                return true;
        }
    }
    return false;
}

/* Layers that no image lies on. One that is held is a mount's, or that of an import at work. With the store's lock. */
static gboolean remove_layers(const char *store, struct image_gc *ret, GError **error)
{
    g_autoptr(GPtrArray) records = image_record_read_all(store);
    g_autofree char *directory = g_build_filename(store, "layers", "sha256", NULL);
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *name;
    gboolean done = TRUE;
    while (done && listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
        g_autofree char *diff_id = g_strconcat("sha256:", name, NULL);
        if (!image_digest_is_valid(diff_id) || is_needed(records, diff_id))
            continue;
        uint64_t size, entries;
        g_autofree char *path = image_store_layer_dir(store, diff_id);
        (void)image_store_layer_size(store, diff_id, &size, &entries);
        int removed = image_store_remove(store, path, error);
        done = removed >= 0;
        ret->layers += removed > 0;
        ret->size += removed > 0 ? size : 0;
    }
    if (listing != NULL)
        g_dir_close(listing);
    return done;
}

/* 1 removed, 0 a mount uses it, -1 with one line. */
static int remove_image(const char *store, const struct image_record *record, struct image_gc *ret, GError **error)
{
    g_autofree char *directory = image_store_image_dir(store, record->id);
    int removed = image_store_remove(store, directory, error);
    ret->images += removed > 0;
    return removed;
}

static gboolean remove_found(const char *store, struct image_record *record, const char *word, struct image_gc *ret,
                             GError **error)
{
    g_autofree char *name = g_strdup(image_record_name_for(record, word));
    if (name != NULL && g_strv_length(record->names) > 1 && image_record_drop_name(record, name)) {
        ret->names++;
        return image_record_write(store, record, error);
    }
    int removed = remove_image(store, record, ret, error);
    if (removed == 0) {
        g_autofree char *shown = text_word(word);
        g_set_error(
            error, APP_ERROR, APP_ERROR_FAILED,
            "the image %s is used by a mount, or by an import at work; rofuse status shows the mounts, rofuse umount ends one",
            shown);
    }
    return removed > 0 && remove_layers(store, ret, error);
}

gboolean image_gc_remove(const char *store, const char *word, struct image_gc *ret, GError **error)
{
    /* Asked before the lock, whose file is not there without a store. */
    struct image_record *record = image_record_find(store, word, error);
    int lock = record != NULL ? image_store_lock(store, error) : -1;
    image_record_free(record);
    if (lock < 0)
        return FALSE;
    record = image_record_find(store, word, error);
    gboolean done = record != NULL && remove_found(store, record, word, ret, error);
    image_record_free(record);
    close(lock);
    return done;
}

static void remove_locks(const char *store)
{
    g_autofree char *directory = g_build_filename(store, "locks", NULL);
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *name;
    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        /* Who waits for it at this moment gets one that has no name any more: two may unpack the same layer then, and the
         * one that is later finds it in its place. */
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlink(path);
        if (fd >= 0)
            close(fd);
    }
    if (listing != NULL)
        g_dir_close(listing);
}

static gboolean prune_locked(const char *store, bool all, struct image_gc *ret, GError **error)
{
    g_autoptr(GPtrArray) records = image_record_read_all(store);
    for (guint i = 0; i < records->len; i++) {
        const struct image_record *record = g_ptr_array_index(records, i);
        if (!all && record->names[0] != NULL)
            continue;
        int removed = remove_image(store, record, ret, error);
        if (removed < 0)
            return FALSE;
        ret->in_use += removed == 0;
    }
    image_store_clean(store);
    remove_locks(store);
    return remove_layers(store, ret, error);
}

gboolean image_gc_prune(const char *store, bool all, struct image_gc *ret, GError **error)
{
    if (!g_file_test(store, G_FILE_TEST_IS_DIR))
        return TRUE;
    int lock = image_store_lock(store, error);
    if (lock < 0)
        return FALSE;
    gboolean done = prune_locked(store, all, ret, error);
    close(lock);
    return done;
}
