#include "intent.h"

#include "caller_memory.h"
#include "proc_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>

/* The request is queued before its thread has gone to sleep; on a busy machine it may still have to be scheduled away. */
#define REST_TRIES 200
#define REST_NAP_NS 20000

#define NONE (-1)

/* Where the arguments of a system call are; NONE = it has none of that kind. */
struct call_shape {
    long number;
    enum denial_operation operation;
    unsigned effect;
    int path;
    int mode;
    mode_t type; /* added to the mode */
    int other;   /* rename: the new path; link: the old one */
};

static const struct call_shape shapes[] = {
#define DIRECTORY INTENT_CHANGES_DIRECTORY
#define FILE_ INTENT_CHANGES_FILE
#define OWNER INTENT_CHANGES_OWNER
#ifdef SYS_mkdir
    {SYS_mkdir, DENIAL_MKDIR, DIRECTORY, 0, 1, S_IFDIR, NONE},
    {SYS_mknod, DENIAL_MKNOD, DIRECTORY, 0, 1, 0, NONE},
    {SYS_symlink, DENIAL_SYMLINK, DIRECTORY, 1, NONE, 0, NONE},
    {SYS_link, DENIAL_LINK, DIRECTORY, 1, NONE, 0, 0},
    {SYS_unlink, DENIAL_UNLINK, DIRECTORY, 0, NONE, 0, NONE},
    {SYS_rmdir, DENIAL_RMDIR, DIRECTORY, 0, NONE, 0, NONE},
    {SYS_rename, DENIAL_RENAME, DIRECTORY, 0, NONE, 0, 1},
    {SYS_chown, DENIAL_CHOWN, OWNER, 0, NONE, 0, NONE},
    {SYS_lchown, DENIAL_CHOWN, OWNER, 0, NONE, 0, NONE},
    {SYS_utime, DENIAL_UTIMES, FILE_, 0, NONE, 0, NONE},
    {SYS_utimes, DENIAL_UTIMES, FILE_, 0, NONE, 0, NONE},
    {SYS_futimesat, DENIAL_UTIMES, FILE_, 1, NONE, 0, NONE},
#endif
    {SYS_mkdirat, DENIAL_MKDIR, DIRECTORY, 1, 2, S_IFDIR, NONE},
    {SYS_mknodat, DENIAL_MKNOD, DIRECTORY, 1, 2, 0, NONE},
    {SYS_symlinkat, DENIAL_SYMLINK, DIRECTORY, 2, NONE, 0, NONE},
    {SYS_linkat, DENIAL_LINK, DIRECTORY, 3, NONE, 0, 1},
#ifdef SYS_renameat
    {SYS_renameat, DENIAL_RENAME, DIRECTORY, 1, NONE, 0, 3},
#endif
    {SYS_renameat2, DENIAL_RENAME, DIRECTORY, 1, NONE, 0, 3},
    {SYS_fchown, DENIAL_CHOWN, OWNER, NONE, NONE, 0, NONE},
    {SYS_fchownat, DENIAL_CHOWN, OWNER, 1, NONE, 0, NONE},
    {SYS_utimensat, DENIAL_UTIMES, FILE_, 1, NONE, 0, NONE},
    {SYS_setxattr, DENIAL_SETXATTR, FILE_, 0, NONE, 0, NONE},
    {SYS_lsetxattr, DENIAL_SETXATTR, FILE_, 0, NONE, 0, NONE},
    {SYS_fsetxattr, DENIAL_SETXATTR, FILE_, NONE, NONE, 0, NONE},
    {SYS_removexattr, DENIAL_REMOVEXATTR, FILE_, 0, NONE, 0, NONE},
    {SYS_lremovexattr, DENIAL_REMOVEXATTR, FILE_, 0, NONE, 0, NONE},
    {SYS_fremovexattr, DENIAL_REMOVEXATTR, FILE_, NONE, NONE, 0, NONE},
    {463, DENIAL_SETXATTR, FILE_, 1, NONE, 0, NONE},    /* setxattrat, the same number everywhere */
    {466, DENIAL_REMOVEXATTR, FILE_, 1, NONE, 0, NONE}, /* removexattrat */
#undef DIRECTORY
#undef FILE_
#undef OWNER
};

