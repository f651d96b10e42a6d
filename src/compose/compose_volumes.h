/*
 * compose_volumes - a service's writable places: its tmpfs and volumes, with the project's named volumes.
 */
#ifndef ROFUSE_SRC_COMPOSE_VOLUMES_H
#define ROFUSE_SRC_COMPOSE_VOLUMES_H

#include "compose_project.h"

/*
 * compose_volumes_read - adds the routes that a service declares.
 *
 * A named volume must be declared at the top of a file; its name for the store is what it says there, or PROJECT_KEY.
 * @places: gets a struct compose_place for each.
 * @external: gets the names of those that must exist already, owned by the array.
 * @where: "services.NAME". FALSE with one line "FILE:LINE:COLUMN: …".
 */
gboolean compose_volumes_read(const struct compose_project *project, const struct compose_node *service,
                              const char *where, struct mount_options *routes, GPtrArray *external, GPtrArray *places,
                              GError **error);

#endif
