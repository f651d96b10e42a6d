/*
 * notify - tells a service manager how far we are (sd_notify(3)'s protocol, without its library).
 */
#ifndef ROFUSE_SRC_NOTIFY_H
#define ROFUSE_SRC_NOTIFY_H

/*
 * Sends @state ("READY=1") as one datagram to the socket that NOTIFY_SOCKET names, a path or, with "@" first, an
 * abstract name. Does nothing where it is not set. Returns 0 or -errno; nobody needs to care. Any thread, blocks never.
 */
int notify_send(const char *state);

#endif
