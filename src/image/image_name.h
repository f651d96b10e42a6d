/*
 * image_name - the names that archives, layouts and the store give an image, held against what a person calls it.
 *
 * Source: docker's reference (distribution/reference) and podman's short names.
 */
#ifndef ROFUSE_SRC_IMAGE_NAME_H
#define ROFUSE_SRC_IMAGE_NAME_H

#include <glib.h>

/* Whether two names mean the same image: "busybox", "busybox:latest" and "docker.io/library/busybox:latest" do. */
gboolean image_name_equal(const char *a, const char *b);

/* Whether a name is what podman calls an image of its own that a person names without a registry: it builds "web:1" and
 * calls it "localhost/web:1". */
gboolean image_name_is_local(const char *name, const char *word);

#endif
