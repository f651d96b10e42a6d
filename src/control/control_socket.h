/*
 * control_socket - the unix socket of a mount, RUN/NAME.sock.
 *
 * A name can be longer than what an address of a socket holds (unix(7), 107 bytes), so the file is reached by way of a
 * descriptor. Any thread.
 */
#ifndef ROFUSE_SRC_CONTROL_SOCKET_H
#define ROFUSE_SRC_CONTROL_SOCKET_H

#include <glib.h>

/* Where a mount's socket is. Owned by the caller, g_free(). */
char *control_socket_path(const char *run_directory, const char *name);

/* Listens, mode 0600; takes the place of a file that is left over. Returns a descriptor, owned by the caller, or -errno. */
int control_socket_listen(const char *path);

/* Connects. Returns a descriptor, owned by the caller, or -errno. */
int control_socket_connect(const char *path);

#endif
