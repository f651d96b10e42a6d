#include "image_confine.h"

#include "app_error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of newer headers than Debian 12 has. */
#define ACCESS_REFER (UINT64_C(1) << 13)
#define ACCESS_TRUNCATE (UINT64_C(1) << 14)

/* zstd's window can be 128 MiB, and the times of ten million directories need some. */
#define MEMORY_MAX ((rlim_t)4 << 30)
#define FILES_MAX 64

/* What is needed to set owners, modes and attributes of files that belong to others by then. */
static const cap_value_t needed[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_SETFCAP};

bool image_can_own(void)
{
    g_autofree char *map = NULL;
    if (geteuid() != 0 || !g_file_get_contents("/proc/self/uid_map", &map, NULL, NULL))
        return false;
    unsigned long inside, outside, count;
    if (sscanf(map, "%lu %lu %lu", &inside, &outside, &count) != 3 || inside != 0 || outside != 0 || count < UINT32_MAX)
        return false;
    cap_t caps = cap_get_proc();
    bool has_all = caps != NULL;
    for (size_t i = 0; has_all && i < G_N_ELEMENTS(needed); i++) {
        cap_flag_value_t value = CAP_CLEAR;
        has_all = cap_get_flag(caps, needed[i], CAP_EFFECTIVE, &value) == 0 && value == CAP_SET;
    }
    cap_free(caps);
    return has_all;
}

static void limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(resource, &now) == 0 && (now.rlim_max == RLIM_INFINITY || now.rlim_max > most)) {
        now = (struct rlimit){.rlim_cur = most, .rlim_max = most};
        (void)setrlimit(resource, &now);
    }
}

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return done;
}

/* Root of a user namespace may chroot; the only user in it is the one who asks. 1: done; 0: not allowed here; -1: half
 * done, and nothing can be made with that. */
static int enter_user_namespace(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER) != 0)
        return 0;
    /* Groups cannot be dropped then; without that the map of groups is refused. */
    (void)write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1\n", gid, gid);
    bool done = write_file("/proc/self/gid_map", map);
    snprintf(map, sizeof map, "%u %u 1\n", uid, uid);
    return done && write_file("/proc/self/uid_map", map) ? 1 : -1;
}

/* Makes the directory the root. 1, 0 or -1 as above. */
static int change_root(int dir_fd)
{
    if (fchdir(dir_fd) != 0)
        return 0;
    if (chroot(".") == 0)
        return 1;
    int entered = geteuid() != 0 ? enter_user_namespace() : 0;
    return entered == 1 && chroot(".") != 0 ? 0 : entered;
}

static int landlock_version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* Everything that Landlock knows of the file system is forbidden, and allowed below the directory alone. */
static bool enter_landlock(int dir_fd)
{
    /* Version 1 forbids hard links from one directory to another, always. */
    int version = landlock_version();
    if (version < 2)
        return false;
    uint64_t all = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    all |= ACCESS_REFER | (version >= 3 ? ACCESS_TRUNCATE : 0);
    struct landlock_ruleset_attr attr = {.handled_access_fs = all};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0)
        return false;
    struct landlock_path_beneath_attr rule = {.allowed_access = all & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE,
                                              .parent_fd = dir_fd};
    bool done = (dir_fd < 0 || syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) &&
                syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return done;
}

static bool drop_capabilities(bool keep_some)
{
    static const cap_value_t device[] = {CAP_MKNOD};
    cap_t old = cap_get_proc(), caps = cap_init();
    bool done = old != NULL && caps != NULL;
    for (size_t i = 0; done && keep_some && i < G_N_ELEMENTS(needed) + 1; i++) {
        const cap_value_t *cap = i < G_N_ELEMENTS(needed) ? &needed[i] : device;
        cap_flag_value_t has = CAP_CLEAR;
        if (cap_get_flag(old, *cap, CAP_PERMITTED, &has) != 0 || has != CAP_SET)
            continue; /* no device nodes in this container */
        done = cap_set_flag(caps, CAP_PERMITTED, 1, cap, CAP_SET) == 0 &&
               cap_set_flag(caps, CAP_EFFECTIVE, 1, cap, CAP_SET) == 0;
    }
    done = done && cap_set_proc(caps) == 0;
    cap_free(old);
    cap_free(caps);
    return done;
}

