/* ops: running whole programs. */
#define _GNU_SOURCE
#include "ops.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* -- whole programs: ROOT ("-": none) DIRECTORY TIMES PROGRAM ARGUMENTS… -- */

/* The sum does not depend on the order of the lines: file systems list a directory in different orders. */
static void sum_lines(int fd, struct result *result)
{
    static char buffer[1 << 20];
    uint64_t line = FNV_START;
    ssize_t got;

    while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
        const char *at = buffer, *end = buffer + got, *stop;

        while ((stop = memchr(at, '\n', (size_t)(end - at)))) {
            result->answer += hash(line, at, (size_t)(stop - at));
            line = FNV_START;
            at = stop + 1;
        }
        line = hash(line, at, (size_t)(end - at));
    }
}

static void count_bytes(int fd, struct result *result)
{
    static char buffer[1 << 20];
    ssize_t got;

    while ((got = read(fd, buffer, sizeof(buffer))) > 0)
        result->answer += (uint64_t)got;
}

static void spawn(char **args, void (*consume)(int, struct result *), struct result *result)
{
    int ends[2], status;
    pid_t child;

    if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0)
        fail("fork", args[3]);
    if (child == 0) {
        dup2(ends[1], 1);
        if ((strcmp(args[0], "-") != 0 && chroot(args[0]) != 0) || chdir(args[1]) != 0)
            fail("chdir", args[1]);
        execvp(args[3], args + 3);
        fail("exec", args[3]);
    }
    close(ends[1]);
    consume(ends[0], result);
    close(ends[0]);
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "ops: %s: status %#x\n", args[3], (unsigned)status);
        exit(1);
    }
    result->operations++;
}

static struct result do_lines(char **args)
{
    struct result result = {0};

    for (int i = 0; i < atoi(args[2]); i++)
        spawn(args, sum_lines, &result);
    return result;
}

static struct result do_bytes(char **args)
{
    struct result result = {0};

    for (int i = 0; i < atoi(args[2]); i++)
        spawn(args, count_bytes, &result);
    return result;
}

const struct command program_commands[] = {
    {"lines", do_lines, 4, false},
    {"bytes", do_bytes, 4, false},
    {NULL, NULL, 0, false},
};
