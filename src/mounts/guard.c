#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 2000

/* Runs in the child: writes its answers to @fd. */
typedef void (*question_function)(void *data, int fd);

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads until @size bytes are there, the child has ended, or time is up. Returns how many there are. */
static size_t read_answer(int fd, void *answer, size_t size)
{
    size_t have = 0;
    int64_t end = now_ms() + PATIENCE_MS;
    while (have < size) {
        int64_t left = end - now_ms();
        struct pollfd event = {.fd = fd, .events = POLLIN};
        int ready = left > 0 ? poll(&event, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            break;
        ssize_t n = read(fd, (char *)answer + have, size - have);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    return have;
}

static size_t ask(question_function question, void *data, void *answer, size_t size)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return 0;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        /* What it cannot be killed out of may last, and whoever reads our output waits for all who have it. */
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
            dup2(null, fd);
        question(data, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    size_t have = child > 0 ? read_answer(ends[0], answer, size) : 0;
    close(ends[0]);
    if (child > 0) {
        /* FUSE requests give way to SIGKILL; a child that does not is init's in the end, nobody waits for it here. */
        kill(child, SIGKILL);
        struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
        for (int i = 0; i < 100 && waitpid(child, NULL, WNOHANG) == 0; i++)
            nanosleep(&pause, NULL);
    }
    return have;
}

static void write_all(int fd, const void *data, size_t size)
{
    /* Less than PIPE_BUF at a time: whole or not at all. */
    if (write(fd, data, size) < 0)
        _exit(1);
}

struct places {
    const char *mountpoint;
    const char *const *targets;
    size_t n;
};

/* How many are used; a file system of others may say that more are free than there are. */
static uint64_t used_of(uint64_t all, uint64_t free)
{
    return all > free ? all - free : 0;
}

/* At most what JSON's integers hold: a tmpfs of 2^63 - 1 bytes has 2^63 of them in pages. */
static uint64_t times(uint64_t n, uint64_t size)
{
    uint64_t product;
    return __builtin_mul_overflow(n, size, &product) || product > INT64_MAX ? INT64_MAX : product;
}

static struct guard_space look(int root, const char *target)
{
    struct guard_space space = {0};
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, root, target, &how, sizeof how);
    if (fd < 0)
        return space;
    struct statvfs st;
    if (fstatvfs(fd, &st) == 0) {
        space.known = true;
        space.size = times(st.f_blocks, st.f_frsize);
        space.used = times(used_of(st.f_blocks, st.f_bfree), st.f_frsize);
        space.inodes = times(st.f_files, 1);
        space.inodes_used = times(used_of(st.f_files, st.f_ffree), 1);
    }
    close(fd);
    return space;
}

static void ask_statvfs(void *data, int fd)
{
    const struct places *places = data;
    int root = open(places->mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < places->n; i++) {
        struct guard_space space = root >= 0 ? look(root, places->targets[i]) : (struct guard_space){0};
        write_all(fd, &space, sizeof space);
    }
}

void guard_statvfs(const char *mountpoint, const char *const *targets, size_t n, struct guard_space *ret)
{
    struct places places = {mountpoint, targets, n};
    memset(ret, 0, n * sizeof *ret);
    size_t have = n > 0 ? ask(ask_statvfs, &places, ret, n * sizeof *ret) : 0;
    /* Half an answer is none. */
    size_t whole = have / sizeof *ret;
    if (whole < n)
        memset(ret + whole, 0, (n - whole) * sizeof *ret);
}

static void ask_probe(void *data, int fd)
{
    struct statfs st;
    int result = statfs(data, &st) == 0 ? 0 : -errno;
    write_all(fd, &result, sizeof result);
}

int guard_probe(const char *path)
{
    int result;
    if (ask(ask_probe, (void *)(uintptr_t)path, &result, sizeof result) != sizeof result)
        return -ETIMEDOUT;
    return result;
}
