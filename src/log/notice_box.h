/*
 * notice_box - messages about the mount itself on their way into the logs.
 *
 * The main thread must never wait for a stuck log, and a sink is written to by its own thread only. So the main thread
 * puts a notice into the box of each sink and wakes the sink's thread (denial_log_reopen()), which takes it from there.
 * The box is shared by the two and lives until both have let go of it.
 */
#ifndef ROFUSE_SRC_NOTICE_BOX_H
#define ROFUSE_SRC_NOTICE_BOX_H

#include <stdbool.h>
#include <time.h>

struct notice_box;

struct notice {
    struct timespec time; /* CLOCK_REALTIME, when it was posted */
    char *message;        /* owned */
};

/* A box with one reference. */
struct notice_box *notice_box_new(void);
struct notice_box *notice_box_ref(struct notice_box *box);
void notice_box_unref(struct notice_box *box);

/* Puts a message in; a box that nobody empties keeps the first few and forgets the rest. Any thread, never blocks. */
void notice_box_post(struct notice_box *box, const char *message);

/* Takes the oldest out; its message is the caller's, g_free(). False when there is none. Any thread. */
bool notice_box_take(struct notice_box *box, struct notice *ret);

/* Asks for what the sink writes to to be opened anew; notice_box_take_reopen() tells it once. Any thread. */
void notice_box_post_reopen(struct notice_box *box);
bool notice_box_take_reopen(struct notice_box *box);

#endif
