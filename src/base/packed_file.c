#include "packed_file.h"

#include "app_error.h"
#include "decompress.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PIECE ((size_t)64 << 10)

/* What comes out may be that many times what went in, and so much in any case. */
#define RATIO_MAX 1000
#define BYTES_FREE ((uint64_t)256 << 20)

struct packed_file {
    FILE *raw;    /* owned unless it is stdin */
    FILE *stream; /* the same where it is plain; else owned */
    enum compression compression;
    unsigned char head[COMPRESSION_HEAD];
    size_t n_head;                 /* bytes of it that are to be read yet */
    struct decompress *decompress; /* NULL: not begun; owned */
    const char *piece;             /* plain bytes, of which ... */
    size_t n_piece;                /* ... so many are left; borrowed */
    uint64_t in, out;              /* bytes so far */
    GError *error;                 /* why it cannot be read further; owned */
    char buffer[PIECE];
};

static ssize_t read_raw(void *data, const void **ret, GError **error)
{
    struct packed_file *file = data;
    size_t n = file->n_head;
    memcpy(file->buffer, file->head, n);
    file->n_head = 0;
    n += fread(file->buffer + n, 1, sizeof file->buffer - n, file->raw);
    if (n == 0 && ferror(file->raw) != 0) {
        app_error_failed(error, "%s", g_strerror(errno));
        return -1;
    }
    file->in += n;
    *ret = file->buffer;
    return (ssize_t)n;
}

/* 0 at the end, -1 with the error. */
static ssize_t next_piece(struct packed_file *file)
{
    const void *piece = NULL;
    if (file->decompress == NULL)
        file->decompress = decompress_new(file->compression, read_raw, file, &file->error);
    ssize_t n = file->decompress != NULL ? decompress_next(file->decompress, &piece, &file->error) : -1;
    if (n <= 0)
        return n;
    file->out += (uint64_t)n;
    if (file->out / RATIO_MAX > file->in && file->out > BYTES_FREE) {
        app_error_failed(&file->error,
                         "it decompresses to more than %" G_GUINT64_FORMAT " bytes, from %" G_GUINT64_FORMAT
                         "; no log is like that",
                         file->out - (uint64_t)n, file->in);
        return -1;
    }
    file->piece = piece;
    file->n_piece = (size_t)n;
    return n;
}

static ssize_t read_cookie(void *cookie, char *buffer, size_t size)
{
    struct packed_file *file = cookie;
    ssize_t n = file->error != NULL ? -1 : file->n_piece > 0 ? 1 : next_piece(file);
    if (n <= 0) {
        errno = n < 0 ? EIO : 0;
        return n;
    }
    size = MIN(size, file->n_piece);
    memcpy(buffer, file->piece, size);
    file->piece += size;
    file->n_piece -= size;
    return (ssize_t)size;
}

static void read_head(struct packed_file *file)
{
    int c = getc(file->raw);
    /* No log begins as something compressed does: nothing more is read of one ahead. */
    while (c != EOF) {
        file->head[file->n_head++] = (unsigned char)c;
        bool is_enough = file->n_head == sizeof file->head || !compression_may_begin(file->head[0]);
        c = is_enough ? EOF : getc(file->raw);
    }
    file->compression = compression_of(file->head, file->n_head);
    /* C promises one byte; the C libraries of Linux take all that were read just now. */
    while (file->compression == COMPRESSION_NONE && file->n_head > 0)
        ungetc(file->head[--file->n_head], file->raw);
}

struct packed_file *packed_file_new(FILE *raw)
{
    struct packed_file *file = g_new0(struct packed_file, 1);
    file->raw = file->stream = raw;
    read_head(file);
    if (file->compression != COMPRESSION_NONE)
        file->stream = fopencookie(file, "r", (cookie_io_functions_t){.read = read_cookie});
    g_assert(file->stream != NULL); /* memory alone */
    return file;
}

void packed_file_free(struct packed_file *file)
{
    if (file == NULL)
        return;
    if (file->stream != file->raw)
        fclose(file->stream);
    if (file->raw != stdin)
        fclose(file->raw);
    decompress_free(file->decompress);
    g_clear_error(&file->error);
    g_free(file);
}

FILE *packed_file_stream(const struct packed_file *file)
{
    return file->stream;
}

char *packed_file_why(const struct packed_file *file)
{
    return g_strdup(file->error != NULL ? file->error->message : g_strerror(errno));
}
