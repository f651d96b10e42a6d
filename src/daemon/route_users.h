/*
 * route_users - which processes use a route of a running mount, for the line that says who is in the way.
 */
#ifndef ROFUSE_SRC_ROUTE_USERS_H
#define ROFUSE_SRC_ROUTE_USERS_H

#include <glib.h>
#include <sys/types.h>

struct session;

/*
 * route_users - who stands in the route or has something of it open, as one text: "pid 42 (sh): working directory; ...", or
 * NULL for nobody that can be seen. Owned by the caller.
 *
 * Read in /proc, from the daemon itself; files are told by their numbers, without a request. Any thread.
 */
char *route_users(const struct session *session, const char *target, dev_t device);

#endif
