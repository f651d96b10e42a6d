/*
 * image_progress - how far an import is, on stderr: a bar on a terminal, one line for each layer elsewhere.
 */
#ifndef ROFUSE_SRC_IMAGE_PROGRESS_H
#define ROFUSE_SRC_IMAGE_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

struct image_progress;

/* @n: how many layers there are in all; @total: bytes of the blobs that will be read. Owned, image_progress_end(). */
struct image_progress *image_progress_start(size_t n, uint64_t total);

/* @done: bytes of all blobs so far; @layers: how many layers are there. Draws ten times a second at most. */
void image_progress_update(struct image_progress *progress, uint64_t done, size_t layers);

/* One layer (@number from 1) is there; @size: of its files; @dropped: attributes that could not be kept. */
void image_progress_layer(struct image_progress *progress, size_t number, const char *diff_id, uint64_t size,
                          uint64_t dropped);

/* Clears the bar. */
void image_progress_end(struct image_progress *progress);

/* "12.3 MiB"; owned by the caller. */
char *image_size_text(uint64_t bytes);

#endif
