#include "why_offline.h"

#include "app_error.h"
#include "counters.h"
#include "denial.h"
#include "explain.h"
#include "image.h"
#include "run_inside.h"
#include "session.h"
#include "why_json.h"

#include <fcntl.h>
#include <unistd.h>

#define MOST_BYTES (1024 * 1024) /* of passwd(5) and group(5), as run_user_find() */

/* The image by a session that is never started, and what a session needs. */
struct offline {
    struct image *image;
    GPtrArray *layers; /* char *, borrowed; NULL-terminated */
    struct denial_log *log;
    struct counters *counters;
    struct session *session;
};

static gboolean get_image(struct offline *offline, const struct paths *paths, const char *reference, GError **error)
{
    const struct image_options options = {.store = paths->images};
    struct image_ref ref;
    if (!image_ref_parse("--image", reference, &ref, error))
        return FALSE;
    offline->image = image_get(&ref, &options, error);
    image_ref_clear(&ref);
    for (char **layer = offline->image != NULL ? offline->image->layers : NULL; layer != NULL && *layer != NULL;
         layer++)
        g_ptr_array_add(offline->layers, *layer);
    return offline->image != NULL;
}

static gboolean open_session(struct offline *offline, const struct paths *paths, GError **error)
{
    const struct denial_options nothing = {0};
    guint n = offline->layers->len;
    g_ptr_array_add(offline->layers, NULL);
    int status = denial_log_new(&nothing, NULL, 0, &offline->log);
    if (status < 0)
        return app_error_failed(error, "cannot start a thread: %s", g_strerror(-status));
    offline->counters = g_new0(struct counters, 1);
    const struct session_options options = {
        .mountpoint = "/",
        .layers = (const char *const *)offline->layers->pdata,
        .n_layers = n,
        .volume_dir = paths->volumes,
        .name = "why",
        .log = offline->log,
        .counters = offline->counters,
    };
    g_autofree char *why = NULL;
    status = session_new(&options, &offline->session, &why);
    return status == 0 || app_error_failed(error, "%s", why != NULL ? why : g_strerror(-status));
}

static void close_all(struct offline *offline)
{
    session_free(offline->session);
    denial_log_free(offline->log, 1);
    g_free(offline->counters);
    g_ptr_array_unref(offline->layers);
    image_free(offline->image);
}

/* A small file of the image, as the union shows it; owned by the caller, NULL where there is none. */
static char *read_file(struct offline *offline, const char *path)
{
    const struct access_subject root = {0};
    struct explanation *explanation = session_explain(offline->session, path, &root);
    char *text = NULL;
    if (explanation->status == 0 && explanation->n_layers > 0 && explanation->layers[0].hider == EXPLAIN_SEEN) {
        int fd = open(explanation->layers[0].dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            text = run_inside_read(fd, explanation->resolved, MOST_BYTES);
            close(fd);
        }
    }
    explanation_free(explanation);
    return text;
}

static gboolean find_user(struct offline *offline, const char *word, struct run_user *ret, GError **error)
{
    g_autofree char *passwd = read_file(offline, "/etc/passwd"), *group = read_file(offline, "/etc/group");
    return run_user_find_in(passwd, group, word, ret, error);
}

json_t *why_offline(const struct paths *paths, const struct why_image *image, const char *path, const char *user,
                    struct run_user *ret_user, GError **error)
{
    struct offline offline = {.layers = g_ptr_array_new()};
    json_t *why = NULL;
    gboolean is_open = image->image == NULL || get_image(&offline, paths, image->image, error);
    for (char *const *layer = image->layers; layer != NULL && *layer != NULL; layer++)
        g_ptr_array_add(offline.layers, *layer);
    if (is_open && open_session(&offline, paths, error) &&
        (user == NULL || find_user(&offline, user, ret_user, error))) {
        struct access_subject ids = {
            .uid = ret_user->uid, .gid = ret_user->gid, .groups = ret_user->groups, .n_groups = ret_user->n_groups};
        struct explanation *explanation = session_explain(offline.session, path, &ids);
        why = why_to_json(explanation, &ids, paths->images);
        explanation_free(explanation);
    }
    close_all(&offline);
    return why;
}
