#include "dir_streams.h"

#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEPT = 32 }; /* dir_streams.c, MOST_KEPT */

struct fixture {
    struct node_table *table;
    struct dir_streams *streams;
    struct node *root, *dir, *other; /* dir and other with a ref each */
};

static struct node *add(struct fixture *fixture, uint64_t ino, struct node *parent, const char *name)
{
    struct node_identity id = {.kind = NODE_MADE, .space = 1, .ino = ino, .shown = ino, .type = S_IFDIR};
    return node_get(fixture->table, &id, parent, name);
}

static void setup(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->table = node_table_new();
    fixture->streams = dir_streams_new(fixture->table);
    fixture->root = add(fixture, 1, NULL, NULL);
    fixture->dir = add(fixture, 2, fixture->root, "dir");
    fixture->other = add(fixture, 3, fixture->root, "other");
}

static void teardown(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    dir_streams_free(fixture->streams);
    node_unref(fixture->table, fixture->dir);
    node_unref(fixture->table, fixture->other);
    g_assert_cmpuint(node_table_size(fixture->table), ==, 1);
    node_unref(fixture->table, fixture->root);
    node_table_free(fixture->table);
}

static int open_something(void)
{
    int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static int count_open(void)
{
    int n_open = 0;
    for (int fd = 0; fd < 1024; fd++)
        n_open += is_open(fd);
    return n_open;
}

/* Begins a stream and lets it stand at an offset. */
static struct dir_stream *begin(struct fixture *fixture, struct node *node, off_t position)
{
    struct dir_stream *stream;
    g_assert_cmpint(dir_streams_begin(fixture->streams, node, open_something(), 0, &stream), ==, 0);
    g_assert_true(stream->node == node);
    g_assert_cmpint(stream->position, ==, 0);
    g_assert_cmpuint(stream->filled + stream->used, ==, 0);
    stream->position = position;
    return stream;
}

static void taking(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct dir_streams *streams = fixture->streams;
    g_assert_null(dir_streams_take(streams, fixture->dir, 5));
    struct dir_stream *stream = begin(fixture, fixture->dir, 5);
    dir_streams_put(streams, stream);
    g_assert_null(dir_streams_take(streams, fixture->dir, 4));
    g_assert_null(dir_streams_take(streams, fixture->other, 5));
    g_assert_true(dir_streams_take(streams, fixture->dir, 5) == stream);
    g_assert_null(dir_streams_take(streams, fixture->dir, 5)); /* one at a time */
    int fd = stream->fd;
    g_assert_true(is_open(fd));
    dir_streams_end(streams, stream);
    g_assert_false(is_open(fd));
}

/* Two readers at one place have a stream each. */
static void two_at_one_place(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct dir_stream *one = begin(fixture, fixture->dir, 5), *two = begin(fixture, fixture->dir, 5);
    dir_streams_put(fixture->streams, one);
    dir_streams_put(fixture->streams, two);
    struct dir_stream *first = dir_streams_take(fixture->streams, fixture->dir, 5);
    struct dir_stream *second = dir_streams_take(fixture->streams, fixture->dir, 5);
    g_assert_true((first == one && second == two) || (first == two && second == one));
    dir_streams_end(fixture->streams, first);
    dir_streams_end(fixture->streams, second);
}

static void begin_at_an_offset(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct dir_stream *stream;
    int fd = open_something();
    g_assert_cmpint(dir_streams_begin(fixture->streams, fixture->dir, fd, 3, &stream), ==, 0);
    g_assert_cmpint(stream->position, ==, 3);
    g_assert_cmpint(lseek(fd, 0, SEEK_CUR), ==, 3);
    dir_streams_end(fixture->streams, stream);
    /* Where it cannot be set, the descriptor is closed and the node not held. */
    int pipes[2];
    g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);
    g_assert_cmpint(dir_streams_begin(fixture->streams, fixture->dir, pipes[0], 3, &stream), ==, -ESPIPE);
    g_assert_false(is_open(pipes[0]));
    close(pipes[1]);
}

