#include "compose_volumes.h"

#include "mount_words.h"
#include "text.h"

#include <string.h>

/* Every new target is compared with all others; no service needs so many. */
#define ROUTES_MAX 1000

struct reading {
    const struct compose_project *project;
    struct mount_options *routes;
    GPtrArray *external;
    GPtrArray *places;
};

/* What mount_options says an error was in: "FILE:LINE:COLUMN: WHERE"; owned by the caller. */
static char *option_of(const struct compose_node *node, const char *where)
{
    g_autofree char *place = compose_node_place(node);
    return g_strconcat(place, ": ", where, NULL);
}

static gboolean check_number(const struct compose_node *list, const char *where, GError **error)
{
    return list->kind != COMPOSE_SEQUENCE || list->n <= ROUTES_MAX ||
           compose_node_fail(list, where, error, "there are more than %d entries; declare fewer", ROUTES_MAX);
}

/* Remembers where a target was declared. */
static void add_place(const struct reading *reading, const char *target, const struct compose_node *entry)
{
    struct compose_place *place = g_new0(struct compose_place, 1);
    *place = (struct compose_place){g_strdup(target), g_strdup(entry->source->path), entry->line};
    g_ptr_array_add(reading->places, place);
}

static gboolean read_tmpfs(const struct reading *reading, const struct compose_node *tmpfs, const char *where,
                           GError **error)
{
    if (tmpfs->kind == COMPOSE_SCALAR) {
        g_autofree char *option = option_of(tmpfs, where);
        if (!mount_options_add_tmpfs(reading->routes, option, tmpfs->text, error))
            return FALSE;
        g_autofree char *target = g_strndup(tmpfs->text, strcspn(tmpfs->text, ":"));
        g_autofree char *clean = text_clean_path(target);
        add_place(reading, clean, tmpfs);
        return TRUE;
    }
    if (!check_number(tmpfs, where, error))
        return FALSE;
    for (guint i = 0; i < tmpfs->n; i++) {
        g_autofree char *deeper = g_strdup_printf("%s[%u]", where, i);
        if (tmpfs->items[i]->tag != COMPOSE_TAG_RESET && !read_tmpfs(reading, tmpfs->items[i], deeper, error))
            return FALSE;
    }
    return TRUE;
}

/* An external volume's name, or NULL where it is not external. */
static const struct compose_node *external_of(const struct compose_pair *declared)
{
    const struct compose_node *external = compose_node_get(declared->value, "external");
    const struct compose_node *name = compose_node_get(declared->value, "name");
    bool is_external = false;
    if (external == NULL ||
        (external->kind == COMPOSE_SCALAR && compose_node_bool(external, &is_external) && !is_external))
        return NULL;
    const struct compose_node *old_name = compose_node_get(external, "name");
    return name != NULL ? name : old_name != NULL ? old_name : declared->key;
}

static gboolean check_driver(const struct compose_node *volume, const char *where, GError **error)
{
    const struct compose_node *driver = compose_node_get(volume, "driver");
    if (compose_node_is_null(driver) || *driver->text == '\0' || strcmp(driver->text, "local") == 0)
        return TRUE;
    g_autofree char *shown = text_word(driver->text);
    return compose_node_fail(driver, where, error,
                             "the driver %s is not supported, rofuse keeps volumes itself; write local, or a bind of a "
                             "directory that is mounted already",
                             shown);
}

/* The local driver's "type: none, o: bind, device: /PATH": the volume is a directory of the host. FALSE with one line
 * for any other driver_opts. @ret_device: NULL where there are none. */
