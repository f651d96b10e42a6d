#include "native.h"

#include "beneath.h"
#include "umount_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int native_check(const struct route_spec *routes, size_t n_routes, char **ret_why)
{
    size_t first = 0;
    while (first < n_routes && !routes[first].native)
        first++;
    if (first == n_routes)
        return 0;
    /* Asks exactly for what a mount needs: CAP_SYS_ADMIN in the user namespace that owns this mount namespace. */
    int fd = fsopen("tmpfs", FSOPEN_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    int error = errno;
    *ret_why =
        g_strdup_printf("%s %s: native needs the right to mount (%s); run rofuse as root, or in a user namespace "
                        "with a mount namespace of its own (unshare --map-root-user --mount), or leave out native",
                        route_kind_name(routes[first].kind), routes[first].target, g_strerror(error));
    return -error;
}

static int compare_target(const void *a, const void *b)
{
    const struct route *const *left = a, *const *right = b;
    return strcmp((*left)->target, (*right)->target);
}

/*
 * The routes in the order of where they have landed, which the image's symbolic links may have made another one than that
 * of the declared targets: a path comes before all that lies below it. Owned by the caller.
 */
static struct route **sorted_routes(const struct tree *tree, size_t *ret_n)
{
    GPtrArray *sorted = g_ptr_array_new();
    for (struct route *route = tree_first_route(tree); route != NULL; route = tree_next_route(route))
        g_ptr_array_add(sorted, route);
    g_ptr_array_sort(sorted, compare_target);
    *ret_n = sorted->len;
    return (struct route **)g_ptr_array_free(sorted, FALSE);
}

static bool is_below(const char *path, const char *outer)
{
    size_t length = strlen(outer);
    return strncmp(path, outer, length) == 0 && path[length] == '/';
}

/* The innermost native route that @sorted[@index] lies in, or NULL. */
static const struct route *find_outer(struct route **sorted, size_t index)
{
    for (size_t i = index; i > 0; i--)
        if (sorted[i - 1]->native && is_below(sorted[index]->target, sorted[i - 1]->target))
            return sorted[i - 1];
    return NULL;
}

int native_plan(const struct tree *tree, GPtrArray *limits, char **ret_why)
{
    size_t n_routes;
    g_autofree struct route **sorted = sorted_routes(tree, &n_routes);
    g_autoptr(GString) names = g_string_new(NULL);
    for (size_t i = 0; i < n_routes; i++) {
        struct route *route = sorted[i];
        const struct route_spec *spec = &route->spec;
        const struct route *outer = spec->native ? NULL : find_outer(sorted, i);
        route->native = spec->native || outer != NULL;
        route->is_private &= !route->native; /* it is written past the daemon */
        if (outer != NULL && spec->has_native) {
            *ret_why = g_strdup_printf("%s %s: is not to be native, and lies in the native %s %s, in which the kernel "
                                       "sees native mounts alone; make both native, or none",
                                       route_kind_name(spec->kind), spec->target, route_kind_name(outer->spec.kind),
                                       outer->spec.target);
            return -EINVAL;
        }
        if (outer != NULL)
            g_ptr_array_add(limits, g_strdup_printf("%s %s: native too, as it lies in the native %s %s",
                                                    route_kind_name(spec->kind), spec->target,
                                                    route_kind_name(outer->spec.kind), outer->spec.target));
        if (route->native)
            g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", spec->target);
    }
    if (names->len > 0)
        g_ptr_array_add(limits,
                        g_strdup_printf("native: %s: the kernel serves that alone, and what it refuses there is "
                                        "not in the log",
                                        names->str));
    return 0;
}

/* What is mounted below a source gets the same flags, as the gate would refuse there too. */
static int set_flags(int fd, const struct route_spec *spec)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_NODEV};
    const struct {
        bool is_set;
        uint64_t flag;
    } flags[] = {
        {spec->read_only, MOUNT_ATTR_RDONLY}, {spec->noexec, MOUNT_ATTR_NOEXEC}, {spec->nosuid, MOUNT_ATTR_NOSUID}};
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (flags[i].is_set)
            attr.attr_set |= flags[i].flag;
        else if (spec->kind == ROUTE_TMPFS)
            attr.attr_clr |= flags[i].flag; /* the tmpfs was made with them; a source keeps those of the host */
    }
    return mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0 ? -errno : 0;
}

static int clone_root(const struct route *route)
{
    int fd = open_tree(route->root_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
    return fd >= 0 ? fd : -errno;
}

/* Gives the tree a clone of the mount that has been moved away from it, at the same number. */
static int take_back(const struct route *route)
{
    int fd = clone_root(route);
    if (fd < 0)
        return fd;
    /* What is mounted over nested targets must not come to the tree's own view. */
    struct mount_attr attr = {.propagation = MS_PRIVATE};
    int status = mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0 ? -errno : 0;
    if (status == 0 && dup3(fd, route->root_fd, O_CLOEXEC) < 0)
        status = -errno;
    close(fd);
    return status;
}

/* Puts the route's mount over what @target shows. */
static int mount_over(struct route *route, int target)
{
    int fd = clone_root(route);
    /* Before Linux 6.15 a mount that is attached nowhere cannot be cloned; so it goes itself. */
    bool goes_itself = fd == -EINVAL && route->own_mount;
    if (goes_itself)
        fd = route->root_fd;
    if (fd < 0)
        return fd;
    int status = set_flags(fd, &route->spec);
    if (status == 0 && move_mount(fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        status = -errno;
    struct statx st = {0};
    if (status == 0 && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) < 0)
        status = -errno;
    if (status == 0)
        route->native_id = st.stx_mnt_id;
    if (goes_itself)
        return status == 0 ? take_back(route) : status;
    close(fd);
    return status;
}

int native_mount(const struct tree *tree, const char *mountpoint, char **ret_why)
{
    int root = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int status = root < 0 ? -errno : 0;
    size_t n_routes;
    g_autofree struct route **sorted = sorted_routes(tree, &n_routes);
    for (size_t i = 0; status == 0 && i < n_routes; i++) {
        struct route *route = sorted[i];
        if (!route->native)
            continue;
        /* Anew from the mount point, so that a nested one finds the mount that it is nested in; never through a link. */
        int target = beneath_open(root, route->target + 1, O_PATH, false);
        status = target < 0 ? target : mount_over(route, target);
        if (target >= 0)
            close(target);
        if (status < 0)
            *ret_why = g_strdup_printf("%s %s: cannot be mounted natively: %s; leave out native",
                                       route_kind_name(route->spec.kind), route->spec.target, g_strerror(-status));
    }
    if (root >= 0)
        close(root);
    else
        *ret_why = g_strdup_printf("%s: %s", mountpoint, g_strerror(-status));
    return status;
}

void native_unmount(const struct tree *tree, const char *mountpoint, bool *ret_busy)
{
    size_t n_routes;
    g_autofree struct route **sorted = sorted_routes(tree, &n_routes);
    for (size_t i = n_routes; i > 0; i--) {
        struct route *route = sorted[i - 1];
        if (route->native_id == 0)
            continue;
        int status = umount_beneath(mountpoint, route->target, route->native_id, false);
        if (status == -EBUSY) {
            *ret_busy = true;
            status = umount_beneath(mountpoint, route->target, route->native_id, true);
        }
        if (status == 0)
            route->native_id = 0;
    }
}
