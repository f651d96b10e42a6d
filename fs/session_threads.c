#include "session_threads.h"

#include "ops_private.h"
#include "session_order.h"

#include <errno.h>
#include <glib.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * Few threads: a request is cheapest when it is served on the caller's own processor (DESIGN.md decision 7), and the kernel
 * wakes the thread that waited last. More than one are needed all the same, as a route's disk may be slow or hang; when
 * none is left that waits for a request, another one is started.
 */
#define DEFAULT_THREADS 4
#define MAX_THREADS 64

struct session_threads {
    struct fuse_session *fuse;
    pthread_mutex_t lock;
    pthread_t threads[MAX_THREADS]; /* [lock] */
    unsigned n_started;             /* [lock] */
    atomic_uint n_running;
    atomic_int n_idle; /* threads that have no request */
    int ended_fd;
};

struct session_threads *session_threads_new(void)
{
    struct session_threads *threads = g_new0(struct session_threads, 1);
    pthread_mutex_init(&threads->lock, NULL);
    threads->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return threads;
}

static int start_thread(struct session_threads *threads);

/*
 * Waits for a request. False at the end of the mount.
 *
 * Not fuse_session_receive_buf: when the connection ends while a request is being handed over, the kernel says ECONNABORTED
 * (fuse_dev_do_read), and libfuse prints that. It is no news to anybody, and a terminal that takes nothing would keep the
 * daemon from ending.
 */
static bool receive(struct session_threads *threads, struct fuse_buf *buffer)
{
    while (!fuse_session_exited(threads->fuse)) {
        ssize_t length = read(fuse_session_fd(threads->fuse), buffer->mem, SESSION_THREADS_BUFFER);
        if (length >= (ssize_t)sizeof(struct fuse_in_header)) {
            session_order_received(threads->fuse);
            buffer->size = (size_t)length;
            return true;
        }
        /* ENOENT: the caller has been killed meanwhile. */
        if (length >= 0 || (errno != ENOENT && errno != EINTR && errno != EAGAIN))
            return false;
    }
    return false;
}

/* The thread that serves. One buffer each, used again for every request. */
static void *serve(void *data)
{
    struct session_threads *threads = data;
    struct fuse_buf buffer = {.mem = g_malloc(SESSION_THREADS_BUFFER)};
    ops_thread_ready();
    while (receive(threads, &buffer)) {
        if (atomic_fetch_sub(&threads->n_idle, 1) == 1)
            (void)start_thread(threads); /* without it requests wait for those that are served */
#if FUSE_VERSION < FUSE_MAKE_VERSION(3, 17)
        struct fuse_in_header *header = buffer.mem;
        if (header->opcode == FUSE_TMPFILE)
            header->opcode = FUSE_CREATE; /* OPS_TMPFILE_NAME tells them apart */
#endif
        fuse_session_process_buf(threads->fuse, &buffer);
        atomic_fetch_add(&threads->n_idle, 1);
    }
    fuse_session_exit(threads->fuse);
    g_free(buffer.mem);
    if (atomic_fetch_sub(&threads->n_running, 1) == 1) {
        uint64_t one = 1;
        (void)!write(threads->ended_fd, &one, sizeof one);
    }
    return NULL;
}

/* Starts one more thread, all signals blocked in it. Returns 0 or -errno; -EAGAIN when there are enough. */
static int start_thread(struct session_threads *threads)
{
    sigset_t all, before;
    sigfillset(&all);
    int error = EAGAIN;
    pthread_mutex_lock(&threads->lock);
    if (threads->n_started < MAX_THREADS) {
        atomic_fetch_add(&threads->n_running, 1);
        atomic_fetch_add(&threads->n_idle, 1);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(&threads->threads[threads->n_started], NULL, serve, threads);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (error == 0) {
            threads->n_started++;
        } else {
            atomic_fetch_sub(&threads->n_running, 1);
            atomic_fetch_sub(&threads->n_idle, 1);
        }
    }
    pthread_mutex_unlock(&threads->lock);
    return -error;
}

int session_threads_start(struct session_threads *threads, struct fuse_session *fuse, unsigned n)
{
    int status = 0;
    threads->fuse = fuse;
    n = n != 0 ? MIN(n, MAX_THREADS) : DEFAULT_THREADS;
    for (unsigned i = 0; i < n && status == 0; i++)
        status = start_thread(threads);
    return status;
}

int session_threads_ended_fd(const struct session_threads *threads)
{
    return threads->ended_fd;
}

/* A thread that still runs may start another one. */
static bool join_thread(struct session_threads *threads, unsigned number)
{
    pthread_mutex_lock(&threads->lock);
    bool there = number < threads->n_started;
    pthread_t thread = threads->threads[number % MAX_THREADS];
    pthread_mutex_unlock(&threads->lock);
    if (there)
        pthread_join(thread, NULL);
    return there;
}

void session_threads_free(struct session_threads *threads)
{
    if (threads == NULL)
        return;
    for (unsigned i = 0; join_thread(threads, i);)
        i++;
    pthread_mutex_destroy(&threads->lock);
    close(threads->ended_fd);
    g_free(threads);
}
