/*
 * decompress - a stream of bytes that is compressed, made plain piece by piece; libarchive does the work.
 *
 * Exactly one compression is taken off, the one that the first bytes name: what is wrapped twice comes out wrapped once.
 * Only what libarchive decompresses itself is taken; it is never let start another program. How much memory that needs
 * depends on the data, and is bounded: 128 MiB for zstd, 1 GiB for xz (by default both need 8 MiB), little for others.
 */
#ifndef ROFUSE_SRC_DECOMPRESS_H
#define ROFUSE_SRC_DECOMPRESS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_ZSTD,
    COMPRESSION_XZ,
    COMPRESSION_BZIP2,
    COMPRESSION_LZ4,
    COMPRESSION_LZW, /* compress(1), .Z: known, and not taken */
};

/* As many first bytes as tell them apart. */
#define COMPRESSION_HEAD 6

/* Whether one of them begins with this byte. Pure. */
bool compression_may_begin(unsigned char first);

/* What the first bytes say; @size: how many there are. Pure. */
enum compression compression_of(const unsigned char *head, size_t size);

struct decompress;

/* The next compressed bytes, valid until the next call; 0 at the end; -1 with one line. */
typedef ssize_t (*decompress_read)(void *data, const void **ret, GError **error);

/* @compression: not NONE. Owned by the caller; NULL with one line ("cannot be decompressed: ..."). One thread. */
struct decompress *decompress_new(enum compression compression, decompress_read read, void *data, GError **error);
void decompress_free(struct decompress *decompress); /* NULL is allowed */

/* The next plain bytes, valid until the next call; 0 at the end; -1 with one line: the reader's, or what is damaged. */
ssize_t decompress_next(struct decompress *decompress, const void **ret, GError **error);

#endif
