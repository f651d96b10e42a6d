/*
 * control_budget - how much of a processor the commands of a socket may use together.
 *
 * What they have used is owed, and for a while nobody begins another one: then all who wait begin at once, so that who asks
 * little is answered whoever asks much. A short burst is free. Any thread.
 */
#ifndef ROFUSE_SRC_CONTROL_BUDGET_H
#define ROFUSE_SRC_CONTROL_BUDGET_H

#include <glib.h>
#include <pthread.h>

struct control_budget {
    pthread_mutex_t lock;
    gint64 free_at; /* [lock] when all is paid; monotonic, microseconds */
};

void control_budget_init(struct control_budget *budget);
void control_budget_clear(struct control_budget *budget);

/* Waits until another command may begin, or until @stop_fd is readable. */
void control_budget_wait(struct control_budget *budget, int stop_fd);

/* The processor's time that the calling thread has used so far, in microseconds. */
gint64 control_budget_used(void);

/* Adds microseconds that were used. */
void control_budget_charge(struct control_budget *budget, gint64 used);

#endif
