#include "log_time.h"

#include "app_error.h"
#include "text.h"

#include <stdbool.h>
#include <string.h>

/* A thousand years and more: what is beyond is no age of a log. */
#define MOST_SECONDS (G_GUINT64_CONSTANT(1000) * 366 * 86400)

static bool parse_age(const char *text, guint64 *ret_seconds)
{
    static const struct {
        char letter;
        guint64 seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    char *end;
    if (!g_ascii_isdigit(*text))
        return false;
    guint64 number = g_ascii_strtoull(text, &end, 10);
    for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
        if (end[0] == units[i].letter && end[1] == '\0' && number <= MOST_SECONDS / units[i].seconds) {
            *ret_seconds = number * units[i].seconds;
            return true;
        }
    }
    return false;
}

/* @text with what is missing of a time in ISO 8601: the day, the hour, the seconds, a digit in "9:30". Owned by the caller. */
static char *complete_time(const char *text, GDateTime *now)
{
    g_autofree char *day = g_date_time_format(now, "%Y-%m-%d");
    const char *clock = strpbrk(text, "T ");
    g_autofree char *whole = NULL;
    if (clock == NULL && strchr(text, ':') != NULL)
        whole = g_strconcat(day, "T", text, NULL);
    else if (clock == NULL)
        whole = g_strconcat(text, "T00:00:00", NULL);
    else
        whole = g_strdup(text);
    /* "…T12:00" */
    clock = strpbrk(whole, "T ") + 1;
    const char *zero = g_ascii_isdigit(clock[0]) && clock[1] == ':' ? "0" : "";
    const char *seconds = strlen(zero) + strlen(clock) == 5 && strchr(clock, ':') == strrchr(clock, ':') ? ":00" : "";
    g_autofree char *before = g_strndup(whole, (gsize)(clock - whole));
    return g_strconcat(before, zero, clock, seconds, NULL);
}

static bool parse_date(const char *text, const struct timespec *now, struct timespec *ret)
{
    g_autoptr(GDateTime) today = g_date_time_new_from_unix_local(now->tv_sec);
    g_autoptr(GTimeZone) zone = g_time_zone_new_local();
    g_autofree char *whole = today != NULL ? complete_time(text, today) : g_strdup(text);
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(whole, zone);
    if (time == NULL)
        return false;
    /* Nothing has happened yet at a time of day that is still to come: the day before is meant. */
    if (strpbrk(text, "T ") == NULL && strchr(text, ':') != NULL && g_date_time_to_unix(time) > now->tv_sec) {
        GDateTime *yesterday = g_date_time_add_days(time, -1);
        if (yesterday == NULL)
            return false;
        g_date_time_unref(g_steal_pointer(&time));
        time = yesterday;
    }
    *ret = (struct timespec){.tv_sec = g_date_time_to_unix(time),
                             .tv_nsec = (long)g_date_time_get_microsecond(time) * 1000};
    return true;
}

gboolean log_time_parse(const char *option, const char *text, const struct timespec *now, struct timespec *ret,
                        GError **error)
{
    guint64 seconds;
    if (parse_age(text, &seconds)) {
        *ret = (struct timespec){.tv_sec = now->tv_sec - (time_t)seconds, .tv_nsec = now->tv_nsec};
        return TRUE;
    }
    if (parse_date(text, now, ret))
        return TRUE;
    g_autofree char *shown = text_escape(text);
    return app_error_usage(error,
                           "%s: \"%s\" is no time; write 10m (s, m, h, d, w), 12:00, 2026-11-26 or "
                           "\"2026-11-26 12:00\"",
                           option, shown);
}