static gboolean find_device(const struct compose_node *volume, const char *where,
                            const struct compose_node **ret_device, bool *ret_read_only, GError **error)
{
    const struct compose_node *opts = compose_node_get(volume, "driver_opts");
    const struct compose_node *device = compose_node_get(opts, "device"), *o = compose_node_get(opts, "o");
    if (compose_node_is_null(opts) || opts->n == 0)
        return TRUE;
    bool is_text = o != NULL && o->kind == COMPOSE_SCALAR && device != NULL && device->kind == COMPOSE_SCALAR;
    g_auto(GStrv) words = g_strsplit(is_text ? o->text : "", ",", -1);
    bool is_bind =
        g_strv_contains((const char *const *)words, "bind") || g_strv_contains((const char *const *)words, "rbind");
    if (!is_text || !is_bind || *device->text == '\0')
        return compose_node_fail(
            opts, where, error,
            "of driver_opts only o: bind with device: /PATH is supported; mount it on the host and "
            "write that, or a tmpfs of the service");
    *ret_read_only = g_strv_contains((const char *const *)words, "ro");
    *ret_device = device;
    return TRUE;
}

/* The top-level entry of the volume that the service's entry @at calls KEY. NULL with one line. */
static const struct compose_pair *find_declared(const struct reading *reading, const char *key,
                                                const struct compose_node *at, const char *where, GError **error)
{
    const struct compose_node *volumes = compose_node_get(reading->project->root, "volumes");
    const struct compose_pair *declared =
        volumes != NULL && volumes->kind == COMPOSE_MAPPING ? compose_node_find(volumes, key) : NULL;
    if (declared != NULL && declared->value->tag != COMPOSE_TAG_RESET)
        return declared;
    g_autofree char *shown = text_word(key);
    compose_node_fail(at, where, error,
                      "the volume %s is not declared; write volumes: at the top of the file with %s: below it", shown,
                      shown);
    return NULL;
}

/* A spec of a volume becomes one of a directory of the host. */
static gboolean make_bind(const struct reading *reading, struct route_spec *spec, const struct compose_node *device,
                          const char *place, bool read_only, GError **error)
{
    g_autofree char *option = option_of(device, place);
    struct mount_value value = {.option = option,
                                .value = device->text,
                                .directory = device->source->base,
                                .home = mount_options_home(reading->routes),
                                .spec = {.kind = ROUTE_BIND}};
    if (!mount_value_source(&value, device->text, error))
        return FALSE;
    g_free(spec->source);
    spec->source = value.spec.source;
    spec->kind = ROUTE_BIND;
    spec->nocopy = false;
    spec->read_only |= read_only;
    return TRUE;
}

/* Puts the store's name of a volume into a spec whose source is the file's word for it. */
static gboolean set_volume(const struct reading *reading, struct route_spec *spec, const char *key,
                           const struct compose_node *at, const char *where, GError **error)
{
    const struct compose_pair *declared = find_declared(reading, key, at, where, error);
    if (declared == NULL)
        return FALSE;
    g_autofree char *place = g_strconcat("volumes.", key, NULL);
    const struct compose_node *external = external_of(declared), *name = compose_node_get(declared->value, "name");
    const struct compose_node *said = external != NULL ? external : name, *device = NULL;
    bool read_only = false;
    if (external == NULL && (!check_driver(declared->value, place, error) ||
                             !find_device(declared->value, place, &device, &read_only, error)))
        return FALSE;
    /* A symbolic link that a program left there would lead the subpath to any place of the host. */
    if (device != NULL && spec->subpath != NULL)
        return compose_node_fail(
            at, where, error, "a subpath of a volume that is a bind is not supported; write a bind of that directory");
    if (device != NULL)
        return make_bind(reading, spec, device, place, read_only, error);
    g_autofree char *store_name =
        said != NULL ? g_strdup(said->text) : g_strconcat(reading->project->name, "_", key, NULL);
    g_autofree char *option = said != NULL ? option_of(said, place) : option_of(at, where);
    struct mount_value value = {.option = option, .value = store_name, .spec = {.kind = ROUTE_VOLUME}};
    if (!mount_value_source(&value, store_name, error))
        return FALSE;
    if (external != NULL)
        g_ptr_array_add(reading->external, g_strdup(store_name));
    g_free(spec->source);
    spec->source = value.spec.source;
    return TRUE;
}

