#include "session_learn.h"

#include "overlay.h"
#include "session_view.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

/* Beyond those of the routes that are declared. */
#define ROUTE_INDEX 0x20000000u

struct learn {
    struct session_view *view; /* owned */
    struct overlay overlay;    /* owned, but for root_fd, which is the route's */
    struct route route;
};

static int make(struct learn *learn, const char *const *layers, size_t n_layers, struct tree *tree, char **ret_why)
{
    int lower_fd;
    int status = session_view_new(layers, n_layers, tree, &learn->view, &lower_fd, ret_why);
    if (status < 0)
        return status;
    status = overlay_new(lower_fd, &learn->overlay, ret_why);
    close(lower_fd);
    if (status < 0)
        return status;
    learn->route = (struct route){
        .spec = {.kind = ROUTE_TMPFS, .target = "/"},
        .target = "/",
        .index = ROUTE_INDEX,
        .root_fd = g_steal_fd(&learn->overlay.root_fd),
        .upper_fd = learn->overlay.upper_fd,
        .lock_fd = -1,
        .own_mount = true,
        .no_birth = true,
        .root_is_dir = true,
        .is_private = true,
        .is_learn = true,
    };
    status = tree_cover(tree, &learn->route);
    if (status < 0)
        *ret_why = g_strdup_printf("learn mode: the throw-away layer does not answer: %s", g_strerror(-status));
    return status;
}

int learn_new(const char *const *layers, size_t n_layers, struct tree *tree, struct learn **ret, char **ret_why)
{
    struct learn *learn = g_new0(struct learn, 1);
    learn->overlay = (struct overlay){.root_fd = -1, .upper_fd = -1};
    learn->route.root_fd = -1;
    int status = make(learn, layers, n_layers, tree, ret_why);
    if (status < 0)
        learn_free(learn);
    else
        *ret = learn;
    return status;
}

int learn_upper(const struct learn *learn)
{
    int fd = openat(learn->overlay.upper_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

void learn_free(struct learn *learn)
{
    if (learn == NULL)
        return;
    overlay_clear(&learn->overlay);
    if (learn->route.root_fd >= 0)
        close(learn->route.root_fd);
    session_view_free(learn->view);
    g_free(learn);
}
