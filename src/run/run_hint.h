/*
 * run_hint - what to declare, in docker's words, so that a refused write works the next time.
 */
#ifndef ROFUSE_SRC_RUN_HINT_H
#define ROFUSE_SRC_RUN_HINT_H

#include <stdbool.h>

enum run_hint_kind {
    RUN_HINT_NONE,   /* nothing is proposed: programs and configuration live there */
    RUN_HINT_TMPFS,  /* what is needed for a while */
    RUN_HINT_VOLUME, /* what one would miss */
};

/*
 * run_hint_of - by the directory alone, which is absolute and clean.
 *
 * Never for /, nor for /etc, /usr and the like or below them, nor for a directory in the root that may be the program's own
 * ("/app"): a tmpfs would hide what the image has there, a volume would keep it as it is now. Pure.
 */
enum run_hint_kind run_hint_of(const char *directory);

/* Whether nobody would miss what is there: /tmp, /run, a cache. Pure. */
bool run_hint_is_passing(const char *directory);

/* A volume's name for a directory: letters, digits and "-", never empty. Owned by the caller. Pure. */
char *run_hint_volume_name(const char *directory);

/* Whether a path is a directory or below it; "/" holds all. Pure. */
bool run_hint_is_below(const char *path, const char *directory);

#endif
