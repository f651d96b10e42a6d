#include "image_unpack.h"

#include "app_error.h"
#include "image_confine.h"
#include "image_limits.h"
#include "text.h"
#include "unpack_attributes.h"
#include "unpack_entry.h"
#include "unpack_stream.h"
#include "unpack_tree.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>

/* Of an entry's name in an error line. */
#define SHOWN_MAX 200

struct work {
    struct unpack_tree tree;
    struct unpack_stream *stream;
    struct archive *archive;
    struct image_result *result;
    uint64_t bytes_max, entries_max;
    GError *error; /* of the callback; owned */
};

struct child_work {
    struct image_unpack unpack;
    bool can_own;
};

static la_ssize_t read_for_archive(struct archive *archive, void *data, const void **ret)
{
    struct work *work = data;
    ssize_t n = unpack_stream_next(work->stream, ret, &work->error);
    if (n < 0)
        archive_set_error(archive, EIO, "%s", work->error->message);
    return n;
}

/* "entry NAME: REASON"; names can be 64 KiB long. */
static gboolean fail_entry(const char *name, GError *reason, GError **error)
{
    g_autofree char *start = g_strndup(name, SHOWN_MAX);
    g_autofree char *cut = g_strconcat(start, strlen(name) > SHOWN_MAX ? "..." : "", NULL);
    g_autofree char *shown = text_word(cut);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "entry %s: %s", shown, reason->message);
    g_error_free(reason);
    return FALSE;
}

static gboolean check_limits(struct work *work, struct archive_entry *entry, GError **error)
{
    la_int64_t size = archive_entry_filetype(entry) == S_IFREG && archive_entry_hardlink(entry) == NULL
                          ? archive_entry_size(entry)
                          : 0;
    if (++work->result->entries > work->entries_max)
        return app_error_failed(error, "the layer has more than %" G_GUINT64_FORMAT " entries, too many for its size",
                                work->entries_max);
    if (size < 0 || (uint64_t)size > work->bytes_max - work->result->size)
        return app_error_failed(error,
                                "with it the files have more than %" G_GUINT64_FORMAT
                                " bytes, too many for the layer's size; no image is like that",
                                work->bytes_max);
    work->result->size += (uint64_t)size;
    return TRUE;
}

static gboolean take_entry(struct work *work, struct archive_entry *entry, GError **error)
{
    GError *reason = NULL;
    const char *name = archive_entry_pathname(entry);
    if (name == NULL)
        name = "";
    g_autofree char *path = unpack_tree_path(name, &reason);
    if (path != NULL && *name == '\0')
        app_error_failed(&reason, "has no name");
    if (reason == NULL && check_limits(work, entry, &reason) &&
        unpack_entry_make(&work->tree, work->archive, entry, path, work->result, &reason))
        return TRUE;
    /* The reason may be that of the stream below. */
    if (work->error != NULL) {
        g_clear_error(&reason);
        reason = g_steal_pointer(&work->error);
    }
    return fail_entry(name, reason, error);
}

static gboolean fail_archive(struct work *work, GError **error)
{
    if (work->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&work->error));
        return FALSE;
    }
    const char *why = archive_error_string(work->archive);
    g_autofree char *shown = text_escape(why != NULL ? why : "it is damaged");
    return app_error_failed(error, "its tar cannot be read behind entry %" G_GUINT64_FORMAT ": %s",
                            work->result->entries, shown);
}

static gboolean read_entries(struct work *work, GError **error)
{
    if (archive_read_support_format_tar(work->archive) != ARCHIVE_OK ||
        archive_read_support_format_empty(work->archive) != ARCHIVE_OK ||
        archive_read_support_filter_none(work->archive) != ARCHIVE_OK ||
        archive_read_open(work->archive, work, NULL, read_for_archive, NULL) != ARCHIVE_OK)
        return fail_archive(work, error);
    for (;;) {
        struct archive_entry *entry;
        int status = archive_read_next_header(work->archive, &entry);
        if (status == ARCHIVE_EOF)
            return TRUE;
        /* A warning is about a name that is no text in this locale: it is taken as the bytes that it is. */
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return fail_archive(work, error);
        if (!take_entry(work, entry, error))
            return FALSE;
    }
}

gboolean image_unpack_here(int fd, int dir_fd, bool can_own, const struct image_unpack *unpack,
                           struct image_result *result, GError **error)
{
    struct work work = {
        .result = result,
        .bytes_max = image_limit_bytes(unpack->size, IMAGE_LAYER_BYTES_MAX),
        .entries_max = image_limit_entries(unpack->size),
    };
    const struct unpack_input input = {
        .fd = fd,
        .offset = unpack->offset,
        .size = unpack->size,
        .digest = unpack->digest,
        .diff_id = unpack->diff_id,
        .bytes_max = image_limit_bytes(unpack->size, IMAGE_LAYER_BYTES_MAX),
    };
    work.stream = unpack_stream_open(&input, result, error);
    if (work.stream == NULL)
        return FALSE;
    work.archive = archive_read_new();
    unpack_tree_init(&work.tree, dir_fd, can_own);
    gboolean done = read_entries(&work, error);
    if (done) {
        done = unpack_attributes_mark_root(&work.tree, error);
        unpack_tree_set_times(&work.tree);
    }
    done = done && unpack_stream_finish(work.stream, error);
    unpack_tree_clear(&work.tree);
    archive_read_free(work.archive);
    unpack_stream_close(work.stream);
    g_clear_error(&work.error);
    return done;
}

static gboolean unpack_in_child(void *data, struct image_result *result, GError **error)
{
    const struct child_work *work = data;
    umask(0);
    /* libarchive turns names into the locale's characters, and composes those that UTF-8 lets one write in two ways.
     * In the C locale it cannot, and leaves the bytes alone. */
    setlocale(LC_ALL, "C");
    return image_unpack_here(IMAGE_CHILD_INPUT, IMAGE_CHILD_OUTPUT, work->can_own, &work->unpack, result, error);
}

gboolean image_unpack_start(struct image_child *child, int fd, int dir_fd, const struct image_unpack *unpack,
                            GError **error)
{
    struct child_work work = {.unpack = *unpack, .can_own = image_can_own()};
    return image_child_start(child, fd, dir_fd, true, unpack_in_child, &work, error);
}
