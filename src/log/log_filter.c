#include "log_filter.h"

#include "caller.h"

#include <fnmatch.h>
#include <string.h>

static bool is_since(const struct log_filter *filter, const struct timespec *time)
{
    return !filter->has_since || time->tv_sec > filter->since.tv_sec ||
           (time->tv_sec == filter->since.tv_sec && time->tv_nsec >= filter->since.tv_nsec);
}

static bool is_pid(const char *word, const struct caller *caller)
{
    if (word[0] == '\0' || strspn(word, "0123456789") != strlen(word))
        return false;
    gint64 pid = g_ascii_strtoll(word, NULL, 10);
    return pid > 0 && (pid == caller->pid || pid == caller->tid || pid == caller->pid_inside);
}

static bool is_process(const char *word, const struct caller *caller)
{
    if (is_pid(word, caller) || g_strcmp0(caller->comm, word) == 0)
        return true;
    if (caller->exe == NULL)
        return false;
    const char *slash = strrchr(caller->exe, '/');
    return strcmp(caller->exe, word) == 0 || (slash != NULL && strcmp(slash + 1, word) == 0);
}

static bool is_path(const char *glob, const struct denial_facts *facts)
{
    return fnmatch(glob, facts->path, 0) == 0 ||
           (facts->target != NULL && facts->operation != DENIAL_SYMLINK && fnmatch(glob, facts->target, 0) == 0);
}

bool log_filter_takes(const struct log_filter *filter, const struct denial_event *event)
{
    if (event->kind == DENIAL_EVENT_DROPPED)
        return is_since(filter, &event->time);
    const struct denial_record *record = event->record;
    return is_since(filter, &record->last) &&
           (filter->process == NULL || is_process(filter->process, record->caller)) &&
           (filter->path == NULL || is_path(filter->path, &record->facts));
}

bool log_filter_takes_notice(const struct log_filter *filter, const struct timespec *time)
{
    return filter->process == NULL && filter->path == NULL && is_since(filter, time);
}
