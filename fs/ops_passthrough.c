#include "ops_passthrough.h"

#include "counters.h"
#include "ops_private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* Registered backing files of the image that nobody has open. */
#define IDLE_MOST 1024

/*
 * Who fills a place is refused by the kernel without a request where it serves the file by itself, and the log would not
 * know. So in a place that has less left than this, files are opened to be served by the daemon.
 */
#define NEARLY_FULL_BYTES (UINT64_C(32) << 20)

/* The kernel's own (include/uapi/linux/fuse.h); Debian 12's headers are older. */
struct backing_map {
    int32_t fd;
    uint32_t flags;
    uint64_t padding;
};
#define BACKING_OPEN _IOW(229, 1, struct backing_map)
#define BACKING_CLOSE _IOW(229, 2, uint32_t)

struct way {
    uint64_t number; /* of the node */
    int id;          /* 0: the daemon serves it */
    unsigned users;  /* [lock] */
    bool has_size;   /* [lock] it is or was open for writing */
    uint64_t size;   /* [lock] when that was last looked at */
    GList link;      /* [lock] in the queue of idle ones while users is 0; .data is the way */
};

struct passthrough {
    pthread_mutex_t lock;
    struct counters *counters;
    GHashTable *ways;   /* [lock] struct way, by number; owned */
    GQueue idle;        /* [lock] of the image, the longest unused first */
    _Atomic int device; /* /dev/fuse, or -1 where passthrough is not to be had */
};

struct passthrough *passthrough_new(struct counters *counters)
{
    struct passthrough *passthrough = g_new0(struct passthrough, 1);
    pthread_mutex_init(&passthrough->lock, NULL);
    passthrough->counters = counters;
    passthrough->ways = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    g_queue_init(&passthrough->idle);
    atomic_init(&passthrough->device, -1);
    return passthrough;
}

void passthrough_free(struct passthrough *passthrough)
{
    if (passthrough == NULL)
        return;
    /* What is registered ends with the connection. */
    g_hash_table_destroy(passthrough->ways);
    pthread_mutex_destroy(&passthrough->lock);
    g_free(passthrough);
}

void passthrough_enable(struct passthrough *passthrough, struct fuse_session *fuse)
{
    atomic_store(&passthrough->device, fuse_session_fd(fuse));
    atomic_fetch_or(&passthrough->counters->features, COUNTERS_FEATURE_PASSTHROUGH);
}

void passthrough_check(struct passthrough *passthrough)
{
    /* The right is looked at before the descriptor (fuse_backing_open). */
    struct backing_map map = {.fd = -1};
    int device = atomic_load(&passthrough->device);
    if (device >= 0 && ioctl(device, BACKING_OPEN, &map) < 0 && errno == EPERM) {
        atomic_store(&passthrough->device, -1);
        atomic_fetch_and(&passthrough->counters->features, ~(uint64_t)COUNTERS_FEATURE_PASSTHROUGH);
    }
}

/* The user of a way that is there, or NULL. */
static struct way *use_locked(struct passthrough *passthrough, uint64_t number)
{
    struct way *way = g_hash_table_lookup(passthrough->ways, &number);
    if (way != NULL && way->users++ == 0)
        g_queue_unlink(&passthrough->idle, &way->link);
    return way;
}

static void unregister(const struct passthrough *passthrough, int id)
{
    uint32_t number = (uint32_t)id;
    if (id > 0)
        (void)ioctl(atomic_load(&passthrough->device), BACKING_CLOSE, &number);
}

/*
 * Registers a backing file. The kernel writes to it with the credentials that we have now, and asks nobody before: bits that
 * somebody else sets in a place that is shared are unknown to it (S_NOSEC of our inode). So the backing file system has to
 * take set-user-ID bits away, as it does where the writer may not keep them. Returns the number, or 0.
 */
static int register_fd(struct passthrough *passthrough, int fd, bool is_written)
{
    struct backing_map map = {.fd = fd};
    if (is_written)
        assume_keep_no_bits(true);
    int id = ioctl(atomic_load(&passthrough->device), BACKING_OPEN, &map);
    if (is_written)
        assume_keep_no_bits(false);
    if (id > 0)
        return id;
    counters_add(&passthrough->counters->files[COUNTERS_FILE_refused], 1);
    return 0;
}

