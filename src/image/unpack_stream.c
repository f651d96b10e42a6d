#include "unpack_stream.h"

#include "app_error.h"
#include "image_digest.h"
#include "text.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)256 << 10)
/* How often the parent is told how far it is. */
#define TELL_BYTES ((uint64_t)1 << 20)

struct unpack_stream {
    struct unpack_input input;
    struct image_result *result;
    struct archive *archive; /* that decompresses; NULL for a plain blob */
    bool is_empty;           /* what it decompresses to is */
    GChecksum *blob_sum;     /* NULL: no digest to compare with */
    GChecksum *tar_sum;      /* NULL: the same, or the blob's will do */
    uint64_t told, out;      /* bytes of the input that were told; of the tar so far */
    GError *error;           /* of the callback; owned */
    char *buffer;
};

enum image_compression image_compression_of(int fd, uint64_t offset)
{
    unsigned char magic[4];
    if (pread(fd, magic, sizeof magic, (off_t)offset) != (ssize_t)sizeof magic)
        return IMAGE_PLAIN;
    if (magic[0] == 0x1F && magic[1] == 0x8B)
        return IMAGE_GZIP;
    /* RFC 8878: a frame, or a skippable one, which parallel compressors begin with. */
    if ((magic[0] == 0x28 && magic[1] == 0xB5 && magic[2] == 0x2F && magic[3] == 0xFD) ||
        ((magic[0] & 0xF0) == 0x50 && magic[1] == 0x2A && magic[2] == 0x4D && magic[3] == 0x18))
        return IMAGE_ZSTD;
    return IMAGE_PLAIN;
}

/* The next piece of the blob. */
static ssize_t read_blob(struct unpack_stream *stream, const void **ret, GError **error)
{
    uint64_t at = stream->result->done;
    size_t wanted = (size_t)MIN(stream->input.size - at, PIECE);
    if (wanted == 0)
        return 0;
    ssize_t n;
    do {
        n = pread(stream->input.fd, stream->buffer, wanted, (off_t)(stream->input.offset + at));
    } while (n < 0 && errno == EINTR);
    if (n <= 0) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot be read: %s",
                    n < 0 ? g_strerror(errno) : "it became shorter");
        return -1;
    }
    if (stream->blob_sum != NULL)
        g_checksum_update(stream->blob_sum, (const guchar *)stream->buffer, n);
    stream->result->done = at + (uint64_t)n;
    if (stream->result->done - stream->told >= TELL_BYTES) {
        stream->told = stream->result->done;
        image_child_tell(stream->result);
    }
    *ret = stream->buffer;
    return n;
}

static la_ssize_t read_for_archive(struct archive *archive, void *data, const void **ret)
{
    struct unpack_stream *stream = data;
    ssize_t n = read_blob(stream, ret, &stream->error);
    if (n < 0)
        archive_set_error(archive, EIO, "%s", stream->error->message);
    return n;
}

static gboolean fail_archive(struct unpack_stream *stream, GError **error)
{
    if (stream->error != NULL) {
        g_propagate_error(error, g_steal_pointer(&stream->error));
        return FALSE;
    }
    const char *why = archive_error_string(stream->archive);
    g_autofree char *shown = text_escape(why != NULL ? why : "it is damaged");
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot be decompressed: %s", shown);
    return FALSE;
}

/* The one filter that the first bytes name, and no more: libarchive would go on and unwrap what is wrapped twice. */
static gboolean start_archive(struct unpack_stream *stream, enum image_compression compression, GError **error)
{
    struct archive_entry *entry;
    stream->archive = archive_read_new();
    int filter = compression == IMAGE_GZIP ? ARCHIVE_FILTER_GZIP : ARCHIVE_FILTER_ZSTD;
    if (archive_read_support_format_raw(stream->archive) != ARCHIVE_OK ||
        archive_read_support_format_empty(stream->archive) != ARCHIVE_OK ||
        archive_read_append_filter(stream->archive, filter) != ARCHIVE_OK ||
        archive_read_open(stream->archive, stream, NULL, read_for_archive, NULL) != ARCHIVE_OK)
        return fail_archive(stream, error);
    /* What cannot be decompressed from its beginning on is opened all the same, and looks empty. */
    if (archive_errno(stream->archive) != 0)
        return fail_archive(stream, error);
    int status = archive_read_next_header(stream->archive, &entry);
    stream->is_empty = status == ARCHIVE_EOF;
    return status == ARCHIVE_OK || stream->is_empty ? TRUE : fail_archive(stream, error);
}

