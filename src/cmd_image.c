#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "image.h"
#include "image_describe.h"
#include "image_gc.h"
#include "image_plan.h"
#include "image_progress.h"
#include "paths.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: rofuse image COMMAND [OPTIONS]\n"
    "\n"
    "Images whose layers are unpacked once, for all mounts.\n"
    "\n"
    "Commands:\n"
    "  import  REF                    unpack an image: oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF]\n"
    "  ls                             the images that there are\n"
    "  inspect NAME|ID|REF            configuration, layers and sizes of one, imported or not\n"
    "  rm      NAME|ID...             remove images that no mount uses\n"
    "  prune   [--all]                remove images without a name, and what no image needs\n"
    "\n"
    "rofuse image COMMAND --help tells a command's options with examples.\n"
    "\n"
    "Example:\n"
    "  docker save app:1 > app.tar\n"
    "  rofuse image import docker-archive:app.tar\n"
    "  rofuse image ls\n"
    "\n"
    "The exit status is 0, 1 when it could not be done, 2 when the arguments are wrong.\n";

static const char import_summary[] =
    "Unpacks the layers of an image that are not there yet, checking every digest, and prints the image's id.";
static const char import_examples[] = "Examples:\n"
                                      "  docker save app:1 | zstd > app.tar.zst\n"
                                      "  rofuse image import docker-archive:app.tar.zst\n"
                                      "  rofuse image import oci:/srv/layout:v1 --name app:v1\n"
                                      "  rofuse image import oci-archive:multi.tar --platform linux/arm64";

static const char ls_summary[] = "Shows the images that were imported.";
static const char ls_examples[] = "Examples:\n"
                                  "  rofuse image ls\n"
                                  "  rofuse image ls --json | jq -r '.images[].names[]'";

static const char inspect_summary[] =
    "Shows an image: its configuration, its layers, where they lie and how large they are.\n"
    "One that was not imported is looked at where it is.";
static const char inspect_examples[] = "Examples:\n"
                                       "  rofuse image inspect app:v1\n"
                                       "  rofuse image inspect oci-archive:app.tar\n"
                                       "  rofuse image inspect --json app:v1 | jq -r '.layers[].path'";

static const char rm_summary[] =
    "Removes images, and the layers that no other image needs. Of an image with several names, only the name goes.";
static const char rm_examples[] = "Examples:\n"
                                  "  rofuse image rm app:v1\n"
                                  "  rofuse image rm 3f2a90c1 old:latest";

static const char prune_summary[] =
    "Removes images without a name that no mount uses, layers of no image, and what interrupted imports left.";
static const char prune_examples[] = "Examples:\n"
                                     "  rofuse image prune\n"
                                     "  rofuse image prune --all";

/* What the options of all of them can say. */
struct options {
    char *state_dir, *name, *platform;
    char **rest;
    gboolean as_json, all;
    struct paths *paths;
};

#define OPTION_STATE_DIR(options)                                                                                      \
    {                                                                                                                  \
        "state-dir", 0, 0, G_OPTION_ARG_FILENAME, &(options)->state_dir, "Where images are kept, in DIR/images", "DIR" \
    }
#define OPTION_JSON(options)                                                                                           \
    {                                                                                                                  \
        "json", 0, 0, G_OPTION_ARG_NONE, &(options)->as_json, "For programs: one JSON object", NULL                    \
    }
#define OPTION_PLATFORM(options)                                                                                       \
    {                                                                                                                  \
        "platform", 0, 0, G_OPTION_ARG_STRING, &(options)->platform, "Of an image for several; default: this machine", \
            "OS/ARCH[/VARIANT]"                                                                                        \
    }
#define OPTION_REST(options)                                                                                           \
    {                                                                                                                  \
        G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &(options)->rest, NULL, NULL                            \
    }
#define OPTION_END                                                                                                     \
    {                                                                                                                  \
        NULL, 0, 0, 0, NULL, NULL, NULL                                                                                \
    }

static void clear_options(struct options *options)
{
    g_free(options->state_dir);
    g_free(options->name);
    g_free(options->platform);
    g_strfreev(options->rest);
    paths_free(options->paths);
}

/* @least, @most: how many words may follow. */
static gboolean check_rest(struct options *options, guint least, guint most, const char *usage, GError **error)
{
    guint n = options->rest != NULL ? g_strv_length(options->rest) : 0;
    if (n < least || n > most) {
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s: %s",
                    n < least ? "an image is to be named" : "too much is named", usage);
        return FALSE;
    }
    options->paths = paths_find(options->state_dir, error);
    return options->paths != NULL;
}

