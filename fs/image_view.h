/*
 * image_view - looks into the layers of an image that need not be mounted: what a path is there, routes left aside.
 *
 * For those who propose what to declare. A link in the image is followed inside of it, as a runtime follows the target of a
 * mount. Nothing is kept but the open layers; any thread.
 */
#ifndef ROFUSE_FS_IMAGE_VIEW_H
#define ROFUSE_FS_IMAGE_VIEW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct image_view;

/* Opens the layers, host directories, first = bottom. Returns 0 or -errno with a line in @ret_why (owned, g_free()). */
int image_view_open(const char *const *layers, size_t n_layers, struct image_view **ret, char **ret_why);
void image_view_free(struct image_view *view); /* NULL is allowed */

/*
 * image_view_look - what a path is, all links followed.
 *
 * @path: absolute, as a program spells it.
 * @ret_canonical: the path without links; for what is missing, where it would be: what is left of the path stands behind the
 * deepest directory that is there. Owned by the caller, g_free(); NULL where the answer is another error.
 * Returns 0, -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG, or what a layer answered.
 */
int image_view_look(const struct image_view *view, const char *path, struct stat *ret, char **ret_canonical);

/* The names of a directory, sorted, at most @most of them; NULL-terminated and owned, g_strfreev(). 0 or -errno. */
int image_view_list(const struct image_view *view, const char *path, size_t most, char ***ret);

/* Bytes of the files below a directory; looks at @most entries and then says what it has, and that there is more. 0 or
 * -errno. */
int image_view_size(const struct image_view *view, const char *path, size_t most, uint64_t *ret_bytes);

#endif
