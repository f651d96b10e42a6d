/*
 * Routes that come and go while the mount is used: the tree is changed, then the kernel is told (DESIGN.md decision 11).
 */
#include "session.h"

#include "live.h"
#include "node_face.h"
#include "numbers.h"
#include "patience.h"
#include "session_aside.h"
#include "session_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

/* How long requests that are under way are waited for. One that takes longer hangs on some backing file system; what it will
 * say has nothing to do with the change as a rule. */
#define PATIENCE_MS 5000

/* The kernel tells of a file that was closed a moment later. */
#define CLOSING_MS 300

/* The kernel may ask for these attributes at any time: nothing follows from its asking (ops_refusal.c). */
static void void_promise(struct node *number)
{
    ops_attributes_changed(number);
    ops_attributes_changed(node_shadow(number));
}

static void notify_stale(const struct session *session, const struct live_name *name)
{
    fuse_ino_t dir = ops_ino(session->tree, name->dir);
    size_t length = strlen(name->name);
    if (!session->can_expire) {
        /* Nothing is mounted below then, or it would have been refused. */
        if (!name->is_kept)
            (void)fuse_lowlevel_notify_inval_entry(session->fuse, dir, name->name, length);
        return;
    }
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 15)
    (void)fuse_lowlevel_notify_expire_entry(session->fuse, dir, name->name, length);
#else
    (void)fuse_lowlevel_notify_expire_entry(session->fuse, dir, name->name, length, FUSE_LL_EXPIRE_ONLY);
#endif
}

/*
 * With the name, the attributes of its directory are void (fuse_dir_changed). The promise is given up before, for whoever asks
 * at once, and after, as it may have been renewed in between.
 */
static void expire(const struct session *session, const struct live_name *name)
{
    void_promise(name->dir);
    notify_stale(session, name);
    void_promise(name->dir);
}

static void change(const struct session *session, struct node *number)
{
    void_promise(number);
    (void)fuse_lowlevel_notify_inval_inode(session->fuse, ops_ino(session->tree, number), 0, 0);
    void_promise(number);
}

/*
 * Lets the kernel drop all names that nobody uses, those among them that it knows not to be there: reconfiguring a mount, even
 * with no option to change, does that (reconfigure_super, shrink_dcache_sb). What is used, or has something mounted below, stays.
 * Without the right to do so nothing happens.
 */
static void drop_unused_names(const struct session *session)
{
    struct statx st;
    int fs = fspick(AT_FDCWD, session->mountpoint, FSPICK_CLOEXEC | FSPICK_NO_AUTOMOUNT);
    if (fs < 0)
        return;
    if (statx(AT_FDCWD, session->mountpoint, AT_STATX_DONT_SYNC, 0, &st) == 0 &&
        makedev(st.stx_dev_major, st.stx_dev_minor) == session->device)
        (void)fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
    close(fs);
}

void session_close_ended(struct session *session)
{
    for (guint i = 0; i < session->ended_fds->len; i++)
        close(g_array_index(session->ended_fds, int, i));
    g_array_set_size(session->ended_fds, 0);
}

struct notices {
    const struct session *session;
    const struct live *live;
    bool all;
};

/* In a thread with descriptors of its own. */
static void send_notices(void *data)
{
    const struct notices *notices = data;
    const struct session *session = notices->session;
    const struct live *live = notices->live;
    if (notices->all)
        drop_unused_names(session);
    for (guint i = 0; i < live->stale->len; i++)
        expire(session, &g_array_index(live->stale, struct live_name, i));
    for (guint i = 0; i < live->changed->len; i++)
        change(session, live->changed->pdata[i]);
}

/*
 * Tells the kernel what it does not know any more. Each name waits for whoever is changing or searching its directory, so that
 * his answer is there before it is expired; answers about attributes that are older than the notice are dropped by the kernel
 * (attr_version). @all: names that are nowhere, too.
 */
void session_tell_kernel(struct session *session, struct live *live, bool all)
{
    struct notices notices = {session, live, all};
    tree_take_ended(session->tree, session->ended_fds);
    bool quiet = turns_wait(&session->turns, PATIENCE_MS);
    if (quiet)
        session_close_ended(session);
    session_aside(fuse_session_fd(session->fuse), send_notices, &notices);
    live_end(live, quiet);
}

static bool lies_in(const char *path, const char *outer)
{
    size_t length = strlen(outer);
    return strncmp(path, outer, length) == 0 && path[length] == '/';
}

static int refuse(const struct route_spec *spec, int status, const char *reason, char **ret_why)
{
    *ret_why = g_strdup_printf("%s %s: %s", route_kind_name(spec->kind), spec->target, reason);
    return status;
}

static int check_add(const struct session *session, const struct route_spec *spec, char **ret_why)
{
    if (session->fuse == NULL || session_is_gone(session))
        return refuse(spec, -ENOTCONN, "nothing is mounted any more", ret_why);
    if (spec->native)
        return refuse(spec, -ENOTSUP,
                      "a native route is a mount in one mount namespace, which running containers would not see; "
                      "declare it when mounting, or leave out native",
                      ret_why);
    for (const struct route *route = tree_first_route(session->tree); route != NULL; route = tree_next_route(route))
        if (route->native && lies_in(spec->target, route->target))
            return refuse(spec, -ENOTSUP, "it lies in a native route, which the kernel serves alone", ret_why);
    struct stat st;
    if (spec->kind == ROUTE_BIND && stat(spec->source, &st) == 0 && st.st_dev == session->device)
        return refuse(spec, -EINVAL, "its source lies in this mount; bind the host's own directory", ret_why);
    return 0;
}

