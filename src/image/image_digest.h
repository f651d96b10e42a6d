/*
 * image_digest - digests as OCI's image-spec writes them (descriptor.md): "sha256:HEX" and "sha512:HEX".
 *
 * Pure functions; any thread.
 */
#ifndef ROFUSE_SRC_IMAGE_DIGEST_H
#define ROFUSE_SRC_IMAGE_DIGEST_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

/* True for a registered algorithm with as many lower-case hexadecimal digits as it has: safe as part of a path. */
bool image_digest_is_valid(const char *text);

/* True for sha256 alone, which names layers and images in the store. */
bool image_digest_is_sha256(const char *text);

/* What follows the colon; a pointer into @digest, which must be valid. */
const char *image_digest_hex(const char *digest);

/* A checksum to feed, of the algorithm that a valid @digest names; owned by the caller, g_checksum_free(). */
GChecksum *image_digest_checksum(const char *digest);

/* Whether what was fed has this digest. */
bool image_digest_matches(const char *digest, GChecksum *checksum);

/* "sha256:…" of some bytes; owned by the caller. */
char *image_digest_of(const void *bytes, size_t size);

/* Where a blob lies in a layout, "blobs/ALG/HEX"; @digest must be valid. Owned by the caller. */
char *image_digest_blob_path(const char *digest);

#endif
