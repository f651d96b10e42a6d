/*
 * run_ids - user namespaces: who is who inside.
 *
 * Where newuidmap(1), newgidmap(1) and lines in /etc/subuid and /etc/subgid give the user a range, root inside is the
 * user himself and the others are the range, in order from 1. Else the user is the only one inside, under one number.
 */
#ifndef ROFUSE_SRC_RUN_IDS_H
#define ROFUSE_SRC_RUN_IDS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One line of a uid_map or gid_map (user_namespaces(7)). */
struct run_id_range {
    uint32_t inside, outside, count;
};

#define RUN_MOST_RANGES 16

struct run_id_maps {
    struct run_id_range users[RUN_MOST_RANGES], groups[RUN_MOST_RANGES];
    size_t n_users, n_groups;
    bool is_single; /* one user, one group; written without help */
};

/*
 * run_ids_plan - the maps of this process's user.
 *
 * @uid, @gid: who will run inside; without ranges they are the number that the user has there.
 */
void run_ids_plan(uid_t uid, gid_t gid, struct run_id_maps *ret);

/* Gives a process that lives in a new user namespace of ours its maps. FALSE with one line. Starts processes. */
gboolean run_ids_write(const struct run_id_maps *maps, pid_t pid, GError **error);

/* Whether a user and a group exist in the user namespace that this process lives in. */
bool run_ids_exist(uid_t uid, gid_t gid);

/* Whether this process may mount and make namespaces: CAP_SYS_ADMIN in its user namespace. */
bool run_ids_may_mount(void);

/* Whether this process lives in the first user namespace, the one that knows everybody. */
bool run_ids_is_initial(void);

/*
 * run_ids_enter - puts this process itself into a new user and mount namespace, in which it is root.
 *
 * For an ordinary user before the mount's daemon is started: then the owners of the image's files are those of the
 * namespace, and run_start_and_wait() needs no other one. Mounts made outside later are still seen. Nothing is done
 * where run_ids_may_mount() is true already. FALSE with one line. Only while the process has one thread.
 */
gboolean run_ids_enter(GError **error);

/* A range's lines of /etc/subuid or /etc/subgid for a user, by name (may be NULL) or number, into @ranges behind the
 * @n that are there; returns how many there are then. Pure. */
size_t run_ids_parse(const char *text, const char *name, uid_t uid, struct run_id_range ranges[static RUN_MOST_RANGES],
                     size_t n);

#endif
