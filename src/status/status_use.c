#include "status_use.h"

#include "json_bytes.h"

#include <glib.h>
#include <string.h>

/* What the daemon says of a route, or NULL. */
static const json_t *find_live(const struct mount_status *status, const char *target)
{
    const json_t *routes = json_object_get(status->live, "routes");
    for (size_t i = 0; i < json_array_size(routes); i++) {
        const json_t *route = json_array_get(routes, i);
        g_autofree char *name = json_bytes_get(route, "target");
        if (name != NULL && strcmp(name, target) == 0)
            return route;
    }
    return NULL;
}

struct route_use status_route_use(const struct mount_status *status, size_t at)
{
    const struct route_spec *spec = &status->state->routes[at];
    const json_t *live = find_live(status, spec->target), *index = json_object_get(live, "index");
    json_int_t place = json_is_integer(index) ? json_integer_value(index) : (json_int_t)at;
    struct route_use use = {0};
    if (!status->has_counters || spec->native || place < 0 || place >= COUNTERS_ROUTES)
        return use;
    const struct counters_written *written = &status->counters.written[place];
    const json_t *writer = json_object_get(live, "last_writer");
    use = (struct route_use){
        .is_known = true,
        .changes = status->counters.changes[place],
        .files = written->files,
        .bytes = written->bytes,
        .grown = written->grown,
        .last = (int64_t)written->last,
        .writer = json_is_object(writer) ? writer : NULL,
    };
    use.is_never = !spec->read_only && use.changes == 0 && use.bytes == 0;
    return use;
}
