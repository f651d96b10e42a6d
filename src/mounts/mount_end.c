#include "mount_end.h"

#include "app_error.h"
#include "guard.h"
#include "mount_table.h"
#include "process.h"
#include "state_dir.h"
#include "text.h"
#include "umount_beneath.h"
#include "unmount.h"
#include "users.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How many lines about who is in the way are worth reading. */
#define USERS_MAX 20

/* How often, and how long apart, a mount is tried that is in use. */
#define BUSY_TRIES 10
#define BUSY_NAP_US 20000

/* How long a daemon may take to end before it is worth saying why: where somebody uses it, and where nobody is seen to. */
#define QUIET_MS 1000
#define ALONE_MS 10000

/* Binds of the mount over itself can lie on top of it; nobody has more than a few. */
#define STACKED_MAX 16

struct mount_end {
    const struct paths *paths;
    const struct found_mount *found;
    enum mount_end_users users;
    pid_t pid;     /* of the daemon; 0 = it has ended, or nobody knows */
    int pidfd;     /* owned; -1 = as above */
    int signal_fd; /* owned; -1 = none could be had */
    bool was_busy; /* as it was detached */
    bool has_said; /* that somebody is in the way */
};

static void find_daemon(struct mount_end *end)
{
    const struct found_mount *found = end->found;
    uint64_t ticks = 0;
    if (found->state != NULL && state_is_alive(found->state)) {
        end->pid = found->state->pid;
        ticks = found->state->start_ticks;
    } else if (found->state == NULL && found->device != 0) {
        /* Mounted with a state directory that we were not told. */
        end->pid = users_find_daemon(found->device);
        ticks = process_start_ticks(end->pid);
    }
    end->pidfd = end->pid > 0 ? process_open(end->pid, ticks) : -1;
    if (end->pidfd < 0)
        end->pid = 0;
}

/* Those that wait already were not meant for this: a program that ran until now, say. */
static int watch_signals(void)
{
    const sigset_t signals = process_end_signals();
    struct signalfd_siginfo info;
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    while (fd >= 0 && read(fd, &info, sizeof info) == sizeof info)
        continue;
    return fd;
}

struct mount_end *mount_end_new(const struct paths *paths, const struct found_mount *found, enum mount_end_users users)
{
    struct mount_end *end = g_new0(struct mount_end, 1);
    *end = (struct mount_end){.paths = paths, .found = found, .users = users};
    end->signal_fd = watch_signals();
    find_daemon(end);
    return end;
}

static const char *name_of(const struct mount_end *end)
{
    return end->found->state != NULL ? end->found->state->name : NULL;
}

/* Who uses it, a line each; owned by the caller. */
static GPtrArray *find_users(const struct mount_end *end, unsigned limit)
{
    if (end->found->device == 0)
        return g_ptr_array_new_with_free_func(g_free);
    return users_find(end->found->device, name_of(end), end->found->point, end->pid, limit);
}

/* What is mounted below, as a line, at the end of them. */
static void add_mount_below(GPtrArray *lines, const char *point)
{
    g_autoptr(GPtrArray) table = mount_table_read(NULL);
    const struct mount_entry *below = table != NULL ? mount_table_below(table, point) : NULL;
    if (below != NULL) {
        g_autofree char *shown = text_word(below->point);
        g_ptr_array_add(lines, g_strdup_printf("%s is mounted below", shown));
    }
}

static void say_in_the_way(const GPtrArray *lines)
{
    for (guint i = 0; i < lines->len; i++)
        app_notice("in the way: %s", (const char *)g_ptr_array_index(lines, i));
}

/* @place: inside the mount, NULL for the mount itself. */
static int unmount_once(const char *point, const char *place, bool lazy)
{
    return place != NULL ? umount_beneath(point, place, 0, lazy) : unmount_point(point, lazy);
}

/* Somebody who only looks (who reads links of /proc, say) holds the mount for a moment; that is no use of it. */
static int unmount_patiently(const char *point, const char *place)
{
    int result = unmount_once(point, place, false);
    for (int i = 0; i < BUSY_TRIES && result == -EBUSY; i++) {
        g_usleep(BUSY_NAP_US);
        result = unmount_once(point, place, false);
    }
    return result;
}

/* @place: as above. Native routes below the mount are told only when they are what is left. */
static void say_busy(struct mount_end *end, const char *place)
{
    if (end->was_busy)
        return;
    end->was_busy = true;
    g_autoptr(GPtrArray) lines = find_users(end, USERS_MAX);
    if (place == NULL)
        add_mount_below(lines, end->found->point);
    /* Nobody waits for strangers, so it is of use only who they are; what has ended just now may be in the way for moments. */
    if (lines->len == 0 && end->users == MOUNT_END_STRANGERS)
        return;
    end->has_said = true;
    g_autofree char *shown = text_word(end->found->point);
    app_notice("%s is in use; it is detached now", shown);
    say_in_the_way(lines);
}

