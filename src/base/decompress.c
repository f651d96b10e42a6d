#include "decompress.h"

#include "app_error.h"
#include "text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct decompress {
    decompress_read read;
    void *data; /* borrowed */
    struct archive *archive;
    bool is_empty; /* what it decompresses to is */
    GError *error; /* of the reader; owned */
};

static const struct {
    enum compression compression;
    size_t size;
    unsigned char bytes[COMPRESSION_HEAD];
} all[] = {
    {COMPRESSION_GZIP, 2, {0x1F, 0x8B}},
    {COMPRESSION_ZSTD, 4, {0x28, 0xB5, 0x2F, 0xFD}},
    {COMPRESSION_XZ, 6, {0xFD, '7', 'z', 'X', 'Z', 0x00}},
    {COMPRESSION_BZIP2, 3, {'B', 'Z', 'h'}},
    {COMPRESSION_LZ4, 4, {0x04, 0x22, 0x4D, 0x18}},
    {COMPRESSION_LZW, 2, {0x1F, 0x9D}},
};

/* RFC 8878: of a skippable frame, which parallel compressors begin with. */
static bool begins_skippable(unsigned char first)
{
    return (first & 0xF0) == 0x50;
}

bool compression_may_begin(unsigned char first)
{
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i].bytes[0] == first)
            return true;
    }
    return begins_skippable(first);
}

enum compression compression_of(const unsigned char *head, size_t size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        if (size >= all[i].size && memcmp(head, all[i].bytes, all[i].size) == 0)
            return all[i].compression;
    }
    bool is_skippable = size >= 4 && begins_skippable(head[0]) && head[1] == 0x2A && head[2] == 0x4D && head[3] == 0x18;
    return is_skippable ? COMPRESSION_ZSTD : COMPRESSION_NONE;
}

static int filter_of(enum compression compression)
{
    switch (compression) {
    case COMPRESSION_GZIP:
        return ARCHIVE_FILTER_GZIP;
    case COMPRESSION_ZSTD:
        return ARCHIVE_FILTER_ZSTD;
    case COMPRESSION_XZ:
        return ARCHIVE_FILTER_XZ;
    case COMPRESSION_BZIP2:
        return ARCHIVE_FILTER_BZIP2;
    case COMPRESSION_LZ4:
        return ARCHIVE_FILTER_LZ4;
    case COMPRESSION_LZW:
    case COMPRESSION_NONE:
        break;
    }
    return ARCHIVE_FILTER_NONE;
}

static la_ssize_t read_for_archive(struct archive *archive, void *data, const void **ret)
{
    struct decompress *decompress = data;
    ssize_t n = decompress->read(decompress->data, ret, &decompress->error);
    if (n < 0)
        archive_set_error(archive, EIO, "%s", decompress->error->message);
    return n;
}

static gboolean fail(struct decompress *decompress, GError **error)
{
    if (decompress->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&decompress->error));
        return FALSE;
    }
    const char *why = archive_error_string(decompress->archive);
    g_autofree char *shown = text_escape(why != NULL ? why : "it is damaged");
    return app_error_failed(error, "cannot be decompressed: %s", shown);
}

/* The one filter, and no more: libarchive would go on and unwrap what is wrapped twice. Where it warns, it would start a
 * program. */
static gboolean start(struct decompress *decompress, enum compression compression, GError **error)
{
    struct archive *archive = decompress->archive;
    struct archive_entry *entry;
    /* libarchive's filter for it reads before there is anything to be read from, and crashes (3.6). */
    if (compression == COMPRESSION_LZW)
        return app_error_failed(error, "cannot be decompressed: it is compress(1)'s; give what zcat(1) makes of it");
    if (archive_read_support_format_raw(archive) != ARCHIVE_OK ||
        archive_read_support_format_empty(archive) != ARCHIVE_OK ||
        archive_read_append_filter(archive, filter_of(compression)) != ARCHIVE_OK ||
        archive_read_open(archive, decompress, NULL, read_for_archive, NULL) != ARCHIVE_OK)
        return fail(decompress, error);
    /* What cannot be decompressed from its beginning on is opened all the same, and looks empty. */
    if (archive_errno(archive) != 0)
        return fail(decompress, error);
    int status = archive_read_next_header(archive, &entry);
    decompress->is_empty = status == ARCHIVE_EOF;
    /* Where not even the header is whole, nothing was taken. */
    if (decompress->is_empty && archive_filter_bytes(archive, -1) == 0)
        return fail(decompress, error);
    return status == ARCHIVE_OK || decompress->is_empty ? TRUE : fail(decompress, error);
}

struct decompress *decompress_new(enum compression compression, decompress_read read, void *data, GError **error)
{
    struct decompress *decompress = g_new0(struct decompress, 1);
    decompress->read = read;
    decompress->data = data;
    decompress->archive = archive_read_new();
    if (start(decompress, compression, error))
        return decompress;
    decompress_free(decompress);
    return NULL;
}

void decompress_free(struct decompress *decompress)
{
    if (decompress == NULL)
        return;
    archive_read_free(decompress->archive);
    g_clear_error(&decompress->error);
    g_free(decompress);
}

ssize_t decompress_next(struct decompress *decompress, const void **ret, GError **error)
{
    size_t size = 0;
    la_int64_t offset;
    int status = ARCHIVE_EOF;
    if (decompress->is_empty)
        return 0;
    do {
        status = archive_read_data_block(decompress->archive, ret, &size, &offset);
    } while (status == ARCHIVE_OK && size == 0);
    if (status == ARCHIVE_EOF)
        return 0;
    if (status != ARCHIVE_OK) {
        fail(decompress, error);
        return -1;
    }
    return (ssize_t)size;
}
