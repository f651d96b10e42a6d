#include "session_view.h"

#include "counters.h"
#include "dir_streams.h"
#include "ops_passthrough.h"
#include "ops_private.h"
#include "session_order.h"
#include "session_threads.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#define KEPT_FDS 128

/* What the end of a connection may take that was just begun. */
#define START_MS 1000

/*
 * All of the view is made, served and freed by threads that have a table of descriptors for themselves, in which alone the
 * connection is open. When the daemon is killed, a thread of its that waits for an answer from here cannot end before the
 * connection does, and the connection not before its last descriptor is closed: were that in the table of the one who waits,
 * neither would ever end.
 */
struct session_view {
    struct ops ops;
    struct tree *tree;               /* owned */
    struct counters *counters;       /* owned; nobody reads them */
    struct fuse_session *fuse;       /* owned */
    struct session_threads *threads; /* owned */
    pthread_t owner;                 /* the thread that makes and frees all of that */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    bool is_ready;          /* [lock] it serves, or has failed to */
    bool has_ended;         /* [lock] the owner has nothing more to do */
};

/* What the owner is given to begin with, and what it says of it. Borrowed, until it is ready. */
struct making {
    struct session_view *view;
    const char *const *layers;
    size_t n_layers;
    const struct tree *like;
    int device; /* the connection's: of its copy of the table it keeps this one */
    int status;
    char *why; /* owned by whoever asked; NULL where the errno has to do */
};

/*
 * No node is given up: overlayfs finds the copy of a file with several names by a handle of the file, which is made of the
 * node's number (index=on).
 */
static void forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
    (void)ino;
    (void)nlookup;
    fuse_reply_none(req);
}

static void forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
    (void)count;
    (void)forgets;
    fuse_reply_none(req);
}

static void init(void *userdata, struct fuse_conn_info *connection)
{
    (void)userdata;
    const unsigned wanted = FUSE_CAP_POSIX_ACL | FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_CACHE_SYMLINKS |
                            FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ASYNC_READ;
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    connection->want_ext = connection->capable_ext & wanted;
#else
    connection->want = connection->capable & wanted;
#endif
    connection->max_readahead = UINT32_MAX;
    connection->max_write = MIN(connection->max_write, SESSION_THREADS_MAX_WRITE);
}

/* Reading alone; the mount is read-only for the kernel. */
static void fill_table(struct fuse_lowlevel_ops *table)
{
    *table = (struct fuse_lowlevel_ops){
        .init = init,
        .lookup = ops_lookup,
        .forget = forget,
        .forget_multi = forget_multi,
        .getattr = ops_getattr,
        .readlink = ops_readlink,
        .statfs = ops_statfs,
        .open = ops_open,
        .read = ops_read,
        .release = ops_release,
        .lseek = ops_lseek,
        .opendir = ops_opendir,
        .readdir = ops_readdir,
        .readdirplus = ops_readdirplus,
        .getxattr = ops_getxattr,
        .listxattr = ops_listxattr,
    };
}

/* A mount that is attached nowhere, of the connection @device. Returns its root, owned by the caller, or -errno. */
static int mount_detached(int device)
{
    char number[32], uid[32], gid[32];
    (void)snprintf(number, sizeof number, "%d", device);
    (void)snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
    (void)snprintf(gid, sizeof gid, "%u", (unsigned)getegid());
    int fs = fsopen("fuse", FSOPEN_CLOEXEC);
    if (fs < 0)
        return -errno;
    bool ok = fsconfig(fs, FSCONFIG_SET_STRING, "source", "rofuse", 0) == 0 &&
              fsconfig(fs, FSCONFIG_SET_STRING, "fd", number, 0) == 0 &&
              fsconfig(fs, FSCONFIG_SET_STRING, "rootmode", "40000", 0) == 0 &&
              fsconfig(fs, FSCONFIG_SET_STRING, "user_id", uid, 0) == 0 &&
              fsconfig(fs, FSCONFIG_SET_STRING, "group_id", gid, 0) == 0 &&
              fsconfig(fs, FSCONFIG_SET_FLAG, "default_permissions", NULL, 0) == 0 &&
              fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) == 0 &&
              fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0;
    int mount = ok ? fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID) : -1;
    int status = mount >= 0 ? mount : -errno;
    close(fs);
    return status;
}

