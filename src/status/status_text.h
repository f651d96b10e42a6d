/*
 * status_text, status_json - what `rofuse status` prints: for people in columns, for programs as one JSON object
 * (schema rofuse.status/1).
 */
#ifndef ROFUSE_SRC_STATUS_TEXT_H
#define ROFUSE_SRC_STATUS_TEXT_H

#include "counters.h"
#include "guard.h"
#include "state.h"

#include <jansson.h>
#include <stdbool.h>

struct mount_status {
    const struct state *state;       /* borrowed */
    bool is_alive;                   /* its daemon lives */
    bool is_mounted;                 /* it is at its mount point */
    const struct guard_space *space; /* one for each route; borrowed */
    bool has_counters;
    struct counters counters;
    const json_t *live;        /* what the daemon says (daemon_status.c); NULL: it does not answer; borrowed */
    const char *options;       /* of the mount, as the kernel has them; NULL: it is not in the table; borrowed */
    const char *super_options; /* of the file system; the same */
};

/* One word: "alive", "starting", "detached" (in use, though no longer at its mount point), "dead" (daemon killed). */
const char *status_word(const struct mount_status *status);

/* The mounts as text or JSON that ends in a newline; owned by the caller, g_free(). */
char *status_text(const struct mount_status *statuses, size_t n);
char *status_json(const struct mount_status *statuses, size_t n);

#endif
