#include "sink.h"

#include "app_error.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

gboolean sink_stderr_new(enum log_format format, struct notice_box *box, const char *mount, struct denial_sink *ret,
                         GError **error)
{
    /* A copy, so that the log stays where it was told to go when the daemon's own stderr goes to /dev/null. */
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "--log -: stderr is not open: %s", g_strerror(errno));
        return FALSE;
    }
    sink_fd_new(fd, NULL, format, box, mount, ret);
    return TRUE;
}
