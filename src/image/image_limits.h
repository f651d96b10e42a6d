/*
 * image_limits - how large what is unpacked may be.
 *
 * Deflate shrinks 1,032 times at most and zstd far more, but nobody's image is all zeros: layers of real images shrink
 * two to twenty times. So what comes out may be 200 times what went in, and 512 MiB in any case; the same holds for the
 * sum of the files' sizes, in which holes count. An entry takes at least 8 bytes of a
 * compressed layer; 50,000 are free.
 */
#ifndef ROFUSE_SRC_IMAGE_LIMITS_H
#define ROFUSE_SRC_IMAGE_LIMITS_H

#include <glib.h>
#include <stdint.h>

#define IMAGE_LAYER_BYTES_MAX ((uint64_t)512 << 30)
#define IMAGE_ARCHIVE_BYTES_MAX ((uint64_t)1 << 40)
#define IMAGE_RATIO_MAX 200
#define IMAGE_BYTES_FREE ((uint64_t)512 << 20)

#define IMAGE_ENTRIES_MAX UINT64_C(10000000)
#define IMAGE_ENTRIES_FREE UINT64_C(50000)
#define IMAGE_ENTRY_BYTES 8

/* So that a file's name below the store's directory is one that the kernel takes (PATH_MAX). */
#define IMAGE_PATH_MAX 3840

static inline uint64_t image_limit_bytes(uint64_t compressed, uint64_t most)
{
    uint64_t by_ratio = compressed > most / IMAGE_RATIO_MAX ? most : compressed * IMAGE_RATIO_MAX;
    return MIN(by_ratio + IMAGE_BYTES_FREE, most);
}

static inline uint64_t image_limit_entries(uint64_t compressed)
{
    return MIN(compressed / IMAGE_ENTRY_BYTES + IMAGE_ENTRIES_FREE, IMAGE_ENTRIES_MAX);
}

#endif
