/*
 * turns - lets somebody wait until everything that was under way at a moment is done.
 *
 * Whoever serves a request counts himself in and out. Whoever has changed what a request may have read without a lock waits,
 * and frees it then. Those who serve never wait.
 */
#ifndef ROFUSE_FS_TURNS_H
#define ROFUSE_FS_TURNS_H

#include <stdatomic.h>
#include <stdbool.h>

struct turns {
    atomic_uint turn;
    atomic_uint under_way[2]; /* begun in a turn of that parity */
};

/* Begins something; what it returns is for turns_end(). Any thread. */
static inline unsigned turns_begin(struct turns *turns)
{
    unsigned turn = atomic_load(&turns->turn) & 1;
    atomic_fetch_add(&turns->under_way[turn], 1);
    return turn;
}

static inline void turns_end(struct turns *turns, unsigned turn)
{
    atomic_fetch_sub(&turns->under_way[turn], 1);
}

/* Waits until all that has begun before is done, at most so long. Returns whether it is. One thread at a time. */
bool turns_wait(struct turns *turns, unsigned milliseconds);

#endif
