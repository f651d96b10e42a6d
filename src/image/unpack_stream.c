#include "unpack_stream.h"

#include "app_error.h"
#include "decompress.h"
#include "image_digest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((size_t)256 << 10)
/* How often the parent is told how far it is. */
#define TELL_BYTES ((uint64_t)1 << 20)

struct unpack_stream {
    struct unpack_input input;
    struct image_result *result;
    struct decompress *decompress; /* NULL for a plain blob */
    GChecksum *blob_sum;           /* NULL: no digest to compare with */
    GChecksum *tar_sum;            /* NULL: the same, or the blob's will do */
    uint64_t told, out;            /* bytes of the input that were told; of the tar so far */
    char *buffer;
};

static enum compression compression_at(int fd, uint64_t offset, uint64_t size)
{
    unsigned char head[COMPRESSION_HEAD];
    ssize_t n = pread(fd, head, MIN(sizeof head, size), (off_t)offset);
    enum compression compression = n > 0 ? compression_of(head, (size_t)n) : COMPRESSION_NONE;
    return compression == COMPRESSION_GZIP || compression == COMPRESSION_ZSTD ? compression : COMPRESSION_NONE;
}

bool unpack_stream_is_plain(int fd)
{
    return compression_at(fd, 0, COMPRESSION_HEAD) == COMPRESSION_NONE;
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

static ssize_t read_packed(void *data, const void **ret, GError **error)
{
    return read_blob(data, ret, error);
}

struct unpack_stream *unpack_stream_open(const struct unpack_input *input, struct image_result *result, GError **error)
{
    struct unpack_stream *stream = g_new0(struct unpack_stream, 1);
    stream->input = *input;
    stream->result = result;
    stream->buffer = g_malloc(PIECE);
    enum compression compression = compression_at(input->fd, input->offset, input->size);
    bool is_one_sum = compression == COMPRESSION_NONE && g_strcmp0(input->digest, input->diff_id) == 0;
    if (input->digest != NULL)
        stream->blob_sum = image_digest_checksum(input->digest);
    if (input->diff_id != NULL && !is_one_sum)
        stream->tar_sum = image_digest_checksum(input->diff_id);
    if (compression == COMPRESSION_NONE ||
        (stream->decompress = decompress_new(compression, read_packed, stream, error)) != NULL)
        return stream;
    unpack_stream_close(stream);
    return NULL;
}

void unpack_stream_close(struct unpack_stream *stream)
{
    decompress_free(stream->decompress);
    if (stream->blob_sum != NULL)
        g_checksum_free(stream->blob_sum);
    if (stream->tar_sum != NULL)
        g_checksum_free(stream->tar_sum);
    g_free(stream->buffer);
    g_free(stream);
}

ssize_t unpack_stream_next(struct unpack_stream *stream, const void **ret, GError **error)
{
    ssize_t n =
        stream->decompress != NULL ? decompress_next(stream->decompress, ret, error) : read_blob(stream, ret, error);
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
    while (n == 0 && stream->decompress != NULL && (n = read_blob(stream, &piece, error)) > 0)
        n = 0;
    if (n < 0)
        return FALSE;
    return compare("its blob", stream->input.digest, stream->blob_sum, error) &&
           compare("its tar", stream->input.diff_id, stream->tar_sum, error);
}
