/* Makes the checksums of a tar's headers right, which no change that a fuzzer makes would leave so. */
#ifndef ROFUSE_TESTS_TAR_SUMS_H
#define ROFUSE_TESTS_TAR_SUMS_H

#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A copy, owned by the caller; what has "ustar" where a header has it is one. */
static inline uint8_t *tar_with_sums(const uint8_t *data, size_t size)
{
    uint8_t *copy = g_memdup2(data, size);
    for (size_t at = 0; at + 512 <= size; at += 512) {
        char text[8];
        unsigned sum = 0;
        if (memcmp(copy + at + 257, "ustar", 5) != 0)
            continue;
        for (size_t i = 0; i < 512; i++)
            sum += i >= 148 && i < 156 ? ' ' : copy[at + i];
        snprintf(text, sizeof text, "%06o", sum);
        memcpy(copy + at + 148, text, 7);
        copy[at + 155] = ' ';
    }
    return copy;
}

#endif
