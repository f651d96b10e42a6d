/*
 * image - an image whose layers lie unpacked in the store: got by its reference, unpacked first where that is needed.
 */
#ifndef ROFUSE_SRC_IMAGE_H
#define ROFUSE_SRC_IMAGE_H

#include "image_config.h"
#include "image_ref.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct image {
    char *id;      /* "sha256:…" of its configuration; NULL for a directory; owned, as all below */
    char *name;    /* by which the store knows it, or the directory; for people */
    char **layers; /* absolute paths of directories, first = bottom; NULL-terminated */
    struct image_config config;
    int *holds; /* descriptors that keep the layers from being removed while they are open (close-on-exec) */
    size_t n_holds;
};

struct image_options {
    const char *store;    /* directory of the store; made when something is imported */
    const char *platform; /* "OS/ARCH[/VARIANT]", or NULL: this machine's */
    const char *name;     /* under which it is kept, or NULL: what the source itself calls it */
    bool only_look;       /* nothing is imported: the layers are named as they will lie */
};

/*
 * image_get - the image that a reference names.
 *
 * What the store has already is not read again; layers that it lacks are unpacked into it (image_unpack.h), with
 * progress on stderr: a bar on a terminal, one line for each layer elsewhere. Starts processes; only while the process
 * has one thread. NULL with one line (APP_ERROR_FAILED; APP_ERROR_USAGE for a reference that cannot be meant). Owned by
 * the caller, image_free(), which lets go of the layers.
 */
struct image *image_get(const struct image_ref *ref, const struct image_options *options, GError **error);
void image_free(struct image *image); /* NULL is allowed */

#endif
