/*
 * compose_schema - which keys a Compose file may have, and of which type (compose-spec, schema/compose-spec.json).
 *
 * Three kinds: keys that are honoured are checked to the last level; keys of the specification that concern neither a
 * file system nor a process are accepted whatever is below them; any other key is an error, unless it begins with "x-".
 */
#ifndef ROFUSE_SRC_COMPOSE_SCHEMA_H
#define ROFUSE_SRC_COMPOSE_SCHEMA_H

#include "compose_node.h"

/* Checks a whole file, before anything is merged. FALSE with one line "FILE:LINE:COLUMN: KEY: …". */
gboolean compose_schema_check(const struct compose_node *root, GError **error);

#endif
