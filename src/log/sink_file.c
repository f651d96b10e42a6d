#include "sink.h"

#include "app_error.h"
#include "log_file.h"
#include "text.h"

#include <errno.h>

gboolean sink_file_new(const char *path, enum log_format format, struct notice_box *box, const char *mount,
                       struct denial_sink *ret, GError **error)
{
    int fd = log_file_open(path);
    if (fd < 0) {
        g_autofree char *shown = text_word(path);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "--log: cannot open %s for appending: %s%s", shown,
                    g_strerror(-fd), fd == -ENOENT ? "; make its directory first" : "");
        return FALSE;
    }
    sink_fd_new(fd, path, format, box, mount, ret);
    return TRUE;
}
