/* ops: reading and looking. */
#define _GNU_SOURCE
#include "ops.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t hash_text(const char *text)
{
    return hash(FNV_START, text, strlen(text));
}

/* One word of every 512 bytes: enough to notice a wrong block, cheap enough to leave the reading visible. */
static uint64_t sample(const char *data, size_t size)
{
    uint64_t sum = 0;

    for (size_t at = 0; at + sizeof(uint64_t) <= size; at += 512) {
        uint64_t word;

        memcpy(&word, data + at, sizeof(word));
        sum += word;
    }
    return sum;
}

/* -- reading; paths of a list are relative to the current directory -- */

static struct result do_stat(char **args)
{
    struct result result = {0};
    struct stat st;

    (void)args;
    for (size_t i = 0; i < list_size; i++) {
        if (lstat(list[i], &st) != 0)
            fail("stat", list[i]);
        result.answer += (uint64_t)st.st_mode * 31 + st.st_uid * 17;
        if (!S_ISDIR(st.st_mode))
            result.answer += (uint64_t)st.st_size + (uint64_t)st.st_mtime * 7;
    }
    result.operations = list_size;
    return result;
}

static struct result do_missing(char **args)
{
    struct result result = {0};
    struct stat st;

    (void)args;
    for (size_t i = 0; i < list_size; i++) {
        errno = 0;
        if (lstat(list[i], &st) == 0) {
            errno = EEXIST;
            fail("stat of what is missing", list[i]);
        }
        result.answer += (uint64_t)errno;
    }
    result.operations = list_size;
    return result;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Opens, reads and closes every directory of the list. */
static struct result do_readdir(char **args)
{
    struct result result = {0};

    (void)args;
    for (size_t i = 0; i < list_size; i++) {
        DIR *stream = opendir(list[i]);
        struct dirent *entry;

        if (!stream)
            fail("opendir", list[i]);
        while ((entry = readdir(stream))) {
            if (!is_dots(entry->d_name))
                result.answer += hash_text(entry->d_name) + entry->d_type;
        }
        closedir(stream);
    }
    result.operations = list_size;
    return result;
}

static struct result do_open_read(char **args)
{
    struct result result = {0};
    static char buffer[BIG];

    (void)args;
    for (size_t i = 0; i < list_size; i++) {
        int fd = open(list[i], O_RDONLY | O_CLOEXEC);
        ssize_t got;

        if (fd < 0)
            fail("open", list[i]);
        while ((got = read(fd, buffer, sizeof(buffer))) > 0)
            result.answer += sample(buffer, (size_t)got) + (uint64_t)got;
        if (got < 0)
            fail("read", list[i]);
        close(fd);
    }
    result.operations = list_size;
    return result;
}

static int open_for_reading(const char *path, off_t *ret_size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        fail("open", path);
    *ret_size = st.st_size;
    return fd;
}

static struct result do_read(char **args)
{
    struct result result = {0};
    static char buffer[BIG];
    off_t size;
    int fd = open_for_reading(args[0], &size);
    ssize_t got;

    while ((got = read(fd, buffer, sizeof(buffer))) > 0) {
        result.answer += sample(buffer, (size_t)got) + (uint64_t)got;
        result.operations++;
    }
    if (got < 0)
        fail("read", args[0]);
    close(fd);
    return result;
}

static struct result do_mmap(char **args)
{
    struct result result = {0};
    off_t size;
    int fd = open_for_reading(args[0], &size);
    const char *data = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);

    if (data == MAP_FAILED)
        fail("mmap", args[0]);
    result.answer = sample(data, (size_t)size);
    result.operations = (uint64_t)size / BLOCK;
    munmap((void *)(uintptr_t)data, (size_t)size);
    close(fd);
    return result;
}

static struct result do_random(char **args)
{
    struct result result = {0};
    static char buffer[BLOCK];
    uint64_t count = strtoull(args[1], NULL, 10), state = 88172645463325252u;
    off_t size;
    int fd = open_for_reading(args[0], &size);

    for (; result.operations < count; result.operations++) {
        off_t at = (off_t)(next_random(&state) % ((uint64_t)size / BLOCK)) * BLOCK;

        if (pread(fd, buffer, BLOCK, at) != BLOCK)
            fail("pread", args[0]);
        result.answer += sample(buffer, BLOCK);
    }
    close(fd);
    return result;
}

/* lstat of everything below, up to a number of entries. */
static void walk(int parent, const char *name, uint64_t limit, struct result *result)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    struct stat st;

    if (!stream)
        fail("opendir", name);
    while (result->operations < limit && (entry = readdir(stream))) {
        if (is_dots(entry->d_name))
            continue;
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            fail("stat", entry->d_name);
        result->operations++;
        result->answer += hash_text(entry->d_name) + st.st_mode + (S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0);
        if (S_ISDIR(st.st_mode))
            walk(fd, entry->d_name, limit, result);
    }
    closedir(stream);
}

static struct result do_walk(char **args)
{
    struct result result = {0};

    walk(AT_FDCWD, args[0], strtoull(args[1], NULL, 10), &result);
    return result;
}

const struct command reading_commands[] = {
    {"stat", do_stat, 1, true},           {"missing", do_missing, 1, true}, {"readdir", do_readdir, 1, true},
    {"open-read", do_open_read, 1, true}, {"read", do_read, 1, false},      {"mmap", do_mmap, 1, false},
    {"random", do_random, 2, false},      {"walk", do_walk, 2, false},      {NULL, NULL, 0, false},
};
