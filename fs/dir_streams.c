#include "dir_streams.h"

#include "node.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <unistd.h>

/* Readers that stop before the end of a directory, and those that are reading just now. */
#define MOST_KEPT 32

/* After so long what was read ahead is read again: a reader who goes on does so at once, and a later one is to see what is
 * there now. */
#define FRESH_US 1000000

struct dir_streams {
    pthread_mutex_t lock;
    struct node_table *table; /* borrowed */
    GQueue kept;              /* [lock] struct dir_stream, owned, the oldest first */
};

struct dir_streams *dir_streams_new(struct node_table *table)
{
    struct dir_streams *streams = g_new0(struct dir_streams, 1);
    pthread_mutex_init(&streams->lock, NULL);
    streams->table = table;
    g_queue_init(&streams->kept);
    return streams;
}

void dir_streams_free(struct dir_streams *streams)
{
    if (streams == NULL)
        return;
    struct dir_stream *stream;
    while ((stream = g_queue_pop_head(&streams->kept)) != NULL)
        dir_streams_end(streams, stream);
    pthread_mutex_destroy(&streams->lock);
    g_free(streams);
}

struct dir_stream *dir_streams_take(struct dir_streams *streams, const struct node *node, off_t offset)
{
    struct dir_stream *found = NULL;
    pthread_mutex_lock(&streams->lock);
    for (GList *at = streams->kept.tail; at != NULL && found == NULL; at = at->prev) {
        struct dir_stream *stream = at->data;
        if (stream->node == node && stream->position == offset) {
            found = stream;
            g_queue_delete_link(&streams->kept, at);
            break;
        }
    }
    pthread_mutex_unlock(&streams->lock);
    if (found != NULL && g_get_monotonic_time() - found->put_us > FRESH_US) {
        found->filled = found->used = 0;
        if (lseek(found->fd, offset, SEEK_SET) < 0) {
            dir_streams_end(streams, found);
            found = NULL;
        }
    }
    return found;
}

int dir_streams_begin(struct dir_streams *streams, struct node *node, int fd, off_t offset, struct dir_stream **ret)
{
    if (offset != 0 && lseek(fd, offset, SEEK_SET) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    struct dir_stream *stream = g_new(struct dir_stream, 1);
    stream->node = node_ref(streams->table, node);
    stream->fd = fd;
    stream->position = offset;
    stream->filled = stream->used = 0;
    *ret = stream;
    return 0;
}

void dir_streams_put(struct dir_streams *streams, struct dir_stream *stream)
{
    struct dir_stream *oldest = NULL;
    struct node *node = node_ref(streams->table, stream->node);
    stream->put_us = g_get_monotonic_time();
    pthread_mutex_lock(&streams->lock);
    g_queue_push_tail(&streams->kept, stream);
    if (streams->kept.length > MOST_KEPT)
        oldest = g_queue_pop_head(&streams->kept);
    pthread_mutex_unlock(&streams->lock);
    if (oldest != NULL)
        dir_streams_end(streams, oldest);
    /* Whoever removes it looks for streams after it is gone; one that is put later is found here. */
    if (node_is_gone(streams->table, node))
        dir_streams_drop(streams, node);
    node_unref(streams->table, node);
}

void dir_streams_drop(struct dir_streams *streams, const struct node *node)
{
    GQueue dropped = G_QUEUE_INIT;
    pthread_mutex_lock(&streams->lock);
    for (GList *at = streams->kept.head, *next; at != NULL; at = next) {
        next = at->next;
        if (((struct dir_stream *)at->data)->node != node)
            continue;
        g_queue_unlink(&streams->kept, at);
        g_queue_push_tail_link(&dropped, at);
    }
    pthread_mutex_unlock(&streams->lock);
    struct dir_stream *stream;
    while ((stream = g_queue_pop_head(&dropped)) != NULL)
        dir_streams_end(streams, stream);
}

void dir_streams_end(struct dir_streams *streams, struct dir_stream *stream)
{
    close(stream->fd);
    node_unref(streams->table, stream->node);
    g_free(stream);
}
