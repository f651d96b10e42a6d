/*
 * dir_streams - how far the directories of routes have been read.
 *
 * No directory is opened for the daemon to see (ops_directory.c), so a request to read one says no more than which it is
 * and from where on. Where the last reader of that place stopped, an open descriptor and what it has read ahead are still
 * here; some file systems (tmpfs before Linux 6.6) lose their place without them when names are removed meanwhile. Few are
 * kept, the newest.
 *
 * Any thread. A stream is used by one at a time: taken out, and put back.
 */
#ifndef ROFUSE_FS_DIR_STREAMS_H
#define ROFUSE_FS_DIR_STREAMS_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dir_streams;
struct node;
struct node_table;

#define DIR_STREAM_BUFFER 32768

struct dir_stream {
    struct node *node; /* a ref */
    int fd;            /* owned */
    off_t position;    /* offset of the next entry */
    int64_t put_us;    /* when it was put back, of the monotonic clock */
    size_t filled, used;
    char buffer[DIR_STREAM_BUFFER] __attribute__((aligned(8))); /* getdents64(2)'s */
};

struct dir_streams *dir_streams_new(struct node_table *table);
void dir_streams_free(struct dir_streams *streams); /* NULL is allowed */

/* The stream of a directory that stands at an offset, or NULL. Owned by the caller. */
struct dir_stream *dir_streams_take(struct dir_streams *streams, const struct node *node, off_t offset);

/* A new one at an offset, for a directory that is open as @fd; takes ownership of @fd. Returns 0 or -errno. */
int dir_streams_begin(struct dir_streams *streams, struct node *node, int fd, off_t offset, struct dir_stream **ret);

/* Keeps a stream for the next request, unless its directory is gone. */
void dir_streams_put(struct dir_streams *streams, struct dir_stream *stream);

/* A directory was removed: what readers have left of it is not kept any more. The node is gone before (node_is_gone()). */
void dir_streams_drop(struct dir_streams *streams, const struct node *node);

/* Ends one: its directory has been read to the end, or an error. */
void dir_streams_end(struct dir_streams *streams, struct dir_stream *stream);

#endif
