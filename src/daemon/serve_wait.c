/*
 * The main thread while the mount is there: nothing that it does may wait for a client, a command or a backing file system, as
 * signals are heard here.
 */
#include "serve_private.h"

#include "app_error.h"
#include "history.h"
#include "log_set.h"
#include "mount_table.h"
#include "notify.h"
#include "readonly_watch.h"
#include "session.h"
#include "sink.h"
#include "state_dir.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* How long after the unmount the connection may live on before it is worth saying why. */
#define QUIET_MS 1000

/* Binds of the mount over itself can lie on top of it; nobody has more than a few. */
#define STACKED_MAX 16

/*
 * Says something about the mount, in its logs and to whoever sits before it. A terminal that takes nothing must not
 * keep the daemon from ending; where it is one of the logs, it gets the line from there.
 */
static void say(void *data, const char *message)
{
    struct serve *serve = data;
    log_set_notice(serve->log, message);
    history_notice(serve->history, message);
    for (size_t i = 0; i < serve->n_logs; i++) {
        if (serve->logs[i].kind == LOG_STDERR)
            return;
    }
    struct pollfd terminal = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&terminal, 1, 0) == 1 && (terminal.revents & POLLOUT) != 0)
        app_notice("%s", message);
}

static int64_t now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

/* Says once why the daemon does not end, and what tells more: who, or where, that is. */
static void say_busy(struct serve *serve, const char *why, const char *what)
{
    g_autofree char *message = g_strdup_printf("%s; rofuse umount %s says %s that is", why, serve->state->name, what);
    say(serve, message);
    serve->has_said_busy = true;
}

void serve_remove_place(const struct serve *serve)
{
    if (serve->request->starter != 0)
        rmdir(serve->request->mountpoint);
}

void serve_unmount(struct serve *serve)
{
    if (serve->is_unmounting) {
        say(serve, "the mount is still in use; serving it until the last user is gone");
        serve->has_said_busy = true;
        return;
    }
    bool busy = false;
    notify_send("STOPPING=1");
    int result = session_unmount(serve->session, &busy);
    for (int i = 0;
         i < STACKED_MAX && result == 0 && mount_table_still_has(serve->state->mountpoint, serve->state->device); i++) {
        bool is_busy;
        result = session_unmount(serve->session, &is_busy);
        busy |= is_busy;
    }
    if (result < 0) {
        g_autofree char *message = g_strdup_printf("cannot unmount: %s; going on", g_strerror(-result));
        say(serve, message);
        return;
    }
    serve_remove_place(serve);
    serve->is_unmounting = true;
    serve->unmounted_ms = now_ms();
    if (busy)
        say_busy(serve, "the mount is in use: detached, and served until the last user is gone", "who");
}

/* It was not busy here, so it lives on at another place. */
static void say_if_still_used(struct serve *serve)
{
    if (serve->is_unmounting && !serve->has_said_busy && now_ms() - serve->unmounted_ms >= QUIET_MS)
        say_busy(serve, "unmounted, but a bind or another mount namespace still has it: served until that is gone",
                 "where");
}

static void handle_signal(struct serve *serve)
{
    struct signalfd_siginfo info;
    while (read(serve->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP)
            log_set_reopen(serve->log);
        else
            serve_unmount(serve);
    }
}

/* For whoever asks for the status: the log says it only once. */
static void note_read_only(struct serve *serve, const struct readonly_watch *watch)
{
    g_autoptr(GError) error = NULL;
    pthread_mutex_lock(&serve->daemon.lock);
    g_strfreev(serve->state->read_only_at);
    serve->state->read_only_at = readonly_watch_places(watch);
    bool is_written = state_dir_write(serve->paths->run, serve->state, &error);
    pthread_mutex_unlock(&serve->daemon.lock);
    if (!is_written)
        say(serve, error->message);
}

void serve_wait(struct serve *serve)
{
    int ended_fd = session_ended_fd(serve->session);
    struct readonly_watch *watch = readonly_watch_new(serve->state->device);
    for (;;) {
        struct pollfd events[] = {{.fd = ended_fd, .events = POLLIN},
                                  {.fd = serve->signal_fd, .events = POLLIN},
                                  {.fd = readonly_watch_fd(watch), .events = POLLPRI},
                                  {.fd = serve->starter_fd, .events = POLLIN}};
        int timeout = serve->is_unmounting ? (serve->has_said_busy ? -1 : QUIET_MS) : readonly_watch_timeout(watch);
        if (poll(events, G_N_ELEMENTS(events), timeout) < 0)
            continue;
        if (events[0].revents != 0)
            break;
        if (events[1].revents != 0)
            handle_signal(serve);
        if (events[2].revents != 0)
            readonly_watch_changed(watch);
        if (events[3].revents != 0) {
            close(serve->starter_fd);
            serve->starter_fd = -1;
            if (!serve->is_unmounting)
                serve_unmount(serve);
        }
        if (!serve->is_unmounting && readonly_watch_look(watch, say, serve))
            note_read_only(serve, watch);
        say_if_still_used(serve);
    }
    readonly_watch_free(watch);
}
