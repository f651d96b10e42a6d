#include "watch_advice.h"

#include "app_error.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What it printed, or NULL with its own line. Owned by the caller. */
static char *run_advise(const char *mount, const char *state_dir, GError **error)
{
    GPtrArray *words = g_ptr_array_new();
    g_ptr_array_add(words, (gpointer) "/proc/self/exe");
    g_ptr_array_add(words, (gpointer) "advise");
    g_ptr_array_add(words, (gpointer)mount);
    if (state_dir != NULL) {
        g_ptr_array_add(words, (gpointer) "--state-dir");
        g_ptr_array_add(words, (gpointer)state_dir);
    }
    g_ptr_array_add(words, NULL);
    g_autofree char *output = NULL, *said = NULL;
    g_autoptr(GError) cause = NULL;
    int status = 0;
    gboolean started =
        g_spawn_sync(NULL, (char **)words->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, &said, &status, &cause);
    g_ptr_array_unref(words);
    if (started && g_spawn_check_wait_status(status, NULL))
        return g_steal_pointer(&output);
    if (!started) {
        app_error_failed(error, "cannot run rofuse advise: %s", cause->message);
    } else {
        g_strdelimit(g_strstrip(said), "\n", ' ');
        app_error_failed(error, "rofuse advise: %s", g_str_has_prefix(said, "rofuse: ") ? said + 8 : said);
    }
    return NULL;
}

gboolean watch_advice_write(const char *mount, const char *state_dir, const char *path, GError **error)
{
    g_autofree char *advice = run_advise(mount, state_dir, error);
    if (advice == NULL)
        return FALSE;
    /* A file that is there is somebody's: it is not overwritten by a key. */
    g_autofree char *shown = text_word(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    size_t length = strlen(advice), done = 0;
    while (fd >= 0 && done < length) {
        ssize_t n = write(fd, advice + done, length - done);
        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    int reason = fd < 0 || done < length ? errno : 0;
    if (fd >= 0 && close(fd) != 0 && reason == 0)
        reason = errno;
    if (reason != 0)
        return app_error_failed(error, "cannot write %s: %s%s", shown, g_strerror(reason),
                                reason == EEXIST ? "; choose another name" : "");
    return TRUE;
}
