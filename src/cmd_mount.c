#include "commands.h"

#include "app_error.h"
#include "mount_request.h"
#include "mount_start.h"
#include "paths.h"
#include "plan.h"

static int mount_planned(struct mount_request *request, const struct paths *paths)
{
    GError *error = NULL;
    struct plan *plan = plan_make(request, NULL, paths, PLAN_MOUNT, &error);
    if (plan == NULL)
        return app_error_print(error);
    plan_apply(plan, request);
    int status = mount_start(request, paths);
    plan_free(plan);
    return status;
}

int cmd_mount(int argc, char **argv)
{
    GError *error = NULL;
    struct mount_request *request = mount_request_parse(argc, argv, &error);
    if (request == NULL)
        return app_error_print(error);
    struct paths *paths = paths_find(request->state_dir, &error);
    int status = paths != NULL ? mount_planned(request, paths) : app_error_print(error);
    paths_free(paths);
    mount_request_free(request);
    return status;
}
