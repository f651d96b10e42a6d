#include "mount_options.h"

#include "app_error.h"
#include "mount_csv.h"
#include "mount_words.h"
#include "text.h"

#include <string.h>

struct mount_options {
    char *directory;  /* owned */
    char *home;       /* owned, may be NULL */
    GArray *routes;   /* struct route_spec, what they own is owned */
    GPtrArray *names; /* "OPTION VALUE" of each route, for the line about a second one; owned */
};

static void clear_route(gpointer data)
{
    route_spec_clear(data);
}

struct mount_options *mount_options_new(const char *directory, const char *home)
{
    struct mount_options *options = g_new0(struct mount_options, 1);
    options->directory = g_strdup(directory);
    options->home = g_strdup(home);
    options->routes = g_array_new(FALSE, TRUE, sizeof(struct route_spec));
    g_array_set_clear_func(options->routes, clear_route);
    options->names = g_ptr_array_new_with_free_func(g_free);
    return options;
}

void mount_options_free(struct mount_options *options)
{
    if (options == NULL)
        return;
    g_array_unref(options->routes);
    g_ptr_array_unref(options->names);
    g_free(options->directory);
    g_free(options->home);
    g_free(options);
}

const struct route_spec *mount_options_routes(const struct mount_options *options, size_t *ret_n)
{
    *ret_n = options->routes->len;
    return (const struct route_spec *)(const void *)options->routes->data;
}

/* Takes what @value has understood; a second route with the same target is refused. */
static gboolean add(struct mount_options *options, struct mount_value *value, GError **error)
{
    for (guint i = 0; i < options->routes->len; i++) {
        const struct route_spec *other = &g_array_index(options->routes, struct route_spec, i);
        if (strcmp(other->target, value->spec.target) == 0) {
            g_autofree char *target = text_word(value->spec.target);
            return mount_value_fail(value, error, "the target %s is declared already by %s; keep one of them", target,
                                    (const char *)g_ptr_array_index(options->names, i));
        }
    }
    g_autofree char *shown = text_word(value->value);
    g_ptr_array_add(options->names, g_strconcat(value->option, " ", shown, NULL));
    g_array_append_val(options->routes, value->spec);
    value->spec = (struct route_spec){0};
    return TRUE;
}