static void classify_open(struct intent *ret, int flags, int64_t mode)
{
    ret->known = true;
    ret->flags = flags;
    ret->operation = DENIAL_OPEN;
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        ret->operation = DENIAL_TMPFILE;
        ret->effect |= INTENT_CHANGES_DIRECTORY;
    } else if (flags & O_CREAT) {
        ret->operation = DENIAL_CREATE;
        ret->effect |= INTENT_CHANGES_DIRECTORY;
    }
    if (ret->effect != 0)
        ret->mode = (mode & 07777) | S_IFREG;
    if (flags & O_TRUNC)
        ret->effect |= INTENT_CHANGES_FILE;
    /* The fourth access mode asks for permission to write, but does not open for it. */
    if ((flags & O_ACCMODE) == O_WRONLY || (flags & O_ACCMODE) == O_RDWR)
        ret->effect |= INTENT_OPENS_FOR_WRITE;
}

/* vfs_truncate() asked the mount before the mode until 6.14 moved inode_permission() up. */
static bool truncate_asks_mode_first(void)
{
    struct utsname system;
    unsigned major = 0, minor = 0;
    return uname(&system) == 0 && sscanf(system.release, "%u.%u", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 14));
}

static const struct call_shape *shape_of(const struct intent_call *call)
{
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        if (shapes[i].number == call->number)
            return &shapes[i];
    return NULL;
}

void intent_classify(const struct intent_call *call, struct intent *ret, int *ret_path)
{
    *ret = (struct intent){.flags = -1, .mode = -1};
    *ret_path = NONE;
    switch (call->number) {
#ifdef SYS_open
    case SYS_open:
        classify_open(ret, (int)call->arguments[1], (int64_t)call->arguments[2]);
        *ret_path = 0;
        return;
    case SYS_creat:
        classify_open(ret, O_CREAT | O_WRONLY | O_TRUNC, (int64_t)call->arguments[1]);
        *ret_path = 0;
        return;
#endif
    case SYS_openat:
        classify_open(ret, (int)call->arguments[2], (int64_t)call->arguments[3]);
        *ret_path = 1;
        return;
    case SYS_openat2:
        ret->in_memory = true;
        *ret_path = 1;
        return;
    case SYS_unlinkat:
        *ret = (struct intent){.known = true, .effect = INTENT_CHANGES_DIRECTORY, .flags = -1, .mode = -1};
        ret->operation = (call->arguments[2] & AT_REMOVEDIR) ? DENIAL_RMDIR : DENIAL_UNLINK;
        *ret_path = 1;
        return;
    case SYS_truncate:
        *ret = (struct intent){.known = true, .operation = DENIAL_TRUNCATE, .flags = -1, .mode = -1};
        ret->effect = truncate_asks_mode_first() ? INTENT_OPENS_FOR_WRITE : INTENT_CHANGES_FILE;
        *ret_path = 0;
        return;
    case SYS_bind: /* the path stands in a sockaddr_un, and the mode is the socket's or the umask's */
        *ret = (struct intent){.known = true,
                               .operation = DENIAL_MKNOD,
                               .effect = INTENT_CHANGES_DIRECTORY,
                               .flags = -1,
                               .mode = S_IFSOCK | 0777};
        return;
    default:
        break;
    }
    const struct call_shape *shape = shape_of(call);
    if (shape != NULL) {
        *ret = (struct intent){.known = true,
                               .operation = shape->operation,
                               .effect = shape->effect,
                               .flags = -1,
                               .mode = -1,
                               .two_paths = shape->operation == DENIAL_RENAME};
        if (shape->effect == INTENT_CHANGES_OWNER) {
            int first = call->number == SYS_fchownat ? 2 : 1;
            ret->uid = (uid_t)call->arguments[first];
            ret->gid = (gid_t)call->arguments[first + 1];
        }
        ret->by_descriptor = shape->path == NONE || call->arguments[shape->path] == 0;
        if (shape->mode != NONE)
            ret->mode = (int64_t)((call->arguments[shape->mode] & 0177777) | shape->type);
        *ret_path = shape->path;
    }
}

/*
 * Reads the registers of a thread that is about to rest in a system call. Returns 0 or -errno.
 * The file says "running" as long as the thread has not been scheduled away.
 */
static int read_call(pid_t tid, struct intent_call *ret)
{
    for (int i = 0; i < REST_TRIES; i++) {
        char text[256];
        ssize_t length = proc_file_read(tid, "syscall", text, sizeof text);
        if (length < 0)
            return (int)length;
        if (g_str_has_prefix(text, "running")) {
            if (i < 10)
                sched_yield();
            else
                nanosleep(&(struct timespec){.tv_nsec = REST_NAP_NS}, NULL);
            continue;
        }
        char *at;
        ret->number = strtol(text, &at, 10);
        for (size_t n = 0; n < G_N_ELEMENTS(ret->arguments); n++)
            ret->arguments[n] = strtoull(at, &at, 16);
        return at == text ? -EINVAL : 0;
    }
    return -EAGAIN;
}

