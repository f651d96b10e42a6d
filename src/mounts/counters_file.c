#include "counters_file.h"

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the file begins with: the layout is that of one build, and a file of another one is not read. */
struct header {
    char magic[8];
    uint64_t size;
};

struct file {
    struct header header;
    struct counters counters;
};

static const char magic[8] = "rofuse1";

static char *path_of(const char *directory, const char *name)
{
    g_autofree char *file = g_strconcat(name, ".counters", NULL);
    return g_build_filename(directory, file, NULL);
}

static struct file *map(int fd)
{
    void *memory = mmap(NULL, sizeof(struct file), PROT_READ | PROT_WRITE,
                        fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

struct counters *counters_file_map(const char *directory, const char *name)
{
    g_autofree char *path = path_of(directory, name);
    struct file *file = NULL;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        /* All of it now: memory that a full disk cannot give would end the daemon when it is written to. */
        if (posix_fallocate(fd, 0, sizeof(struct file)) == 0)
            file = map(fd);
        close(fd);
        if (file == NULL)
            unlink(path);
    }
    if (file == NULL)
        file = map(-1);
    if (file == NULL)
        g_error("out of memory");
    file->header.size = sizeof *file;
    memcpy(file->header.magic, magic, sizeof magic);
    return &file->counters;
}

void counters_file_unmap(struct counters *counters)
{
    if (counters != NULL)
        munmap((char *)counters - offsetof(struct file, counters), sizeof(struct file));
}

void counters_file_remove(const char *directory, const char *name)
{
    g_autofree char *path = path_of(directory, name);
    unlink(path);
}

bool counters_file_read(const char *directory, const char *name, struct counters *ret)
{
    g_autofree char *path = path_of(directory, name);
    struct file file;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    bool ok = read(fd, &file, sizeof file) == (ssize_t)sizeof file && file.header.size == sizeof file &&
              memcmp(file.header.magic, magic, sizeof magic) == 0;
    close(fd);
    if (ok)
        memcpy(ret, &file.counters, sizeof *ret);
    return ok;
}
