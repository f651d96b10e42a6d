#include "intent.h"

#include "caller_memory.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct classified {
    struct intent_call call;
    enum denial_operation operation;
    unsigned effect;
    int flags;
    int64_t mode;
    int path;
};

#define AT ((uint64_t)(int64_t)AT_FDCWD)
#define PATH 0x1000 /* an address; nobody looks */
#define DIRECTORY INTENT_CHANGES_DIRECTORY
#define CONTENT INTENT_CHANGES_FILE
#define WRITE INTENT_OPENS_FOR_WRITE

/* clang-format off */
static const struct classified known[] = {
    {{SYS_openat, {AT, PATH, O_WRONLY}}, DENIAL_OPEN, WRITE, O_WRONLY, -1, 1},
    {{SYS_openat, {AT, PATH, O_RDWR | O_APPEND}}, DENIAL_OPEN, WRITE, O_RDWR | O_APPEND, -1, 1},
    {{SYS_openat, {AT, PATH, O_RDONLY}}, DENIAL_OPEN, 0, O_RDONLY, -1, 1},
    {{SYS_openat, {AT, PATH, O_RDONLY | O_TRUNC}}, DENIAL_OPEN, CONTENT, O_RDONLY | O_TRUNC, -1, 1},
    {{SYS_openat, {AT, PATH, O_RDONLY | O_CREAT, 0600}},
     DENIAL_CREATE, DIRECTORY, O_RDONLY | O_CREAT, S_IFREG | 0600, 1},
    {{SYS_openat, {AT, PATH, O_WRONLY | O_CREAT | O_TRUNC, 0644}},
     DENIAL_CREATE, DIRECTORY | CONTENT | WRITE, O_WRONLY | O_CREAT | O_TRUNC, S_IFREG | 0644, 1},
    {{SYS_openat, {AT, PATH, O_RDWR | O_TMPFILE, 0600}},
     DENIAL_TMPFILE, DIRECTORY | WRITE, O_RDWR | O_TMPFILE, S_IFREG | 0600, 1},
    /* Permission to write without opening for it, as some drivers want it (open(2), access mode 3). */
    {{SYS_openat, {AT, PATH, O_ACCMODE}}, DENIAL_OPEN, 0, O_ACCMODE, -1, 1},
    {{SYS_mkdirat, {AT, PATH, 0750}}, DENIAL_MKDIR, DIRECTORY, -1, S_IFDIR | 0750, 1},
    {{SYS_mknodat, {AT, PATH, S_IFIFO | 0640}}, DENIAL_MKNOD, DIRECTORY, -1, S_IFIFO | 0640, 1},
    {{SYS_symlinkat, {PATH, AT, PATH}}, DENIAL_SYMLINK, DIRECTORY, -1, -1, 2},
    {{SYS_linkat, {AT, PATH, AT, PATH, 0}}, DENIAL_LINK, DIRECTORY, -1, -1, 3},
    {{SYS_unlinkat, {AT, PATH, 0}}, DENIAL_UNLINK, DIRECTORY, -1, -1, 1},
    {{SYS_unlinkat, {AT, PATH, AT_REMOVEDIR}}, DENIAL_RMDIR, DIRECTORY, -1, -1, 1},
    {{SYS_renameat2, {AT, PATH, AT, PATH, 0}}, DENIAL_RENAME, DIRECTORY, -1, -1, 1},
    {{SYS_utimensat, {AT, PATH, 0, 0}}, DENIAL_UTIMES, CONTENT, -1, -1, 1},
    {{SYS_setxattr, {PATH, PATH, PATH, 1, 0}}, DENIAL_SETXATTR, CONTENT, -1, -1, 0},
    {{SYS_lremovexattr, {PATH, PATH}}, DENIAL_REMOVEXATTR, CONTENT, -1, -1, 0},
    {{SYS_fchownat, {AT, PATH, 5, 6, 0}}, DENIAL_CHOWN, INTENT_CHANGES_OWNER, -1, -1, 1},
    {{SYS_bind, {3, PATH, 10}}, DENIAL_MKNOD, DIRECTORY, -1, S_IFSOCK | 0777, -1},
#ifdef SYS_open
    {{SYS_open, {PATH, O_WRONLY | O_CREAT, 0600}},
     DENIAL_CREATE, DIRECTORY | WRITE, O_WRONLY | O_CREAT, S_IFREG | 0600, 0},
    {{SYS_creat, {PATH, 0600}},
     DENIAL_CREATE, DIRECTORY | CONTENT | WRITE, O_WRONLY | O_CREAT | O_TRUNC, S_IFREG | 0600, 0},
    {{SYS_mkdir, {PATH, 0700}}, DENIAL_MKDIR, DIRECTORY, -1, S_IFDIR | 0700, 0},
    {{SYS_symlink, {PATH, PATH}}, DENIAL_SYMLINK, DIRECTORY, -1, -1, 1},
    {{SYS_link, {PATH, PATH}}, DENIAL_LINK, DIRECTORY, -1, -1, 1},
    {{SYS_unlink, {PATH}}, DENIAL_UNLINK, DIRECTORY, -1, -1, 0},
    {{SYS_rmdir, {PATH}}, DENIAL_RMDIR, DIRECTORY, -1, -1, 0},
    {{SYS_rename, {PATH, PATH}}, DENIAL_RENAME, DIRECTORY, -1, -1, 0},
#endif
};
/* clang-format on */

