/*
 * image_child - a process of its own for what reads bytes that others have made.
 *
 * It is forked and does not exec: all it needs (descriptors, names for error lines) is there before it gives its
 * rights up, nothing depends on /proc or on the program's file (which an update may have replaced), and there is no
 * hidden command that anybody else could call. The parent has one thread, so that the child may go on with GLib.
 * What comes back is a packet of fixed form, which is looked at as something that a stranger wrote.
 */
#ifndef ROFUSE_SRC_IMAGE_CHILD_H
#define ROFUSE_SRC_IMAGE_CHILD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* In the child, three descriptors have these numbers; others are closed. */
enum {
    IMAGE_CHILD_REPORT = 3,
    IMAGE_CHILD_INPUT = 4,  /* what is read */
    IMAGE_CHILD_OUTPUT = 5, /* a directory or a file to be written */
};

struct image_result {
    uint64_t done;    /* bytes of the input that were read so far */
    uint64_t size;    /* of all files */
    uint64_t entries; /* how many files, directories, … */
    uint64_t dropped; /* extended attributes that could not be kept */
};

enum image_child_state {
    IMAGE_CHILD_RUNS,
    IMAGE_CHILD_DONE,
    IMAGE_CHILD_FAILED,
};

struct image_child {
    pid_t pid;
    int fd; /* of the reports; readable when there is something to be taken; owned */
};

/* What the child does; it calls image_child_tell() now and then. FALSE with one line. */
typedef gboolean (*image_child_work)(void *data, struct image_result *result, GError **error);

/*
 * image_child_start - starts a process that is confined (image_confine()), works and ends.
 *
 * @input, @output: as above, borrowed; @is_directory: the output is one, and becomes all that the child sees.
 * FALSE with one line. The process must have one thread.
 */
gboolean image_child_start(struct image_child *child, int input, int output, bool is_directory, image_child_work work,
                           void *data, GError **error);

/* In the child: tells how far it is. */
void image_child_tell(const struct image_result *result);

/*
 * image_child_take - takes what there is, without waiting.
 *
 * DONE and FAILED come once, when the process has ended: the child is cleared then. FAILED with one line.
 */
enum image_child_state image_child_take(struct image_child *child, struct image_result *ret, GError **error);

/* Ends it, whatever it does; safe on one that is cleared. */
void image_child_kill(struct image_child *child);

#endif