static void few_are_kept(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    int before = count_open();
    for (int i = 0; i < KEPT + 8; i++)
        dir_streams_put(fixture->streams, begin(fixture, i % 2 ? fixture->dir : fixture->other, i + 1));
    g_assert_cmpint(count_open() - before, ==, KEPT);
    for (int i = 0; i < KEPT + 8; i++) { /* the oldest are gone */
        struct dir_stream *stream = dir_streams_take(fixture->streams, i % 2 ? fixture->dir : fixture->other, i + 1);
        g_assert_cmpint(stream != NULL, ==, i >= 8);
        if (stream != NULL)
            dir_streams_end(fixture->streams, stream);
    }
}

/* A stream holds its directory's node, and no longer than it is kept. */
static void node_is_held(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *node = add(fixture, 4, fixture->root, "third");
    dir_streams_put(fixture->streams, begin(fixture, node, 7));
    node_unref(fixture->table, node);
    g_assert_cmpuint(node_table_size(fixture->table), ==, 4);
    struct dir_stream *stream = dir_streams_take(fixture->streams, node, 7);
    g_assert_nonnull(stream);
    dir_streams_end(fixture->streams, stream);
    g_assert_cmpuint(node_table_size(fixture->table), ==, 3);
}

static void removed_directory(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct dir_stream *used = begin(fixture, fixture->dir, 9);
    int used_fd = used->fd, fds[3];
    for (int i = 0; i < 3; i++) {
        struct dir_stream *stream = begin(fixture, i == 1 ? fixture->other : fixture->dir, i + 1);
        fds[i] = stream->fd;
        dir_streams_put(fixture->streams, stream);
    }
    node_lost_name(fixture->table, fixture->dir, fixture->root, "dir", true, -1);
    g_assert_true(node_is_gone(fixture->table, fixture->dir));
    g_assert_false(node_is_gone(fixture->table, fixture->other));
    dir_streams_drop(fixture->streams, fixture->dir);
    g_assert_false(is_open(fds[0]) || is_open(fds[2]));
    g_assert_true(is_open(fds[1]));
    g_assert_null(dir_streams_take(fixture->streams, fixture->dir, 1));
    /* Who was reading just then puts his stream back later. */
    dir_streams_put(fixture->streams, used);
    g_assert_false(is_open(used_fd));
    g_assert_null(dir_streams_take(fixture->streams, fixture->dir, 9));
    struct dir_stream *other = dir_streams_take(fixture->streams, fixture->other, 2);
    g_assert_nonnull(other);
    dir_streams_end(fixture->streams, other);
}

enum { THREADS = 8, ROUNDS = 20000 };

/* Takes, begins, puts and ends; a stream is one thread's alone while it has it. */
static void *hammer(void *data)
{
    struct fixture *fixture = data;
    unsigned seed = (unsigned)(uintptr_t)pthread_self();
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1103515245 + 12345;
        struct node *node = (seed >> 16) % 2 ? fixture->dir : fixture->other;
        off_t offset = 1 + (seed >> 8) % 7;
        struct dir_stream *stream = dir_streams_take(fixture->streams, node, offset);
        if (stream == NULL)
            stream = begin(fixture, node, offset);
        g_assert_true(stream->node == node);
        g_assert_cmpint(stream->position, ==, offset);
        g_assert_cmpuint(stream->used, ==, 0);
        stream->used = 1; /* nobody else may see that */
        if ((seed >> 4) % 8 == 0)
            g_thread_yield();
        stream->position = 1 + (seed >> 12) % 7;
        stream->used = 0;
        if ((seed >> 20) % 4 == 0)
            dir_streams_end(fixture->streams, stream);
        else
            dir_streams_put(fixture->streams, stream);
        if (i % 1000 == 0)
            dir_streams_drop(fixture->streams, node);
    }
    return NULL;
}

static void threads(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    int before = count_open();
    pthread_t all[THREADS];
    for (int i = 0; i < THREADS; i++)
        g_assert_cmpint(pthread_create(&all[i], NULL, hammer, fixture), ==, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(all[i], NULL);
    dir_streams_drop(fixture->streams, fixture->dir);
    dir_streams_drop(fixture->streams, fixture->other);
    g_assert_cmpint(count_open(), ==, before);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(name, function) g_test_add("/dir-streams/" name, struct fixture, NULL, setup, function, teardown)
    TEST("taking", taking);
    TEST("two-at-one-place", two_at_one_place);
    TEST("begin-at-an-offset", begin_at_an_offset);
    TEST("few-are-kept", few_are_kept);
    TEST("node-is-held", node_is_held);
    TEST("removed-directory", removed_directory);
    TEST("threads", threads);
    return g_test_run();
}
