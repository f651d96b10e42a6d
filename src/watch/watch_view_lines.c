#include "watch_view.h"

#include "app_error.h"
#include "fact_json.h"
#include "record_value.h"
#include "watch_changes.h"
#include "watch_row.h"
#include "watch_screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *json_line(const struct fact *fact)
{
    return record_line(fact_to_json(fact));
}

static gboolean print_changes(struct watch_changes *changes, const GPtrArray *facts, bool as_json, GError **error)
{
    g_autoptr(GPtrArray) found = watch_changes_find(changes, facts);
    gboolean done = TRUE;
    for (guint i = 0; done && i < found->len; i++) {
        const struct fact *fact = g_ptr_array_index(found, i);
        g_autofree char *line = as_json ? json_line(fact) : watch_row_line(fact, watch_screen_is_utf8());
        done = fputs(line, stdout) >= 0;
    }
    return (done && fflush(stdout) == 0) || app_error_failed(error, "cannot write to stdout: %s", g_strerror(errno));
}

/* 1 where more comes, 0 at the end, -1 with an error. */
static int print_news(struct watch_feed *feed, struct watch_changes *changes, bool as_json, GError **error)
{
    struct watch_news *news;
    int status = 1;
    while (status > 0 && (news = watch_feed_take(feed)) != NULL) {
        if (news->kind == WATCH_NEWS_OVER)
            status = 0;
        else if (news->kind == WATCH_NEWS_FACTS && !print_changes(changes, news->facts, as_json, error))
            status = -1;
        watch_news_free(news);
    }
    return status;
}

gboolean watch_view_lines(struct watch_feed *feed, bool as_json, GError **error)
{
    /* A pipe without a reader is a quiet end, whatever was inherited. */
    signal(SIGPIPE, SIG_DFL);
    struct watch_changes *changes = watch_changes_new();
    int status = 1;
    while (status > 0) {
        struct pollfd events[] = {{.fd = watch_feed_fd(feed), .events = POLLIN}, {.fd = STDOUT_FILENO}};
        (void)poll(events, 2, -1);
        status =
            (events[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0 ? 0 : print_news(feed, changes, as_json, error);
    }
    watch_changes_free(changes);
    return status == 0;
}
