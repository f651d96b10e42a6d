/*
 * packed_file - a file of text that may be compressed, read as a plain stream.
 *
 * Its first bytes tell, not its name (decompress.h). A plain file is read by its own stream, as if this were not here.
 * How much a compressed one becomes is bounded by what was read of it: no log shrinks a thousand times.
 */
#ifndef ROFUSE_SRC_PACKED_FILE_H
#define ROFUSE_SRC_PACKED_FILE_H

#include <stdio.h>

struct packed_file;

/*
 * packed_file_new - reads as many bytes as tell how it is compressed: one, of what is plain.
 *
 * @raw: at its beginning; may be a pipe. It becomes the new one's, unless it is stdin, which is left open.
 * Owned by the caller, packed_file_free(). Never fails: what cannot be read says so when it is read. One thread.
 */
struct packed_file *packed_file_new(FILE *raw);
void packed_file_free(struct packed_file *file); /* NULL is allowed */

/* What to read from; borrowed. */
FILE *packed_file_stream(const struct packed_file *file);

/* Why ferror() holds for the stream; in one line, to be called at once. Owned by the caller, g_free(). */
char *packed_file_why(const struct packed_file *file);

#endif
