/*
 * session_threads - the threads that serve one FUSE connection.
 *
 * There are as many as are needed for one to wait for requests always, up to a limit. They end with the connection.
 */
#ifndef ROFUSE_FS_SESSION_THREADS_H
#define ROFUSE_FS_SESSION_THREADS_H

struct fuse_session;
struct session_threads;

/* Bytes. What a connection may be given to write at once: its init has to see to that, as a request must fit the buffer. */
#define SESSION_THREADS_MAX_WRITE (1024 * 1024)

/* The buffer of a request, bytes: what a write carries, and room for its header (the kernel asks for less than a page). */
#define SESSION_THREADS_BUFFER (SESSION_THREADS_MAX_WRITE + 4096)

/* None yet. Owned by the caller, session_threads_free(). */
struct session_threads *session_threads_new(void);

/*
 * session_threads_start - starts @n of them (0 = the default) on a connection, all signals blocked in them.
 *
 * @fuse: borrowed, must outlive the threads. Returns 0 or -errno, and some may run even then.
 */
int session_threads_start(struct session_threads *threads, struct fuse_session *fuse, unsigned n);

/* A descriptor that becomes readable when all have ended. Owned by the threads. */
int session_threads_ended_fd(const struct session_threads *threads);

/* Joins them and frees all; the connection must have ended, or none was started. NULL is allowed. */
void session_threads_free(struct session_threads *threads);

#endif