/* Takes the JSON over. */
static gboolean print_json(json_t *json, GError **error)
{
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    free(text);
    json_decref(json);
    return command_print(line, error);
}

static gboolean show(const struct options *options, const struct image_record *record, GError **error)
{
    const char *store = options->paths->images;
    if (options->as_json)
        return print_json(image_describe_json(store, record), error);
    g_autofree char *text = image_describe_text(store, record);
    return command_print(text, error);
}

static struct image_options image_options(const struct options *options)
{
    return (struct image_options){
        .store = options->paths->images, .platform = options->platform, .name = options->name};
}

static gboolean import(const struct options *options, const struct image_ref *ref, GError **error)
{
    const struct image_options how = image_options(options);
    g_autofree char *shown = text_word(ref->text);
    if (ref->kind == IMAGE_DIRECTORY || ref->kind == IMAGE_STORED) {
        g_set_error(
            error, APP_ERROR, APP_ERROR_USAGE,
            "%s: is nothing to import; write oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF]",
            shown);
        return FALSE;
    }
    struct image *image = image_get(ref, &how, error);
    if (image == NULL)
        return FALSE;
    g_autofree char *line = g_strconcat(image->id, "\n", NULL);
    struct image_record *record = options->as_json ? image_record_find(how.store, image->id, error) : NULL;
    gboolean done = options->as_json ? record != NULL && show(options, record, error) : command_print(line, error);
    image_record_free(record);
    image_free(image);
    return done;
}

static gboolean run_import(int argc, char **argv, struct options *options, GError **error)
{
    struct image_ref ref;
    const GOptionEntry entries[] = {
        {"name", 0, 0, G_OPTION_ARG_STRING, &options->name, "Name in the store; default: what the image is called",
         "NAME"},
        OPTION_PLATFORM(options),
        OPTION_JSON(options),
        OPTION_STATE_DIR(options),
        OPTION_REST(options),
        OPTION_END,
    };
    if (!command_parse(argc, argv, "image import", "REF", import_summary, import_examples, entries, NULL, error) ||
        !check_rest(options, 1, 1, "rofuse image import REF", error) ||
        !image_ref_parse("import", options->rest[0], &ref, error))
        return FALSE;
    gboolean done = FALSE;
    if (options->name != NULL &&
        (*options->name == '\0' || strlen(options->name) > 255 || !g_utf8_validate(options->name, -1, NULL)))
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "--name: give a name of 1 to 255 bytes, such as app:v1");
    else
        done = import(options, &ref, error);
    image_ref_clear(&ref);
    return done;
}

static gboolean run_ls(int argc, char **argv, struct options *options, GError **error)
{
    const GOptionEntry entries[] = {OPTION_JSON(options), OPTION_STATE_DIR(options), OPTION_REST(options), OPTION_END};
    if (!command_parse(argc, argv, "image ls", NULL, ls_summary, ls_examples, entries, NULL, error) ||
        !check_rest(options, 0, 0, "rofuse image ls", error))
        return FALSE;
    g_autoptr(GPtrArray) records = image_record_read_all(options->paths->images);
    if (options->as_json)
        return print_json(image_describe_list_json(options->paths->images, records), error);
    g_autofree char *text = image_describe_list_text(options->paths->images, records);
    return command_print(text, error);
}

/* An image that lies somewhere else, or in the store. NULL with one line. */
static struct image_record *look(const struct options *options, const struct image_ref *ref, GError **error)
{
    const struct image_options how = image_options(options);
    if (ref->kind == IMAGE_STORED) {
        struct image_record *record = image_record_find(how.store, ref->name, error);
        if (record == NULL || image_record_check_platform(record, how.platform, error))
            return record;
        image_record_free(record);
        return NULL;
    }
    if (ref->kind == IMAGE_DIRECTORY) {
        g_autofree char *shown = text_word(ref->text);
        g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s: a directory has nothing to tell but its files", shown);
        return NULL;
    }
    struct image_plan *plan = image_plan_read(ref, &how, error);
    struct image_record *record = plan != NULL ? image_describe_plan(plan) : NULL;
    image_plan_free(plan);
    return record;
}

