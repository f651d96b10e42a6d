/*
 * flood - makes denied calls as fast as it can, a bounded number of them.
 *
 * flood DIRECTORY PROCESSES THREADS CALLS same|distinct
 *
 * Each thread of each process calls mkdir(2) CALLS times below DIRECTORY, for the same name or for ever new ones.
 * A line "started" comes on standard output when the first call has returned. The last line is the number of calls that
 * failed with EROFS; any other answer ends it with status 1.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
    atomic_long denied;
    atomic_bool started;
    atomic_int wrong; /* an errno that was not EROFS, or -1: mkdir worked */
};

struct job {
    struct shared *shared;
    const char *directory;
    long calls;
    bool distinct;
    int process, thread;
};

static void *work(void *data)
{
    const struct job *job = data;
    for (long number = 0; number < job->calls; number++) {
        char path[4096];
        if (job->distinct)
            snprintf(path, sizeof path, "%s/new-%d-%d-%ld", job->directory, job->process, job->thread, number);
        else
            snprintf(path, sizeof path, "%s/new", job->directory);
        if (mkdir(path, 0755) == 0 || errno != EROFS) {
            atomic_store(&job->shared->wrong, errno ? errno : -1);
            break;
        }
        atomic_fetch_add(&job->shared->denied, 1);
        if (!atomic_exchange(&job->shared->started, true) && write(STDOUT_FILENO, "started\n", 8) != 8)
            break;
    }
    return NULL;
}

static int run_process(const struct job *common, int threads)
{
    pthread_t ids[64];
    struct job jobs[64];
    for (int i = 0; i < threads; i++) {
        jobs[i] = *common;
        jobs[i].thread = i;
        if (pthread_create(&ids[i], NULL, work, &jobs[i]) != 0)
            return 1;
    }
    for (int i = 0; i < threads; i++)
        pthread_join(ids[i], NULL);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: flood DIRECTORY PROCESSES THREADS CALLS same|distinct\n");
        return 2;
    }
    int processes = atoi(argv[2]), threads = atoi(argv[3]);
    if (processes < 1 || threads < 1 || threads > 64) {
        fprintf(stderr, "flood: 1 process or more, 1 to 64 threads\n");
        return 2;
    }
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    struct job job = {
        .shared = shared, .directory = argv[1], .calls = atol(argv[4]), .distinct = strcmp(argv[5], "distinct") == 0};
    for (job.process = 0; job.process < processes; job.process++) {
        pid_t pid = fork();
        if (pid < 0)
            return 1;
        if (pid == 0)
            _exit(run_process(&job, threads));
    }
    bool good = true;
    for (int i = 0; i < processes; i++) {
        int status;
        good = wait(&status) > 0 && status == 0 && good;
    }
    if (atomic_load(&shared->wrong)) {
        fprintf(stderr, "flood: mkdir: %s\n", strerror(atomic_load(&shared->wrong)));
        return 1;
    }
    printf("%ld\n", atomic_load(&shared->denied));
    return good ? 0 : 1;
}
