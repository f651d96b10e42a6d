/*
 * Control commands of learn mode:
 *
 *     learn.on {"size"?: SIZE}, learn.off {}   {"learning": bool, "changed": bool}: changed is false where it was so
 *                                              already; SIZE as learn_size.h reads it
 *     learn.diff {}                            an object of schema rofuse.learn/1 (learn.schema.json); "learning" is
 *                                              false, and there are no changes, where it is off
 */
#include "daemon.h"

#include "app_error.h"
#include "json_bytes.h"
#include "learn_diff.h"
#include "learn_size.h"
#include "mounted_places.h"
#include "session.h"

#include <errno.h>
#include <sys/stat.h>

/* @size: NULL = the mount's. */
static json_t *work_switch(struct daemon *daemon, bool on, const struct tmpfs_size *size,
                           const struct control_stream *stream, GError **error)
{
    if (!daemon_begin_change(daemon, stream, error))
        return NULL;
    bool was_on = session_is_learning(daemon->session);
    g_autoptr(GPtrArray) places = mounted_places(daemon->state->device);
    const struct session_protected protected = {(const char *const *)places->pdata, places->len};
    g_autofree char *why = NULL;
    int result = 0;
    if (was_on && size != NULL) {
        result = -EBUSY;
        why = g_strdup(
            "learn mode is on already, and the size of its layer stays; switch it off first: rofuse learn off");
    } else {
        result = session_learn(daemon->session, on, size, &protected, &why);
    }
    daemon_end_change(daemon);
    if (result < 0) {
        app_error_failed(error, "%s", why != NULL ? why : g_strerror(-result));
        return NULL;
    }
    return json_pack("{s:b, s:b}", "learning", on, "changed", was_on != on);
}

static json_t *work_on(void *data, const json_t *args, const struct control_stream *stream, GError **error)
{
    GError *wrong = NULL;
    struct tmpfs_size size;
    const char *text = control_arg_text(args, "size", false, &wrong);
    if (wrong != NULL) {
        g_propagate_error(error, wrong);
        return NULL;
    }
    if (text != NULL && !learn_size_read("size", text, &size, error))
        return NULL;
    return work_switch(data, true, text != NULL ? &size : NULL, stream, error);
}

static json_t *work_off(void *data, const json_t *args, const struct control_stream *stream, GError **error)
{
    (void)args;
    return work_switch(data, false, NULL, stream, error);
}

static const char *type_name(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "directory";
    case S_IFLNK:
        return "symlink";
    case S_IFREG:
        return "file";
    case S_IFSOCK:
        return "socket";
    case S_IFIFO:
        return "fifo";
    default:
        return "device";
    }
}

static json_t *change_to_json(const struct learn_change *change)
{
    json_t *json = json_object();
    g_autofree char *mode = g_strdup_printf("%04o", (unsigned)change->mode & 07777);
    json_bytes_set(json, "path", change->path);
    json_object_set_new(json, "kind", json_string(learn_kind_name(change->kind)));
    json_object_set_new(json, "type", json_string(type_name(change->mode)));
    json_object_set_new(json, "mode", json_string(mode));
    json_object_set_new(json, "uid", json_integer(change->uid));
    json_object_set_new(json, "gid", json_integer(change->gid));
    json_object_set_new(json, "size", json_integer((json_int_t)change->size));
    json_object_set_new(json, "entries", json_integer((json_int_t)change->n_below));
    if (change->from != NULL)
        json_bytes_set(json, "from", change->from);
    if (change->is_changed)
        json_object_set_new(json, "changed", json_true());
    return json;
}

static json_t *run_diff(void *data, const json_t *args, GError **error)
{
    (void)args;
    (void)error;
    struct daemon *daemon = data;
    struct learn_diff *diff = session_learn_diff(daemon->session);
    json_t *json = json_object(), *changes = json_array();
    for (size_t i = 0; diff != NULL && i < diff->n_changes; i++)
        json_array_append_new(changes, change_to_json(&diff->changes[i]));
    json_object_set_new(json, "schema", json_string("rofuse.learn/1"));
    json_object_set_new(json, "mount", json_string(daemon->state->name));
    json_object_set_new(json, "learning", json_boolean(diff != NULL));
    json_object_set_new(json, "bytes", json_integer(diff != NULL ? (json_int_t)diff->bytes : 0));
    if (diff != NULL) {
        json_object_set_new(json, "size", json_integer((json_int_t)diff->layer_size));
        json_object_set_new(json, "used", json_integer((json_int_t)diff->layer_used));
    }
    json_object_set_new(json, "complete", json_boolean(diff == NULL || !diff->is_cut));
    json_object_set_new(json, "changes", changes);
    learn_diff_free(diff);
    return json;
}

const struct control_command daemon_learn_commands[] = {

    {.name = "learn.on", .work = work_on},
    {.name = "learn.off", .work = work_off},
    {.name = "learn.diff", .run = run_diff},
    {.name = NULL}};
