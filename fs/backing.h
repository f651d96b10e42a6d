/*
 * backing - makes or opens the directory that serves a route.
 *
 * tmpfs: a detached tmpfs of the kernel's (fsopen, fsmount), so that size and nr_inodes are the kernel's business and
 * the memory is gone when the last descriptor is, whatever ended the daemon. volume: VOLUME_DIR/NAME/_data, created on
 * demand. bind: the host's directory or file. All may take long: nobody's lock may be held.
 */
#ifndef ROFUSE_FS_BACKING_H
#define ROFUSE_FS_BACKING_H

#include "patience.h"
#include "route.h"

/*
 * What the image has at the route's target, for the first copy into a new volume or a tmpcopyup tmpfs.
 * union is NULL, or layers empty, where the image has nothing there.
 */
struct backing_image {
    const struct union_stack *stack; /* borrowed */
    const char *path;                /* where the target lies in the union, no leading slash; borrowed */
    const uint16_t *layers;          /* the layers that make it up, topmost first; borrowed */
    size_t n_layers;
    bool is_dir;
    const struct patience *patience; /* for the copy, which ends with -ECANCELED; NULL = without end; borrowed */
};

/*
 * backing_open - opens (making and filling it where the spec says so) what serves a route.
 *
 * @spec:       what was declared.
 * @volume_dir: the store of named volumes, an absolute host path; made if missing.
 * @image:      the image's content at the target, to fill a new and empty volume or a tmpcopyup tmpfs.
 * @ret:        a route with root_fd, root_is_dir and is_private set, a copy of the spec, target NULL; owned by the
 *              caller, freed with backing_close().
 * @ret_why:    on failure one line for a person that names the route and the mend; owned, g_free().
 *
 * Returns 0 or -errno. A failed or interrupted fill leaves no half-filled volume behind. One thread at a time.
 */
int backing_open(const struct route_spec *spec, const char *volume_dir, const struct backing_image *image,
                 struct route **ret, char **ret_why);

/* Closes the root and frees the route; NULL is allowed. */
void backing_close(struct route *route);

/* The same of a route of which nothing comes: an anonymous volume that was made for it is removed, as nobody could come back
 * to it. */
void backing_give_up(struct route *route, const char *volume_dir);

#endif
