#include "image_decompress.h"

#include "image_child.h"
#include "image_json.h"
#include "image_limits.h"
#include "image_store.h"
#include "unpack_stream.h"
#include "unpack_fail.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

static gboolean write_all(const char *bytes, size_t size, GError **error)
{
    while (size > 0) {
        ssize_t n = write(IMAGE_CHILD_OUTPUT, bytes, size);
        if (n < 0 && errno != EINTR)
            return unpack_fail_errno(error, "cannot be decompressed into the store", errno);
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return TRUE;
}

/* In the child. */
static gboolean decompress(void *data, struct image_result *result, GError **error)
{
    const struct unpack_input *input = data;
    struct unpack_stream *stream = unpack_stream_open(input, result, error);
    if (stream == NULL)
        return FALSE;
    const void *piece;
    ssize_t n;
    gboolean done = TRUE;
    while (done && (n = unpack_stream_next(stream, &piece, error)) != 0)
        done = n > 0 && write_all(piece, (size_t)n, error);
    unpack_stream_close(stream);
    return done;
}

static gboolean run(int fd, uint64_t size, int plain, GError **error)
{
    struct unpack_input input = {
        .fd = IMAGE_CHILD_INPUT, .size = size, .bytes_max = image_limit_bytes(size, IMAGE_ARCHIVE_BYTES_MAX)};
    struct image_child child;
    struct image_result result;
    enum image_child_state state = IMAGE_CHILD_RUNS;
    if (!image_child_start(&child, fd, plain, false, decompress, &input, error))
        return FALSE;
    while (state == IMAGE_CHILD_RUNS) {
        struct pollfd event = {.fd = child.fd, .events = POLLIN};
        (void)poll(&event, 1, -1);
        state = image_child_take(&child, &result, error);
    }
    return state == IMAGE_CHILD_DONE;
}

gboolean image_decompress(int fd, uint64_t size, const char *what, const char *store, int *ret_fd, GError **error)
{
    if (unpack_stream_is_plain(fd))
        return TRUE;
    int plain = image_store_unnamed(store, error);
    if (plain < 0)
        return FALSE;
    g_autoptr(GError) cause = NULL;
    if (run(fd, size, plain, &cause)) {
        *ret_fd = plain;
        return TRUE;
    }
    close(plain);
    return image_json_fail(error, what, "%s", cause->message);
}
