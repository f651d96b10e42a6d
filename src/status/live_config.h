/*
 * live_config - what a mount has now, routes that were added since it was made among them, as a declaration that makes the
 * same again.
 */
#ifndef ROFUSE_SRC_LIVE_CONFIG_H
#define ROFUSE_SRC_LIVE_CONFIG_H

#include "state.h"

/* A Compose file with one service; YAML that ends in a newline, owned by the caller. @service: what it is called there; NULL =
 * as the mount. Pure. */
char *live_config_compose(const struct state *state, const char *service);

/* The same facts as one JSON object of schema rofuse.live/1, with a newline; owned by the caller. Pure. */
char *live_config_json(const struct state *state);

#endif
