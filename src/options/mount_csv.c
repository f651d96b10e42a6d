#include "mount_csv.h"

#include "quantity.h"
#include "text.h"

#include <stdbool.h>
#include <string.h>

enum csv_key {
    KEY_TYPE,
    KEY_SOURCE,
    KEY_TARGET,
    KEY_READONLY,
    KEY_NOCOPY,
    KEY_SUBPATH,
    KEY_SIZE,
    KEY_MODE,
    KEY_CREATE_SOURCE,
    KEY_NATIVE,
    KEY_CONSISTENCY,
    KEY_PROPAGATION,
    KEY_N
};

/* Which type a key belongs to; ANY for those that all have. */
enum { ANY = -1 };

static const struct {
    const char *name;
    enum csv_key key;
    int kind; /* enum route_kind or ANY */
} key_names[] = {
    {"type", KEY_TYPE, ANY},
    {"source", KEY_SOURCE, ANY},
    {"src", KEY_SOURCE, ANY},
    {"target", KEY_TARGET, ANY},
    {"dst", KEY_TARGET, ANY},
    {"destination", KEY_TARGET, ANY},
    {"readonly", KEY_READONLY, ANY},
    {"ro", KEY_READONLY, ANY},
    {"volume-nocopy", KEY_NOCOPY, ROUTE_VOLUME},
    {"volume-subpath", KEY_SUBPATH, ROUTE_VOLUME},
    {"tmpfs-size", KEY_SIZE, ROUTE_TMPFS},
    {"tmpfs-mode", KEY_MODE, ROUTE_TMPFS},
    {"bind-create-src", KEY_CREATE_SOURCE, ROUTE_BIND},
    {"native", KEY_NATIVE, ANY},
    {"consistency", KEY_CONSISTENCY, ANY},
    {"bind-propagation", KEY_PROPAGATION, ROUTE_BIND},
};

/* A key that was given. */
struct csv_field {
    char *name;        /* as written; owned */
    const char *value; /* into the split fields; NULL where no "=" was written */
    int kind;          /* what type it is for */
};

char **mount_csv_split(const char *text, const char **ret_message)
{
    g_autoptr(GPtrArray) fields = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) field = g_string_new(NULL);
    for (;;) {
        g_string_truncate(field, 0);
        if (*text == '"') {
            for (text++; *text != '\0' && (*text != '"' || text[1] == '"'); text++) {
                if (*text == '"')
                    text++;
                g_string_append_c(field, *text);
            }
            if (*text == '\0') {
                *ret_message = "a double quote is never closed; close it, or write \"\" for the character itself";
                return NULL;
            }
            text++;
            if (*text != ',' && *text != '\0') {
                *ret_message = "text follows a closing double quote; quote the whole KEY=VALUE";
                return NULL;
            }
        } else {
            for (; *text != ',' && *text != '\0'; text++) {
                if (*text == '"') {
                    *ret_message = "a double quote stands inside a field; quote the whole KEY=VALUE";
                    return NULL;
                }
                g_string_append_c(field, *text);
            }
        }
        g_ptr_array_add(fields, g_strdup(field->str));
        if (*text == '\0')
            break;
        text++;
    }
    g_ptr_array_add(fields, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&fields), FALSE);
}

static gboolean read_type(struct mount_value *value, const char *type, GError **error)
{
    static const char *const known_elsewhere[] = {"image", "npipe", "cluster", "glob", "devpts", NULL};
    g_autofree char *lower = g_ascii_strdown(type, -1);
    for (enum route_kind kind = ROUTE_TMPFS; kind <= ROUTE_BIND; kind++) {
        if (strcmp(lower, route_kind_name(kind)) == 0) {
            value->spec.kind = kind;
            return TRUE;
        }
    }
    g_autofree char *shown = text_escape(type);
    if (g_strv_contains(known_elsewhere, lower))
        return mount_value_fail(value, error, "type=%s is not supported; rofuse knows volume, bind and tmpfs", shown);
    return mount_value_fail(value, error, "type: \"%s\" is unknown; write volume, bind or tmpfs", shown);
}

/* A key without "=" means true, as docker reads it. */
static gboolean read_bool(struct mount_value *value, const struct csv_field *field, bool *ret, GError **error)
{
    if (field->value == NULL) {
        *ret = true;
        return TRUE;
    }
    if (quantity_bool(field->value, ret))
        return TRUE;
    g_autofree char *shown = text_escape(field->value);
    return mount_value_fail(value, error, "%s: \"%s\" is neither true nor false; write true or false, or %s alone",
                            field->name, shown, field->name);
}