static gboolean read_tmpfs(struct mount_value *value, GError **error)
{
    value->spec.kind = ROUTE_TMPFS;
    mount_value_tmpfs_defaults(value);
    const char *colon = strchr(value->value, ':');
    g_autofree char *target =
        colon != NULL ? g_strndup(value->value, (gsize)(colon - value->value)) : g_strdup(value->value);
    if (!mount_value_target(value, target, error))
        return FALSE;
    if (colon == NULL)
        return TRUE;
    if (colon[1] == '\0')
        return mount_value_fail(value, error, "no options follow the colon; remove it");
    g_auto(GStrv) words = g_strsplit(colon + 1, ",", -1);
    for (char **word = words; *word != NULL; word++) {
        if (!mount_value_tmpfs_word(value, *word, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean read_volume(struct mount_value *value, GError **error)
{
    value->spec.kind = ROUTE_VOLUME;
    g_auto(GStrv) pieces = g_strsplit(value->value, ":", -1);
    guint n = g_strv_length(pieces);
    if (n == 0)
        return mount_value_fail(value, error, "nothing is declared; write [SRC:]DST[:OPTS]");
    if (n > 3)
        return mount_value_fail(value, error, "there are %u colons, at most two have a meaning; write [SRC:]DST[:OPTS]",
                                n - 1);
    for (guint i = 0; i < n; i++) {
        if (*pieces[i] == '\0')
            return mount_value_fail(value, error, "a piece between colons is empty; write [SRC:]DST[:OPTS]");
    }
    /* With two pieces the second one is the target, unless it is a list of options (as docker reads "/data:ro"). */
    bool has_source = n == 3 || (n == 2 && !mount_value_are_volume_words(pieces[1]));
    const char *target = pieces[has_source ? 1 : 0];
    const char *words = n == 3 ? pieces[2] : n == 2 && !has_source ? pieces[1] : NULL;
    if (has_source) {
        if (mount_value_is_host_path(pieces[0])) {
            value->spec.kind = ROUTE_BIND;
            value->spec.create_source = true;
        }
        if (n == 2 && *pieces[0] == '/' && *target != '/') {
            g_autofree char *shown = text_word(target);
            return mount_value_fail(value, error,
                                    "%s is neither an absolute target nor an option; write SRC:/DST, or "
                                    "DST:ro, DST:nocopy",
                                    shown);
        }
        if (!mount_value_source(value, pieces[0], error))
            return FALSE;
    }
    if (!mount_value_target(value, target, error))
        return FALSE;
    g_auto(GStrv) list = g_strsplit(words != NULL ? words : "", ",", -1);
    for (char **word = list; *word != NULL; word++) {
        if (!mount_value_volume_word(value, *word, error))
            return FALSE;
    }
    return TRUE;
}

void mount_options_set_native(struct mount_options *options)
{
    for (guint i = 0; i < options->routes->len; i++) {
        struct route_spec *spec = &g_array_index(options->routes, struct route_spec, i);
        spec->native |= !spec->has_native;
    }
}

typedef gboolean (*read_function)(struct mount_value *value, GError **error);

static gboolean read_and_add(struct mount_options *options, read_function read, const char *option, const char *text,
                             GError **error)
{
    struct mount_value value = {
        .option = option, .value = text, .directory = options->directory, .home = options->home};
    gboolean done = read(&value, error) && add(options, &value, error);
    route_spec_clear(&value.spec);
    return done;
}

gboolean mount_options_add_tmpfs(struct mount_options *options, const char *option, const char *value, GError **error)
{
    return read_and_add(options, read_tmpfs, option, value, error);
}

gboolean mount_options_add_volume(struct mount_options *options, const char *option, const char *value, GError **error)
{
    return read_and_add(options, read_volume, option, value, error);
}

gboolean mount_options_add_mount(struct mount_options *options, const char *option, const char *value, GError **error)
{
    return read_and_add(options, mount_csv_read, option, value, error);
}

gboolean mount_options_read_volume(const struct mount_options *options, const char *option, const char *value,
                                   const char *directory, struct route_spec *ret, GError **error)
{
    struct mount_value reading = {.option = option, .value = value, .directory = directory, .home = options->home};
    gboolean done = read_volume(&reading, error);
    if (!done)
        route_spec_clear(&reading.spec);
    *ret = reading.spec;
    return done;
}

gboolean mount_options_add_spec(struct mount_options *options, const char *option, const char *value,
                                struct route_spec *spec, GError **error)
{
    struct mount_value reading = {.option = option, .value = value, .spec = *spec};
    if (!add(options, &reading, error))
        return FALSE;
    *spec = (struct route_spec){0};
    return TRUE;
}

void mount_options_override(struct mount_options *options, const struct mount_options *by)
{
    for (guint i = 0; i < by->routes->len; i++) {
        const struct route_spec *spec = &g_array_index(by->routes, struct route_spec, i);
        for (guint j = options->routes->len; j > 0; j--) {
            if (strcmp(g_array_index(options->routes, struct route_spec, j - 1).target, spec->target) != 0)
                continue;
            g_array_remove_index(options->routes, j - 1);
            g_ptr_array_remove_index(options->names, j - 1);
        }
        struct route_spec copy = {0};
        route_spec_copy(&copy, spec);
        g_array_append_val(options->routes, copy);
        g_ptr_array_add(options->names, g_strdup(g_ptr_array_index(by->names, i)));
    }
}

const char *mount_options_home(const struct mount_options *options)
{
    return options->home;
}
