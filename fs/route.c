#include "route.h"

#include <glib.h>

const char *route_kind_name(enum route_kind kind)
{
    switch (kind) {
    case ROUTE_TMPFS:
        return "tmpfs";
    case ROUTE_VOLUME:
        return "volume";
    case ROUTE_BIND:
        return "bind";
    }
    g_assert_not_reached();
}

void route_spec_clear(struct route_spec *spec)
{
    g_free(spec->target);
    g_free(spec->source);
    g_free(spec->subpath);
    *spec = (struct route_spec){0};
}

void route_spec_copy(struct route_spec *to, const struct route_spec *from)
{
    *to = *from;
    to->target = g_strdup(from->target);
    to->source = g_strdup(from->source);
    to->subpath = g_strdup(from->subpath);
}