/* Whether a file that nobody has open should be served by the kernel. */
static bool is_wanted(struct passthrough *passthrough, const struct node *node, int fd, int flags)
{
    if (atomic_load(&passthrough->device) < 0)
        return false;
    if (node->id.kind == NODE_IMAGE)
        return true;
    struct statvfs fs;
    struct stat st;
    /* O_DIRECT can be turned off by fcntl(2), of which the backing file hears nothing. */
    if (!node->id.route->is_local || (flags & O_DIRECT))
        return false;
    /* Some writers may keep these bits, and only we can tell who writes. */
    if (fstat(fd, &st) < 0 || (st.st_mode & (S_ISUID | S_ISGID)))
        return false;
    if ((flags & O_ACCMODE) == O_RDONLY ||
        (fstatvfs(fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize >= NEARLY_FULL_BYTES))
        return true;
    counters_add(&passthrough->counters->files[COUNTERS_FILE_nearly_full], 1);
    return false;
}

static int try_register(struct passthrough *passthrough, struct tree *tree, struct node *node, int fd, int flags)
{
    if (!is_wanted(passthrough, node, fd, flags))
        return 0;
    if (fd >= 0)
        return register_fd(passthrough, fd, !node->id.route->spec.read_only);
    struct tree_held held;
    if (tree_hold(tree, node, &held) < 0)
        return 0;
    int id = register_fd(passthrough, held.fd, false);
    tree_let_go(tree, &held);
    return id;
}

/* What the daemon serves whatever happens, so that nobody has to remember it. */
static bool is_plain(struct passthrough *passthrough, const struct node *node)
{
    bool small = node->id.kind == NODE_IMAGE && node->id.size_bits <= OPS_SMALL_SIZE_BITS;
    if (small && atomic_load(&passthrough->device) >= 0)
        counters_add(&passthrough->counters->files[COUNTERS_FILE_small], 1);
    return small || node->id.kind == NODE_MADE;
}

int passthrough_open(struct passthrough *passthrough, struct tree *tree, struct node *node, int fd, int flags,
                     bool *ret_counted)
{
    uint64_t number = node->id.shown;
    *ret_counted = !is_plain(passthrough, node);
    if (!*ret_counted) {
        counters_add(&passthrough->counters->files[COUNTERS_FILE_daemon], 1);
        return 0;
    }
    pthread_mutex_lock(&passthrough->lock);
    struct way *way = use_locked(passthrough, number);
    pthread_mutex_unlock(&passthrough->lock);
    if (way == NULL) {
        struct way *mine = g_new(struct way, 1);
        *mine = (struct way){.number = number, .users = 1, .link = {.data = mine}};
        mine->id = try_register(passthrough, tree, node, fd, flags);
        pthread_mutex_lock(&passthrough->lock);
        way = use_locked(passthrough, number);
        if (way == NULL) {
            way = g_steal_pointer(&mine);
            g_hash_table_insert(passthrough->ways, &way->number, way);
        }
        pthread_mutex_unlock(&passthrough->lock);
        if (mine != NULL)
            unregister(passthrough, mine->id); /* somebody else was faster */
        g_free(mine);
    }
    counters_add(&passthrough->counters->files[way->id != 0 ? COUNTERS_FILE_passthrough : COUNTERS_FILE_daemon], 1);
    return way->id;
}

uint64_t passthrough_grown(struct passthrough *passthrough, uint64_t number, uint64_t size)
{
    uint64_t grown = 0;
    pthread_mutex_lock(&passthrough->lock);
    struct way *way = g_hash_table_lookup(passthrough->ways, &number);
    if (way != NULL) {
        grown = way->has_size && size > way->size ? size - way->size : 0;
        way->has_size = true;
        way->size = size;
    }
    pthread_mutex_unlock(&passthrough->lock);
    return grown;
}

void passthrough_close(struct passthrough *passthrough, uint64_t number, bool is_image)
{
    int ended = 0;
    pthread_mutex_lock(&passthrough->lock);
    struct way *way = g_hash_table_lookup(passthrough->ways, &number);
    if (way != NULL && --way->users == 0) {
        struct way *dead = way;
        if (is_image && way->id != 0) {
            g_queue_push_tail_link(&passthrough->idle, &way->link);
            dead = passthrough->idle.length > IDLE_MOST ? g_queue_pop_head_link(&passthrough->idle)->data : NULL;
        }
        if (dead != NULL) {
            ended = dead->id;
            g_hash_table_remove(passthrough->ways, &dead->number);
        }
    }
    pthread_mutex_unlock(&passthrough->lock);
    unregister(passthrough, ended);
}