static int unmount_or_detach(struct mount_end *end, const char *place)
{
    int result = unmount_patiently(end->found->point, place);
    if (result != -EBUSY)
        return result;
    say_busy(end, place);
    return unmount_once(end->found->point, place, true);
}

/* All at once, the native routes with the mount point. */
static int detach_dead(struct mount_end *end)
{
    g_autoptr(GPtrArray) users = find_users(end, 1);
    if (users->len > 0)
        say_busy(end, end->found->state->natives[0]);
    return unmount_once(end->found->point, NULL, true);
}

/*
 * Unmounts the native routes, nested ones first, then the mount point. What of them somebody else has unmounted, or what
 * cannot be reached, is no error: the lazy unmount of the mount point takes it along. The way to them leads through the
 * mount: it is barred where the daemon is dead and the kernel would ask it again, and a daemon that does not answer would
 * make us wait.
 */
static int detach_once(struct mount_end *end)
{
    char **natives = end->found->state != NULL ? end->found->state->natives : NULL;
    guint n = natives != NULL ? g_strv_length(natives) : 0;
    int answer = n > 0 ? guard_probe(end->found->point) : 0;
    if (answer == -ENOTCONN || answer == -ECONNABORTED)
        return detach_dead(end);
    for (guint i = answer != -ETIMEDOUT ? n : 0; i > 0; i--)
        (void)unmount_or_detach(end, natives[i - 1]);
    return unmount_or_detach(end, NULL);
}

gboolean mount_end_detach(struct mount_end *end, GError **error)
{
    g_autofree char *shown = text_word(end->found->point);
    if (!end->found->is_mounted)
        return TRUE;
    int result = 0;
    for (int i = 0;
         i < STACKED_MAX && result == 0 && (i == 0 || mount_table_still_has(end->found->point, end->found->device));
         i++)
        result = detach_once(end);
    /* EINVAL: somebody else was faster and it is no mount any more. */
    if (result == 0 || result == -EINVAL)
        return TRUE;
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot unmount %s: %s%s", shown, g_strerror(-result),
                result == -EPERM ? "; only root and the user who mounted it may" : "");
    return FALSE;
}

/* Whether its connection has ended, as far as is known: its device's number may be another file system's by now. */
static bool is_over(const struct mount_end *end)
{
    return end->found->state != NULL && !state_dir_has(end->paths->run, end->found->state);
}

/*
 * Says who keeps the daemon from ending. Whether somebody does, as far as can be seen.
 *
 * Where it was not busy as we unmounted it, nobody uses it unless it is mounted elsewhere. To look for users all the same would
 * find those of whatever has its device's number by now; a file system that is in no table, as a daemon's own tmpfs, cannot
 * be told from it.
 */
static bool say_last_users(const struct mount_end *end)
{
    if (is_over(end))
        return false;
    if (end->found->is_mounted && !users_find_mounts(end->found->device, name_of(end)))
        return false;
    g_autoptr(GPtrArray) lines = find_users(end, USERS_MAX);
    say_in_the_way(lines);
    return lines->len > 0;
}

/* Strangers that were in the way as it was detached may only have looked. */
static bool is_used(const struct mount_end *end)
{
    if (!end->has_said)
        return say_last_users(end);
    if (end->users == MOUNT_END_AWAITED)
        return true;
    if (is_over(end))
        return false;
    g_autoptr(GPtrArray) lines = find_users(end, 1);
    return lines->len > 0;
}

bool mount_end_wait(struct mount_end *end)
{
    bool are_strangers = end->users == MOUNT_END_STRANGERS;
    /* Also where it could not be detached, or something else lies on it. */
    if (are_strangers && end->pidfd >= 0)
        (void)syscall(SYS_pidfd_send_signal, end->pidfd, SIGTERM, NULL, 0);
    int timeout = end->has_said && !are_strangers ? 0 : QUIET_MS;
    struct pollfd events[] = {{.fd = end->pidfd, .events = POLLIN}, {.fd = end->signal_fd, .events = POLLIN}};
    for (int waited = timeout; end->pidfd >= 0; waited += timeout) {
        int ready = poll(events, G_N_ELEMENTS(events), timeout);
        if (ready < 0)
            continue;
        if (ready > 0 && events[0].revents != 0)
            return true;
        if (ready > 0) {
            app_notice("not waiting any longer; the daemon (pid %d) goes on until the last user is gone",
                       (int)end->pid);
            return false;
        }
        bool is_in_use = is_used(end);
        if (!is_in_use && waited < ALONE_MS)
            continue;
        if (are_strangers && (is_in_use || end->was_busy)) {
            app_notice("not waited for: the daemon (pid %d) goes on until the last user is gone", (int)end->pid);
            return false;
        }
        app_notice("waiting until the last user is gone and the daemon (pid %d) has ended; Ctrl-C ends the wait",
                   (int)end->pid);
        timeout = -1;
    }
    return true;
}

void mount_end_free(struct mount_end *end)
{
    if (end == NULL)
        return;
    if (end->pidfd >= 0)
        close(end->pidfd);
    if (end->signal_fd >= 0)
        close(end->signal_fd);
    g_free(end);
}
