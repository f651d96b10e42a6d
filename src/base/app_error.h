/*
 * app_error - what a command can fail with: the person's mistake, or the machine's.
 *
 * Every message is one line without a newline that names the thing and the mend; it is printed once, by the command.
 */
#ifndef ROFUSE_SRC_APP_ERROR_H
#define ROFUSE_SRC_APP_ERROR_H

#include <glib.h>

#define APP_ERROR (app_error_quark())

/* The codes are the exit statuses of the program. */
enum app_error {
    APP_ERROR_FAILED = 1, /* it was asked for rightly and could not be done */
    APP_ERROR_USAGE = 2,  /* it was asked for wrongly: unknown word, bad value, contradiction */
};

/* The domain of GErrors made here. Any thread. */
GQuark app_error_quark(void);

/* Set an error of one of the two kinds, and return FALSE. @error: NULL = not wanted. Any thread. */
gboolean app_error_failed(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
gboolean app_error_usage(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * app_error_print - "rofuse: MESSAGE" on stderr.
 *
 * @error: taken and freed; an error of another domain (GOption's) counts as a usage error.
 * Returns the exit status. Any thread.
 */
int app_error_print(GError *error);

/* "rofuse: MESSAGE" on stderr for what went on but should be known. Any thread. */
void app_notice(const char *format, ...) G_GNUC_PRINTF(1, 2);

#endif
