/*
 * image_interrupt - SIGINT, SIGTERM and SIGHUP while something is half done: they end this process as they would have
 * anyway, but only when that is removed.
 *
 * For a process with one thread. A signal that is ignored or blocked stays so.
 */
#ifndef ROFUSE_SRC_IMAGE_INTERRUPT_H
#define ROFUSE_SRC_IMAGE_INTERRUPT_H

#include <glib.h>
#include <signal.h>
#include <stdbool.h>

struct image_interrupt {
    int fd; /* to be polled for POLLIN; owned; -1 = nothing is watched */
    sigset_t watched, old;
    int number; /* of the signal that came, or 0 */
};

/* From now on such a signal waits until it is asked for. Where the kernel has no means left for that, they end us. */
void image_interrupt_begin(struct image_interrupt *interrupt);

/* Whether one has come. */
bool image_interrupt_came(struct image_interrupt *interrupt);

/* Around a call that waits for others, with nothing half done: there a signal ends the process at once. */
void image_interrupt_allow(const struct image_interrupt *interrupt);
void image_interrupt_forbid(const struct image_interrupt *interrupt);

/* As it was before. Does not return if a signal has come. */
void image_interrupt_end(struct image_interrupt *interrupt);

#endif
