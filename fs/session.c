#include "session.h"

#include "counters.h"
#include "dir_streams.h"
#include "explain.h"
#include "ops_passthrough.h"
#include "native.h"
#include "ops_private.h"
#include "proc_file.h"
#include "session_order.h"
#include "session_private.h"
#include "session_threads.h"
#include "volume_remove.h"
#include "writers.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#define MOST_KEPT_FDS 512

/* FUSE_CAP_* that the kernel is taken not to have: tests/ builds a program that meets an older one. */
#ifndef SESSION_KERNEL_LACKS
#define SESSION_KERNEL_LACKS 0
#endif

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
#define IO_URING_WORD "io_uring,"
#else
#define IO_URING_WORD ""
#endif

/* What FUSE calls userdata is the session's first part. */
#define SESSION_OF(userdata) ((struct session *)(void *)((char *)(userdata)-offsetof(struct session, ops)))

static int compare_depth(const void *a, const void *b)
{
    const struct route_spec *const *left = a, *const *right = b;
    size_t left_depth = 0, right_depth = 0;
    for (const char *at = (*left)->target; *at != '\0'; at++)
        left_depth += *at == '/';
    for (const char *at = (*right)->target; *at != '\0'; at++)
        right_depth += *at == '/';
    if (left_depth != right_depth)
        return left_depth < right_depth ? -1 : 1;
    return strcmp((*left)->target, (*right)->target);
}

/* Grafts the routes in, outer ones before those nested in them, whatever their order was. Returns 0 or -errno. */
static int add_routes(struct session *session, const struct session_options *options, char **ret_why)
{
    g_autofree const struct route_spec **sorted = g_new(const struct route_spec *, options->n_routes + 1);
    for (size_t i = 0; i < options->n_routes; i++)
        sorted[i] = &options->routes[i];
    qsort(sorted, options->n_routes, sizeof sorted[0], compare_depth);
    for (size_t i = 0; i < options->n_routes; i++) {
        int status = tree_add_route(session->tree, sorted[i], (unsigned)(sorted[i] - options->routes),
                                    options->volume_dir, options->patience, ret_why);
        if (status < 0)
            return status;
    }
    tree_add_places(session->tree);
    return 0;
}

static void note_limits(struct session *session)
{
    const struct assume_power *power = &session->ops.power;
    if (!power->can_change_ids)
        g_ptr_array_add(
            session->limits,
            g_strdup("not root: only this user can change files in tmpfs and volumes, and their owner is he"));
    if (geteuid() != 0)
        g_ptr_array_add(session->limits,
                        g_strdup("not root: set-user-ID programs in the image run without privilege (nosuid)"));
    if (!session->ops.knows_callers)
        g_ptr_array_add(session->limits, g_strdup("no /proc of this pid namespace: the log cannot name the processes"));
}

/* Descriptors that may be kept for speed alone: a small part of what the process may have. */
static size_t n_kept_fds(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
        return MOST_KEPT_FDS;
    return MIN(limit.rlim_cur / 8, MOST_KEPT_FDS);
}

int session_new(const struct session_options *options, struct session **ret, char **ret_why)
{
    struct session *session = g_new0(struct session, 1);
    session->threads = session_threads_new();
    session->writers = writers_new();
    session->limits = g_ptr_array_new_with_free_func(g_free);
    session->mountpoint = g_strdup(options->mountpoint);
    session->name = g_strdup(options->name);
    session->volume_dir = g_strdup(options->volume_dir);
    session->ended_fds = g_array_new(FALSE, FALSE, sizeof(int));
    session->n_indexes = (unsigned)options->n_routes;
    pthread_mutex_init(&session->change_lock, NULL);
    pthread_mutex_init(&session->learn_lock, NULL);
    session->n_threads = options->threads;
    session->passthrough = options->passthrough;
    session->io_uring = options->io_uring;
    session->learn_size = options->learn_size;
    int status = tree_new(options->layers, options->n_layers, n_kept_fds(), &session->tree, ret_why);
    if (status == 0)
        status = native_check(options->routes, options->n_routes, ret_why);
    if (status == 0)
        status = add_routes(session, options, ret_why);
    if (status == 0)
        status = native_plan(session->tree, session->limits, ret_why);
    if (status < 0) {
        session_give_up(session);
        return status;
    }
    assume_power_read(&session->ops.power);
    session->ops.knows_callers = proc_file_is_ours();
    session->ops.tree = session->tree;
    session->ops.counters = options->counters;
    session->ops.turns = &session->turns;
    session->ops.streams = dir_streams_new(session->tree->table);
    session->ops.passthrough = passthrough_new(options->counters);
    session->ops.stores = !options->io_uring;
    g_strlcpy(options->counters->library, fuse_pkgversion(), sizeof options->counters->library);
    session->ops.gate = (struct gate){.tree = session->tree,
                                      .log = options->log,
                                      .memory = denial_log_memory(options->log),
                                      .counters = options->counters,
                                      .writers = session->writers};
    note_limits(session);
    if (options->learn)
        status = session_begin_learn(session, ret_why);
    if (status < 0) {
        session_give_up(session);
        return status;
    }
    *ret = session;
    return 0;
}

