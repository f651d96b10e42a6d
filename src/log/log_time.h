/*
 * log_time - a point of time as a person writes it for --since.
 */
#ifndef ROFUSE_SRC_LOG_TIME_H
#define ROFUSE_SRC_LOG_TIME_H

#include <glib.h>
#include <time.h>

/*
 * log_time_parse - reads "10m" (so long ago; s, m, h, d, w), "2026-11-26", "2026-11-26 12:00", "2026-11-26T12:00:00Z", or
 * "12:00" (of today, or, where that is still to come, of yesterday). Without a zone it is local time.
 *
 * @now: what the time is. FALSE with one line (APP_ERROR_USAGE) that names @option. Pure but for the time zone.
 */
gboolean log_time_parse(const char *option, const char *text, const struct timespec *now, struct timespec *ret,
                        GError **error);

#endif
