/*
 * session_aside - a thread with descriptors of its own, for what may wait in the kernel for a client.
 *
 * A notice to the kernel waits for the lock of a directory, which a client may hold who waits for our answer. If we are killed
 * then, the client is let go when our end of the connection is closed, and that is when the last thread that shares its
 * descriptor is gone: it must not be the one that waits for the client, or both wait for ever. So it has an end of its own.
 */
#ifndef ROFUSE_FS_SESSION_ASIDE_H
#define ROFUSE_FS_SESSION_ASIDE_H

/*
 * session_aside - runs something in such a thread, and returns when it is done.
 *
 * @fuse_fd: the descriptor of a FUSE connection. In the thread the same number is another one of that connection, by which
 *           notices can be sent. All others but the standard ones are closed there.
 * @run:     must use no descriptor that was opened elsewhere. All signals are blocked in it.
 *
 * Where no such thread can be had (/dev/fuse may not be opened), it runs with copies of the caller's descriptors. Any thread.
 */
void session_aside(int fuse_fd, void (*run)(void *data), void *data);

#endif