static gboolean read_short(const struct reading *reading, const struct compose_node *entry, const char *where,
                           GError **error)
{
    g_autofree char *option = option_of(entry, where);
    struct route_spec spec = {0};
    gboolean done = mount_options_read_volume(reading->routes, option, entry->text, entry->source->base, &spec, error);
    if (done && spec.kind == ROUTE_VOLUME && spec.source != NULL) {
        g_autofree char *key = g_strdup(spec.source);
        done = set_volume(reading, &spec, key, entry, where, error);
    }
    if (done)
        add_place(reading, spec.target, entry);
    done = done && mount_options_add_spec(reading->routes, option, entry->text, &spec, error);
    route_spec_clear(&spec);
    return done;
}

/* A key of the long form while it is read: @value's option names it, for the error lines of mount_words. */
struct long_form {
    const struct reading *reading;
    const struct compose_node *entry;
    const char *where;
    char *option; /* owned */
    struct mount_value value;
};

/* Goes to a key; its value, or NULL where it is not said. @path: "tmpfs.size". */
static const struct compose_node *go_to(struct long_form *form, const char *path)
{
    const char *dot = strchr(path, '.');
    g_autofree char *first = dot != NULL ? g_strndup(path, (gsize)(dot - path)) : g_strdup(path);
    const struct compose_node *node = compose_node_get(form->entry, first);
    if (dot != NULL)
        node = compose_node_get(node, dot + 1);
    if (compose_node_is_null(node) || node->kind != COMPOSE_SCALAR)
        return NULL;
    g_autofree char *deeper = g_strconcat(form->where, ".", path, NULL);
    g_free(form->option);
    form->option = option_of(node, deeper);
    form->value.option = form->option;
    form->value.value = node->text;
    return node;
}

static gboolean read_kind(struct long_form *form, GError **error)
{
    static const char *const elsewhere[] = {"image", "npipe", "cluster", NULL};
    const struct compose_node *type = go_to(form, "type");
    if (type == NULL)
        return compose_node_fail(form->entry, form->where, error, "no type is given; add type: volume, bind or tmpfs");
    for (enum route_kind kind = ROUTE_TMPFS; kind <= ROUTE_BIND; kind++) {
        if (strcmp(type->text, route_kind_name(kind)) == 0) {
            form->value.spec.kind = kind;
            return TRUE;
        }
    }
    return mount_value_fail(&form->value, error,
                            g_strv_contains(elsewhere, type->text)
                                ? "this type is not supported; rofuse knows volume, bind and tmpfs"
                                : "this type is unknown; write volume, bind or tmpfs");
}

/* Options of one type with another: docker's engine refuses them. */
static gboolean check_kinds(const struct long_form *form, GError **error)
{
    for (enum route_kind kind = ROUTE_TMPFS; kind <= ROUTE_BIND; kind++) {
        const char *name = route_kind_name(kind), *own = route_kind_name(form->value.spec.kind);
        const struct compose_node *options = compose_node_get(form->entry, name);
        if (kind != form->value.spec.kind && !compose_node_is_null(options) && options->n > 0)
            return compose_node_fail(options, form->where, error,
                                     "%s: is for type: %s, this is a %s; change the type or remove the key", name, name,
                                     own);
    }
    return TRUE;
}

static gboolean read_source(struct long_form *form, GError **error)
{
    struct mount_value *value = &form->value;
    const struct compose_node *source = go_to(form, "source");
    if (value->spec.kind == ROUTE_TMPFS && source != NULL)
        return mount_value_fail(value, error, "a tmpfs has no source; remove the key");
    if (value->spec.kind == ROUTE_BIND && source == NULL)
        return compose_node_fail(form->entry, form->where, error,
                                 "a bind needs the host's path; add source: /HOST/PATH");
    if (source == NULL)
        return TRUE;
    if (*source->text == '\0')
        return mount_value_fail(value, error, "the source is empty; write it, or remove the key");
    if (value->spec.kind == ROUTE_VOLUME) {
        /* As the file's word for it first; read_long() finds what that means. */
        return mount_value_source(value, source->text, error);
    }
    value->directory = source->source->base;
    g_autofree char *path =
        mount_value_is_host_path(source->text) ? g_strdup(source->text) : g_strconcat("./", source->text, NULL);
    return mount_value_source(value, path, error);
}

