/*
 * unpack_stream - the plain tar of a layer, from a blob that may be compressed; both are hashed on the way.
 *
 * gzip and zstd are known by their first bytes, as all tools do: media types of old images cannot be trusted in that.
 * For the unpacking process alone.
 */
#ifndef ROFUSE_SRC_UNPACK_STREAM_H
#define ROFUSE_SRC_UNPACK_STREAM_H

#include "image_child.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a file begins as neither gzip's nor zstd's do; also where it cannot be read. */
bool unpack_stream_is_plain(int fd);

struct unpack_input {
    int fd;
    uint64_t offset, size; /* where the blob lies in the file */
    const char *digest;    /* of the blob; NULL = not known */
    const char *diff_id;   /* of the tar; NULL = not known */
    uint64_t bytes_max;    /* of the tar */
};

struct unpack_stream;

/* @result: its "done" is kept up to date and told to the parent. Owned by the caller; NULL with one line. */
struct unpack_stream *unpack_stream_open(const struct unpack_input *input, struct image_result *result, GError **error);
void unpack_stream_close(struct unpack_stream *stream);

/* The next piece of the tar, valid until the next call; 0 at the end; -1 with one line. */
ssize_t unpack_stream_next(struct unpack_stream *stream, const void **ret, GError **error);

/* Reads what is left and compares the digests. FALSE with one line. */
gboolean unpack_stream_finish(struct unpack_stream *stream, GError **error);

#endif
