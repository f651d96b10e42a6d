/* ops: changes, refused ones and others. */
#define _GNU_SOURCE
#include "ops.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *numbered(const char *directory, char letter, unsigned number)
{
    static char path[4096];

    snprintf(path, sizeof(path), "%s/%c%06u", directory, letter, number);
    return path;
}

/* -- refused changes; the answer is the error, and an operation that is not refused is a failure -- */

static void refused(struct result *result, int status, const char *what, const char *path)
{
    if (status >= 0) {
        errno = 0;
        fail(what, path);
    }
    result->answer += (uint64_t)errno;
    result->operations++;
}

static struct result do_denied_create(char **args)
{
    struct result result = {0};

    for (unsigned i = 0; i < (unsigned)atoi(args[1]); i++) {
        const char *path = numbered(args[0], 'n', i);

        refused(&result, open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644), "create not refused", path);
    }
    return result;
}

static struct result do_denied_mkdir(char **args)
{
    struct result result = {0};

    for (unsigned i = 0; i < (unsigned)atoi(args[1]); i++) {
        const char *path = numbered(args[0], 'n', i);

        refused(&result, mkdir(path, 0755), "mkdir not refused", path);
    }
    return result;
}

static struct result do_denied_write(char **args)
{
    struct result result = {0};

    (void)args;
    for (size_t i = 0; i < list_size; i++)
        refused(&result, open(list[i], O_WRONLY | O_CLOEXEC), "write not refused", list[i]);
    return result;
}

static struct result do_denied_unlink(char **args)
{
    struct result result = {0};

    (void)args;
    for (size_t i = 0; i < list_size; i++)
        refused(&result, unlink(list[i]), "unlink not refused", list[i]);
    return result;
}

/* -- changes, in a directory that may be written -- */

static struct result do_create(char **args)
{
    struct result result = {0};
    size_t size = strtoull(args[2], NULL, 10);

    for (unsigned i = 0; i < (unsigned)atoi(args[1]); i++, result.operations++) {
        const char *path = numbered(args[0], 'f', i);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        if (fd < 0 || write(fd, filling, size) != (ssize_t)size)
            fail("create", path);
        close(fd);
    }
    return result;
}

static struct result do_rename(char **args)
{
    struct result result = {0};

    for (unsigned i = 0; i < (unsigned)atoi(args[1]); i++, result.operations++) {
        char old[4096];

        strcpy(old, numbered(args[0], 'f', i));
        if (rename(old, numbered(args[0], 'g', i)) != 0)
            fail("rename", old);
    }
    return result;
}

static struct result do_unlink(char **args)
{
    struct result result = {0};

    for (unsigned i = 0; i < (unsigned)atoi(args[1]); i++, result.operations++) {
        if (unlink(numbered(args[0], 'g', i)) != 0)
            fail("unlink", numbered(args[0], 'g', i));
    }
    return result;
}

static struct result do_mkdir_rmdir(char **args)
{
    struct result result = {0};

    for (unsigned i = 0; i < (unsigned)atoi(args[1]); i++, result.operations++) {
        const char *path = numbered(args[0], 'd', i);

        if (mkdir(path, 0755) != 0 || rmdir(path) != 0)
            fail("mkdir and rmdir", path);
    }
    return result;
}

static struct result do_write(char **args)
{
    struct result result = {0};
    uint64_t size = strtoull(args[1], NULL, 10);
    int fd = open(args[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        fail("create", args[0]);
    for (; result.operations * BIG < size; result.operations++) {
        if (write(fd, filling, BIG) != BIG)
            fail("write", args[0]);
    }
    if (close(fd) != 0)
        fail("close", args[0]);
    return result;
}

static struct result do_overwrite(char **args)
{
    struct result result = {0};
    uint64_t count = strtoull(args[1], NULL, 10), state = 88172645463325252u;
    int fd = open(args[0], O_RDWR | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        fail("open", args[0]);
    for (; result.operations < count; result.operations++) {
        off_t at = (off_t)(next_random(&state) % ((uint64_t)st.st_size / BLOCK)) * BLOCK;

        if (pwrite(fd, filling + at % (BIG - BLOCK), BLOCK, at) != BLOCK)
            fail("pwrite", args[0]);
    }
    if (close(fd) != 0)
        fail("close", args[0]);
    return result;
}

static struct result do_append(char **args)
{
    struct result result = {0};
    uint64_t count = strtoull(args[1], NULL, 10);
    int fd = open(args[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0)
        fail("create", args[0]);
    for (; result.operations < count; result.operations++) {
        if (write(fd, filling, BLOCK) != BLOCK || fdatasync(fd) != 0)
            fail("append", args[0]);
    }
    close(fd);
    return result;
}

const struct command changing_commands[] = {
    {"denied-create", do_denied_create, 2, false},
    {"denied-mkdir", do_denied_mkdir, 2, false},
    {"denied-write", do_denied_write, 1, true},
    {"denied-unlink", do_denied_unlink, 1, true},
    {"create", do_create, 3, false},
    {"rename", do_rename, 2, false},
    {"unlink", do_unlink, 2, false},
    {"mkdir-rmdir", do_mkdir_rmdir, 2, false},
    {"write", do_write, 2, false},
    {"overwrite", do_overwrite, 2, false},
    {"append", do_append, 2, false},
    {NULL, NULL, 0, false},
};
