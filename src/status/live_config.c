#include "live_config.h"

#include "json_bytes.h"
#include "text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A YAML scalar in double quotes: JSON's are YAML's. Compose would take a dollar sign for a variable. */
static void append_text(GString *text, const char *value)
{
    g_autoptr(GString) doubled = g_string_new(value);
    g_string_replace(doubled, "$", "$$", 0);
    json_t *holder = json_object();
    json_bytes_set(holder, "text", doubled->str);
    char *dumped = json_dumps(json_object_get(holder, "text"), JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    g_string_append(text, dumped);
    free(dumped);
    json_decref(holder);
}

static void append_pair(GString *text, const char *key, const char *value)
{
    g_string_append(text, key);
    append_text(text, value);
    g_string_append_c(text, '\n');
}

/* What is not said of a tmpfs is docker's default, so what it is allowed has to be said. */
static void append_tmpfs(GString *text, const struct route_spec *spec)
{
    g_autofree char *options = state_route_options(spec);
    g_autoptr(GString) words = g_string_new(spec->target);
    const struct {
        bool is_set;
        const char *word;
    } allowed[] = {{!spec->noexec, "exec"}, {!spec->nosuid, "suid"}, {!spec->nodev, "dev"}};
    g_string_append_c(words, ':');
    g_string_append(words, options);
    for (size_t i = 0; i < G_N_ELEMENTS(allowed); i++)
        if (allowed[i].is_set)
            g_string_append_printf(words, "%s%s", g_str_has_suffix(words->str, ":") ? "" : ",", allowed[i].word);
    append_pair(text, "      - ", words->str);
}

static void append_volume(GString *text, const struct route_spec *spec)
{
    bool is_volume = spec->kind == ROUTE_VOLUME;
    g_string_append_printf(text, "      - type: %s\n", route_kind_name(spec->kind));
    if (spec->source != NULL)
        append_pair(text, "        source: ", spec->source);
    append_pair(text, "        target: ", spec->target);
    if (spec->read_only)
        g_string_append(text, "        read_only: true\n");
    if (is_volume && (spec->nocopy || spec->subpath != NULL))
        g_string_append(text, "        volume:\n");
    if (is_volume && spec->nocopy)
        g_string_append(text, "          nocopy: true\n");
    if (is_volume && spec->subpath != NULL)
        append_pair(text, "          subpath: ", spec->subpath);
    if (!is_volume)
        g_string_append_printf(text, "        bind:\n          create_host_path: %s\n",
                               spec->create_source ? "true" : "false");
}

static size_t append_routes(GString *text, const struct state *state, bool tmpfs)
{
    size_t n = 0;
    for (size_t i = 0; i < state->n_routes; i++) {
        const struct route_spec *spec = &state->routes[i];
        if ((spec->kind == ROUTE_TMPFS) != tmpfs)
            continue;
        if (n++ == 0)
            g_string_append(text, tmpfs ? "    tmpfs:\n" : "    volumes:\n");
        if (tmpfs)
            append_tmpfs(text, spec);
        else
            append_volume(text, spec);
    }
    return n;
}

/* With their names, which Compose would put the project's before. */
static void append_names(GString *text, const struct state *state)
{
    g_autoptr(GPtrArray) named = g_ptr_array_new();
    for (size_t i = 0; i < state->n_routes; i++) {
        const struct route_spec *spec = &state->routes[i];
        if (spec->kind != ROUTE_VOLUME || spec->source == NULL ||
            g_ptr_array_find_with_equal_func(named, spec->source, g_str_equal, NULL))
            continue;
        if (named->len == 0)
            g_string_append(text, "volumes:\n");
        g_ptr_array_add(named, spec->source);
        g_string_append(text, "  ");
        append_text(text, spec->source);
        append_pair(text, ":\n    name: ", spec->source);
    }
}

/* Compose has no word for layers that are directories; who runs the file must say them. */
static void append_layers(GString *text, const struct state *state)
{
    g_string_append(text, "    # no image, but directories as layers; run it with");
    for (size_t i = 0; state->layers[i] != NULL; i++) {
        g_autofree char *layer = text_word(state->layers[i]);
        g_string_append_printf(text, " --layer %s", layer);
    }
    g_string_append_c(text, '\n');
}

char *live_config_compose(const struct state *state, const char *service)
{
    GString *text = g_string_new("services:\n  ");
    append_text(text, service != NULL ? service : state->name);
    g_string_append(text, ":\n");
    if (state->image != NULL)
        append_pair(text, "    image: ", state->image);
    else
        append_layers(text, state);
    g_string_append(text, "    read_only: true\n");
    append_routes(text, state, true);
    if (append_routes(text, state, false) > 0)
        append_names(text, state);
    return g_string_free(text, FALSE);
}

char *live_config_json(const struct state *state)
{
    json_t *json = json_object(), *routes = json_array();
    json_object_set_new(json, "schema", json_string("rofuse.live/1"));
    json_object_set_new(json, "name", json_string(state->name));
    json_bytes_set(json, "mountpoint", state->mountpoint);
    json_bytes_set(json, "image", state->image);
    json_bytes_set_list(json, "layers", (const char *const *)state->layers, g_strv_length(state->layers));
    for (size_t i = 0; i < state->n_routes; i++)
        json_array_append_new(routes, state_route_to_json(&state->routes[i]));
    json_object_set_new(json, "routes", routes);
    char *dumped = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    char *text = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    json_decref(json);
    return text;
}
