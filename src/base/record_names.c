#include "record_names.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

char *record_errno_name(int error)
{
    const char *name = strerrorname_np(error);
    return name != NULL ? g_strdup(name) : g_strdup_printf("%d", error);
}

/* Those that consist of several bits stand before the ones they contain. */
static const struct {
    int bits;
    const char *name;
} flag_names[] = {
    {O_CREAT, "O_CREAT"},         {O_EXCL, "O_EXCL"},         {O_NOCTTY, "O_NOCTTY"},   {O_TRUNC, "O_TRUNC"},
    {O_APPEND, "O_APPEND"},       {O_NONBLOCK, "O_NONBLOCK"}, {O_SYNC, "O_SYNC"},       {O_DSYNC, "O_DSYNC"},
    {O_ASYNC, "O_ASYNC"},         {O_DIRECT, "O_DIRECT"},     {O_TMPFILE, "O_TMPFILE"}, {O_DIRECTORY, "O_DIRECTORY"},
    {O_NOFOLLOW, "O_NOFOLLOW"},   {O_NOATIME, "O_NOATIME"},   {O_CLOEXEC, "O_CLOEXEC"}, {O_PATH, "O_PATH"},
    {O_LARGEFILE, "O_LARGEFILE"},
};

static const char *const access_names[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};

void record_each_flag(int flags, void (*each)(void *data, const char *name), void *data)
{
    /* The kernel's O_LARGEFILE, which glibc calls 0 where every file may be large: it tells nothing. */
    enum { KERNEL_LARGEFILE = 0100000 };

    each(data, access_names[flags & O_ACCMODE]);
    flags &= ~O_ACCMODE;
    for (size_t i = 0; i < G_N_ELEMENTS(flag_names); i++) {
        if (flag_names[i].bits != 0 && (flags & flag_names[i].bits) == flag_names[i].bits) {
            each(data, flag_names[i].name);
            flags &= ~flag_names[i].bits;
        }
    }
    flags &= ~KERNEL_LARGEFILE;
    if (flags != 0) {
        char rest[16];
        snprintf(rest, sizeof rest, "0x%x", (unsigned)flags);
        each(data, rest);
    }
}

bool record_flag_parse(const char *name, int *flags)
{
    for (int i = 0; i < (int)G_N_ELEMENTS(access_names); i++) {
        if (strcmp(name, access_names[i]) == 0) {
            *flags |= i;
            return true;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(flag_names); i++) {
        if (strcmp(name, flag_names[i].name) == 0) {
            *flags |= flag_names[i].bits;
            return true;
        }
    }
    guint64 bits;
    if (!g_str_has_prefix(name, "0x") || !g_ascii_string_to_unsigned(name + 2, 16, 1, INT_MAX, &bits, NULL))
        return false;
    *flags |= (int)bits;
    return true;
}

bool record_operation_parse(const char *name, enum denial_operation *ret)
{
    for (int i = 0; i < DENIAL_N_OPERATIONS; i++) {
        if (strcmp(name, denial_operation_name((enum denial_operation)i)) == 0) {
            *ret = (enum denial_operation)i;
            return true;
        }
    }
    return false;
}

bool record_why_parse(const char *name, enum denial_why *ret)
{
    for (int i = 0; i < DENIAL_N_WHYS; i++) {
        if (strcmp(name, denial_why_name((enum denial_why)i)) == 0) {
            *ret = (enum denial_why)i;
            return true;
        }
    }
    return false;
}

char *record_time_utc(const struct timespec *time)
{
    struct tm tm;
    char text[32];
    if (gmtime_r(&time->tv_sec, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return g_strdup("1970-01-01T00:00:00.000000000Z");
    return g_strdup_printf("%s.%09ldZ", text, time->tv_nsec);
}

/* Whether a text is like a pattern in which "0" is any digit. */
static bool is_like(const char *text, const char *pattern)
{
    for (; *pattern != '\0'; text++, pattern++) {
        if (*pattern == '0' ? !g_ascii_isdigit(*text) : *text != *pattern)
            return false;
    }
    return *text == '\0';
}

bool record_time_parse(const char *text, struct timespec *ret)
{
    struct tm tm = {0};
    if (!is_like(text, "0000-00-00T00:00:00.000000000Z"))
        return false;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (end == NULL || *end != '.' || tm.tm_year < 70)
        return false;
    ret->tv_sec = timegm(&tm);
    ret->tv_nsec = (long)g_ascii_strtoull(end + 1, NULL, 10);
    return true;
}

char *record_time_local(const struct timespec *time)
{
    struct tm tm;
    char text[16];
    if (localtime_r(&time->tv_sec, &tm) == NULL || strftime(text, sizeof text, "%H:%M:%S", &tm) == 0)
        return g_strdup("00:00:00.000");
    return g_strdup_printf("%s.%03ld", text, time->tv_nsec / 1000000);
}
