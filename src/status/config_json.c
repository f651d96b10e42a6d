#include "config_print.h"

#include "json_bytes.h"
#include "state.h"

#include <glib.h>
#include <jansson.h>
#include <stdlib.h>

/* null where it was not said. */
static void set_list(json_t *json, const char *key, char *const *list)
{
    json_bytes_set_list(json, key, (const char *const *)list, list != NULL ? g_strv_length((char **)list) : 0);
}

static json_t *routes_to_json(const struct config_print *config)
{
    json_t *routes = json_array();
    for (size_t i = 0; i < config->n_routes; i++) {
        json_t *route = state_route_to_json(&config->routes[i]);
        g_autofree char *options = state_route_options(&config->routes[i]);
        json_bytes_set(route, "options", options);
        json_array_append_new(routes, route);
    }
    return routes;
}

char *config_print_json(const struct config_print *config)
{
    json_t *json = json_object();
    json_object_set_new(json, "schema", json_string("rofuse.config/1"));
    json_bytes_set(json, "file", config->file);
    json_bytes_set(json, "project", config->project);
    json_bytes_set(json, "service", config->service);
    json_bytes_set(json, "image", config->image);
    json_bytes_set(json, "source", config->source);
    set_list(json, "layers", config->layers);
    json_object_set_new(json, "read_only", json_boolean(config->read_only));
    json_object_set_new(json, "routes", routes_to_json(config));
    set_list(json, "external_volumes", config->external_volumes);
    set_list(json, "entrypoint", config->entrypoint);
    set_list(json, "command", config->command);
    set_list(json, "environment", config->environment);
    json_bytes_set(json, "user", config->user);
    json_bytes_set(json, "working_dir", config->working_dir);
    json_bytes_set(json, "stop_signal", config->stop_signal);
    json_bytes_set(json, "hostname", config->hostname);
    json_object_set_new(json, "init", json_boolean(config->init));
    json_object_set_new(json, "tty", json_boolean(config->tty));
    json_object_set_new(json, "stdin_open", json_boolean(config->stdin_open));
    char *dumped = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    char *text = g_strconcat(dumped, "\n", NULL);
    free(dumped);
    json_decref(json);
    return text;
}