const char *const *session_limits(const struct session *session)
{
    if (session->limits->len == 0 || g_ptr_array_index(session->limits, session->limits->len - 1) != NULL)
        g_ptr_array_add(session->limits, NULL);
    return (const char *const *)session->limits->pdata;
}

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
static bool is_stacked(const struct tree *tree)
{
    bool stacked = union_is_stacked(tree->stack);
    for (const struct route *route = tree_first_route(tree); route != NULL; route = tree_next_route(route))
        stacked = stacked || route->is_stacked;
    return stacked;
}

/* Backing files may lie on an overlayfs only where some do: then no overlayfs can be put over this mount any more. */
static void init_passthrough(struct session *session, struct fuse_conn_info *connection)
{
    if (!session->passthrough || !(connection->capable_ext & FUSE_CAP_PASSTHROUGH))
        return;
    connection->want_ext |= FUSE_CAP_PASSTHROUGH;
    connection->max_backing_stack_depth = is_stacked(session->tree) ? 1 : 0;
    passthrough_enable(session->ops.passthrough, session->fuse);
}
#endif

#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
static bool has_writable_route(const struct tree *tree)
{
    for (const struct route *route = tree_first_route(tree); route != NULL; route = tree_next_route(route))
        if (!route->spec.read_only)
            return true;
    return false;
}

/*
 * HANDLE_KILLPRIV_V2: we take set-user-ID bits away where a write has to. Its gain is that the kernel does not ask before
 * every write whether the file has capabilities; its price that chown(2) by somebody who is not the owner says EPERM before
 * it asks us, where a read-only mount says EROFS (ops_note_chown). Where nothing can be written it would be all price.
 */
static void init_new(struct session *session, struct fuse_conn_info *connection)
{
    if (has_writable_route(session->tree) && (connection->capable_ext & FUSE_CAP_HANDLE_KILLPRIV_V2)) {
        connection->want_ext |= FUSE_CAP_HANDLE_KILLPRIV_V2;
        session->ops.kills_privileges = true;
        atomic_fetch_or(&session->ops.counters->features, COUNTERS_FEATURE_KILLPRIV);
    }
    if (session->io_uring && (connection->capable_ext & FUSE_CAP_OVER_IO_URING)) {
        connection->want_ext |= FUSE_CAP_OVER_IO_URING;
        atomic_fetch_or(&session->ops.counters->features, COUNTERS_FEATURE_IO_URING);
    }
}
#endif

/* What the kernel is asked for; DESIGN.md decisions 2 and 6 say why. */
static void init(void *userdata, struct fuse_conn_info *connection)
{
    struct session *session = SESSION_OF(userdata);
    const unsigned wanted = FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_DONT_MASK | FUSE_CAP_POSIX_ACL |
                            FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_READDIRPLUS |
                            FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_IOCTL_DIR | FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO |
                            FUSE_CAP_SPLICE_WRITE;
    /*
     * AUTO_INVAL_DATA stays on, other than decision 6 has it: it costs layers nothing, as their attributes are never asked
     * for again, and it is what shows a program the content of a volume that another mount or the host has changed while
     * the program has it open.
     */
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
    connection->want_ext = connection->capable_ext & (wanted | FUSE_CAP_AUTO_INVAL_DATA);
    init_passthrough(session, connection);
#else
    connection->want = connection->capable & (wanted | FUSE_CAP_AUTO_INVAL_DATA);
#endif
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 18)
    init_new(session, connection);
#endif
    session->can_expire = (connection->capable & ~SESSION_KERNEL_LACKS & FUSE_CAP_EXPIRE_ONLY) != 0;
    connection->max_readahead = UINT32_MAX;
    connection->max_write = MIN(connection->max_write, SESSION_THREADS_MAX_WRITE);
}

