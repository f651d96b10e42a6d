#include "turns.h"

#include <time.h>

/* Long enough for most requests, short enough not to be felt. */
#define STEP_NS 500000

static bool wait_for(const atomic_uint *under_way, unsigned *steps)
{
    const struct timespec step = {.tv_nsec = STEP_NS};
    while (atomic_load(under_way) > 0) {
        if (*steps == 0)
            return false;
        --*steps;
        nanosleep(&step, NULL);
    }
    return true;
}

bool turns_wait(struct turns *turns, unsigned milliseconds)
{
    unsigned steps = milliseconds * (1000000 / STEP_NS);
    /* Twice: who has read the turn before it changed may count himself in after the first look. */
    for (int i = 0; i < 2; i++) {
        unsigned before = atomic_fetch_add(&turns->turn, 1) & 1;
        if (!wait_for(&turns->under_way[before], &steps))
            return false;
    }
    return true;
}
