/*
 * state - what is written down about one mount, so that other commands find its daemon.
 *
 * One JSON object (schema rofuse.state/1) for each mount. The daemon writes it, status and umount read it; the
 * process is named by pid, start time and boot, so that a state whose daemon was killed is recognised.
 */
#ifndef ROFUSE_SRC_STATE_H
#define ROFUSE_SRC_STATE_H

#include "route.h"

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct state {
    char *name;           /* unique among the states of one directory; owned, like all below */
    char *mountpoint;     /* absolute */
    pid_t pid;            /* of the daemon, in the pid namespace that wrote it */
    uint64_t start_ticks; /* process_start_ticks() of it */
    char *boot_id;
    dev_t device;  /* of the mounted file system, so that its users can be found when it was detached; 0 = not yet */
    bool ready;    /* false: reserved, not mounted yet */
    int64_t since; /* when the mount was asked for, microseconds since 1970 */
    char *image;   /* what its layers are called together, or NULL */
    char **layers; /* first = bottom; NULL-terminated */
    struct route_spec *routes;
    size_t n_routes;
    unsigned *indexes;  /* of each route: state_counter(); NULL: none has come or gone */
    char **logs;        /* as --log says them; NULL-terminated */
    char **log_formats; /* of the same length: "json", "text" */
    unsigned fold;      /* seconds, 0 = off */
    char *volume_dir;
    char **limits;       /* session_limits() */
    char **read_only_at; /* where somebody has made it read-only for the kernel, for people (readonly_watch.h) */
    char **natives; /* where native mounts lie, paths inside the mount point; outer ones before those nested in them */
};

/* Frees a state and all it owns; NULL is allowed. */
void state_free(struct state *state);

/* A copy of a route's words with strings of its own; owned by the caller, route_spec_clear(). */
struct route_spec state_copy_route(const struct route_spec *spec);

/* As JSON, a new reference. */
json_t *state_to_json(const struct state *state);

/* Back from JSON; owned by the caller. NULL where it is no such object, or of another version. */
struct state *state_from_json(const json_t *json);

/* One route as JSON, all of its options by name; a new reference. */
json_t *state_route_to_json(const struct route_spec *spec);

/* Back from JSON; what @ret owns is the caller's, route_spec_clear(). False where it is no route. */
bool state_route_from_json(const json_t *json, struct route_spec *ret);

/* Which of the counters is that of route number @at (counters.h, changes). */
unsigned state_counter(const struct state *state, size_t at);

/* Adds a route at the end, taking over what @spec owns; takes one away. */
void state_add_route(struct state *state, struct route_spec *spec, unsigned index);
void state_remove_route(struct state *state, size_t at);

/* A route's options in docker's words, "ro,noexec,size=64m", or "" for none; owned by the caller. */
char *state_route_options(const struct route_spec *spec);

/* True while the daemon that the state names lives. */
bool state_is_alive(const struct state *state);

#endif
