/*
 * run_spec_driver - runs what a JSON file describes, on a root that is mounted already: `run_spec_driver FILE`.
 *
 * Keys as the fields of struct run_spec. "user": looked up in the root, instead of "uid", "gid" and "groups".
 * "enter": first into a user namespace, as `rofuse run` of an ordinary user. "before" and "after": commands that are run
 * then, and when it has ended (to mount and to unmount). Exits as `rofuse run` does; a line on stderr
 * where it did not start.
 */
#include "app_error.h"
#include "run.h"
#include "run_ids.h"
#include "run_user.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char **get_list(const json_t *json, const char *key)
{
    GPtrArray *list = g_ptr_array_new();
    const json_t *items = json_object_get(json, key);
    for (size_t i = 0; i < json_array_size(items); i++)
        g_ptr_array_add(list, g_strdup(json_string_value(json_array_get(items, i))));
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}

static char *get_string(const json_t *json, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(json, key));
    return g_strdup(text != NULL ? text : otherwise);
}

static enum run_runtime get_runtime(const json_t *json)
{
    static const char *const names[] = {"builtin", "bwrap", "runc", "crun"};
    g_autofree char *name = get_string(json, "runtime", "builtin");
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(name, names[i]) == 0)
            return (enum run_runtime)i;
    }
    return RUN_BUILTIN;
}

static void set_user(struct run_spec *spec, const char *text)
{
    struct run_user user;
    GError *error = NULL;
    int root = open(spec->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (!run_user_find(root, text, &user, &error)) {
        app_error_print(error);
        exit(125);
    }
    close(root);
    spec->uid = user.uid;
    spec->gid = user.gid;
    spec->n_groups = user.n_groups;
    spec->groups = g_steal_pointer(&user.groups);
    run_user_clear(&user);
}

static void run_command(const json_t *json, const char *key)
{
    g_auto(GStrv) words = get_list(json, key);
    GError *error = NULL;
    int status = 0;
    if (words[0] == NULL)
        return;
    if (!g_spawn_sync("/", words, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error) ||
        !g_spawn_check_wait_status(status, &error)) {
        app_error_print(error);
        exit(125);
    }
}

int main(int argc, char **argv)
{
    json_t *json = argc == 2 ? json_load_file(argv[1], JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json == NULL)
        return 125;
    GError *error = NULL;
    if (json_is_true(json_object_get(json, "enter")) && !run_ids_enter(&error)) {
        app_error_print(error);
        return 125;
    }
    run_command(json, "before");
    struct run_spec spec = {
        .runtime = get_runtime(json),
        .root = get_string(json, "root", "/"),
        .name = get_string(json, "name", "test"),
        .hostname = get_string(json, "hostname", "test"),
        .argv = get_list(json, "argv"),
        .env = get_list(json, "env"),
        .working_dir = get_string(json, "working_dir", "/"),
        .stop_signal = (int)json_integer_value(json_object_get(json, "stop_signal")),
        .terminal = json_is_true(json_object_get(json, "terminal")),
    };
    g_autofree char *user = get_string(json, "user", "");
    set_user(&spec, user);
    int not_started = 0;
    int status = run_start_and_wait(&spec, &not_started, &error);
    if (status < 0) {
        app_error_print(error);
        status = not_started;
    }
    run_command(json, "after");
    json_decref(json);
    run_spec_clear(&spec);
    return status;
}
