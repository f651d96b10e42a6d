/*
 * conformance_probe - what the kernel answers to each operation on each target, for each caller.
 *
 *     conformance_probe [--caller NAME]… [--operation NAME]… [--shuffle SEED] ROOT TARGETS
 *     conformance_probe --list-callers | --list-operations
 *
 * ROOT is chrooted into, so that symbolic links mean there what they say. TARGETS is a file of pairs
 * "label\0path\0". One line for each cell: "CALLER OPERATION TARGET RESULT". The result is OK, the name of an errno,
 * or STEP:ERRNO where an operation has several steps and one before the last failed.
 *
 * A cell leaves nothing behind on a read-only tree, so the cells of a caller run in one process, in any order. A
 * seed shuffles them: what a file system answers must not depend on what was asked before.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe_callers.h"
#include "probe_operations.h"

/* Nothing here may block; what does all the same is reported as TIMEOUT. */
#define CELL_SECONDS 10
#define MAX_TARGETS 512
#define MAX_NAMES 256

struct target {
    const char *label;
    const char *path;
};

struct selection {
    const char *names[MAX_NAMES];
    size_t count; /* 0 = everything */
};

static bool selects(const struct selection *selection, const char *name)
{
    for (size_t i = 0; i < selection->count; i++)
        if (strcmp(selection->names[i], name) == 0)
            return true;
    return selection->count == 0;
}

static void die(const char *what)
{
    fprintf(stderr, "conformance_probe: %s: %s\n", what, strerror(errno));
    exit(1);
}

static size_t read_targets(const char *path, struct target *targets)
{
    static char text[256 * 1024];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(path);
    ssize_t length = read(fd, text, sizeof text - 1);
    if (length < 0 || length == sizeof text - 1)
        die(path);
    close(fd);
    size_t count = 0;
    for (char *at = text; at < text + length && count < MAX_TARGETS; count++) {
        targets[count].label = at;
        at += strlen(at) + 1;
        targets[count].path = at;
        at += strlen(at) + 1;
    }
    return count;
}

static void on_alarm(int signal_number)
{
    (void)signal_number; /* only interrupts the system call */
}

static void arm_alarm(void)
{
    struct itimerval timer = {.it_value = {.tv_sec = CELL_SECONDS}, .it_interval = {.tv_sec = 1}};
    if (setitimer(ITIMER_REAL, &timer, NULL) < 0)
        die("setitimer");
}

static void print_result(const char *caller, const char *operation, const char *target, int result)
{
    static const char *const steps[] = {"", "open:", "socket:"};
    int error = -result % STEP;
    const char *name = error == 0 ? "OK" : error == EINTR ? "TIMEOUT" : strerrorname_np(error);
    printf("%s %s %s %s%s\n", caller, operation, target, steps[-result / STEP], name);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Runs all cells of one caller. In the child; does not return. */
static void run_cells(const struct caller *caller, const struct selection *operations, const struct target *targets,
                      size_t n_targets, uint64_t seed)
{
    struct cell {
        const struct operation *operation;
        const struct target *target;
    } *cells = calloc(N_OPERATIONS * n_targets, sizeof *cells);
    size_t count = 0;
    if (cells == NULL)
        die("calloc");
    for (size_t t = 0; t < n_targets; t++)
        for (size_t o = 0; o < N_OPERATIONS; o++)
            if (selects(operations, operation_table[o].name))
                cells[count++] = (struct cell){&operation_table[o], &targets[t]};
    if (seed != 0)
        for (size_t i = count; i > 1; i--) {
            size_t other = next_random(&seed) % i;
            struct cell moved = cells[i - 1];
            cells[i - 1] = cells[other];
            cells[other] = moved;
        }
    for (size_t i = 0; i < count; i++) {
        arm_alarm();
        int result = cells[i].operation->run(cells[i].operation, cells[i].target->path);
        if (result != NOT_APPLICABLE)
            print_result(caller->name, cells[i].operation->name, cells[i].target->label, result);
    }
    if (fflush(stdout) != 0)
        die("stdout");
    _exit(0);
}

static void run_caller(const struct caller *caller, const char *root, const struct selection *operations,
                       const struct target *targets, size_t n_targets, uint64_t seed)
{
    struct handshake handshake;
    if (fflush(stdout) != 0 || handshake_open(&handshake) < 0)
        die("pipe");
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        const char *failed = become(caller, root, &handshake);
        if (failed != NULL) {
            fprintf(stderr, "%s: ", caller->name);
            die(failed);
        }
        operations_prepare();
        run_cells(caller, operations, targets, n_targets, seed);
    }
    const char *failed = help_to_become(caller, child, &handshake);
    if (failed != NULL) {
        int error = errno;
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        errno = error;
        die(failed);
    }
    int status;
    if (waitpid(child, &status, 0) < 0)
        die("waitpid");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "conformance_probe: the process of caller %s ended with status 0x%x\n", caller->name, status);
        exit(1);
    }
}

static void add_name(struct selection *selection, const char *name)
{
    if (selection->count == MAX_NAMES) {
        fprintf(stderr, "conformance_probe: too many names\n");
        exit(2);
    }
    selection->names[selection->count++] = name;
}

static void list_and_exit(bool callers)
{
    for (size_t i = 0; callers && i < N_CALLERS; i++)
        puts(caller_table[i].name);
    for (size_t i = 0; !callers && i < N_OPERATIONS; i++)
        puts(operation_table[i].name);
    exit(0);
}

int main(int argc, char **argv)
{
    struct selection callers = {.count = 0}, operations = {.count = 0};
    uint64_t seed = 0;
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--list-callers") == 0 || strcmp(argv[at], "--list-operations") == 0)
            list_and_exit(strcmp(argv[at], "--list-callers") == 0);
        if (at + 1 == argc)
            break;
        if (strcmp(argv[at], "--caller") == 0)
            add_name(&callers, argv[++at]);
        else if (strcmp(argv[at], "--operation") == 0)
            add_name(&operations, argv[++at]);
        else if (strcmp(argv[at], "--shuffle") == 0)
            seed = strtoull(argv[++at], NULL, 10);
        else
            break;
    }
    if (argc - at != 2) {
        fprintf(stderr, "usage: conformance_probe [--caller NAME] [--operation NAME] [--shuffle SEED] ROOT TARGETS\n");
        return 2;
    }
    static struct target targets[MAX_TARGETS];
    size_t n_targets = read_targets(argv[at + 1], targets);
    if (sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL) < 0)
        die("sigaction");
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    for (size_t i = 0; i < N_CALLERS; i++)
        if (selects(&callers, caller_table[i].name))
            run_caller(&caller_table[i], argv[at], &operations, targets, n_targets, seed);
    return fflush(stdout) == 0 ? 0 : 1;
}
