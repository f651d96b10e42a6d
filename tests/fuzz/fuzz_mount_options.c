/* One value of --tmpfs, --volume or --mount, which the first byte chooses. */
#include "mount_options.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static gboolean (*const add[])(struct mount_options *, const char *, const char *, GError **) = {
        mount_options_add_tmpfs, mount_options_add_volume, mount_options_add_mount};
    if (size == 0)
        return 0;
    g_autofree char *value = g_strndup((const char *)data + 1, size - 1);
    g_autoptr(GError) error = NULL;
    struct mount_options *options = mount_options_new("/work", "/home/user");
    gboolean done = add[data[0] % G_N_ELEMENTS(add)](options, "--option", value, &error);
    size_t n;
    const struct route_spec *routes = mount_options_routes(options, &n);
    /* All or nothing, and an absolute target. */
    if (done != (n == 1) || done != (error == NULL) || (n == 1 && routes[0].target[0] != '/'))
        __builtin_trap();
    mount_options_free(options);
    return 0;
}
