/*
 * A bundle describes a program on a mount that somebody else starts: `rofuse mount` makes the root, an OCI runtime the
 * rest. root.readonly is false in it, see run_bundle.h.
 */
#include "commands.h"

#include "app_error.h"
#include "command_parse.h"
#include "mount_arguments.h"
#include "mount_table.h"
#include "paths.h"
#include "plan.h"
#include "run_bundle.h"
#include "run_program.h"
#include "run_words.h"
#include "text.h"

static const char summary[] =
    "Writes DIR/config.json, with which runc or crun starts the program of an image on a mount of rofuse.\n"
    "The mount is made by rofuse mount, at DIR/rootfs or where --root says, and is there already: the\n"
    "user's name is looked up in it.";

static const char examples[] =
    "root.readonly is false in the file: with true the runtime would put a read-only mount over the root,\n"
    "the kernel would refuse writes by itself, and rofuse could neither log them nor serve writable places.\n"
    "\n"
    "Example:\n"
    "  mkdir -p web/rootfs\n"
    "  rofuse mount --image web:1.0 --tmpfs /tmp web/rootfs\n"
    "  rofuse bundle --image web:1.0 web\n"
    "  runc run --bundle web web1\n"
    "  rofuse umount web/rootfs\n"
    "\n"
    "The exit status is 0, 1 when the bundle could not be written or the mount is not there, 2 when the arguments\n"
    "are wrong.";

struct bundle {
    struct run_words words;
    struct mount_request *content;
    char *root;
    gboolean terminal;
    char **rest;
};

static gboolean parse(int argc, char **argv, struct bundle *bundle, GError **error)
{
    run_words_init(&bundle->words, &argc, &argv);
    g_autofree char **options = argv;
    struct mount_arguments arguments;
    mount_arguments_init(&arguments);
    const GOptionEntry own[] = {
        {"root", 0, 0, G_OPTION_ARG_FILENAME, &bundle->root, "Where the mount is (default: DIR/rootfs)", "DIR"},
        {"tty", 't', 0, G_OPTION_ARG_NONE, &bundle->terminal, "The program gets a terminal", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &bundle->rest, NULL, NULL},
    };
    g_autoptr(GArray) entries = g_array_new(TRUE, FALSE, sizeof(GOptionEntry));
    mount_arguments_add_entries(&arguments, MOUNT_ARGUMENTS_CONTENT, entries);
    run_words_add_entries(&bundle->words, entries);
    g_array_append_vals(entries, own, G_N_ELEMENTS(own));
    gboolean done = command_parse(argc, options, "bundle", "DIR [-- COMMAND...]", summary, examples,
                                  (const GOptionEntry *)(const void *)entries->data, &arguments, error) &&
                    run_words_check(&bundle->words, error);
    if (done)
        bundle->content = mount_arguments_take(&arguments, NULL, error);
    mount_arguments_clear(&arguments);
    if (bundle->content == NULL)
        return FALSE;
    if (bundle->rest != NULL && g_strv_length(bundle->rest) == 1 && *bundle->rest[0] != '\0')
        return TRUE;
    g_set_error(error, APP_ERROR, APP_ERROR_USAGE,
                "give one directory for the bundle: rofuse bundle [OPTIONS] DIR, see rofuse bundle --help");
    return FALSE;
}

/* The mount, as what run_program_spec() asks of a state. NULL with one line where it is not there. */
static struct state *find_root(const struct bundle *bundle, GError **error)
{
    g_autofree char *root =
        bundle->root != NULL ? g_strdup(bundle->root) : g_build_filename(bundle->rest[0], "rootfs", NULL);
    g_autofree char *absolute = paths_absolute(root, error);
    g_autoptr(GPtrArray) table = absolute != NULL ? mount_table_read(error) : NULL;
    if (table == NULL)
        return NULL;
    const struct mount_entry *entry = mount_table_at(table, absolute);
    if (!mount_entry_is_rofuse(entry)) {
        g_autofree char *shown = text_word(root);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "%s is no mount of rofuse; mount it first: rofuse mount [OPTIONS] %s", shown, shown);
        return NULL;
    }
    struct state *state = g_new0(struct state, 1);
    state->name = g_strdup(entry->source);
    state->mountpoint = g_steal_pointer(&absolute);
    return state;
}

static gboolean write_bundle(const struct bundle *bundle, const struct paths *paths, GError **error)
{
    const struct plan_words words = run_words_plan(&bundle->words);
    struct plan *plan = plan_make(bundle->content, &words, paths, PLAN_MOUNT, error);
    struct state *state = plan != NULL && run_program_is_said(plan, error) ? find_root(bundle, error) : NULL;
    struct run_spec spec = {0};
    gboolean done = state != NULL && run_program_spec(plan, state, RUN_RUNC, &spec, error);
    if (done) {
        spec.terminal = bundle->terminal;
        done = run_bundle_write(&spec, bundle->rest[0], error);
    }
    run_spec_clear(&spec);
    state_free(state);
    plan_free(plan);
    return done;
}

int cmd_bundle(int argc, char **argv)
{
    GError *error = NULL;
    struct bundle bundle = {0};
    gboolean done = parse(argc, argv, &bundle, &error);
    struct paths *paths = done ? paths_find(bundle.content->state_dir, &error) : NULL;
    done = paths != NULL && write_bundle(&bundle, paths, &error);
    paths_free(paths);
    mount_request_free(bundle.content);
    run_words_clear(&bundle.words);
    g_free(bundle.root);
    g_strfreev(bundle.rest);
    return done ? 0 : app_error_print(error);
}
