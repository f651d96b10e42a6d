/*
 * image_plan - what an image that lies somewhere consists of: its configuration, and where its layers' blobs are.
 *
 * Read from an OCI layout or a docker archive; what is small is read and its digests are checked, layers are not.
 */
#ifndef ROFUSE_SRC_IMAGE_PLAN_H
#define ROFUSE_SRC_IMAGE_PLAN_H

#include "image.h"
#include "image_source.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

struct image_plan_layer {
    char *diff_id; /* "sha256:…" of its tar; owned, as all below */
    char *digest;  /* of the blob; NULL = not known */
    char *path;    /* of the blob in the source */
    int64_t size;  /* of the blob as the manifest says; -1 = not said */
};

struct image_plan {
    struct image_source *source;
    char *text;     /* the reference, for people */
    char *id;       /* "sha256:…" of the configuration */
    char *manifest; /* digest of the manifest; NULL for a docker archive */
    char *config_text;
    size_t config_size;
    struct image_config config;
    char **names; /* what the source calls it; NULL-terminated, never NULL */
    struct image_plan_layer *layers;
    size_t n_layers; /* first = bottom */
};

/* Owned by the caller, image_plan_free(). NULL with one line. May start a process (image_source_open()). */
struct image_plan *image_plan_read(const struct image_ref *ref, const struct image_options *options, GError **error);
void image_plan_free(struct image_plan *plan); /* NULL is allowed */

/* The two ways to fill one whose source and text are set; for image_plan_read(). */
gboolean image_plan_from_layout(struct image_plan *plan, const struct image_ref *ref, const char *platform,
                                GError **error);
gboolean image_plan_from_docker(struct image_plan *plan, const struct image_ref *ref, GError **error);

/* Makes room for as many layers as the configuration has diff_ids, and sets these; FALSE with one line where @n blobs
 * are named instead. The configuration's text must be there. @what: its name. */
gboolean image_plan_set_config(struct image_plan *plan, const char *what, size_t n, GError **error);

#endif