/* Begins to serve a connection. Returns 0 or -errno. */
static int start(struct session_view *view, int device)
{
    char *arguments[] = {"rofuse", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
    struct fuse_lowlevel_ops table;
    char path[64];
    fill_table(&table);
    view->fuse = fuse_session_new(&args, &table, sizeof table, &view->ops);
    fuse_opt_free_args(&args);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", device);
    if (view->fuse == NULL || fuse_session_mount(view->fuse, path) != 0)
        return -EINVAL;
    session_order_show(view->fuse);
    view->ops.fuse = view->fuse;
    return session_threads_start(view->threads, view->fuse, 0);
}

/*
 * Leaves the table of descriptors that the process has; nothing but what is printed to, and one more, comes along. Returns
 * that or -errno.
 */
static int leave_table(int kept)
{
    if (SESSION_ORDER_ONE_TABLE)
        return fcntl(kept, F_DUPFD_CLOEXEC, 0);
    if (unshare(CLONE_FILES) < 0)
        return -errno;
    bool closed = kept <= STDERR_FILENO + 1 || close_range(STDERR_FILENO + 1, (unsigned)kept - 1, 0) == 0;
    return closed && close_range((unsigned)kept + 1, UINT_MAX, 0) == 0 ? kept : -errno;
}

static int make(struct making *making)
{
    struct session_view *view = making->view;
    int device = leave_table(making->device), status = device;
    if (device >= 0)
        status = tree_new(making->layers, making->n_layers, KEPT_FDS, &view->tree, &making->why);
    if (status < 0) {
        if (device >= 0)
            close(device);
        return status;
    }
    tree_add_targets(view->tree, making->like);
    tree_add_places(view->tree);
    view->ops.tree = view->tree;
    view->ops.gate.tree = view->tree;
    view->ops.streams = dir_streams_new(view->tree->table);
    view->ops.passthrough = passthrough_new(view->counters);
    view->ops.stores = true;
    view->threads = session_threads_new();
    return start(view, device);
}

static void tell(struct session_view *view, bool *what)
{
    pthread_mutex_lock(&view->lock);
    *what = true;
    pthread_cond_broadcast(&view->changed);
    pthread_mutex_unlock(&view->lock);
}

static void *own(void *data)
{
    struct making *making = data;
    struct session_view *view = making->view;
    making->status = make(making);
    tell(view, &view->is_ready);
    session_threads_free(view->threads); /* when the connection has ended */
    if (view->fuse != NULL)
        fuse_session_destroy(view->fuse);
    dir_streams_free(view->ops.streams);
    passthrough_free(view->ops.passthrough);
    tree_free(view->tree);
    tell(view, &view->has_ended);
    return NULL;
}

static struct session_view *view_new(void)
{
    struct session_view *view = g_new0(struct session_view, 1);
    pthread_condattr_t attributes;
    view->counters = g_new0(struct counters, 1);
    view->ops.counters = view->counters;
    pthread_mutex_init(&view->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&view->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return view;
}

static void view_free(struct session_view *view)
{
    pthread_cond_destroy(&view->changed);
    pthread_mutex_destroy(&view->lock);
    g_free(view->counters);
    g_free(view);
}

/* All signals blocked: they are the main thread's. Returns 0 or -errno. */
static int start_owner(struct making *making)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&making->view->owner, NULL, own, making);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

/* Lets a view's owner serve a connection. Returns 0 or -errno; what there is of the view then ends with the mount. */
static int serve(struct making *making)
{
    struct session_view *view = making->view;
    int status = start_owner(making);
    if (status < 0) {
        view->has_ended = true;
        return status;
    }
    pthread_mutex_lock(&view->lock);
    while (!view->is_ready)
        pthread_cond_wait(&view->changed, &view->lock);
    pthread_mutex_unlock(&view->lock);
    return making->status;
}

static char *describe(int status)
{
    return g_strdup_printf(
        "learn mode: the image cannot be mounted a second time: %s%s", g_strerror(-status),
        status == -EPERM    ? "; it takes the right to mount: run rofuse as root, or in namespaces (unshare -Urm)"
        : status == -EACCES ? "; it takes the right to use /dev/fuse and to mount: run rofuse as root, or in "
                              "namespaces (unshare -Urm)"
        : status == -ENOSYS ? "; it takes Linux 5.9"
                            : "");
}

int session_view_new(const char *const *layers, size_t n_layers, const struct tree *like, struct session_view **ret,
                     int *ret_fd, char **ret_why)
{
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    int mount = device < 0 ? -errno : mount_detached(device), status = MIN(mount, 0);
    struct making making = {.layers = layers, .n_layers = n_layers, .like = like, .device = device};
    if (status == 0) {
        making.view = view_new();
        status = serve(&making);
    }
    if (device >= 0)
        close(device);
    if (status == 0) {
        *ret = making.view;
        *ret_fd = mount;
        return 0;
    }
    *ret_why = making.why != NULL ? making.why : describe(status);
    if (mount >= 0)
        close(mount);
    (void)session_view_free(making.view, START_MS);
    return status;
}

bool session_view_free(struct session_view *view, unsigned patience_ms)
{
    struct timespec until;
    if (view == NULL)
        return true;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += patience_ms / 1000;
    pthread_mutex_lock(&view->lock);
    int error = 0;
    while (!view->has_ended && error == 0)
        error = pthread_cond_timedwait(&view->changed, &view->lock, &until);
    bool has_ended = view->has_ended;
    pthread_mutex_unlock(&view->lock);
    if (!has_ended)
        return false;
    if (view->is_ready)
        pthread_join(view->owner, NULL);
    view_free(view);
    return true;
}
