#include "serve_private.h"

#include "app_error.h"
#include "background.h"
#include "counters_file.h"
#include "facts_watch.h"
#include "history.h"
#include "layer_holds.h"
#include "log_set.h"
#include "notify.h"
#include "session.h"
#include "state_dir.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the logs get to write what is queued. */
#define LOG_PATIENCE_SECONDS 2

/* What commands get to hear that nobody waits for them any more; longer only one takes that hangs on a file system. */
#define COMMAND_PATIENCE_MS 2000

/* Tells whoever waits; false when nobody waits any more. */
static bool tell_ready(struct serve *serve)
{
    if (serve->ready_fd < 0) {
        notify_send("READY=1");
        return true;
    }
    int fd = serve->ready_fd;
    serve->ready_fd = -1;
    return background_ready(fd);
}

/* False where the starter has gone already. */
static bool watch_starter(struct serve *serve)
{
    if (serve->request->starter == 0)
        return true;
    serve->starter_fd = (int)syscall(SYS_pidfd_open, serve->request->starter, 0);
    return serve->starter_fd >= 0 && getppid() == serve->request->starter;
}

/* Of a set-up in vain. While the name is ours: afterwards the next one of that name may have it open. */
static void remove_empty_log(const struct serve *serve)
{
    struct stat st;
    if (serve->made_log && !serve->is_started && stat(serve->logs[0].path, &st) == 0 && st.st_size == 0)
        unlink(serve->logs[0].path);
}

/* Undoes what there is, in whatever state the set-up ended. @status: the process's. */
static void finish(struct serve *serve, int status)
{
    if (serve->control != NULL)
        daemon_end_news(&serve->daemon);
    bool have_ended = control_server_stop(serve->control, COMMAND_PATIENCE_MS);
    remove_empty_log(serve);
    if (serve->is_reserved)
        state_dir_remove(serve->paths->run, serve->state);
    if (!have_ended) {
        /* What a command uses cannot be freed under it, the log's counters neither; with the process it ends.
         * Nor can an anonymous volume that a set-up in vain has made: the state directory keeps it. */
        log_set_end(serve->log, LOG_PATIENCE_SECONDS);
        serve_remove_place(serve);
        _exit(status);
    }
    if (status != 0)
        session_give_up(serve->session);
    else
        session_free(serve->session);
    counters_file_unmap(serve->counters);
    log_set_close(serve->log, LOG_PATIENCE_SECONDS);
    history_unref(serve->history);
    facts_watch_free(serve->facts);
    pthread_mutex_destroy(&serve->daemon.change_lock);
    pthread_mutex_destroy(&serve->daemon.lock);
    layer_holds_free(serve->holds);
    for (size_t i = 0; i < serve->n_logs; i++)
        log_dest_clear(&serve->logs[i]);
    g_free(serve->logs);
    state_free(serve->state);
    if (serve->signal_fd >= 0)
        close(serve->signal_fd);
    if (serve->ready_fd >= 0)
        close(serve->ready_fd);
    if (serve->starter_fd >= 0)
        close(serve->starter_fd);
    serve_remove_place(serve);
}

int serve_run(const struct mount_request *request, const struct paths *paths, int ready_fd)
{
    struct serve serve = {.request = request, .paths = paths, .ready_fd = ready_fd, .signal_fd = -1, .starter_fd = -1};
    GError *error = NULL;
    int status = 0;
    pthread_mutex_init(&serve.daemon.change_lock, NULL);
    pthread_mutex_init(&serve.daemon.lock, NULL);
    if (!serve_set_up(&serve, &error))
        status = error != NULL ? app_error_print(error) : APP_ERROR_FAILED;
    else if (!watch_starter(&serve) || !tell_ready(&serve))
        status = APP_ERROR_FAILED;
    if (status != 0 && serve.is_started)
        serve_unmount(&serve);
    if (serve.is_started)
        serve_wait(&serve);
    finish(&serve, status);
    return status;
}
