/*
 * compose_environment - a service's environment: its env_file, then its environment.
 */
#ifndef ROFUSE_SRC_COMPOSE_ENVIRONMENT_H
#define ROFUSE_SRC_COMPOSE_ENVIRONMENT_H

#include "compose_project.h"

/*
 * compose_environment_read - "KEY=VALUE" in the order of the files; a key that is said again keeps its place.
 *
 * A key without a value has that of the project's variables; where there is none it is left out.
 * @with_files: false: without env_file.
 * @where: "services.NAME". NULL in @ret where neither key is said. FALSE with one line "FILE:LINE:COLUMN: …".
 */
gboolean compose_environment_read(struct compose_project *project, const struct compose_node *service,
                                  const char *where, bool with_files, char ***ret, GError **error);

#endif