/* Sorts the fields into @fields by key; unknown keys, keys given twice and empty values end here. */
static gboolean collect(struct mount_value *value, char **split, struct csv_field *fields, GError **error)
{
    for (char **text = split; *text != NULL; text++) {
        if (**text == '\0')
            return mount_value_fail(value, error, "a KEY=VALUE is empty; remove the comma too many");
        const char *equals = strchr(*text, '=');
        g_autofree char *name = equals != NULL ? g_strndup(*text, (gsize)(equals - *text)) : g_strdup(*text);
        g_autofree char *lower = g_ascii_strdown(name, -1);
        size_t i = 0;
        while (i < G_N_ELEMENTS(key_names) && strcmp(key_names[i].name, lower) != 0)
            i++;
        if (i == G_N_ELEMENTS(key_names)) {
            g_autofree char *shown = text_escape(name);
            return mount_value_fail(value, error,
                                    "unknown key \"%s\"; known are type, source, target, readonly, volume-nocopy, "
                                    "volume-subpath, tmpfs-size, tmpfs-mode, bind-create-src, native",
                                    shown);
        }
        enum csv_key key = key_names[i].key;
        bool is_bool = key == KEY_READONLY || key == KEY_NOCOPY || key == KEY_CREATE_SOURCE || key == KEY_NATIVE;
        if (equals == NULL && !is_bool)
            return mount_value_fail(value, error, "%s has no value; write %s=VALUE", name, name);
        if (equals != NULL && equals[1] == '\0')
            return mount_value_fail(value, error, "%s has an empty value; write %s=VALUE or leave it out", name, name);
        if (fields[key].name != NULL)
            return mount_value_fail(value, error, "%s is given twice; keep one of them", name);
        fields[key] = (struct csv_field){g_steal_pointer(&name), equals != NULL ? equals + 1 : NULL, key_names[i].kind};
    }
    return TRUE;
}

static gboolean check_kinds(struct mount_value *value, const struct csv_field *fields, GError **error)
{
    const char *kind = route_kind_name(value->spec.kind);
    for (int key = 0; key < KEY_N; key++) {
        if (fields[key].name != NULL && fields[key].kind != ANY && fields[key].kind != (int)value->spec.kind)
            return mount_value_fail(value, error, "%s is for type=%s, this is a %s; change the type or remove the key",
                                    fields[key].name, route_kind_name((enum route_kind)fields[key].kind), kind);
    }
    if (value->spec.kind == ROUTE_TMPFS && fields[KEY_SOURCE].name != NULL)
        return mount_value_fail(value, error, "a tmpfs has no source; remove %s", fields[KEY_SOURCE].name);
    if (value->spec.kind == ROUTE_BIND && fields[KEY_SOURCE].name == NULL)
        return mount_value_fail(value, error, "a bind needs the host's path; add source=/HOST/PATH");
    if (fields[KEY_TARGET].name == NULL)
        return mount_value_fail(value, error, "no target is given; add target=/PATH");
    return TRUE;
}

static gboolean read_fields(struct mount_value *value, const struct csv_field *fields, GError **error)
{
    struct route_spec *spec = &value->spec;
    if (fields[KEY_TYPE].name != NULL && !read_type(value, fields[KEY_TYPE].value, error))
        return FALSE;
    if (!check_kinds(value, fields, error))
        return FALSE;
    if (spec->kind == ROUTE_TMPFS)
        mount_value_tmpfs_defaults(value);
    if (!mount_value_target(value, fields[KEY_TARGET].value, error))
        return FALSE;
    if (fields[KEY_SOURCE].name != NULL && !mount_value_source(value, fields[KEY_SOURCE].value, error))
        return FALSE;
    if (fields[KEY_READONLY].name != NULL && !read_bool(value, &fields[KEY_READONLY], &spec->read_only, error))
        return FALSE;
    if (fields[KEY_NOCOPY].name != NULL && !read_bool(value, &fields[KEY_NOCOPY], &spec->nocopy, error))
        return FALSE;
    if (fields[KEY_CREATE_SOURCE].name != NULL &&
        !read_bool(value, &fields[KEY_CREATE_SOURCE], &spec->create_source, error))
        return FALSE;
    if (fields[KEY_NATIVE].name != NULL && !read_bool(value, &fields[KEY_NATIVE], &spec->native, error))
        return FALSE;
    spec->has_native = fields[KEY_NATIVE].name != NULL;
    if (fields[KEY_SUBPATH].name != NULL &&
        !mount_value_subpath(value, "volume-subpath", fields[KEY_SUBPATH].value, error))
        return FALSE;
    if (fields[KEY_SIZE].name != NULL && !mount_value_size(value, "tmpfs-size", fields[KEY_SIZE].value, error))
        return FALSE;
    return fields[KEY_MODE].name == NULL || mount_value_mode(value, "tmpfs-mode", fields[KEY_MODE].value, error);
}

gboolean mount_csv_read(struct mount_value *value, GError **error)
{
    value->spec.kind = ROUTE_VOLUME; /* docker's default where no type is given */
    const char *message = NULL;
    g_auto(GStrv) split = mount_csv_split(value->value, &message);
    if (split == NULL)
        return mount_value_fail(value, error, "%s", message);
    struct csv_field fields[KEY_N] = {0};
    gboolean done = collect(value, split, fields, error) && read_fields(value, fields, error);
    for (int key = 0; key < KEY_N; key++)
        g_free(fields[key].name);
    return done;
}
