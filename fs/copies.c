#include "copies.h"

#include "beneath.h"
#include "origin.h"

#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files with several names that are held open; of more, the names fall apart when memory is short. */
#define MOST_HELD 1024

struct held {
    uint64_t ino; /* in the upper directory */
    int fd;       /* O_PATH, of the overlayfs */
};

struct copies {
    int root_fd, upper_fd;
    pthread_mutex_t lock;
    GHashTable *held;  /* [lock] struct held, owned, by ino */
    atomic_bool ended; /* the descriptors above may be others by now */
};

static void held_free(void *data)
{
    struct held *held = data;
    close(held->fd);
    g_free(held);
}

struct copies *copies_new(int root_fd, int upper_fd)
{
    struct copies *copies = g_new0(struct copies, 1);
    copies->root_fd = root_fd;
    copies->upper_fd = upper_fd;
    pthread_mutex_init(&copies->lock, NULL);
    copies->held = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, held_free);
    return copies;
}

void copies_free(struct copies *copies)
{
    if (copies == NULL)
        return;
    g_hash_table_destroy(copies->held);
    pthread_mutex_destroy(&copies->lock);
    g_free(copies);
}

/* Whether it is held already, or may be. */
static bool has_room(struct copies *copies, uint64_t ino, bool *ret_is_held)
{
    pthread_mutex_lock(&copies->lock);
    *ret_is_held = g_hash_table_contains(copies->held, &ino);
    bool has = *ret_is_held || g_hash_table_size(copies->held) < MOST_HELD;
    pthread_mutex_unlock(&copies->lock);
    return has;
}

/* Holds a file with several names. False where there are too many. */
static bool hold(struct copies *copies, const char *path, uint64_t ino)
{
    bool is_held;
    if (!has_room(copies, ino, &is_held) || is_held)
        return is_held;
    int fd = beneath_open(copies->root_fd, path, O_PATH, true);
    if (fd < 0)
        return false;
    struct held *held = g_new(struct held, 1);
    *held = (struct held){ino, fd};
    pthread_mutex_lock(&copies->lock);
    /* What is held after the end would keep the layer. */
    bool ended = atomic_load(&copies->ended);
    if (!ended)
        g_hash_table_replace(copies->held, &held->ino, held);
    pthread_mutex_unlock(&copies->lock);
    if (ended)
        held_free(held);
    return !ended;
}

void copies_note(struct copies *copies, const char *path)
{
    struct beneath_link link;
    struct stat st;
    int fd = copies != NULL && !atomic_load(&copies->ended) ? beneath_open(copies->upper_fd, path, O_PATH, true) : -1;
    if (fd < 0)
        return;
    beneath_link_path(&link, fd);
    /* The note of a directory is never looked at. Of several names, one is overlayfs' own index. */
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode) && origin_is_noted(link.path) &&
        (st.st_nlink == 1 || !hold(copies, path, st.st_ino)))
        origin_put_aside(link.path);
    close(fd);
}

static gboolean has_no_name(gpointer key, gpointer value, gpointer data)
{
    (void)key;
    (void)data;
    struct stat st;
    return fstat(((const struct held *)value)->fd, &st) == 0 && st.st_nlink == 0;
}

void copies_sweep(struct copies *copies)
{
    if (copies == NULL)
        return;
    pthread_mutex_lock(&copies->lock);
    g_hash_table_foreach_remove(copies->held, has_no_name, NULL);
    pthread_mutex_unlock(&copies->lock);
}

void copies_end(struct copies *copies)
{
    if (copies == NULL)
        return;
    atomic_store(&copies->ended, true);
    pthread_mutex_lock(&copies->lock);
    g_hash_table_remove_all(copies->held);
    pthread_mutex_unlock(&copies->lock);
}
