/*
 * run_user - who a "USER[:GROUP]" is inside a root file system, by its own passwd(5) and group(5).
 */
#ifndef ROFUSE_SRC_RUN_USER_H
#define ROFUSE_SRC_RUN_USER_H

#include <glib.h>
#include <stddef.h>
#include <sys/types.h>

struct run_user {
    uid_t uid;
    gid_t gid;
    gid_t *groups; /* supplementary, with gid itself first, as docker sets them; owned */
    size_t n_groups;
    char *home; /* of passwd(5), "/" where it does not say; owned */
    char *name; /* of passwd(5), or NULL; owned */
};

/*
 * run_user_find - as docker's --user: "user", "uid", with ":group" or ":gid"; NULL or "" = root.
 *
 * @root_fd: directory; files are opened below it with RESOLVE_IN_ROOT, and no more than 1 MiB of each is read. A number
 * needs no entry. Without a group it is passwd's one (0 where there is no entry), and group(5) gives the others; with a
 * group there are no others.
 * FALSE with one line (APP_ERROR_FAILED) that names what is not found. What @ret owns is the caller's.
 */
gboolean run_user_find(int root_fd, const char *text, struct run_user *ret, GError **error);

/* run_user_find() with the content of the two files at hand; NULL = there is none. Pure; any thread. */
gboolean run_user_find_in(const char *passwd, const char *group, const char *text, struct run_user *ret,
                          GError **error);

void run_user_clear(struct run_user *user); /* safe on a zeroed struct */

#endif
