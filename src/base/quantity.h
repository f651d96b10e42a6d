/*
 * quantity - the numbers of mount options: sizes, counts, modes, owners, yes and no.
 *
 * Pure functions on text; they return false for anything that is not wholly such a number, and then change nothing.
 * The caller knows which option it was and says so. Any thread.
 */
#ifndef ROFUSE_SRC_QUANTITY_H
#define ROFUSE_SRC_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a size may look like, for error lines. */
#define QUANTITY_SIZE_HINT "write bytes, a number with b, k, m, g or t, or per cent of the memory: 65536, 64m, 50%"

/*
 * A size: decimal digits, then nothing or b (bytes), or k, m, g, t (powers of 1024; "kb" and "kib" mean the same), in
 * either case; or digits and "%" for 1 to 100 per cent of the memory, which sets @ret_percent and zeroes @ret_bytes.
 * Bytes must fit in 63 bits (off_t). Sources: tmpfs(5) for the suffixes and %, docker's RAMInBytes for "kb" and "b".
 */
bool quantity_size(const char *text, uint64_t *ret_bytes, unsigned *ret_percent);

/* A count: decimal digits with nothing, k, m or g behind (powers of 1024, as tmpfs(5) nr_inodes). */
bool quantity_count(const char *text, uint64_t *ret);

/* Permission bits in octal, with or without leading zeros, at most 7777. */
bool quantity_mode(const char *text, mode_t *ret);

/* A user's or group's number; 4294967295 is "nobody at all" to the kernel and refused. */
bool quantity_id(const char *text, uint32_t *ret);

/* true, 1 / false, 0, as docker reads them (Go's strconv.ParseBool: also t, f, T, F, TRUE, FALSE, True, False). */
bool quantity_bool(const char *text, bool *ret);

#endif
