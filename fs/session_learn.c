/*
 * Learn mode: the image on a throw-away layer, so that what is not declared can be written all the same, and is recorded.
 *
 * overlayfs over the image (session_view.h) serves the root of the tree as a route does; the declared routes stay in their
 * places in it. All is in memory and gone when it is freed.
 */
#include "copies.h"
#include "counters.h"
#include "learn_diff.h"
#include "live.h"
#include "overlay.h"
#include "session.h"
#include "session_private.h"
#include "session_view.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <unistd.h>

/* Beyond the indexes of the routes that are declared; each layer's numbers are its own. */
#define FIRST_INDEX 0x20000000u

/* What the end of a connection may take: the kernel ends it when the last file is closed, a little after. */
#define PATIENCE_MS 5000

/* One time that learn mode was on. */
struct learn {
    struct learn *before;      /* owned */
    struct session_view *view; /* owned */
    struct route *route;       /* borrowed: the tree's */
    int lower_fd;              /* the view's mount; owned while it is on, else -1 */
    bool is_trusted;           /* of struct overlay */
    bool is_on;
};

static const char **layer_dirs(const struct tree *tree, size_t *ret_n)
{
    *ret_n = union_n_layers(tree->stack);
    const char **dirs = g_new0(const char *, *ret_n + 1);
    for (size_t i = 0; i < *ret_n; i++)
        dirs[i] = union_layer_dir(tree->stack, (uint16_t)i);
    return dirs;
}

/* A route at the root that nobody has declared; takes the overlay's descriptors. */
static struct route *new_route(struct overlay *overlay, unsigned index)
{
    struct route *route = g_new0(struct route, 1);
    const struct route_spec spec = {.kind = ROUTE_TMPFS, .target = "/"};
    route_spec_copy(&route->spec, &spec);
    route->target = g_strdup("/");
    route->index = index;
    route->root_fd = g_steal_fd(&overlay->root_fd);
    route->upper_fd = g_steal_fd(&overlay->upper_fd);
    route->lock_fd = -1;
    if (overlay->is_trusted)
        route->copies = copies_new(route->root_fd, route->upper_fd);
    route->own_mount = route->no_birth = route->root_is_dir = route->is_private = route->is_learn = true;
    return route;
}

/* The view ends when nothing else has its mount. */
static void let_go(struct learn *learn)
{
    if (learn->lower_fd >= 0)
        close(learn->lower_fd);
    learn->lower_fd = -1;
    learn->is_on = false;
}

static struct learn *current(const struct session *session)
{
    return session->learn != NULL && session->learn->is_on ? session->learn : NULL;
}

/* Makes a layer; nobody sees it yet. Returns 0 with the route in *ret, or -errno. */
static int open_layer(struct session *session, struct learn *learn, const struct tmpfs_size *size, struct route **ret,
                      char **ret_why)
{
    size_t n_layers;
    struct overlay overlay;
    g_autofree const char **layers = layer_dirs(session->tree, &n_layers);
    int status = session_view_new(layers, n_layers, session->tree, &learn->view, &learn->lower_fd, ret_why);
    if (status < 0)
        return status;
    status = overlay_new(learn->lower_fd, size, &overlay, ret_why);
    if (status < 0)
        return status;
    learn->is_trusted = overlay.is_trusted;
    *ret = new_route(&overlay, FIRST_INDEX + session->n_learns++);
    return 0;
}

/* Frees the layers that are not in use any more, as far as they have ended by now. */
static void free_ended(struct session *session, unsigned patience_ms)
{
    pthread_mutex_lock(&session->learn_lock);
    for (struct learn **link = &session->learn, *learn; (learn = *link) != NULL;) {
        if (!learn->is_on && session_view_free(learn->view, patience_ms)) {
            *link = learn->before;
            g_free(learn);
        } else {
            link = &learn->before;
        }
    }
    pthread_mutex_unlock(&session->learn_lock);
}

static int switch_on(struct session *session, const struct tmpfs_size *size, const struct live_kept *kept,
                     struct live *live, char **ret_why)
{
    struct learn *learn = g_new0(struct learn, 1);
    learn->lower_fd = -1;
    int status = open_layer(session, learn, size, &learn->route, ret_why);
    if (status == 0) {
        status = live_cover(session->tree, learn->route, kept, live);
        if (status < 0)
            *ret_why = g_strdup_printf("learn mode: the throw-away layer does not answer: %s", g_strerror(-status));
    }
    if (status < 0) {
        let_go(learn);
        (void)session_view_free(learn->view, PATIENCE_MS);
        g_free(learn);
        return status;
    }
    pthread_mutex_lock(&session->learn_lock);
    learn->before = session->learn;
    learn->is_on = true;
    session->learn = learn;
    pthread_mutex_unlock(&session->learn_lock);
    atomic_fetch_or(&session->ops.counters->features, COUNTERS_FEATURE_LEARN);
    return 0;
}

