/*
 * compose_yaml - reads YAML with libyaml into a tree of nodes, anchors, aliases and merge keys ("<<") resolved.
 *
 * Limits, so that no file can cost more than its length: 1 MiB of text, 32 levels, COMPOSE_NODES_MAX nodes with every
 * alias counted as what it stands for ("billion laughs"). One document; keys are scalars and unique. Tags: YAML's own
 * (!!str, !!int …) and Compose's !reset and !override.
 */
#ifndef ROFUSE_SRC_COMPOSE_YAML_H
#define ROFUSE_SRC_COMPOSE_YAML_H

#include "compose_node.h"

#include <stddef.h>

#define COMPOSE_YAML_MAX (1024 * 1024)
#define COMPOSE_YAML_DEPTH_MAX 32

/*
 * compose_yaml_parse - the root of the only document.
 *
 * @budget: how many nodes may still be made for all files; counted down.
 * NULL with one line "FILE:LINE:COLUMN: …" (APP_ERROR_USAGE). Owned by the forest. One thread for a forest.
 */
struct compose_node *compose_yaml_parse(struct compose_forest *forest, const struct compose_source *source,
                                        const char *text, size_t length, guint *budget, GError **error);

#endif