static gboolean run_inspect(int argc, char **argv, struct options *options, GError **error)
{
    struct image_ref ref;
    const GOptionEntry entries[] = {OPTION_PLATFORM(options), OPTION_JSON(options), OPTION_STATE_DIR(options),
                                    OPTION_REST(options), OPTION_END};
    if (!command_parse(argc, argv, "image inspect", "NAME|ID|REF", inspect_summary, inspect_examples, entries, NULL,
                       error) ||
        !check_rest(options, 1, 1, "rofuse image inspect NAME|ID|REF", error) ||
        !image_ref_parse("inspect", options->rest[0], &ref, error))
        return FALSE;
    struct image_record *record = look(options, &ref, error);
    gboolean done = record != NULL && show(options, record, error);
    image_record_free(record);
    image_ref_clear(&ref);
    return done;
}

static char *count_text(guint n, const char *what)
{
    return g_strdup_printf("%u %s%s", n, what, n == 1 ? "" : "s");
}

static gboolean report(const struct options *options, const struct image_gc *gc, GError **error)
{
    if (options->as_json) {
        json_t *json = json_object();
        json_object_set_new(json, "schema", json_string("rofuse.removed/1"));
        json_object_set_new(json, "names", json_integer(gc->names));
        json_object_set_new(json, "images", json_integer(gc->images));
        json_object_set_new(json, "layers", json_integer(gc->layers));
        json_object_set_new(json, "size", json_integer((json_int_t)gc->size));
        json_object_set_new(json, "in_use", json_integer(gc->in_use));
        return print_json(json, error);
    }
    g_autofree char *size = image_size_text(gc->size);
    g_autofree char *names = count_text(gc->names + gc->images, "name"), *images = count_text(gc->images, "image");
    g_autofree char *layers = count_text(gc->layers, "layer");
    g_autofree char *line = g_strdup_printf("removed: %s, %s, %s, %s\n", names, images, layers, size);
    return command_print(line, error);
}

static gboolean run_rm(int argc, char **argv, struct options *options, GError **error)
{
    struct image_gc gc = {0};
    const GOptionEntry entries[] = {OPTION_JSON(options), OPTION_STATE_DIR(options), OPTION_REST(options), OPTION_END};
    if (!command_parse(argc, argv, "image rm", "NAME|ID...", rm_summary, rm_examples, entries, NULL, error) ||
        !check_rest(options, 1, G_MAXUINT, "rofuse image rm NAME|ID...", error))
        return FALSE;
    gboolean done = TRUE;
    for (char **word = options->rest; done && *word != NULL; word++)
        done = image_gc_remove(options->paths->images, *word, &gc, error);
    /* What went before one that could not be removed is gone, and is told. */
    if (done || gc.names + gc.images > 0)
        done = report(options, &gc, done ? error : NULL) && done;
    return done;
}

static gboolean run_prune(int argc, char **argv, struct options *options, GError **error)
{
    struct image_gc gc = {0};
    const GOptionEntry entries[] = {
        {"all", 0, 0, G_OPTION_ARG_NONE, &options->all, "Images with a name too, unless a mount uses them", NULL},
        OPTION_JSON(options),
        OPTION_STATE_DIR(options),
        OPTION_REST(options),
        OPTION_END,
    };
    return command_parse(argc, argv, "image prune", NULL, prune_summary, prune_examples, entries, NULL, error) &&
           check_rest(options, 0, 0, "rofuse image prune [--all]", error) &&
           image_gc_prune(options->paths->images, options->all, &gc, error) && report(options, &gc, error);
}

int cmd_image(int argc, char **argv)
{
    static const struct {
        const char *name;
        gboolean (*run)(int argc, char **argv, struct options *options, GError **error);
    } commands[] = {
        {"import", run_import}, {"ls", run_ls}, {"inspect", run_inspect}, {"rm", run_rm}, {"prune", run_prune},
    };
    GError *error = NULL;
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return command_print(help, &error) ? 0 : app_error_print(error);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(word, commands[i].name) != 0)
            continue;
        struct options options = {0};
        gboolean done = commands[i].run(argc - 1, argv + 1, &options, &error);
        clear_options(&options);
        return done ? 0 : app_error_print(error);
    }
    g_autofree char *shown = text_escape(word);
    g_autofree char *what =
        argc > 1 ? g_strdup_printf("\"%s\" is no command of image", shown) : g_strdup("image: no command is given");
    return app_error_print(g_error_new(APP_ERROR, APP_ERROR_USAGE,
                                       "%s; write import, ls, inspect, rm or prune, see rofuse image --help", what));
}
