#include "config_print.h"

#include "state.h"
#include "text.h"
#include "text_table.h"

#include <glib.h>

#define COLUMNS 4

static void append_routes(GString *text, const struct config_print *config)
{
    static const char *const heads[COLUMNS] = {"TARGET", "KIND", "SOURCE", "OPTIONS"};
    if (config->n_routes == 0) {
        text_table_append_line(text, "routes", "none: everything is read-only");
        return;
    }
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
    for (int column = 0; column < COLUMNS; column++)
        g_ptr_array_add(cells, g_strdup(heads[column]));
    for (size_t i = 0; i < config->n_routes; i++) {
        const struct route_spec *spec = &config->routes[i];
        g_autofree char *options = state_route_options(spec);
        const char *nothing = spec->kind == ROUTE_VOLUME ? "(anonymous)" : "-";
        g_ptr_array_add(cells, text_word(spec->target));
        g_ptr_array_add(cells, g_strdup(route_kind_name(spec->kind)));
        g_ptr_array_add(cells, spec->source != NULL ? text_word(spec->source) : g_strdup(nothing));
        g_ptr_array_add(cells, *options != '\0' ? text_word(options) : g_strdup("rw"));
    }
    text_table_append(text, "routes", cells, COLUMNS);
}

static void append_flags(GString *text, const struct config_print *config)
{
    const struct {
        bool is_set;
        const char *word;
    } flags[] = {{config->init, "init"}, {config->tty, "tty"}, {config->stdin_open, "stdin_open"}};
    g_autoptr(GString) words = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(flags); i++) {
        if (flags[i].is_set)
            g_string_append_printf(words, "%s%s", words->len > 0 ? ", " : "", flags[i].word);
    }
    if (words->len > 0)
        text_table_append_line(text, "process", words->str);
}

char *config_print_text(const struct config_print *config)
{
    GString *text = g_string_new(NULL);
    const char *title = config->service != NULL ? config->service : config->image;
    g_autofree char *name = title != NULL ? text_word(title) : g_strdup("(layers alone)");
    g_string_append_printf(text, "%s\n", name);
    text_table_append_text(text, "file", config->file);
    text_table_append_text(text, "project", config->project);
    text_table_append_text(text, "image", config->image);
    text_table_append_text(text, "source", config->source);
    text_table_append_list(text, "layers", config->layers);
    append_routes(text, config);
    text_table_append_list(text, "external", config->external_volumes);
    text_table_append_words(text, "entry", config->entrypoint);
    text_table_append_words(text, "command", config->command);
    text_table_append_list(text, "env", config->environment);
    text_table_append_text(text, "user", config->user);
    text_table_append_text(text, "workdir", config->working_dir);
    text_table_append_text(text, "stop", config->stop_signal);
    text_table_append_text(text, "hostname", config->hostname);
    append_flags(text, config);
    return g_string_free(text, FALSE);
}
