/*
 * trapper - a caller whose own memory cannot be read without waiting for ever.
 *
 * trapper DIRECTORY THREADS FILE FILLER
 *
 * FILLER is some 12,000 bytes of anything. A whole page of it, in the middle of the command line that the kernel shows
 * in /proc/PID/cmdline, is replaced by a page of FILE, which lies on a file system whose daemon will have been stopped:
 * whoever reads the command line waits for that daemon. Prints "mapped", waits for a line on standard input (meanwhile
 * the other daemon is stopped); then each thread calls mkdir(2) below DIRECTORY, for ever. It is meant to be killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct job {
    const char *directory;
    int number;
};

static void *work(void *data)
{
    const struct job *job = data;
    for (long turn = 0;; turn++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/trap-%d-%ld", job->directory, job->number, turn);
        if (mkdir(path, 0755) == 0)
            _exit(1);
    }
    return NULL;
}

static bool lay_trap(const char *file, char *filler)
{
    unsigned long size = 4096, start = ((unsigned long)filler + size - 1) & ~(size - 1);
    if (start + size > (unsigned long)filler + strlen(filler)) {
        errno = EINVAL;
        return false;
    }
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && mmap((void *)start, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) != MAP_FAILED;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: trapper DIRECTORY THREADS FILE FILLER\n");
        return 2;
    }
    static char directory[4096];
    snprintf(directory, sizeof directory, "%s", argv[1]);
    int threads = atoi(argv[2]);
    if (threads < 1 || threads > 64)
        return 2;
    if (!lay_trap(argv[3], argv[4])) {
        fprintf(stderr, "trapper: %s\n", strerror(errno));
        return 1;
    }
    char line[16];
    if (write(STDOUT_FILENO, "mapped\n", 7) != 7 || read(STDIN_FILENO, line, sizeof line) < 1)
        return 1;
    static struct job jobs[64];
    for (int i = 0; i < threads; i++) {
        pthread_t thread;
        jobs[i] = (struct job){.directory = directory, .number = i};
        if (pthread_create(&thread, NULL, work, &jobs[i]) != 0)
            return 1;
    }
    for (;;)
        pause();
}
