#include "control_budget.h"

#include <poll.h>
#include <time.h>

/* So long for one microsecond of work: a quarter of a processor for all. */
#define PRICE 4

/* What may be owed while others still begin. */
#define BURST_US 400000

/* One command that takes long does not keep the others waiting for longer. */
#define MOST_OWED_US 4000000

void control_budget_init(struct control_budget *budget)
{
    *budget = (struct control_budget){0};
    pthread_mutex_init(&budget->lock, NULL);
}

void control_budget_clear(struct control_budget *budget)
{
    pthread_mutex_destroy(&budget->lock);
}

void control_budget_wait(struct control_budget *budget, int stop_fd)
{
    for (;;) {
        pthread_mutex_lock(&budget->lock);
        gint64 early = budget->free_at - BURST_US - g_get_monotonic_time();
        pthread_mutex_unlock(&budget->lock);
        struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
        if (early <= 0 || poll(&stop, 1, (int)(early / 1000) + 1) > 0)
            return;
    }
}

gint64 control_budget_used(void)
{
    struct timespec used;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) < 0)
        return 0;
    return (gint64)used.tv_sec * G_USEC_PER_SEC + used.tv_nsec / 1000;
}

void control_budget_charge(struct control_budget *budget, gint64 used)
{
    gint64 now = g_get_monotonic_time();
    pthread_mutex_lock(&budget->lock);
    budget->free_at = MIN(MAX(budget->free_at, now) + used * PRICE, now + MOST_OWED_US);
    pthread_mutex_unlock(&budget->lock);
}