static struct live_kept mounted_now(void *data)
{
    const struct session_mounts *mounts = data;
    struct session_protected protected = mounts->now(mounts->data);
    return (struct live_kept){protected.paths, protected.n_paths};
}

int session_route_add(struct session *session, const struct route_spec *spec, const struct session_mounts *mounts,
                      const struct patience *patience, unsigned *ret_index, char **ret_why)
{
    const struct live_mounts asked = {mounted_now, (void *)mounts};
    struct live live = {0};
    pthread_mutex_lock(&session->change_lock);
    int status = check_add(session, spec, ret_why);
    if (status == 0 && patience_is_over(patience))
        status = refuse(spec, -ECANCELED, "given up before it was begun", ret_why);
    if (status == 0)
        status = live_add(session->tree, spec, session->n_indexes, session->volume_dir, &asked, session->can_expire,
                          patience, &live, ret_why);
    if (status == 0)
        *ret_index = session->n_indexes++;
    if (live.tree != NULL)
        session_tell_kernel(session, &live, status == 0 && !live.is_private);
    pthread_mutex_unlock(&session->change_lock);
    return status;
}

static struct route *find_route(const struct session *session, const char *target)
{
    struct route *route = tree_first_route(session->tree);
    while (route != NULL &&
           (route->is_learn || (strcmp(route->spec.target, target) != 0 && strcmp(route->target, target) != 0)))
        route = tree_next_route(route);
    return route;
}

/* Whether files of it stay open. */
static bool is_open(const struct route *route)
{
    const struct timespec step = {.tv_nsec = 1000000};
    for (int i = 0; i < CLOSING_MS && atomic_load(&route->n_open) > 0; i++)
        nanosleep(&step, NULL);
    return atomic_load(&route->n_open) > 0;
}

static const char *find_mounted(const struct route *route, const struct session_protected *protected)
{
    for (size_t i = 0; i < protected->n_paths; i++)
        if (strcmp(protected->paths[i], route->target) == 0 || lies_in(protected->paths[i], route->target))
            return protected->paths[i];
    return NULL;
}

/* How much has to be let go of a route. */
enum removal {
    UNUSED, /* nobody uses it */
    FORCED, /* whatever is open in it, or mounted */
    UNDONE  /* and whatever other routes lie in it: they are to be found where they were before it was added */
};

static int check_remove(const struct session *session, const struct route *route, enum removal removal,
                        const struct session_protected *protected, char **ret_why)
{
    const struct route_spec *spec = &route->spec;
    const char *mounted = find_mounted(route, protected);
    if (session->fuse == NULL || session_is_gone(session))
        return refuse(spec, -ENOTCONN, "nothing is mounted any more", ret_why);
    if (route->native)
        return refuse(spec, -ENOTSUP, "is native, and ends with the mount", ret_why);
    for (const struct route *other = tree_first_route(session->tree); other != NULL; other = tree_next_route(other)) {
        if (removal == UNDONE || !lies_in(other->target, route->target))
            continue;
        g_autofree char *reason = g_strdup_printf("%s lies in it; remove that first", other->target);
        return refuse(spec, -EBUSY, reason, ret_why);
    }
    if (mounted != NULL && !session->can_expire)
        return refuse(spec, -ENOTSUP,
                      "something is mounted there, and would be detached by this kernel (Linux 6.2 can do it); "
                      "unmount it first",
                      ret_why);
    if (mounted != NULL && removal == UNUSED) {
        g_autofree char *reason =
            g_strdup_printf("in use: something is mounted at %s; --force leaves it there", mounted);
        return refuse(spec, -EBUSY, reason, ret_why);
    }
    if (removal == UNUSED && is_open(route))
        return refuse(spec, -EBUSY, "in use: files are open in it; --force leaves them open until they are closed",
                      ret_why);
    return 0;
}

static int remove_route(struct session *session, const char *target, enum removal removal,
                        const struct session_protected *protected, char **ret_why)
{
    const struct live_kept kept = {protected->paths, protected->n_paths};
    struct live live;
    pthread_mutex_lock(&session->change_lock);
    struct route *route = find_route(session, target);
    int status = -ENOENT;
    if (route == NULL)
        *ret_why = g_strdup_printf("%s: no route is there; rofuse route ls shows them", target);
    else
        status = check_remove(session, route, removal, protected, ret_why);
    if (status == 0)
        status = live_remove(session->tree, route, &kept, &live, ret_why);
    if (status == 0) {
        session_tell_kernel(session, &live, false);
        ops_route_unused(&session->ops, route);
    }
    pthread_mutex_unlock(&session->change_lock);
    return status;
}

int session_route_remove(struct session *session, const char *target, bool force,
                         const struct session_protected *protected, char **ret_why)
{
    return remove_route(session, target, force ? FORCED : UNUSED, protected, ret_why);
}

int session_route_undo(struct session *session, const char *target, const struct session_protected *protected,
                       char **ret_why)
{
    return remove_route(session, target, UNDONE, protected, ret_why);
}

const char *session_route_declared(const struct session *session, const char *target)
{
    const struct route *route = find_route(session, target);
    return route != NULL ? route->spec.target : NULL;
}

bool session_route_holds(const struct session *session, const char *target, uint64_t ino)
{
    const struct route *route = find_route(session, target);
    if (route == NULL)
        return false;
    struct node *number = node_face(session->tree->table, route->root);
    bool is_root = number->id.shown == ino;
    node_unref(session->tree->table, number);
    return is_root || numbers_owner(session->tree->numbers, ino) == NUMBERS_ROUTE + route->index;
}
