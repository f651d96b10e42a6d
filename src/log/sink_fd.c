/*
 * A line is written whole or not at all, as far as that is ours to say: when a disk fills in the middle of a line,
 * the rest of it is kept and written first when there is room again; until then everything else is only counted. So a
 * reader never meets two lines run into one, and the log says how much is missing.
 */
#include "sink.h"

#include "log_file.h"
#include "record_format.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fd_sink {
    int fd;     /* owned */
    char *path; /* owned; NULL = cannot be opened anew */
    enum log_format format;
    char *mount;            /* owned */
    struct notice_box *box; /* a reference */
    char *line;             /* the line that is partly written, owned; NULL = none */
    size_t line_length;
    size_t line_written;
    uint64_t line_weight;           /* denials that are lost when it never gets finished */
    bool line_is_news;              /* they are not among @lost_ever yet */
    int error;                      /* why the log took nothing at last; 0 = it has taken everything */
    uint64_t lost;                  /* denials that could not be written since the last time the log said so */
    atomic_uint_fast64_t lost_ever; /* those that were given to us; what others lost is not counted again */
};

uint64_t sink_event_weight(const struct denial_event *event)
{
    switch (event->kind) {
    case DENIAL_EVENT_RECORD:
        return 1;
    case DENIAL_EVENT_FOLDED: /* the first of them was an event of its own */
        return event->record->count > 0 ? event->record->count - 1 : 0;
    default:
        return event->dropped;
    }
}

/* @is_news: they were given to us, and were not lost by anybody before. */
static void lose(struct fd_sink *sink, uint64_t weight, bool is_news)
{
    sink->lost += weight;
    if (is_news)
        atomic_fetch_add(&sink->lost_ever, weight);
}

/* Writes what is left of the current line; false when something is still left. */
static bool finish_line(struct fd_sink *sink)
{
    while (sink->line != NULL && sink->line_written < sink->line_length) {
        ssize_t n = write(sink->fd, sink->line + sink->line_written, sink->line_length - sink->line_written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            /* Whoever shares a terminal or pipe with us can make it non-blocking; our thread may wait all the same. */
            struct pollfd room = {.fd = sink->fd, .events = POLLOUT};
            if (poll(&room, 1, -1) >= 0 && (room.revents & POLLOUT) != 0)
                continue;
            return false;
        }
        if (n <= 0) {
            sink->error = n < 0 ? errno : EIO;
            return false;
        }
        sink->line_written += (size_t)n;
    }
    g_clear_pointer(&sink->line, g_free);
    return true;
}

/* Gives up the current line: nothing of it was written, or it is cut off again. */
static void forget_line(struct fd_sink *sink)
{
    if (sink->line == NULL)
        return;
    struct stat st;
    off_t end = lseek(sink->fd, 0, SEEK_CUR);
    /* Only while it is still the end of the file: somebody else may have appended or truncated. */
    if (sink->line_written > 0 && end >= 0 && fstat(sink->fd, &st) == 0 && st.st_size == end &&
        ftruncate(sink->fd, end - (off_t)sink->line_written) != 0)
        sink->line_written = 0;
    lose(sink, sink->line_weight, sink->line_is_news);
    g_clear_pointer(&sink->line, g_free);
}

/* Takes ownership of @line. False when the log takes nothing now. */
static bool put_line(struct fd_sink *sink, char *line, uint64_t weight, bool is_news)
{
    if (!finish_line(sink)) {
        lose(sink, weight, is_news);
        g_free(line);
        return false;
    }
    sink->line = line;
    sink->line_length = strlen(line);
    sink->line_written = 0;
    sink->line_weight = weight;
    sink->line_is_news = is_news;
    bool done = finish_line(sink);
    if (!done && sink->line_written == 0)
        forget_line(sink);
    return done;
}

static char *format_event(const struct fd_sink *sink, const struct denial_event *event)
{
    return record_format_event(sink->format, event, sink->mount);
}

/* Says what was lost, if anything was. False when even that cannot be written. */
static bool tell_lost(struct fd_sink *sink)
{
    if (sink->lost == 0)
        return true;
    struct denial_event event = {.kind = DENIAL_EVENT_DROPPED, .dropped = sink->lost, .dropped_error = sink->error};
    clock_gettime(CLOCK_REALTIME, &event.time);
    sink->lost = 0; /* the line carries it as its weight: it comes back if the line is not written */
    if (!put_line(sink, format_event(sink, &event), event.dropped, false))
        return false;
    sink->error = 0;
    return true;
}

static void write_notices(struct fd_sink *sink)
{
    struct notice notice;
    while (notice_box_take(sink->box, &notice)) {
        put_line(sink, record_format_notice(sink->format, &notice.time, notice.message, sink->mount), 0, false);
        g_free(notice.message);
    }
}

static void fd_write(void *data, const struct denial_event *event)
{
    struct fd_sink *sink = data;
    bool is_news = event->kind != DENIAL_EVENT_DROPPED;
    write_notices(sink);
    /* A disk that is full now need not be asked again with every line in full. */
    if (!finish_line(sink) || !tell_lost(sink)) {
        lose(sink, sink_event_weight(event), is_news);
        return;
    }
    put_line(sink, format_event(sink, event), sink_event_weight(event), is_news);
}

static uint64_t fd_lost(void *data)
{
    struct fd_sink *sink = data;
    return atomic_load(&sink->lost_ever);
}

static void fd_reopen(void *data)
{
    struct fd_sink *sink = data;
    /* Nothing may come after it, at the end of the daemon. */
    if (!finish_line(sink))
        forget_line(sink);
    if (notice_box_take_reopen(sink->box) && sink->path != NULL) {
        int fd = log_file_open(sink->path);
        if (fd < 0) {
            g_autofree char *shown = text_word(sink->path);
            g_autofree char *message =
                g_strdup_printf("cannot reopen the log %s: %s; going on with the open file", shown, g_strerror(-fd));
            notice_box_post(sink->box, message);
        } else {
            close(sink->fd);
            sink->fd = fd;
        }
    }
    write_notices(sink);
    tell_lost(sink);
}

static void fd_close(void *data)
{
    struct fd_sink *sink = data;
    write_notices(sink);
    tell_lost(sink);
    if (!finish_line(sink))
        forget_line(sink);
    close(sink->fd);
    notice_box_unref(sink->box);
    g_free(sink->path);
    g_free(sink->mount);
    g_free(sink);
}

void sink_fd_new(int fd, const char *path, enum log_format format, struct notice_box *box, const char *mount,
                 struct denial_sink *ret)
{
    struct fd_sink *sink = g_new0(struct fd_sink, 1);
    sink->fd = fd;
    sink->path = g_strdup(path);
    sink->format = format;
    sink->mount = g_strdup(mount);
    sink->box = notice_box_ref(box);
    *ret =
        (struct denial_sink){.write = fd_write, .reopen = fd_reopen, .close = fd_close, .lost = fd_lost, .data = sink};
}
