#include "daemon.h"

#include "app_error.h"
#include "control_socket.h"
#include "facts_watch.h"
#include "history.h"

#include <stdbool.h>
#include <time.h>

/* How often who waits for another change is looked for. */
#define LOOK_NS 200000000L

/* One a line. */
/* clang-format off */
static const struct control_command *const tables[] = {
    daemon_facts_commands,
    daemon_learn_commands,
    daemon_log_commands,
    daemon_route_commands,
    daemon_status_commands,
    daemon_why_commands,
    NULL,
};
/* clang-format on */

struct control_server *daemon_listen(struct daemon *daemon, GError **error)
{
    g_autofree char *path = control_socket_path(daemon->paths->run, daemon->state->name);
    return control_server_start(path, tables, daemon, error);
}

/* Waits for the lock for a while. The clock is the one that ThreadSanitizer knows of; if it is set, the while is another. */
static bool try_lock(pthread_mutex_t *lock)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LOOK_NS;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    return pthread_mutex_timedlock(lock, &until) == 0;
}

gboolean daemon_begin_change(struct daemon *daemon, const struct control_stream *stream, GError **error)
{
    bool is_locked = false;
    while (!is_locked && control_stream_is_wanted(stream))
        is_locked = try_lock(&daemon->change_lock);
    if (is_locked && control_stream_is_wanted(stream))
        return TRUE;
    if (is_locked)
        daemon_end_change(daemon);
    return app_error_failed(error, "given up before it was begun");
}

void daemon_end_change(struct daemon *daemon)
{
    pthread_mutex_unlock(&daemon->change_lock);
}

static bool has_gone(void *stream)
{
    return !control_stream_is_wanted(stream);
}

struct patience daemon_patience(const struct control_stream *stream)
{
    return (struct patience){has_gone, (void *)stream};
}

void daemon_catch_up(struct daemon *daemon, const struct control_stream *stream, int most_ms)
{
    const struct patience patience = daemon_patience(stream);
    /* The history has it when the facts do (history_sink()). */
    (void)history_wait(daemon->history, facts_watch_count(daemon->facts), most_ms, &patience);
}

void daemon_end_news(struct daemon *daemon)
{
    (void)history_wait(daemon->history, facts_watch_count(daemon->facts), DAEMON_CATCH_UP_MS, NULL);
    history_end(daemon->history);
}