/* A comma would end the word in the list of options, and libfuse takes a backslash before it. */
static char *option_value(const char *text)
{
    g_auto(GStrv) by_backslash = g_strsplit(text, "\\", -1);
    g_autofree char *escaped = g_strjoinv("\\\\", by_backslash);
    g_auto(GStrv) by_comma = g_strsplit(escaped, ",", -1);
    return g_strjoinv("\\,", by_comma);
}

/* libfuse prints why it could not mount; what is printed is the caller's business, and one line is enough. */
static void say_nothing(enum fuse_log_level level, const char *format, va_list arguments)
{
    (void)level;
    (void)format;
    (void)arguments;
}

/*
 * Mounts. @allow_other is what root wants and what an ordinary user may have only if /etc/fuse.conf says so.
 */
static int mount_fuse(struct session *session, bool allow_other)
{
    g_autofree char *name = option_value(session->name);
    g_autofree char *words =
        g_strdup_printf("default_permissions,%s%s%sfsname=%s,subtype=rofuse", allow_other ? "allow_other," : "",
                        geteuid() == 0 ? "suid," : "", session->io_uring ? IO_URING_WORD : "", name);
    char *arguments[] = {"rofuse", "-o", words, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, arguments);
    struct fuse_lowlevel_ops table;
    ops_fill(&table);
    table.init = init;
    session->fuse = fuse_session_new(&args, &table, sizeof table, &session->ops);
    fuse_opt_free_args(&args);
    session->ops.fuse = session->fuse;
    if (session->fuse == NULL)
        return -EINVAL;
    fuse_set_log_func(say_nothing);
    errno = 0;
    int status = fuse_session_mount(session->fuse, session->mountpoint);
    int error = errno != 0 ? errno : EPERM;
    fuse_set_log_func(NULL);
    if (status != 0) {
        fuse_session_destroy(session->fuse);
        session->fuse = NULL;
        return -error;
    }
    return 0;
}

static bool user_may_allow_other(void)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/etc/fuse.conf", &text, NULL, NULL))
        return false;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++)
        if (strcmp(g_strstrip(*line), "user_allow_other") == 0)
            return true;
    return false;
}

int session_start(struct session *session, char **ret_why)
{
    bool allow_other = geteuid() == 0 || user_may_allow_other();
    int status = mount_fuse(session, allow_other);
    if (status < 0) {
        const char *mend = access("/dev/fuse", R_OK | W_OK) < 0 ? "; /dev/fuse must be there and usable"
                           : geteuid() == 0
                               ? "; a user namespace needs a mount namespace of its own as well (unshare --mount)"
                               : "; fusermount3 (package fuse3) mounts for ordinary users";
        *ret_why = g_strdup_printf("%s: cannot be mounted: %s%s", session->mountpoint, g_strerror(-status), mend);
        return status;
    }
    session_order_show(session->fuse);
    struct statx found;
    if (statx(AT_FDCWD, session->mountpoint, AT_STATX_DONT_SYNC, 0, &found) == 0)
        session->device = makedev(found.stx_dev_major, found.stx_dev_minor);
    denial_log_mounted(session->ops.gate.log, session->device);
    if (!allow_other)
        g_ptr_array_insert(session->limits, 0,
                           g_strdup("not root: other users, root among them, cannot enter the mount "
                                    "(user_allow_other in /etc/fuse.conf allows it)"));
    status = session_threads_start(session->threads, session->fuse, session->n_threads);
    struct stat st;
    /* The first answer: INIT and the root's attributes have gone through the threads. */
    if (status == 0 && stat(session->mountpoint, &st) < 0)
        status = -errno;
    if (status < 0)
        *ret_why = g_strdup_printf("%s: the mount does not answer: %s", session->mountpoint, g_strerror(-status));
    if (status == 0)
        passthrough_check(session->ops.passthrough);
    if (status == 0 && session->io_uring && !(session->ops.counters->features & COUNTERS_FEATURE_IO_URING))
        g_ptr_array_add(session->limits, g_strdup("no io_uring: it takes libfuse 3.18, and Linux 6.14 with Y in "
                                                  "/sys/module/fuse/parameters/enable_uring"));
    if (status == 0)
        status = native_mount(session->tree, session->mountpoint, ret_why);
    if (status < 0) {
        bool busy;
        (void)session_unmount(session, &busy);
    }
    return status;
}