static void classify(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        const struct classified *expected = &known[i];
        struct intent intent;
        int path;
        g_test_message("case %zu", i);
        intent_classify(&expected->call, &intent, &path);
        g_assert_true(intent.known);
        g_assert_cmpint(intent.operation, ==, expected->operation);
        g_assert_cmpuint(intent.effect, ==, expected->effect);
        g_assert_cmpint(intent.flags, ==, expected->flags);
        g_assert_cmpint(intent.mode, ==, expected->mode);
        g_assert_cmpint(path, ==, expected->path);
        bool two_paths = expected->operation == DENIAL_RENAME;
        g_assert_cmpint(intent.two_paths, ==, two_paths);
        g_assert_false(intent.has_name);
    }
}

static void truncate_by_path(void)
{
    struct intent intent;
    int path;
    intent_classify(&(struct intent_call){SYS_truncate, {PATH, 0}}, &intent, &path);
    g_assert_true(intent.known);
    g_assert_cmpint(intent.operation, ==, DENIAL_TRUNCATE);
    g_assert_cmpint(path, ==, 0);
    /* One of the two, as the kernel is. */
    g_assert_true(intent.effect == CONTENT || intent.effect == WRITE);
}

/* What only looks, and numbers that nobody knows. */
static void not_known(void)
{
    static const long numbers[] = {SYS_read,   SYS_newfstatat, SYS_statx, SYS_faccessat, SYS_getdents64,
                                   SYS_execve, SYS_chdir,      SYS_write, 100000,        -1};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        struct intent intent;
        int path;
        intent_classify(&(struct intent_call){numbers[i], {AT, PATH, O_WRONLY | O_CREAT}}, &intent, &path);
        g_assert_false(intent.known);
        g_assert_cmpuint(intent.effect, ==, 0);
    }
}

/* A child rests in an open(2) for writing of a fifo that nobody reads. */
struct fixture {
    char *directory, *fifo;
    struct caller_memory *memory;
    pid_t pid;
};

static void setup(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->directory = g_dir_make_tmp("rofuse-intent.XXXXXX", NULL);
    g_assert_nonnull(fixture->directory);
    fixture->fifo = g_build_filename(fixture->directory, "fifo", NULL);
    g_assert_cmpint(mkfifo(fixture->fifo, 0600), ==, 0);
    fixture->memory = caller_memory_new();
}

static void teardown(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    if (fixture->pid > 0) {
        kill(fixture->pid, SIGKILL);
        waitpid(fixture->pid, NULL, 0);
    }
    caller_memory_free(fixture->memory);
    g_unlink(fixture->fifo);
    g_rmdir(fixture->directory);
    g_free(fixture->fifo);
    g_free(fixture->directory);
}

