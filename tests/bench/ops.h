/* What the parts of ops have in common; see ops.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BLOCK = 4096, BIG = 128 * 1024 };

#define FNV_START 0xcbf29ce484222325u

struct result {
    uint64_t operations;
    uint64_t answer;
};

struct command {
    const char *name;
    struct result (*run)(char **args);
    int args;
    bool list; /* the first argument is the file with a list of paths */
};

/* Each ends with an entry without a name. */
extern const struct command reading_commands[], changing_commands[], program_commands[];

/* The list of paths, and what is written. */
extern char **list;
extern size_t list_size;
extern char filling[BIG];

void fail(const char *what, const char *path) __attribute__((noreturn));
uint64_t hash(uint64_t seed, const void *data, size_t size);
uint64_t next_random(uint64_t *state);
