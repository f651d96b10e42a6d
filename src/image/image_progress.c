#include "image_progress.h"

#include "app_error.h"
#include "image_digest.h"

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAR_MAX 40
#define DRAW_EVERY_US 100000
#define SHORT_ID 12

struct image_progress {
    size_t n;
    uint64_t total;
    bool is_terminal;
    gint64 drawn; /* when, monotonic; 0 = not yet */
};

char *image_size_text(uint64_t bytes)
{
    g_autofree char *text = g_format_size_full(bytes, G_FORMAT_SIZE_IEC_UNITS);
    /* It has a space of a kind that not every terminal knows. */
    g_auto(GStrv) words = g_strsplit(text, "\u00a0", 2);
    return g_strjoinv(" ", words);
}

struct image_progress *image_progress_start(size_t n, uint64_t total)
{
    struct image_progress *progress = g_new0(struct image_progress, 1);
    const char *terminal = g_getenv("TERM");
    progress->n = n;
    progress->total = total;
    progress->is_terminal = isatty(STDERR_FILENO) == 1 && g_strcmp0(terminal, "dumb") != 0;
    return progress;
}

static unsigned terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void image_progress_update(struct image_progress *progress, uint64_t done, size_t layers)
{
    gint64 now = g_get_monotonic_time();
    if (!progress->is_terminal || (progress->drawn != 0 && now - progress->drawn < DRAW_EVERY_US))
        return;
    progress->drawn = now;
    g_autofree char *have = image_size_text(MIN(done, progress->total)), *all = image_size_text(progress->total);
    g_autofree char *text =
        g_strdup_printf(" %s of %s, layer %zu of %zu", have, all, MIN(layers + 1, progress->n), progress->n);
    size_t room = terminal_width(), used = strlen(text) + 3;
    size_t width = room > used ? MIN(room - used, BAR_MAX) : 0;
    size_t full = progress->total > 0
                      ? (size_t)((double)MIN(done, progress->total) / (double)progress->total * (double)width)
                      : width;
    GString *line = g_string_new("\r");
    if (width > 2) {
        g_string_append_c(line, '[');
        for (size_t i = 0; i < width; i++)
            g_string_append_c(line, i < full ? '=' : ' ');
        g_string_append_c(line, ']');
    }
    g_string_append_printf(line, "%s\x1b[K", text);
    fputs(line->str, stderr);
    fflush(stderr);
    g_string_free(line, TRUE);
}

static void clear_bar(struct image_progress *progress)
{
    if (progress->drawn != 0)
        fputs("\r\x1b[K", stderr);
    progress->drawn = 0;
}

void image_progress_layer(struct image_progress *progress, size_t number, const char *diff_id, uint64_t size,
                          uint64_t dropped)
{
    g_autofree char *text = image_size_text(size);
    if (dropped > 0)
        clear_bar(progress);
    if (!progress->is_terminal)
        app_notice("layer %zu of %zu, %.*s: unpacked, %s", number, progress->n, SHORT_ID, image_digest_hex(diff_id),
                   text);
    if (dropped > 0)
        app_notice("layer %zu of %zu: %" G_GUINT64_FORMAT " extended attributes cannot be kept here and are left out",
                   number, progress->n, dropped);
}

void image_progress_end(struct image_progress *progress)
{
    clear_bar(progress);
    fflush(stderr);
    g_free(progress);
}
