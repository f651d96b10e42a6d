/*
 * why_offline - explains a path of an image that is not mounted: nothing of it is declared writable.
 */
#ifndef ROFUSE_SRC_WHY_OFFLINE_H
#define ROFUSE_SRC_WHY_OFFLINE_H

#include "paths.h"
#include "run_user.h"

#include <glib.h>
#include <jansson.h>

struct why_image {
    const char *image;   /* a reference, or NULL */
    char *const *layers; /* directories on top of it, first = bottom; NULL = none */
};

/*
 * why_offline - an object of schema rofuse.why/1.
 *
 * @path: absolute inside the image. @user: "USER[:GROUP]", by the image's own passwd(5); NULL = root. @ret_user: who that is,
 * also after a failure; owned by the caller, run_user_clear(). Imports an image that the store lacks, and starts processes
 * for that: while the process has one thread. A new reference; NULL with one line.
 */
json_t *why_offline(const struct paths *paths, const struct why_image *image, const char *path, const char *user,
                    struct run_user *ret_user, GError **error);

#endif