/* fusermount3 is set-user-ID and does for ordinary users what umount2(2) does for root. */
static int run_fusermount(const char *mountpoint, bool lazy)
{
    const char *argv[] = {
        "fusermount3", "-u", "-q", lazy ? "-z" : "--", lazy ? "--" : mountpoint, lazy ? mountpoint : NULL, NULL};
    int wait_status;
    if (!g_spawn_sync(NULL, (char **)argv, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL,
                      NULL, &wait_status, NULL))
        return -ENOENT;
    return WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0 ? 0 : -EBUSY;
}

static int unmount(const char *mountpoint, bool lazy)
{
    if (umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
        return 0;
    return errno == EPERM ? run_fusermount(mountpoint, lazy) : -errno;
}

bool session_is_gone(const struct session *session)
{
    struct pollfd descriptor = {.fd = fuse_session_fd(session->fuse)};
    return poll(&descriptor, 1, 0) == 1 && (descriptor.revents & POLLERR);
}

int session_unmount(struct session *session, bool *ret_busy)
{
    *ret_busy = false;
    if (session_is_gone(session))
        return 0;
    native_unmount(session->tree, session->mountpoint, ret_busy);
    int status = unmount(session->mountpoint, false);
    if (status == -EBUSY) {
        *ret_busy = true;
        status = unmount(session->mountpoint, true);
    }
    /* EINVAL: not mounted here (any more); somebody was faster, or it lives on in another mount namespace only. ENOENT: he has
     * removed the place as well. */
    return status == -EINVAL || status == -ENOENT ? 0 : status;
}

const char *session_source(const struct session *session, const char *target)
{
    const struct route *route = tree_first_route(session->tree);
    while (route != NULL && strcmp(route->spec.target, target) != 0)
        route = tree_next_route(route);
    return route != NULL ? route->spec.source : NULL;
}

const char *session_native(const struct session *session, const char *target)
{
    const struct route *route = tree_first_route(session->tree);
    while (route != NULL && strcmp(route->spec.target, target) != 0)
        route = tree_next_route(route);
    return route != NULL && route->native ? route->target : NULL;
}

int session_use(struct session *session, const char *target, struct writer *ret_writer)
{
    *ret_writer = (struct writer){0};
    for (const struct route *route = tree_first_route(session->tree); route != NULL; route = tree_next_route(route)) {
        if (strcmp(route->spec.target, target) != 0)
            continue;
        (void)writers_last(session->writers, route->index, ret_writer);
        return (int)route->index;
    }
    return -1;
}

struct explanation *session_explain(struct session *session, const char *path, const struct access_subject *ids)
{
    struct explain_who who = {.ids = *ids, .power = &session->ops.power};
    /* As whoever serves: nothing that it finds is freed before it is done. */
    unsigned turn = turns_begin(&session->turns);
    struct explanation *explanation = explain_path(session->tree, path, &who);
    turns_end(&session->turns, turn);
    return explanation;
}

int session_ended_fd(const struct session *session)
{
    return session_threads_ended_fd(session->threads);
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    session_threads_free(session->threads);
    if (session->fuse != NULL) {
        fuse_session_unmount(session->fuse); /* looks first whether the connection is gone, and only closes then */
        fuse_session_destroy(session->fuse);
    }
    dir_streams_free(session->ops.streams);
    tree_free(session->tree);
    session_free_learn(session);
    passthrough_free(session->ops.passthrough);
    g_ptr_array_free(session->limits, TRUE);
    writers_free(session->writers);
    pthread_mutex_destroy(&session->change_lock);
    pthread_mutex_destroy(&session->learn_lock);
    session_close_ended(session);
    g_array_free(session->ended_fds, TRUE);
    g_free(session->volume_dir);
    g_free(session->mountpoint);
    g_free(session->name);
    g_free(session);
}

void session_give_up(struct session *session)
{
    if (session == NULL)
        return;
    g_autofree char *store = g_strdup(session->volume_dir);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const struct route *route = session->tree != NULL ? tree_first_route(session->tree) : NULL;
    for (; route != NULL; route = tree_next_route(route))
        if (route->is_anonymous)
            g_ptr_array_add(names, g_strdup(route->spec.source));
    session_free(session); /* it has them in use */
    for (guint i = 0; i < names->len; i++)
        (void)volume_remove(store, g_ptr_array_index(names, i));
}
