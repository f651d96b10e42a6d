/*
 * written - how much has been written where in a mount: in its routes, and on learn mode's layer.
 */
#ifndef ROFUSE_SRC_WRITTEN_H
#define ROFUSE_SRC_WRITTEN_H

#include "daemon.h"
#include "fact_written.h"

/* Looks; it reads the names on learn mode's layer. NULL: there is more than can be told. Owned by the caller,
 * fact_written_unref(). Takes the daemon's lock. */
struct fact_written *written_find(struct daemon *daemon);

#endif
