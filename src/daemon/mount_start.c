#include "mount_start.h"

#include "app_error.h"
#include "background.h"
#include "mount_check.h"
#include "serve.h"

static gboolean check(struct mount_request *request, const struct paths *paths, GError **error)
{
    return mount_check_layers(request, error) && mount_check_point(request, error) &&
           mount_check_logs(request, error) && mount_check_state(request, paths, error);
}

int mount_start(struct mount_request *request, const struct paths *paths)
{
    GError *error = NULL;
    if (!check(request, paths, &error))
        return app_error_print(error);
    if (request->foreground)
        return serve_run(request, paths, -1);
    int fd = -1;
    pid_t pid = background_fork(&fd);
    if (pid < 0) {
        app_notice("cannot start the daemon: %s", g_strerror(-pid));
        return APP_ERROR_FAILED;
    }
    return pid == 0 ? serve_run(request, paths, fd) : background_wait(pid, fd);
}