/* What comes without a path, and is called by the C library, GLib and libarchive while they work on memory and
 * descriptors. */
static const int plain_calls[] = {
    SCMP_SYS(read),           SCMP_SYS(pread64),      SCMP_SYS(write),
    SCMP_SYS(pwrite64),       SCMP_SYS(close),        SCMP_SYS(fcntl),
    SCMP_SYS(fcntl64),        SCMP_SYS(lseek),        SCMP_SYS(_llseek),
    SCMP_SYS(fstat),          SCMP_SYS(fstat64),      SCMP_SYS(mmap),
    SCMP_SYS(mmap2),          SCMP_SYS(munmap),       SCMP_SYS(mremap),
    SCMP_SYS(mprotect),       SCMP_SYS(madvise),      SCMP_SYS(brk),
    SCMP_SYS(futex),          SCMP_SYS(exit),         SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),   SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack),
    SCMP_SYS(sendto),         SCMP_SYS(send),         SCMP_SYS(getpid),
    SCMP_SYS(gettid),         SCMP_SYS(getrandom),    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),   SCMP_SYS(sched_yield),  SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigprocmask),
};

/* What makes files; each takes a name, and no name is looked up outside the directory any more. */
static const int file_calls[] = {
    SCMP_SYS(openat),    SCMP_SYS(openat2),   SCMP_SYS(newfstatat),  SCMP_SYS(fstatat64), SCMP_SYS(statx),
    SCMP_SYS(mkdirat),   SCMP_SYS(mknodat),   SCMP_SYS(symlinkat),   SCMP_SYS(linkat),    SCMP_SYS(unlinkat),
    SCMP_SYS(ftruncate), SCMP_SYS(fchownat),  SCMP_SYS(fchmodat),    SCMP_SYS(utimensat), SCMP_SYS(utimensat_time64),
    SCMP_SYS(fchdir),    SCMP_SYS(lsetxattr), SCMP_SYS(ftruncate64), SCMP_SYS(lgetxattr),
};

static bool allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    }
    return true;
}

/* ENOSYS, so that a C library of tomorrow that tries a newer call first goes on with the older one. */
static bool enter_seccomp(bool with_files)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    bool done = filter != NULL && allow(filter, plain_calls, G_N_ELEMENTS(plain_calls)) &&
                (!with_files || allow(filter, file_calls, G_N_ELEMENTS(file_calls))) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return done;
}

static gboolean fail(GError **error, const char *what)
{
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "the unpacking process cannot be confined: %s", what);
    return FALSE;
}

gboolean image_confine(int dir_fd, bool can_own, GError **error)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(error, "no_new_privs is not to be had");
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, FILES_MAX);
    if (!IMAGE_HAS_SANITIZER) /* whose shadow memory is larger than any limit */
        limit(RLIMIT_AS, MEMORY_MAX);
    int rooted = dir_fd >= 0 ? change_root(dir_fd) : 0;
    if (rooted < 0)
        return fail(error, "a user namespace could be made, but not entered as a user");
    bool locked = enter_landlock(dir_fd);
    if (dir_fd >= 0 && rooted == 0 && !locked)
        return fail(error, "neither chroot nor user namespaces nor Landlock are allowed here");
    if (!drop_capabilities(can_own && dir_fd >= 0))
        return fail(error, "capabilities cannot be dropped");
    if (!enter_seccomp(dir_fd >= 0) && dir_fd < 0 && !locked)
        return fail(error, "neither seccomp nor Landlock are allowed here");
    return TRUE;
}
