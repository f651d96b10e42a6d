#include "pidfd_status.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/pidfd.h, which is older than this in Debian 12: struct pidfd_info in its first version, PIDFD_INFO_SIZE_VER0. */
struct pidfd_info_0 {
    uint64_t mask;
    uint64_t cgroupid;
    uint32_t pid, tgid, ppid;
    uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
    int32_t exit_code;
};

_Static_assert(sizeof(struct pidfd_info_0) == 64, "the kernel's PIDFD_INFO_SIZE_VER0");

#define PIDFD_GET_INFO_0 _IOWR(0xFF, 11, struct pidfd_info_0)
#define INFO_EXIT (UINT64_C(1) << 3)

#define EXIT_CODE_FIELD 52

/* The exit code of a zombie; false where it is none, or not for us to see. */
static bool read_zombie(pid_t pid, int *ret_status)
{
    char path[64];
    g_autofree char *text = NULL;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (geteuid() != 0 || !g_file_get_contents(path, &text, NULL, NULL))
        return false;
    /* comm is in parentheses and can hold anything, parentheses too: what follows the last one is fixed, from field 3 on. */
    const char *rest = strrchr(text, ')');
    if (rest == NULL)
        return false;
    g_auto(GStrv) fields = g_strsplit(rest + 2, " ", -1);
    if (g_strv_length(fields) < EXIT_CODE_FIELD - 2 || strcmp(fields[0], "Z") != 0)
        return false;
    *ret_status = (int)strtol(fields[EXIT_CODE_FIELD - 3], NULL, 10);
    return true;
}

/* Whether its parent has not waited for it yet: its number is its own that long. */
static bool is_there(int fd)
{
    return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0 || errno != ESRCH;
}

enum pidfd_answer pidfd_status(int fd, pid_t pid, int *ret_status)
{
    struct pidfd_info_0 info = {.mask = INFO_EXIT};
    int status;
    bool is_zombie = read_zombie(pid, &status);
    /* After the look at /proc: what was seen there was the same process if it is still there. */
    bool is_same = is_there(fd);
    if (ioctl(fd, PIDFD_GET_INFO_0, &info) == 0 && (info.mask & INFO_EXIT) != 0) {
        *ret_status = info.exit_code;
        return PIDFD_STATUS;
    }
    if (is_zombie && is_same) {
        *ret_status = status;
        return PIDFD_STATUS;
    }
    return is_same ? PIDFD_NOT_YET : PIDFD_UNKNOWN;
}
