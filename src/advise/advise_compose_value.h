/*
 * advise_compose_value - an advice as what a Compose file's service says: the elements of its lists.
 */
#ifndef ROFUSE_SRC_ADVISE_COMPOSE_VALUE_H
#define ROFUSE_SRC_ADVISE_COMPOSE_VALUE_H

#include "advice.h"

/*
 * advise_compose_value - an element of the list "tmpfs" or "volumes", without the quotes that YAML may want; dollars are doubled.
 *
 * A tmpfs with the image's content is a volume without a name: Compose has no word for the copy, and docker fills a volume.
 * @ret_key: "tmpfs" or "volumes". Owned by the caller; NULL for other kinds.
 */
char *advise_compose_value(const struct advice *advice, const char **ret_key);

/* A text in which Compose finds no variable. Owned by the caller. */
char *advise_compose_escape(const char *text);

#endif