/*
 * Whether the thread is of our own architecture. The auxiliary vector is a copy that the kernel keeps of what it gave the
 * program at its start, in the program's word size; a 32-bit one read as 64-bit pairs has no page size of a sane value.
 */
static bool is_native(pid_t tid)
{
    unsigned long vector[128];
    ssize_t length = proc_file_read(tid, "auxv", (char *)vector, sizeof vector);
    if (length <= 0)
        return false;
    size_t words = (size_t)length / sizeof vector[0];
    for (size_t i = 0; i + 1 < words && vector[i] != AT_NULL; i += 2)
        if (vector[i] == AT_PAGESZ)
            return vector[i + 1] >= 4096 && vector[i + 1] <= 65536;
    return false;
}

/* The path of bind(2)'s sockaddr_un, which need not end in a NUL. */
static bool read_socket_path(pid_t tid, struct caller_memory *memory, const struct intent_call *call,
                             char path[PATH_MAX])
{
    struct sockaddr_un address = {0};
    size_t size = MIN(call->arguments[2], sizeof address);
    if (caller_memory_read(memory, tid, CALLER_MEMORY_BYTES, call->arguments[1], (char *)&address, size) < 0 ||
        address.sun_family != AF_UNIX)
        return false;
    memcpy(path, address.sun_path, sizeof address.sun_path);
    path[sizeof address.sun_path] = '\0';
    return path[0] != '\0';
}

static void take_name(struct intent *intent, char *path)
{
    size_t length = strlen(path);
    while (length > 0 && path[length - 1] == '/')
        path[--length] = '\0';
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strlen(name) > NAME_MAX)
        return;
    strcpy(intent->name, name);
    intent->has_name = true;
}

static ssize_t read_path(pid_t tid, struct caller_memory *memory, const struct intent_call *call, int argument,
                         char path[PATH_MAX])
{
    if (call->number == SYS_bind)
        return read_socket_path(tid, memory, call, path) ? (ssize_t)strlen(path) : -EFAULT;
    return caller_memory_read(memory, tid, CALLER_MEMORY_STRING, call->arguments[argument], path, PATH_MAX);
}

/* What stands in the caller's memory. */
static void complete(pid_t tid, struct caller_memory *memory, const struct intent_call *call, struct intent *intent,
                     int path_argument)
{
    struct open_how how;
    if (call->number == SYS_openat2 && caller_memory_read(memory, tid, CALLER_MEMORY_BYTES, call->arguments[2],
                                                          (char *)&how, sizeof how) == (ssize_t)sizeof how)
        classify_open(intent, (int)how.flags, (int64_t)how.mode);
    char path[PATH_MAX];
    if ((call->number == SYS_bind || path_argument != NONE) && read_path(tid, memory, call, path_argument, path) >= 0)
        take_name(intent, path);
}

int intent_read(pid_t tid, struct caller_memory *memory, struct intent *ret)
{
    struct intent_call call;
    int path_argument;
    *ret = (struct intent){.flags = -1, .mode = -1};
    int status = read_call(tid, &call);
    if (status < 0)
        return status;
    if (call.number < 0 || !is_native(tid))
        return 0;
    intent_classify(&call, ret, &path_argument);
    if (memory != NULL)
        complete(tid, memory, &call, ret, path_argument);
    return 0;
}

/* Whether an argument is a path at all: by a NULL of utimensat(2) and its like the descriptor itself is meant. */
static bool is_given(const struct intent_call *call, int argument)
{
    return call->number == SYS_bind || (argument != NONE && call->arguments[argument] != 0);
}

int intent_read_paths(pid_t tid, struct caller_memory *memory, struct intent_paths *ret)
{
    struct intent_call call;
    struct intent intent;
    char path[PATH_MAX];
    int first;
    *ret = (struct intent_paths){0};
    int status = read_call(tid, &call);
    if (status < 0)
        return status;
    intent_classify(&call, &intent, &first);
    if (!is_given(&call, first))
        return 0;
    const struct call_shape *shape = shape_of(&call);
    ssize_t length = read_path(tid, memory, &call, first, path);
    if (length >= 0) {
        ret->changed[0] = g_strdup(path);
        if (shape != NULL && shape->other != NONE && (length = read_path(tid, memory, &call, shape->other, path)) >= 0)
            *(shape->operation == DENIAL_RENAME ? &ret->changed[1] : &ret->passed) = g_strdup(path);
    }
    if (length < 0)
        intent_paths_clear(ret);
    return length < 0 ? (int)length : 0;
}

void intent_paths_clear(struct intent_paths *paths)
{
    g_clear_pointer(&paths->changed[0], g_free);
    g_clear_pointer(&paths->changed[1], g_free);
    g_clear_pointer(&paths->passed, g_free);
}
