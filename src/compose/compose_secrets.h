/*
 * compose_secrets - a service's secrets and configs: files of the host, read-only, at places of their own (compose-spec
 * 08-configs.md, 09-secrets.md).
 */
#ifndef ROFUSE_SRC_COMPOSE_SECRETS_H
#define ROFUSE_SRC_COMPOSE_SECRETS_H

#include "compose_project.h"

/*
 * compose_secrets_read - adds a read-only bind for each that comes from a file: at /run/secrets/NAME, or /NAME for a
 * config, or where it says. uid, gid and mode are ignored for files, as Compose does.
 *
 * @warnings: gets one line for those that come from elsewhere and are not provided; owned by the array.
 * @where: "services.NAME". FALSE with one line "FILE:LINE:COLUMN: …".
 */
gboolean compose_secrets_read(const struct compose_project *project, const struct compose_node *service,
                              const char *where, struct mount_options *routes, GPtrArray *warnings, GError **error);

#endif
