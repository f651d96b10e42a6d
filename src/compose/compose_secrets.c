#include "compose_secrets.h"

#include "compose_files.h"
#include "mount_words.h"
#include "text.h"

#include <string.h>

/* As of volumes: no service needs so many. */
#define ENTRIES_MAX 1000

/* The two kinds. */
struct kind {
    const char *key;  /* in a service and at the top of a file */
    const char *what; /* one of them */
    const char *directory;
};

/* Where it appears; owned by the caller. */
static char *target_of(const struct kind *kind, const struct compose_node *target, const char *name)
{
    const char *said = target != NULL && *target->text != '\0' ? target->text : name;
    return *said == '/' ? g_strdup(said) : g_strconcat(kind->directory, said, NULL);
}

static gboolean add_bind(const struct kind *kind, const struct compose_node *entry, const struct compose_node *file,
                         const char *name, const char *where, struct mount_options *routes, GError **error)
{
    const struct compose_node *said = compose_node_get(entry, "target");
    const struct compose_node *at = said != NULL ? said : entry;
    g_autofree char *target = target_of(kind, said, name), *place = compose_node_place(at);
    g_autofree char *option = g_strdup_printf("%s: %s", place, where);
    struct mount_value value = {.option = option, .value = target, .spec = {.kind = ROUTE_BIND, .read_only = true}};
    gboolean done = mount_value_target(&value, target, error);
    if (done) {
        value.spec.source = compose_files_absolute(file->source->base, file->text);
        done = mount_options_add_spec(routes, option, target, &value.spec, error);
    }
    route_spec_clear(&value.spec);
    return done;
}

static gboolean read_entry(const struct compose_project *project, const struct kind *kind,
                           const struct compose_node *entry, const char *where, struct mount_options *routes,
                           GPtrArray *warnings, GError **error)
{
    const struct compose_node *source = entry->kind == COMPOSE_SCALAR ? entry : compose_node_get(entry, "source");
    if (source == NULL || *source->text == '\0')
        return compose_node_fail(entry, where, error, "it does not say which; add source: NAME");
    const struct compose_node *all = compose_node_get(project->root, kind->key);
    const struct compose_node *declared = compose_node_get(all, source->text);
    const struct compose_node *file = compose_node_get(declared, "file");
    g_autofree char *shown = text_word(source->text);
    if (declared == NULL)
        return compose_node_fail(source, where, error,
                                 "the %s %s is not declared; write %s: at the top of the file with %s: below it",
                                 kind->what, shown, kind->key, shown);
    if (!compose_node_is_null(file) && *file->text != '\0')
        return add_bind(kind, entry, file, source->text, where, routes, error);
    g_autofree char *place = compose_node_place(source);
    g_ptr_array_add(warnings, g_strdup_printf("%s: %s: the %s %s does not come from a file and is not provided", place,
                                              where, kind->what, shown));
    return TRUE;
}

gboolean compose_secrets_read(const struct compose_project *project, const struct compose_node *service,
                              const char *where, struct mount_options *routes, GPtrArray *warnings, GError **error)
{
    static const struct kind kinds[] = {{"secrets", "secret", "/run/secrets/"}, {"configs", "config", "/"}};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        const struct compose_node *list = compose_node_get(service, kinds[k].key);
        if (!compose_node_is_null(list) && list->n > ENTRIES_MAX)
            return compose_node_fail(list, where, error, "there are more than %d %s; declare fewer", ENTRIES_MAX,
                                     kinds[k].key);
        for (guint i = 0; !compose_node_is_null(list) && i < list->n; i++) {
            g_autofree char *deeper = g_strdup_printf("%s.%s[%u]", where, kinds[k].key, i);
            if (list->items[i]->tag != COMPOSE_TAG_RESET &&
                !read_entry(project, &kinds[k], list->items[i], deeper, routes, warnings, error))
                return FALSE;
        }
    }
    return TRUE;
}