/* Reads until the child has come to its open; alarm(2) ends a test where it never does. */
static void read_intent(struct fixture *fixture, struct caller_memory *memory, struct intent *ret)
{
    int status;
    do
        status = intent_read(fixture->pid, memory, ret);
    while (status < 0 || !(ret->known || ret->in_memory));
}

static void opening(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_autofree char *path = g_strconcat(fixture->directory, "/.//../", NULL);
    g_autofree char *base = g_path_get_basename(fixture->directory);
    g_autofree char *odd = g_strconcat(path, base, "//fifo", NULL);
    fixture->pid = fork();
    if (fixture->pid == 0) {
        syscall(SYS_openat, AT_FDCWD, odd, O_WRONLY | O_CREAT | O_APPEND, 0640);
        _exit(1);
    }
    struct intent intent;
    read_intent(fixture, fixture->memory, &intent);
    g_assert_cmpint(intent.operation, ==, DENIAL_CREATE);
    g_assert_cmpint(intent.flags & (O_ACCMODE | O_CREAT | O_APPEND), ==, O_WRONLY | O_CREAT | O_APPEND);
    g_assert_cmpint(intent.mode, ==, S_IFREG | 0640);
    g_assert_true(intent.has_name);
    g_assert_cmpstr(intent.name, ==, "fifo");
    read_intent(fixture, NULL, &intent);
    g_assert_cmpint(intent.operation, ==, DENIAL_CREATE);
    g_assert_false(intent.has_name);
}

static void opening_by_openat2(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->pid = fork();
    if (fixture->pid == 0) {
        struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = 0600};
        syscall(SYS_openat2, AT_FDCWD, fixture->fifo, &how, sizeof how);
        _exit(1);
    }
    struct intent intent;
    read_intent(fixture, NULL, &intent);
    g_assert_false(intent.known); /* the flags stand in memory */
    read_intent(fixture, fixture->memory, &intent);
    g_assert_true(intent.known);
    g_assert_cmpint(intent.operation, ==, DENIAL_CREATE);
    g_assert_cmpint(intent.mode, ==, S_IFREG | 0600);
    g_assert_cmpstr(intent.name, ==, "fifo");
}

/* A path whose last byte is the last one of its page, with nothing behind. */
static void path_at_the_edge(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), length = strlen(fixture->fifo) + 1;
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(pages != MAP_FAILED && munmap(pages + page, page) == 0);
    char *path = memcpy(pages + page - length, fixture->fifo, length);
    fixture->pid = fork();
    if (fixture->pid == 0) {
        (void)!open(path, O_WRONLY);
        _exit(1);
    }
    struct intent intent;
    read_intent(fixture, fixture->memory, &intent);
    g_assert_cmpint(intent.operation, ==, DENIAL_OPEN);
    g_assert_cmpuint(intent.effect, ==, WRITE);
    g_assert_cmpstr(intent.name, ==, "fifo");
    munmap(pages, page);
}

static void nobody(void)
{
    pid_t gone = fork();
    if (gone == 0)
        _exit(0);
    waitpid(gone, NULL, 0);
    struct intent intent;
    g_assert_cmpint(intent_read(gone, NULL, &intent), <, 0);
    g_assert_false(intent.known);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    alarm(100);
    g_test_add_func("/intent/classify", classify);
    g_test_add_func("/intent/truncate", truncate_by_path);
    g_test_add_func("/intent/not-known", not_known);
    g_test_add("/intent/opening", struct fixture, NULL, setup, opening, teardown);
    g_test_add("/intent/opening-by-openat2", struct fixture, NULL, setup, opening_by_openat2, teardown);
    g_test_add("/intent/path-at-the-edge", struct fixture, NULL, setup, path_at_the_edge, teardown);
    g_test_add_func("/intent/nobody", nobody);
    return g_test_run();
}
