#include "record_names.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

char *record_errno_name(int error)
{
    const char *name = strerrorname_np(error);
    return name != NULL ? g_strdup(name) : g_strdup_printf("%d", error);
}

void record_each_flag(int flags, void (*each)(void *data, const char *name), void *data)
{
    /* Those that consist of several bits stand before the ones they contain. */
    static const struct {
        int bits;
        const char *name;
    } names[] = {
        {O_CREAT, "O_CREAT"},       {O_EXCL, "O_EXCL"},           {O_NOCTTY, "O_NOCTTY"},
        {O_TRUNC, "O_TRUNC"},       {O_APPEND, "O_APPEND"},       {O_NONBLOCK, "O_NONBLOCK"},
        {O_SYNC, "O_SYNC"},         {O_DSYNC, "O_DSYNC"},         {O_ASYNC, "O_ASYNC"},
        {O_DIRECT, "O_DIRECT"},     {O_TMPFILE, "O_TMPFILE"},     {O_DIRECTORY, "O_DIRECTORY"},
        {O_NOFOLLOW, "O_NOFOLLOW"}, {O_NOATIME, "O_NOATIME"},     {O_CLOEXEC, "O_CLOEXEC"},
        {O_PATH, "O_PATH"},         {O_LARGEFILE, "O_LARGEFILE"},
    };
    /* The kernel's O_LARGEFILE, which glibc calls 0 where every file may be large: it tells nothing. */
    enum { KERNEL_LARGEFILE = 0100000 };
    static const char *const access[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};

    each(data, access[flags & O_ACCMODE]);
    flags &= ~O_ACCMODE;
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].bits != 0 && (flags & names[i].bits) == names[i].bits) {
            each(data, names[i].name);
            flags &= ~names[i].bits;
        }
    }
    flags &= ~KERNEL_LARGEFILE;
    if (flags != 0) {
        char rest[16];
        snprintf(rest, sizeof rest, "0x%x", (unsigned)flags);
        each(data, rest);
    }
}

char *record_time_utc(const struct timespec *time)
{
    struct tm tm;
    char text[32];
    if (gmtime_r(&time->tv_sec, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return g_strdup("1970-01-01T00:00:00.000000000Z");
    return g_strdup_printf("%s.%09ldZ", text, time->tv_nsec);
}

char *record_time_local(const struct timespec *time)
{
    struct tm tm;
    char text[16];
    if (localtime_r(&time->tv_sec, &tm) == NULL || strftime(text, sizeof text, "%H:%M:%S", &tm) == 0)
        return g_strdup("00:00:00.000");
    return g_strdup_printf("%s.%03ld", text, time->tv_nsec / 1000000);
}
