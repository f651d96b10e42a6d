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

/* By the directory alone, which is absolute and clean. Never for /, /etc, /usr and the like, nor below them. Pure. */
enum run_hint_kind run_hint_of(const char *directory);

/* A volume's name for a directory: letters, digits and "-", never empty. Owned by the caller. Pure. */
char *run_hint_volume_name(const char *directory);

/* Whether a path is a directory or below it; "/" holds all. Pure. */
bool run_hint_is_below(const char *path, const char *directory);

#endif
