#include "session_view.h"

#include "counters.h"
#include "dir_streams.h"
#include "ops_passthrough.h"
#include "ops_private.h"
#include "session_threads.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define KEPT_FDS 128

/* What the end of a connection may take that was just begun. */
#define START_MS 1000

struct session_view {
    struct ops ops;
    struct tree *tree;         /* owned */
    struct counters *counters; /* owned; nobody reads them */
    struct fuse_session *fuse; /* owned */
    struct session_threads *threads;
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

/* Mounts and begins to serve. Returns 0 or -errno. */
static int start(struct session_view *view, int *ret_fd)
{
    char *arguments[] = {"rofuse", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(1, arguments);
    struct fuse_lowlevel_ops table;
    fill_table(&table);
    view->fuse = fuse_session_new(&args, &table, sizeof table, &view->ops);
    fuse_opt_free_args(&args);
    if (view->fuse == NULL)
        return -EINVAL;
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0)
        return -errno;
    char path[64];
    (void)snprintf(path, sizeof path, "/dev/fd/%d", device);
    int mount = mount_detached(device);
    /* Takes the descriptor over. */
    if (mount < 0 || fuse_session_mount(view->fuse, path) != 0) {
        close(device);
        if (mount >= 0)
            close(mount);
        return mount < 0 ? mount : -EINVAL;
    }
    view->ops.fuse = view->fuse;
    int status = session_threads_start(view->threads, view->fuse, 0);
    if (status < 0) {
        close(mount);
        return status;
    }
    *ret_fd = mount;
    return 0;
}

int session_view_new(const char *const *layers, size_t n_layers, const struct tree *like, struct session_view **ret,
                     int *ret_fd, char **ret_why)
{
    struct session_view *view = g_new0(struct session_view, 1);
    view->counters = g_new0(struct counters, 1);
    view->threads = session_threads_new();
    view->ops.counters = view->counters;
    int status = tree_new(layers, n_layers, KEPT_FDS, &view->tree, ret_why);
    if (status < 0) {
        (void)session_view_free(view, START_MS);
        return status;
    }
    tree_add_targets(view->tree, like);
    tree_add_places(view->tree);
    view->ops.tree = view->tree;
    view->ops.gate.tree = view->tree;
    view->ops.streams = dir_streams_new(view->tree->table);
    view->ops.passthrough = passthrough_new(view->counters);
    view->ops.stores = true;
    status = start(view, ret_fd);
    if (status < 0) {
        *ret_why = g_strdup_printf(
            "learn mode: the image cannot be mounted a second time: %s%s", g_strerror(-status),
            status == -EPERM    ? "; it takes the right to mount: run rofuse as root, or in namespaces (unshare -Urm)"
            : status == -EACCES ? "; it takes the right to use /dev/fuse and to mount: run rofuse as root, or in "
                                  "namespaces (unshare -Urm)"
                                : "");
        (void)session_view_free(view, START_MS);
        return status;
    }
    *ret = view;
    return 0;
}

/* Whether the threads have ended, or will without more ado. */
static bool has_ended(const struct session_view *view, unsigned patience_ms)
{
    struct pollfd ended = {.fd = session_threads_ended_fd(view->threads), .events = POLLIN};
    return view->ops.fuse == NULL || poll(&ended, 1, (int)patience_ms) == 1;
}

bool session_view_free(struct session_view *view, unsigned patience_ms)
{
    if (view == NULL)
        return true;
    if (!has_ended(view, patience_ms))
        return false;
    session_threads_free(view->threads);
    if (view->fuse != NULL)
        fuse_session_destroy(view->fuse);
    dir_streams_free(view->ops.streams);
    passthrough_free(view->ops.passthrough);
    tree_free(view->tree);
    g_free(view->counters);
    g_free(view);
    return true;
}
