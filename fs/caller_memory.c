#include "caller_memory.h"

#include "proc_file.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#define PAGE 4096
/* The reader may have to wait for a processor; who makes it wait longer is hostile or stopped. */
#define PATIENCE_NS INT64_C(500000000)

/* Belongs to whoever asks, or, once he has gone on, to the reader. */
struct job {
    pid_t tid;
    enum caller_memory_kind kind;
    uint64_t address;
    size_t size;
    ssize_t length;
    bool done;      /* [lock] */
    bool abandoned; /* [lock] */
    char data[];
};

struct caller_memory {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    struct job *job;        /* [lock] asked for or being done */
    int64_t job_since;      /* [lock] CLOCK_MONOTONIC ns */
    bool stopping;          /* [lock] */
    pthread_t thread;
};

static bool read_piece(const struct job *job, size_t at, size_t size, char *to)
{
    struct iovec local = {.iov_base = to, .iov_len = size};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)(job->address + at), .iov_len = size};
    return process_vm_readv(job->tid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* Page by page, as the next page need not be there. */
static ssize_t read_string(struct job *job)
{
    size_t used = 0;
    while (used < job->size) {
        size_t piece = MIN(PAGE - ((job->address + used) % PAGE), job->size - used);
        if (!read_piece(job, used, piece, job->data + used))
            return -errno;
        const char *end = memchr(job->data + used, '\0', piece);
        if (end != NULL)
            return end - job->data;
        used += piece;
    }
    return -ENAMETOOLONG;
}

static ssize_t read_job(struct job *job)
{
    switch (job->kind) {
    case CALLER_MEMORY_ARGS:
        return proc_file_read(job->tid, "cmdline", job->data, job->size);
    case CALLER_MEMORY_BYTES:
        return read_piece(job, 0, job->size, job->data) ? (ssize_t)job->size : -errno;
    case CALLER_MEMORY_STRING:
        return read_string(job);
    }
    return -EINVAL;
}

static void *run(void *data)
{
    struct caller_memory *memory = data;
    pthread_mutex_lock(&memory->lock);
    while (!memory->stopping) {
        struct job *job = memory->job;
        if (job == NULL) {
            pthread_cond_wait(&memory->changed, &memory->lock);
            continue;
        }
        pthread_mutex_unlock(&memory->lock);
        ssize_t length = read_job(job);
        pthread_mutex_lock(&memory->lock);
        memory->job = NULL;
        job->length = length;
        job->done = true;
        if (job->abandoned)
            g_free(job);
        pthread_cond_broadcast(&memory->changed);
    }
    pthread_mutex_unlock(&memory->lock);
    return NULL;
}

struct caller_memory *caller_memory_new(void)
{
    struct caller_memory *memory = g_new0(struct caller_memory, 1);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&memory->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&memory->lock, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&memory->thread, NULL, run, memory);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        return memory;
    pthread_cond_destroy(&memory->changed);
    pthread_mutex_destroy(&memory->lock);
    g_free(memory);
    return NULL;
}

void caller_memory_free(struct caller_memory *memory)
{
    if (memory == NULL)
        return;
    pthread_mutex_lock(&memory->lock);
    bool held_up = memory->job != NULL; /* left behind by whoever asked */
    memory->stopping = true;
    pthread_cond_broadcast(&memory->changed);
    pthread_mutex_unlock(&memory->lock);
    if (held_up) {
        pthread_detach(memory->thread);
        return;
    }
    pthread_join(memory->thread, NULL);
    pthread_cond_destroy(&memory->changed);
    pthread_mutex_destroy(&memory->lock);
    g_free(memory);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Waits for a change as long as the job that is being done is not too old; false when it is. */
static bool wait_locked(struct caller_memory *memory)
{
    int64_t until = memory->job_since + PATIENCE_NS;
    if (now_ns() >= until)
        return false;
    const struct timespec time = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    (void)pthread_cond_timedwait(&memory->changed, &memory->lock, &time);
    return true;
}

/* Takes back the answer to a job, or leaves the job to the reader. */
static ssize_t finish_locked(struct caller_memory *memory, struct job *job, char *buffer)
{
    while (!job->done && wait_locked(memory))
        ;
    if (!job->done) {
        job->abandoned = true;
        return -ETIMEDOUT;
    }
    ssize_t length = job->length;
    if (length >= 0) /* of what ends in a NUL, that too */
        memcpy(buffer, job->data, MIN((size_t)length + (job->kind != CALLER_MEMORY_BYTES), job->size));
    g_free(job);
    return length;
}

ssize_t caller_memory_read(struct caller_memory *memory, pid_t tid, enum caller_memory_kind kind, uint64_t address,
                           char *buffer, size_t size)
{
    if (memory == NULL)
        return -EBUSY;
    struct job *job = g_malloc(sizeof *job + size);
    *job = (struct job){.tid = tid, .kind = kind, .address = address, .size = size};

    pthread_mutex_lock(&memory->lock);
    while (memory->job != NULL && wait_locked(memory))
        ;
    ssize_t length = -EBUSY;
    if (memory->job == NULL) {
        memory->job = g_steal_pointer(&job);
        memory->job_since = now_ns();
        pthread_cond_broadcast(&memory->changed);
        length = finish_locked(memory, memory->job, buffer);
    }
    pthread_mutex_unlock(&memory->lock);
    g_free(job);
    return length;
}