static bool is_true(struct long_form *form, const char *path, bool otherwise)
{
    const struct compose_node *node = go_to(form, path);
    if (node != NULL)
        compose_node_bool(node, &otherwise); /* the schema has seen that it is one */
    return otherwise;
}

static gboolean read_tmpfs_options(struct long_form *form, GError **error)
{
    const struct compose_node *size = go_to(form, "tmpfs.size");
    if (size != NULL && !mount_value_size(&form->value, "size", size->text, error))
        return FALSE;
    const struct compose_node *mode = go_to(form, "tmpfs.mode");
    if (mode == NULL)
        return TRUE;
    const char *digits = g_str_has_prefix(mode->text, "0o") ? mode->text + 2 : mode->text; /* YAML 1.2's octal */
    return mount_value_mode(&form->value, "mode", digits, error);
}

static gboolean read_fields(struct long_form *form, GError **error)
{
    struct route_spec *spec = &form->value.spec;
    if (!read_kind(form, error) || !check_kinds(form, error))
        return FALSE;
    const struct compose_node *target = go_to(form, "target");
    if (target == NULL)
        return compose_node_fail(form->entry, form->where, error, "no target is given; add target: /PATH");
    if (!mount_value_target(&form->value, target->text, error) || !read_source(form, error))
        return FALSE;
    spec->read_only = is_true(form, "read_only", false);
    if (spec->kind == ROUTE_BIND)
        spec->create_source = is_true(form, "bind.create_host_path", true);
    if (spec->kind == ROUTE_VOLUME)
        spec->nocopy = is_true(form, "volume.nocopy", false);
    if (spec->kind == ROUTE_TMPFS) {
        mount_value_tmpfs_defaults(&form->value);
        return read_tmpfs_options(form, error);
    }
    const struct compose_node *subpath = go_to(form, "volume.subpath");
    return subpath == NULL || *subpath->text == '\0' ||
           mount_value_subpath(&form->value, "subpath", subpath->text, error);
}

static gboolean read_long(const struct reading *reading, const struct compose_node *entry, const char *where,
                          GError **error)
{
    struct long_form form = {.reading = reading, .entry = entry, .where = where};
    form.value.home = mount_options_home(reading->routes);
    gboolean done = read_fields(&form, error);
    const struct compose_node *source = compose_node_get(entry, "source");
    if (done && form.value.spec.kind == ROUTE_VOLUME && form.value.spec.source != NULL)
        done = set_volume(reading, &form.value.spec, source->text, source, where, error);
    if (done) {
        g_autofree char *option = option_of(entry, where);
        add_place(reading, form.value.spec.target, entry);
        done = mount_options_add_spec(reading->routes, option, form.value.spec.target, &form.value.spec, error);
    }
    route_spec_clear(&form.value.spec);
    g_free(form.option);
    return done;
}

gboolean compose_volumes_read(const struct compose_project *project, const struct compose_node *service,
                              const char *where, struct mount_options *routes, GPtrArray *external, GPtrArray *places,
                              GError **error)
{
    const struct reading reading = {project, routes, external, places};
    const struct compose_node *tmpfs = compose_node_get(service, "tmpfs");
    const struct compose_node *volumes = compose_node_get(service, "volumes");
    g_autofree char *tmpfs_where = g_strconcat(where, ".tmpfs", NULL);
    g_autofree char *volumes_where = g_strconcat(where, ".volumes", NULL);
    if (!compose_node_is_null(tmpfs) && !read_tmpfs(&reading, tmpfs, tmpfs_where, error))
        return FALSE;
    if (!compose_node_is_null(volumes) && !check_number(volumes, volumes_where, error))
        return FALSE;
    for (guint i = 0; !compose_node_is_null(volumes) && i < volumes->n; i++) {
        const struct compose_node *entry = volumes->items[i];
        g_autofree char *deeper = g_strdup_printf("%s[%u]", volumes_where, i);
        if (entry->tag == COMPOSE_TAG_RESET)
            continue;
        if (!(entry->kind == COMPOSE_SCALAR ? read_short : read_long)(&reading, entry, deeper, error))
            return FALSE;
    }
    return TRUE;
}