int session_begin_learn(struct session *session, char **ret_why)
{
    const struct live_kept nothing = {NULL, 0};
    struct live live;
    int status = switch_on(session, &session->learn_size, &nothing, &live, ret_why);
    if (status == 0)
        live_end(&live, true);
    return status;
}

static int check_switch(const struct session *session, const struct session_protected *protected, char **ret_why)
{
    if (session->fuse == NULL || session_is_gone(session)) {
        *ret_why = g_strdup("nothing is mounted any more");
        return -ENOTCONN;
    }
    if (session->can_expire || protected->n_paths == 0)
        return 0;
    *ret_why =
        g_strdup_printf("learn mode cannot be switched: something is mounted at %s, and would be detached by this "
                        "kernel, which cannot expire a name (Linux 6.2 can); unmount it, or mount with --learn",
                        protected->paths[0]);
    return -ENOTSUP;
}

/* A mount goes along with a directory that is renamed, and would hang on a name that the image does not have. */
static int check_moved(const struct learn *learn, const struct session_protected *protected, char **ret_why)
{
    for (size_t i = 0; learn->is_trusted && i < protected->n_paths; i++) {
        const char *path = protected->paths[i];
        g_autofree char *lower = overlay_lower_path(learn->route->upper_fd, path);
        if (strcmp(lower, path) == 0)
            continue;
        *ret_why = g_strdup_printf("learn mode cannot be switched off: something is mounted at %s, in a directory that "
                                   "was renamed (it was %s); rename it back, or unmount that",
                                   path, lower);
        return -EBUSY;
    }
    return 0;
}

int session_learn(struct session *session, bool on, const struct tmpfs_size *size,
                  const struct session_protected *protected, char **ret_why)
{
    const struct live_kept kept = {protected->paths, protected->n_paths};
    struct live live;
    int status = 0;
    pthread_mutex_lock(&session->change_lock);
    free_ended(session, 0);
    struct learn *learn = current(session);
    if (on != (learn != NULL))
        status = check_switch(session, protected, ret_why);
    if (status == 0 && !on && learn != NULL)
        status = check_moved(learn, protected, ret_why);
    if (status == 0 && on && learn == NULL) {
        status = switch_on(session, size != NULL ? size : &session->learn_size, &kept, &live, ret_why);
        if (status == 0)
            session_tell_kernel(session, &live, true);
    } else if (status == 0 && !on && learn != NULL) {
        live_uncover(session->tree, learn->route, &kept, &live);
        pthread_mutex_lock(&session->learn_lock);
        let_go(learn);
        pthread_mutex_unlock(&session->learn_lock);
        atomic_fetch_and(&session->ops.counters->features, ~(uint64_t)COUNTERS_FEATURE_LEARN);
        session_tell_kernel(session, &live, true);
        ops_route_unused(&session->ops, learn->route);
    }
    pthread_mutex_unlock(&session->change_lock);
    return status;
}

bool session_is_learning(struct session *session)
{
    pthread_mutex_lock(&session->learn_lock);
    bool is_on = current(session) != NULL;
    pthread_mutex_unlock(&session->learn_lock);
    return is_on;
}

bool session_learn_space(struct session *session, uint64_t *ret_size, uint64_t *ret_used)
{
    pthread_mutex_lock(&session->learn_lock);
    const struct learn *learn = current(session);
    if (learn != NULL)
        overlay_space(learn->route->upper_fd, ret_size, ret_used);
    pthread_mutex_unlock(&session->learn_lock);
    return learn != NULL;
}

/* Whether a layer is still the one in use. @number: its route's index. */
static bool is_current(struct session *session, unsigned number)
{
    pthread_mutex_lock(&session->learn_lock);
    const struct learn *learn = current(session);
    bool is_same = learn != NULL && learn->route->index == number;
    pthread_mutex_unlock(&session->learn_lock);
    return is_same;
}

struct learn_diff *session_learn_diff(struct session *session)
{
    int upper_fd = -1, lower_fd = -1;
    unsigned number = 0;
    bool is_trusted = false;
    pthread_mutex_lock(&session->learn_lock);
    const struct learn *learn = current(session);
    if (learn != NULL) {
        number = learn->route->index;
        upper_fd = fcntl(learn->route->upper_fd, F_DUPFD_CLOEXEC, 0);
        lower_fd = fcntl(learn->lower_fd, F_DUPFD_CLOEXEC, 0);
        is_trusted = learn->is_trusted;
    }
    pthread_mutex_unlock(&session->learn_lock);
    if (learn == NULL)
        return NULL;
    /* Without the lock: a large layer takes long, and learn mode may be switched off meanwhile. */
    struct learn_diff *diff = learn_diff_new(session->tree, &session->turns, upper_fd, lower_fd, is_trusted);
    if (upper_fd >= 0)
        close(upper_fd);
    if (lower_fd >= 0)
        close(lower_fd);
    /* Then the image was not the same all the while. */
    if (!is_current(session, number))
        g_clear_pointer(&diff, learn_diff_free);
    return diff;
}

void session_free_learn(struct session *session)
{
    if (session->learn != NULL)
        let_go(session->learn);
    free_ended(session, PATIENCE_MS);
}
