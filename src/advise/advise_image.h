/*
 * advise_image - what is started, as docker, podman and rofuse call it.
 *
 * rofuse knows an image by where it lies (oci:DIR, a directory) or by its store's name; docker and Kubernetes know names alone,
 * podman some places too. Where there is no word that the target understands, IMAGE stands in its place, and a comment says
 * what to write for it. Pure.
 */
#ifndef ROFUSE_SRC_ADVISE_IMAGE_H
#define ROFUSE_SRC_ADVISE_IMAGE_H

#include "advise_render.h"
#include "advise_words.h"

/* Whether docker takes it for a name: [HOST[:PORT]/]PATH[:TAG][@sha256:HEX] (distribution/reference), and for no id. */
bool advise_image_is_name(const char *text);

/* The word, not quoted. Borrowed from @output, or static. */
const char *advise_image_word(const struct advise_output *output, enum advise_dialect dialect);

/* A comment, if that word is to be replaced. */
void advise_image_comment(GString *out, const struct advise_output *output, enum advise_dialect dialect);

#endif
