#include "log_set.h"

#include "app_error.h"
#include "notice_box.h"
#include "sink.h"

struct log_set {
    struct denial_log *log;    /* owned */
    struct notice_box **boxes; /* one for each sink, a reference each; owned */
    size_t n;
};

static gboolean open_sink(const struct log_dest *dest, struct notice_box *box, const char *mount,
                          struct denial_sink *ret, GError **error)
{
    switch (dest->kind) {
    case LOG_STDERR:
        return sink_stderr_new(dest->format, box, mount, ret, error);
    case LOG_JOURNALD:
        return sink_journald_new(box, mount, ret, error);
    default:
        return sink_file_new(dest->path, dest->format, box, mount, ret, error);
    }
}

struct log_set *log_set_open(const struct log_dest *dests, size_t n, unsigned fold, const char *mount,
                             const struct denial_sink *more, size_t n_more, GError **error)
{
    struct log_set *set = g_new0(struct log_set, 1);
    g_autofree struct denial_sink *sinks = g_new0(struct denial_sink, n + n_more + 1);
    for (size_t i = 0; i < n_more; i++)
        sinks[n + i] = more[i];
    set->boxes = g_new0(struct notice_box *, n + 1);
    size_t opened = 0;
    for (; set->n < n; set->n++) {
        set->boxes[set->n] = notice_box_new();
        if (!open_sink(&dests[set->n], set->boxes[set->n], mount, &sinks[set->n], error)) {
            set->n++; /* its box is there */
            break;
        }
        opened++;
    }
    const struct denial_options options = {.fold_seconds = fold};
    if (opened == n) {
        int result = denial_log_new(&options, sinks, n + n_more, &set->log);
        if (result == 0)
            return set;
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot start the log: %s", g_strerror(-result));
    } else {
        for (size_t i = 0; i < opened; i++)
            sinks[i].close(sinks[i].data);
        for (size_t i = 0; i < n_more; i++)
            more[i].close(more[i].data);
    }
    log_set_close(set, 0);
    return NULL;
}

struct denial_log *log_set_denials(const struct log_set *set)
{
    return set->log;
}

void log_set_notice(struct log_set *set, const char *message)
{
    for (size_t i = 0; i < set->n; i++)
        notice_box_post(set->boxes[i], message);
    /* Nothing is reopened: this wakes the sinks' threads, which find the notice. */
    denial_log_reopen(set->log);
}

void log_set_reopen(struct log_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        notice_box_post_reopen(set->boxes[i]);
    denial_log_reopen(set->log);
}

void log_set_end(struct log_set *set, unsigned seconds)
{
    if (set != NULL)
        denial_log_end(set->log, seconds);
}

void log_set_close(struct log_set *set, unsigned seconds)
{
    if (set == NULL)
        return;
    denial_log_free(set->log, seconds);
    for (size_t i = 0; i < set->n; i++)
        notice_box_unref(set->boxes[i]);
    g_free(set->boxes);
    g_free(set);
}
