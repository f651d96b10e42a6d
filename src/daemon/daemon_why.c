/*
 * Control commands that explain:
 *
 *     why {"path": TEXT, "path_bytes": BASE64, "uid": N, "gid": N, "groups": [N...]}
 *         an object of schema rofuse.why/1. The path is absolute inside the mount, its bytes as json_bytes.h has them; who
 *         would write is root where nothing is said.
 */
#include "daemon.h"

#include "app_error.h"
#include "explain.h"
#include "json_bytes.h"
#include "session.h"
#include "why_json.h"

#include <string.h>

#define MOST_GROUPS 65536 /* the kernel's NGROUPS_MAX */

/* An id of KEY, 0 where it is missing. */
static gboolean read_id(const json_t *value, const char *key, uint32_t *ret, GError **error)
{
    *ret = 0;
    if (value == NULL)
        return TRUE;
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < 0 || number >= UINT32_MAX)
        return app_error_usage(error, "the argument \"%s\" is a number from 0 to %u", key, UINT32_MAX - 1);
    *ret = (uint32_t)number;
    return TRUE;
}

/* Groups: owned by the caller. */
static gboolean read_ids(const json_t *args, struct access_subject *ids, gid_t **ret_groups, GError **error)
{
    const json_t *groups = json_object_get(args, "groups");
    if (!read_id(json_object_get(args, "uid"), "uid", &ids->uid, error) ||
        !read_id(json_object_get(args, "gid"), "gid", &ids->gid, error))
        return FALSE;
    if ((groups != NULL && !json_is_array(groups)) || json_array_size(groups) > MOST_GROUPS)
        return app_error_usage(error, "the argument \"groups\" is a list of at most %d numbers", MOST_GROUPS);
    *ret_groups = g_new0(gid_t, json_array_size(groups) + 1);
    ids->groups = *ret_groups;
    for (size_t i = 0; i < json_array_size(groups); i++)
        if (!read_id(json_array_get(groups, i), "groups", &(*ret_groups)[ids->n_groups++], error))
            return FALSE;
    return TRUE;
}

static json_t *run_why(void *data, const json_t *args, GError **error)
{
    struct daemon *daemon = data;
    struct access_subject ids = {0};
    g_autofree gid_t *groups = NULL;
    if (control_arg_text(args, "path", true, error) == NULL || !read_ids(args, &ids, &groups, error))
        return NULL;
    g_autofree char *path = json_bytes_get(args, "path");
    if (path == NULL || path[0] != '/') {
        app_error_usage(error, "the argument \"path\" is absolute inside the mount");
        return NULL;
    }
    struct explanation *explanation = session_explain(daemon->session, path, &ids);
    json_t *json = why_to_json(explanation, &ids, daemon->paths->images);
    explanation_free(explanation);
    return json;
}

const struct control_command daemon_why_commands[] = {{.name = "why", .run = run_why}, {.name = NULL}};
