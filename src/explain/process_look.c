#include "process_look.h"

#include "class_rule.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A link of /proc; "" where it cannot be read. */
static void read_link(pid_t pid, const char *name, char *ret, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    ssize_t length = readlink(path, ret, size - 1);
    ret[MAX(length, 0)] = '\0';
}

bool process_home_read(pid_t pid, struct process_home *ret)
{
    read_link(pid, "ns/mnt", ret->mounts, sizeof ret->mounts);
    read_link(pid, "root", ret->root, sizeof ret->root);
    return *ret->mounts != '\0' && *ret->root != '\0';
}

bool process_home_is_same(const struct process_home *a, const struct process_home *b)
{
    return strcmp(a->mounts, b->mounts) == 0 && strcmp(a->root, b->root) == 0;
}

/* By the name alone: where a process has a root of its own, the link has not the whole path; and to ask for the file itself
 * could ask our own mount, which waits for us. */
static bool is_terminal(const char *name)
{
    const char *slash = strrchr(name, '/');
    if (slash == NULL)
        return false;
    if (strcmp(slash, "/console") == 0)
        return true;
    /* /dev/tty, /dev/tty1, /dev/ttyS0, /dev/pts/0 */
    const char *number = g_str_has_prefix(slash, "/ttyS")  ? slash + 5
                         : g_str_has_prefix(slash, "/tty") ? slash + 4
                                                           : NULL;
    if (number == NULL && slash - name >= 4 && strncmp(slash - 4, "/pts", 4) == 0)
        number = slash + 1;
    return number != NULL && number[strspn(number, "0123456789")] == '\0';
}

/*
 * Whether a shell has the terminal that it needs to give it to its jobs, as a shell has that takes commands from a person:
 * bash at 255, where a script of its own would be; dash and busybox at one from 10 on, by opening /dev/tty: there are the
 * files, too, that a redirection in a script has put aside, but those have their own names.
 */
bool process_is_prompt(pid_t pid, const char *comm, const char *executable)
{
    enum { BASH = 255, FIRST = 10, LAST = 19 };
    char name[32], target[4096];
    if (!class_is_shell(comm, executable))
        return false;
    snprintf(name, sizeof name, "fd/%d", BASH);
    read_link(pid, name, target, sizeof target);
    if (*target != '\0')
        return is_terminal(target);
    for (int fd = FIRST; fd <= LAST; fd++) {
        snprintf(name, sizeof name, "fd/%d", fd);
        read_link(pid, name, target, sizeof target);
        if (g_str_has_suffix(target, "/tty"))
            return true;
    }
    return false;
}

/* By the name alone, as is_terminal(). */
bool process_is_quiet(pid_t pid)
{
    char target[4096];
    read_link(pid, "fd/2", target, sizeof target);
    return g_str_has_suffix(target, "/null");
}
