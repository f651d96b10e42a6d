/*
 * run_bundle - the config.json of an OCI runtime (runtime-spec config.md) for a program on a mount of ours.
 */
#ifndef ROFUSE_SRC_RUN_BUNDLE_H
#define ROFUSE_SRC_RUN_BUNDLE_H

#include "run_spec.h"

/*
 * run_bundle_write - writes DIRECTORY/config.json, and the three files of /etc beside it; the directory is made.
 *
 * root.path is the spec's root, absolute, and root.readonly is false: with true the runtime would put a read-only bind
 * over the mount, the kernel would refuse writes by itself, and the log would stay empty. A user namespace with the maps
 * of run_ids.h where this process may not mount. FALSE with one line.
 */
gboolean run_bundle_write(const struct run_spec *spec, const char *directory, GError **error);

#endif
