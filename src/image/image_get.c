#include "image.h"

#include "app_error.h"
#include "image_digest.h"
#include "image_fetch.h"
#include "image_plan.h"
#include "image_record.h"
#include "image_store.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_holds(struct image *image, GArray *holds)
{
    image->n_holds = holds->len;
    image->holds = (int *)(void *)g_array_free(holds, FALSE);
}

/* A layer that comes twice: the upper one hides all of the lower one, which is left out. */
static char **layer_paths(const char *store, char *const *diff_ids, size_t n)
{
    GPtrArray *paths = g_ptr_array_new();
    for (size_t i = 0; i < n; i++) {
        bool comes_again = false;
        for (size_t j = i + 1; j < n && !comes_again; j++)
            comes_again = strcmp(diff_ids[i], diff_ids[j]) == 0;
        if (!comes_again)
            g_ptr_array_add(paths, image_store_layer_tree(store, diff_ids[i]));
    }
    g_ptr_array_add(paths, NULL);
    return (char **)g_ptr_array_free(paths, FALSE);
}

static struct image *get_directory(const struct image_ref *ref, const struct image_options *options, GError **error)
{
    struct stat st;
    g_autofree char *shown = text_word(ref->path);
    if (options->platform != NULL) {
        (void)app_error_usage(error, "the image %s is a directory, which has no platforms; leave --platform out",
                              shown);
        return NULL;
    }
    if (stat(ref->path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        int code = errno;
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "the image %s: %s", shown,
                    stat(ref->path, &st) != 0 ? g_strerror(code)
                                              : "is no directory; read an archive with oci-archive:FILE or "
                                                "docker-archive:FILE");
        return NULL;
    }
    struct image *image = g_new0(struct image, 1);
    image_config_init(&image->config);
    image->name = g_strdup(ref->path);
    image->layers = g_new0(char *, 2);
    image->layers[0] = g_strdup(ref->path);
    return image;
}

/* Holds the image and its layers; FALSE where one of them has gone. */
static gboolean hold_all(const char *store, const struct image_record *record, GArray *holds)
{
    g_autofree char *directory = image_store_image_dir(store, record->id);
    int hold = image_store_hold(directory);
    if (hold < 0)
        return FALSE;
    g_array_append_val(holds, hold);
    for (char **diff_id = record->diff_ids; *diff_id != NULL; diff_id++) {
        g_autofree char *layer = image_store_layer_dir(store, *diff_id);
        hold = image_store_hold(layer);
        if (hold < 0)
            return FALSE;
        g_array_append_val(holds, hold);
    }
    return TRUE;
}

/* Takes the record over. */
static struct image *from_record(const char *store, struct image_record *record, GError **error)
{
    struct image *image = g_new0(struct image, 1);
    GArray *holds = g_array_new(FALSE, FALSE, sizeof(int));
    gboolean done = hold_all(store, record, holds);
    set_holds(image, holds);
    image->id = g_strdup(record->id);
    image->name = image_record_title(record);
    image->layers = layer_paths(store, record->diff_ids, g_strv_length(record->diff_ids));
    image->config = record->config;
    record->config = (struct image_config){0};
    image_record_free(record);
    if (done)
        return image;
    g_autofree char *shown = text_word(image->name);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "layers of the image %s are not in the store; import it again",
                shown);
    image_free(image);
    return NULL;
}

static struct image *get_stored(const struct image_ref *ref, const struct image_options *options, GError **error)
{
    struct image_record *record = image_record_find(options->store, ref->name, error);
    if (record == NULL)
        return NULL;
    if (!image_record_check_platform(record, options->platform, error)) {
        image_record_free(record);
        return NULL;
    }
    /* Of several names the one that the person knows. */
    g_autofree char *asked = image_record_title_for(record, ref->name);
    struct image *image = from_record(options->store, record, error);
    if (image != NULL) {
        g_free(image->name);
        image->name = g_steal_pointer(&asked);
    }
    return image;
}

/* Everything of the plan is brought into the store: layers first, so that an image there is whole. */
static gboolean import(const struct image_plan *plan, const struct image_options *options, GArray *holds,
                       GError **error)
{
    char *given[] = {(char *)options->name, NULL};
    int hold;
    if (!image_store_make(options->store, error) || !image_fetch(options->store, plan, holds, error) ||
        !image_record_keep(options->store, plan, options->name != NULL ? given : plan->names, &hold, error))
        return FALSE;
    g_array_append_val(holds, hold);
    return TRUE;
}

static struct image *get_source(const struct image_ref *ref, const struct image_options *options, GError **error)
{
    struct image_plan *plan = image_plan_read(ref, options, error);
    if (plan == NULL)
        return NULL;
    struct image *image = g_new0(struct image, 1);
    GArray *holds = g_array_new(FALSE, FALSE, sizeof(int));
    gboolean done = options->only_look || import(plan, options, holds, error);
    set_holds(image, holds);
    image->id = g_strdup(plan->id);
    image->name = g_strdup(options->name != NULL ? options->name : plan->names[0]);
    if (image->name == NULL)
        image->name = g_strndup(image_digest_hex(plan->id), 12);
    g_autofree char **diff_ids = g_new0(char *, plan->n_layers + 1);
    for (size_t i = 0; i < plan->n_layers; i++)
        diff_ids[i] = plan->layers[i].diff_id;
    image->layers = layer_paths(options->store, diff_ids, plan->n_layers);
    image->config = plan->config;
    plan->config = (struct image_config){0};
    image_plan_free(plan);
    if (done)
        return image;
    image_free(image);
    return NULL;
}

struct image *image_get(const struct image_ref *ref, const struct image_options *options, GError **error)
{
    switch (ref->kind) {
    case IMAGE_DIRECTORY:
        return get_directory(ref, options, error);
    case IMAGE_STORED:
        return get_stored(ref, options, error);
    default:
        return get_source(ref, options, error);
    }
}

void image_free(struct image *image)
{
    if (image == NULL)
        return;
    for (size_t i = 0; i < image->n_holds; i++)
        close(image->holds[i]);
    g_free(image->holds);
    g_free(image->id);
    g_free(image->name);
    g_strfreev(image->layers);
    image_config_clear(&image->config);
    g_free(image);
}
