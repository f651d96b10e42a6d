#include "mount_ask.h"

#include "app_error.h"
#include "control_socket.h"
#include "find_mount.h"
#include "state_dir.h"
#include "text.h"

#include <string.h>

static struct state *find_by_word(const struct paths *paths, const char *word, GError **error)
{
    GError *cause = NULL;
    struct found_mount *found = find_mount(paths, word, &cause);
    if (found == NULL) {
        if (strchr(word, '/') == NULL && mounts_are_anothers(paths, error))
            g_error_free(cause);
        else
            g_propagate_error(error, cause);
        return NULL;
    }
    struct state *state = g_steal_pointer(&found->state);
    if (state == NULL)
        found_mount_fail_unread(found, paths, word, error);
    found_mount_free(found);
    return state;
}

static struct state *find_only(const struct paths *paths, GError **error)
{
    g_autoptr(GPtrArray) states = state_dir_read(paths->run);
    g_autoptr(GString) names = g_string_new(NULL);
    guint n = 0, at = 0;
    for (guint i = 0; i < states->len; i++) {
        const struct state *state = g_ptr_array_index(states, i);
        if (!state_is_alive(state))
            continue;
        g_string_append_printf(names, "%s%s", n > 0 ? ", " : "", state->name);
        at = i;
        n++;
    }
    if (n == 1)
        return g_ptr_array_steal_index(states, at);
    if (n == 0 && (mounts_are_anothers(paths, error) || mounts_are_elsewhere(paths, error)))
        return NULL;
    if (n == 0)
        app_error_failed(error, "there is no mount; rofuse mount makes one");
    else
        app_error_usage(error, "there are %u mounts; say which one: %s", n, names->str);
    return NULL;
}

struct state *mount_state(const struct paths *paths, const char *word, GError **error)
{
    return word != NULL ? find_by_word(paths, word, error) : find_only(paths, error);
}

struct control_client *mount_ask_again(const char *run, const struct state *state, GError **error)
{
    g_autofree char *path = control_socket_path(run, state->name);
    return control_client_new(path, error);
}

struct asked_mount *mount_ask(const struct paths *paths, const char *word, GError **error)
{
    struct state *state = mount_state(paths, word, error);
    if (state == NULL)
        return NULL;
    struct control_client *client = NULL;
    if (!state_is_alive(state)) {
        g_autofree char *shown = text_word(state->mountpoint);
        app_error_failed(error,
                         "%s is not a rofuse mount any more, its daemon has ended; rofuse log shows what it refused, "
                         "rofuse umount takes away what is left",
                         shown);
    } else {
        client = mount_ask_again(paths->run, state, error);
    }
    if (client == NULL) {
        state_free(state);
        return NULL;
    }
    g_autofree char *whose = g_strdup_printf("the daemon of %s (pid %d)", state->name, (int)state->pid);
    control_client_set_whose(client, whose);
    struct asked_mount *asked = g_new0(struct asked_mount, 1);
    asked->client = client;
    asked->state = state;
    return asked;
}

void asked_mount_free(struct asked_mount *asked)
{
    if (asked == NULL)
        return;
    control_client_free(asked->client);
    state_free(asked->state);
    g_free(asked);
}
