#include "commands.h"

#include "app_error.h"
#include "background.h"
#include "mount_check.h"
#include "mount_request.h"
#include "paths.h"
#include "serve.h"

static gboolean check(struct mount_request *request, const struct paths *paths, GError **error)
{
    return mount_check_layers(request, error) && mount_check_point(request, error) &&
           mount_check_logs(request, error) && mount_check_state(request, paths, error);
}

static int run(const struct mount_request *request, const struct paths *paths)
{
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

int cmd_mount(int argc, char **argv)
{
    GError *error = NULL;
    struct mount_request *request = mount_request_parse(argc, argv, &error);
    if (request == NULL)
        return app_error_print(error);
    struct paths *paths = paths_find(request->state_dir, &error);
    int status = paths != NULL && check(request, paths, &error) ? run(request, paths) : app_error_print(error);
    paths_free(paths);
    mount_request_free(request);
    return status;
}
