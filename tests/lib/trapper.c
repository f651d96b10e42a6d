/*
 * trapper - a caller whose memory cannot be read without waiting for another daemon.
 *
 * trapper DIRECTORY THREADS FILE
 *
 * FILE, a page or more, lies on a file system whose daemon will be stopped. It is mapped and written to; "mapped" is
 * printed; a line on standard input says that the other daemon is stopped. Then something else is mapped in its place: the
 * kernel writes the page back (fuse_vma_close) with this process's memory lock held, so that whoever wants to read its
 * command line or a path waits as well. Meanwhile each thread calls mkdir(2) below DIRECTORY for ever. It is meant to be
 * killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096
#define MOST_THREADS 64

struct job {
    const char *directory;
    int number;
    char path[PAGE];
};

static pthread_barrier_t begun;

static void try_mkdir(struct job *job, long turn)
{
    snprintf(job->path, sizeof job->path, "%s/trap-%d-%ld", job->directory, job->number, turn);
    if (mkdir(job->path, 0755) == 0)
        _exit(1);
}

static void *work(void *data)
{
    struct job *job = data;
    /* Once before: what a thread needs of its memory is there, and no fault waits for the lock. */
    try_mkdir(job, 0);
    pthread_barrier_wait(&begun);
    for (long turn = 1;; turn++)
        try_mkdir(job, turn);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct job jobs[MOST_THREADS];
    int threads = argc == 4 ? atoi(argv[2]) : 0;
    if (threads < 1 || threads > MOST_THREADS)
        return 2;
    int fd = open(argv[3], O_RDWR | O_CLOEXEC);
    char *page = fd < 0 ? MAP_FAILED : mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        fprintf(stderr, "trapper: %s\n", strerror(errno));
        return 1;
    }
    pthread_barrier_init(&begun, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++) {
        pthread_t thread;
        jobs[i] = (struct job){.directory = argv[1], .number = i};
        if (pthread_create(&thread, NULL, work, &jobs[i]) != 0)
            return 1;
    }
    page[0] = 'x';
    char line[16];
    if (write(STDOUT_FILENO, "mapped\n", 7) != 7 || read(STDIN_FILENO, line, sizeof line) < 1)
        return 1;
    pthread_barrier_wait(&begun);
    page[0] = 'y'; /* again: somebody's sync may have written it back meanwhile */
    mmap(page, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (;;)
        pause();
}
