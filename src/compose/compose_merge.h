/*
 * compose_merge - one description over another (compose-spec 13-merge.md), for several files and for "extends".
 *
 * Mappings are merged by key, sequences appended, scalars replaced. command and entrypoint are replaced as a whole;
 * environment is merged by name in both of its forms; of volumes and tmpfs the later one at a target wins. !reset
 * removes, !override replaces. Keys that nobody here reads are replaced. Nothing is changed: what comes out shares its
 * parts with what went in.
 */
#ifndef ROFUSE_SRC_COMPOSE_MERGE_H
#define ROFUSE_SRC_COMPOSE_MERGE_H

#include "compose_node.h"

/* A service over another; both are mappings. */
struct compose_node *compose_merge_service(struct compose_forest *forest, struct compose_node *below,
                                           struct compose_node *above);

/* A file over another; both are mappings. */
struct compose_node *compose_merge_file(struct compose_forest *forest, struct compose_node *below,
                                        struct compose_node *above);

/* "KEY=VALUE" items, or a mapping already, as a mapping of scalars; a key without a value has null. NULL for NULL and
 * for null. */
struct compose_node *compose_merge_as_mapping(struct compose_forest *forest, struct compose_node *node);

#endif
