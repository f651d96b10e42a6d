#include "process.h"

#include "text.h"

#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t process_start_ticks(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    g_autofree char *text = NULL;
    if (pid <= 0 || !g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    /* comm is in parentheses and can hold anything, parentheses too: what follows the last one is fixed. */
    const char *rest = strrchr(text, ')');
    if (rest == NULL)
        return 0;
    g_auto(GStrv) fields = g_strsplit(g_strstrip((char *)rest + 1), " ", -1);
    if (g_strv_length(fields) < 20 || strcmp(fields[0], "Z") == 0 || strcmp(fields[0], "X") == 0)
        return 0;
    return g_ascii_strtoull(fields[19], NULL, 10);
}

char *process_boot_id(void)
{
    char *text = NULL;
    if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
        return g_strdup("");
    return g_strstrip(text);
}

char *process_comm(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return g_strdup("?");
    g_strchomp(text);
    return text_word(text);
}

int process_open(pid_t pid, uint64_t ticks)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -errno;
    /* Looked at after the descriptor is there: it cannot become another process any more. */
    if (ticks == 0 || process_start_ticks(pid) != ticks) {
        close(fd);
        return -ESRCH;
    }
    return fd;
}

sigset_t process_end_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        struct sigaction action;
        if (sigaction(numbers[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&signals, numbers[i]);
    }
    return signals;
}
