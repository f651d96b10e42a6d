/*
 * compose_vars - variables by name, in the order in which they were first set.
 *
 * Used for what is interpolated and for a service's environment. One thread at a time.
 */
#ifndef ROFUSE_SRC_COMPOSE_VARS_H
#define ROFUSE_SRC_COMPOSE_VARS_H

#include <glib.h>
#include <stdbool.h>

struct compose_vars;

struct compose_vars *compose_vars_new(void);
void compose_vars_free(struct compose_vars *vars); /* NULL is allowed */

/* Sets a variable; one that is there keeps its place. @value NULL: it is removed. */
void compose_vars_set(struct compose_vars *vars, const char *name, const char *value);

/* The value, owned by @vars until it is set again; NULL where there is none. */
const char *compose_vars_get(const struct compose_vars *vars, const char *name);

/* Sets all of a list of "KEY=VALUE" (what has no "=" is passed over); NULL is allowed. */
void compose_vars_add_list(struct compose_vars *vars, char *const *list);

/* As a NULL-terminated list of "KEY=VALUE", owned by the caller. */
char **compose_vars_to_list(const struct compose_vars *vars);

#endif
