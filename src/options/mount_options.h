/*
 * mount_options - docker's words for writable places, read into struct route_spec.
 *
 * The three forms are docker run's: --tmpfs DST[:OPTS], -v [SRC:]DST[:OPTS] and --mount KEY=VALUE,…; the words and
 * their meanings are those of docker's command line reference (and of the kernel's tmpfs(5) for a tmpfs), and what
 * is not one of them is an error that names it. Nothing here looks at a file system.
 */
#ifndef ROFUSE_SRC_MOUNT_OPTIONS_H
#define ROFUSE_SRC_MOUNT_OPTIONS_H

#include "route.h"

#include <glib.h>
#include <stddef.h>

struct mount_options;

/*
 * mount_options_new - an empty set of routes.
 *
 * @directory: absolute; what a bind's source that begins with "." is relative to.
 * @home:      what "~" stands for in a bind's source, or NULL where that is not known.
 * Owned by the caller, mount_options_free(). One thread at a time.
 */
struct mount_options *mount_options_new(const char *directory, const char *home);
void mount_options_free(struct mount_options *options); /* NULL is allowed */

/*
 * Each reads one value and adds the route that it declares.
 *
 * @option: the option as the person wrote it ("-v"), for the error line.
 * Return FALSE with an APP_ERROR_USAGE of one line that names option, value, the wrong word and the mend; then nothing
 * was added. A target that is there already (after "/a/../b" became "/b") is an error too.
 */
gboolean mount_options_add_tmpfs(struct mount_options *options, const char *option, const char *value, GError **error);
gboolean mount_options_add_volume(struct mount_options *options, const char *option, const char *value, GError **error);
gboolean mount_options_add_mount(struct mount_options *options, const char *option, const char *value, GError **error);

/* Reads as mount_options_add_volume() does, but adds nothing: what was understood is the caller's, route_spec_clear().
 * @directory: what "." stands for instead of the set's own. */
gboolean mount_options_read_volume(const struct mount_options *options, const char *option, const char *value,
                                   const char *directory, struct route_spec *ret, GError **error);

/* Adds a route that was read elsewhere; its target is clean. @spec is taken and cleared when it was added; @option,
 * @value and the error as above. */
gboolean mount_options_add_spec(struct mount_options *options, const char *option, const char *value,
                                struct route_spec *spec, GError **error);

/* Copies all routes of another set into this one; where both declare a target, the other one's counts. */
void mount_options_override(struct mount_options *options, const struct mount_options *by);

/* What "~" stands for here, or NULL. Borrowed. */
const char *mount_options_home(const struct mount_options *options);

/* Makes those native that do not say whether they are. */
void mount_options_set_native(struct mount_options *options);

/* What was declared, in order. Owned by @options, valid until the next add or free. */
const struct route_spec *mount_options_routes(const struct mount_options *options, size_t *ret_n);

#endif