struct unpack_stream *unpack_stream_open(const struct unpack_input *input, struct image_result *result, GError **error)
{
    struct unpack_stream *stream = g_new0(struct unpack_stream, 1);
    stream->input = *input;
    stream->result = result;
    stream->buffer = g_malloc(PIECE);
    enum image_compression compression = image_compression_of(input->fd, input->offset);
    if (input->size < 4)
        compression = IMAGE_PLAIN;
    bool is_one_sum = compression == IMAGE_PLAIN && g_strcmp0(input->digest, input->diff_id) == 0;
    if (input->digest != NULL)
        stream->blob_sum = image_digest_checksum(input->digest);
    if (input->diff_id != NULL && !is_one_sum)
        stream->tar_sum = image_digest_checksum(input->diff_id);
    if (compression == IMAGE_PLAIN || start_archive(stream, compression, error))
        return stream;
    unpack_stream_close(stream);
    return NULL;
}

void unpack_stream_close(struct unpack_stream *stream)
{
    archive_read_free(stream->archive);
    if (stream->blob_sum != NULL)
        g_checksum_free(stream->blob_sum);
    if (stream->tar_sum != NULL)
        g_checksum_free(stream->tar_sum);
    g_clear_error(&stream->error);
    g_free(stream->buffer);
    g_free(stream);
}

static ssize_t read_decompressed(struct unpack_stream *stream, const void **ret, GError **error)
{
    size_t size = 0;
    la_int64_t offset;
    int status;
    if (stream->is_empty)
        return 0;
    do {
        status = archive_read_data_block(stream->archive, ret, &size, &offset);
    } while (status == ARCHIVE_OK && size == 0);
    if (status == ARCHIVE_EOF)
        return 0;
    if (status != ARCHIVE_OK) {
        fail_archive(stream, error);
        return -1;
    }
    return (ssize_t)size;
}

ssize_t unpack_stream_next(struct unpack_stream *stream, const void **ret, GError **error)
{
    ssize_t n = stream->archive != NULL ? read_decompressed(stream, ret, error) : read_blob(stream, ret, error);
    if (n <= 0)
        return n;
    stream->out += (uint64_t)n;
    if (stream->out > stream->input.bytes_max) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "decompresses to more than %" G_GUINT64_FORMAT " bytes, from %" G_GUINT64_FORMAT
                    "; no image is like that",
                    stream->input.bytes_max, stream->input.size);
        return -1;
    }
    if (stream->tar_sum != NULL)
        g_checksum_update(stream->tar_sum, *ret, n);
    return n;
}

static gboolean compare(const char *what, const char *digest, GChecksum *checksum, GError **error)
{
    if (checksum == NULL || image_digest_matches(digest, checksum))
        return TRUE;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                "%s has the digest %.12s and should have %.12s; the image is damaged, copy it again", what,
                g_checksum_get_string(checksum), image_digest_hex(digest));
    return FALSE;
}

gboolean unpack_stream_finish(struct unpack_stream *stream, GError **error)
{
    const void *piece;
    ssize_t n;
    while ((n = unpack_stream_next(stream, &piece, error)) > 0)
        continue;
    /* What stands behind the end of the compressed data belongs to the blob. */
    while (n == 0 && stream->archive != NULL && (n = read_blob(stream, &piece, error)) > 0)
        n = 0;
    if (n < 0)
        return FALSE;
    return compare("its blob", stream->input.digest, stream->blob_sum, error) &&
           compare("its tar", stream->input.diff_id, stream->tar_sum, error);
}
