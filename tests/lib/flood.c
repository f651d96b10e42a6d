/*
 * flood - makes denied calls as fast as it can, a bounded number of them.
 *
 * flood DIRECTORY PROCESSES THREADS CALLS same|distinct [until-told]
 *
 * Each thread of each process calls mkdir(2) CALLS times below DIRECTORY, for the same name or for ever new ones; until-told:
 * at least so often, and until standard input ends.
 * A line "started" comes on standard output when the first call has returned. The last line is the number of calls that
 * failed with EROFS; any other answer ends it with status 1.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
    atomic_long denied;
    atomic_bool started;
    atomic_bool may_end;
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
    for (long number = 0; number < job->calls || !atomic_load(&job->shared->may_end); number++) {
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

/* Waits for the end of standard input. */
static void wait_until_told(void)
{
    char piece[16];
    ssize_t n;
    do {
        n = read(STDIN_FILENO, piece, sizeof piece);
    } while (n > 0 || (n < 0 && errno == EINTR));
}

int main(int argc, char **argv)
{
    bool until_told = argc == 7 && strcmp(argv[6], "until-told") == 0;
    if (argc != 6 && !until_told) {
        fprintf(stderr, "usage: flood DIRECTORY PROCESSES THREADS CALLS same|distinct [until-told]\n");
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
    atomic_store(&shared->may_end, !until_told);
    struct job job = {
        .shared = shared, .directory = argv[1], .calls = atol(argv[4]), .distinct = strcmp(argv[5], "distinct") == 0};
    for (job.process = 0; job.process < processes; job.process++) {
        pid_t pid = fork();
        if (pid < 0)
            return 1;
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would tell them any more */
            _exit(run_process(&job, threads));
        }
    }
    if (until_told)
        wait_until_told();
    atomic_store(&shared->may_end, true);
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
