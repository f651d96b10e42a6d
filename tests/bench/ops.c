/* Does one kind of operation many times and prints how long it took: without the start of a process for each, and without an
 * interpreter that takes longer than the operation itself.
 *
 *   ops [-j CALLERS] COMMAND ARGUMENTS
 *
 * prints one line, "NANOSECONDS OPERATIONS ANSWER", where ANSWER is a sum over what the file system said, so that a fast wrong
 * answer is noticed. Each of several callers does everything; the time is that of all of them. Exit status 1: something failed,
 * and stderr tells what. */
#define _GNU_SOURCE
#include "ops.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

char **list;
size_t list_size;
char filling[BIG];

void fail(const char *what, const char *path)
{
    fprintf(stderr, "ops: %s %s: %s\n", what, path, strerror(errno));
    exit(1);
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* FNV-1a. */
uint64_t hash(uint64_t seed, const void *data, size_t size)
{
    const unsigned char *byte = data;

    for (size_t i = 0; i < size; i++)
        seed = (seed ^ byte[i]) * 0x100000001b3u;
    return seed;
}

/* A list of paths, one a line, is read before the clock starts. */
static void read_list(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0, space = 0;
    ssize_t length;

    if (!file)
        fail("open", path);
    while ((length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (list_size == space) {
            space = space ? space * 2 : 1024;
            list = realloc(list, space * sizeof(*list));
        }
        list[list_size++] = strdup(line);
    }
    free(line);
    fclose(file);
}

/* The same places each time: an answer must be comparable. */
uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static const struct command *find_command(const char *name)
{
    const struct command *tables[] = {reading_commands, changing_commands, program_commands};

    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        for (const struct command *command = tables[i]; command->name; command++) {
            if (strcmp(command->name, name) == 0)
                return command;
        }
    }
    return NULL;
}

/* All callers wait at a pipe until the last one is there. Each tells its result through a page that they share. */
static uint64_t run_callers(const struct command *command, char **args, unsigned callers, struct result *ret_result)
{
    struct result *results =
        mmap(NULL, callers * sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int gate[2], status;
    uint64_t start;
    char byte = 0;

    if (results == MAP_FAILED || pipe2(gate, O_CLOEXEC) != 0)
        fail("pipe", command->name);
    for (unsigned i = 0; i < callers; i++) {
        if (fork() == 0) {
            if (read(gate[0], &byte, 1) != 1)
                exit(1);
            results[i] = command->run(args);
            exit(0);
        }
    }
    usleep(20000);
    start = now();
    for (unsigned i = 0; i < callers; i++) {
        if (write(gate[1], &byte, 1) != 1)
            fail("write", "pipe");
    }
    for (unsigned i = 0; i < callers; i++) {
        if (wait(&status) < 0 || status != 0)
            exit(1);
    }
    start = now() - start;
    for (unsigned i = 0; i < callers; i++) {
        ret_result->operations += results[i].operations;
        ret_result->answer += results[i].answer;
    }
    return start;
}

int main(int argc, char **argv)
{
    const struct command *command;
    struct result result = {0};
    unsigned callers = 1;
    uint64_t took;

    argv++, argc--;
    if (argc > 2 && strcmp(argv[0], "-j") == 0) {
        callers = (unsigned)atoi(argv[1]);
        argv += 2, argc -= 2;
    }
    command = argc > 0 ? find_command(argv[0]) : NULL;
    if (!command || argc - 1 < command->args || callers < 1) {
        fprintf(stderr, "usage: ops [-j CALLERS] COMMAND ARGUMENTS\n");
        return 2;
    }
    argv++;
    if (command->list)
        read_list(argv[0]);
    for (size_t i = 0; i < sizeof(filling); i++)
        filling[i] = (char)(i * 131 + i / 251);
    if (callers > 1) {
        took = run_callers(command, argv, callers, &result);
    } else {
        uint64_t start = now();

        result = command->run(argv);
        took = now() - start;
    }
    printf("%llu %llu %016llx\n", (unsigned long long)took, (unsigned long long)result.operations,
           (unsigned long long)result.answer);
    return 0;
}
