/*
 * watch_advice - the advice of rofuse advise for a mount, into a file.
 */
#ifndef ROFUSE_SRC_WATCH_ADVICE_H
#define ROFUSE_SRC_WATCH_ADVICE_H

#include <glib.h>

/*
 * watch_advice_write - runs this program's own advise for a mount and writes what it prints.
 *
 * @state_dir: value of --state-dir, or NULL. The file must not be there yet. FALSE with one line.
 */
gboolean watch_advice_write(const char *mount, const char *state_dir, const char *path, GError **error);

#endif
