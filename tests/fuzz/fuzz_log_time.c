/* A time as a person writes it for --since. */
#include "log_time.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* The same time, written in full. */
static void check_again(const struct timespec *time, const struct timespec *now)
{
    g_autoptr(GDateTime) moment = g_date_time_new_from_unix_utc(time->tv_sec);
    g_assert(moment != NULL);
    g_autofree char *text = g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", g_date_time_get_year(moment),
                                            g_date_time_get_month(moment), g_date_time_get_day_of_month(moment),
                                            g_date_time_get_hour(moment), g_date_time_get_minute(moment),
                                            g_date_time_get_second(moment), time->tv_nsec / 1000);
    struct timespec again;
    g_assert(log_time_parse("--since", text, now, &again, NULL));
    g_assert(again.tv_sec == time->tv_sec && labs(again.tv_nsec - time->tv_nsec) < 2000);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const struct timespec now = {1767268800, 123456789}; /* 2026-01-01T12:00:00Z */
    g_autofree char *text = g_malloc0(size + 1);
    memcpy(text, data, size);
    g_autoptr(GError) error = NULL;
    struct timespec since = {-1, -1};
    if (log_time_parse("--since", text, &now, &since, &error)) {
        g_assert(error == NULL && since.tv_nsec >= 0 && since.tv_nsec < 1000000000);
        check_again(&since, &now);
    } else {
        g_assert(error != NULL && strchr(error->message, '\n') == NULL && g_utf8_validate(error->message, -1, NULL));
    }
    return 0;
}
