/*
 * mount_csv - the long form of a route, --mount KEY=VALUE,…, quoted as CSV. Private to mount_options.c.
 */
#ifndef ROFUSE_SRC_MOUNT_CSV_H
#define ROFUSE_SRC_MOUNT_CSV_H

#include "mount_words.h"

/* Splits one line of CSV as docker does (Go's encoding/csv): a field that begins with a double quote ends at the next
 * single one, two of them mean one. Owned by the caller, g_strfreev(). NULL with a message that is static text. */
char **mount_csv_split(const char *text, const char **ret_message);

/* Reads the value's text into its spec. FALSE with one line as mount_options.h says. */
gboolean mount_csv_read(struct mount_value *value, GError **error);

#endif
