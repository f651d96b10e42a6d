#include "advise_input.h"

#include "app_error.h"
#include "control_client.h"
#include "facts.h"
#include "image.h"
#include "knowledge.h"
#include "mount_ask.h"
#include "text.h"

#include <errno.h>

static gboolean read_log(struct advise_input *input, const char *log, GError **error)
{
    struct knowledge *knowledge = knowledge_new(NULL, error);
    if (knowledge == NULL)
        return FALSE;
    const struct facts_options options = {
        .knowledge = knowledge,
        .image = input->plan != NULL && input->plan->image != NULL ? input->plan->image->name : NULL};
    struct facts *facts = facts_new(&options);
    uint64_t n_bad = 0;
    gboolean done = facts_read(facts, log, &n_bad, error);
    if (done) {
        input->facts = facts_list(facts);
        facts_head(facts, &input->head);
    }
    if (done && n_bad > 0)
        app_notice("lines of the log that are no records: %" G_GUINT64_FORMAT, n_bad);
    facts_free(facts);
    knowledge_free(knowledge);
    return done;
}

/* How much was written where, for the sizes; without it there are none. */
static void ask_learned(struct advise_input *input, struct control_client *client)
{
    bool is_learned = false;
    for (guint i = 0; i < input->facts->len; i++)
        is_learned |= ((const struct fact *)g_ptr_array_index(input->facts, i))->learned;
    g_autoptr(GError) cause = NULL;
    if (is_learned)
        input->learned = control_client_ask(client, "learn.diff", NULL, &cause);
    if (cause != NULL)
        app_notice("what learn mode let through is not known, so no sizes are proposed: %s", cause->message);
}

static gboolean ask_mount(struct advise_input *input, const struct paths *paths, const char *word, GError **error)
{
    struct asked_mount *asked = mount_ask(paths, word, error);
    if (asked == NULL)
        return FALSE;
    json_t *document = control_client_ask(asked->client, "facts", NULL, error);
    if (document != NULL) {
        input->facts = facts_from_json(document, "the daemon's answer", &input->head, error);
        json_decref(document);
    }
    if (input->facts != NULL) {
        ask_learned(input, asked->client);
        input->state = g_steal_pointer(&asked->state);
    }
    asked_mount_free(asked);
    return input->facts != NULL;
}

static bool names_something(const struct mount_request *request)
{
    return *request->compose != NULL || *request->layers != NULL || request->image != NULL || request->service != NULL;
}

/* What was named counts before what the mount has: the person asks for advice about that. */
static void set_routes(struct advise_input *input, const struct mount_request *request)
{
    if (input->plan != NULL) {
        input->input.routes = mount_options_routes(input->plan->routes, &input->input.n_routes);
    } else if (input->state != NULL) {
        input->input.routes = input->state->routes;
        input->input.n_routes = input->state->n_routes;
    } else {
        input->input.routes = mount_options_routes(request->routes, &input->input.n_routes);
    }
}

/* Without the image the advice is less sure, and is given all the same. */
static void open_image(struct advise_input *input)
{
    char *const *layers = input->state != NULL  ? input->state->layers
                          : input->plan != NULL ? input->plan->layers
                                                : NULL;
    guint n = layers != NULL ? g_strv_length((char **)layers) : 0;
    g_autofree char *why = NULL;
    if (n == 0)
        return;
    int status = image_view_open((const char *const *)layers, n, &input->view.view, &why);
    if (status < 0) {
        app_notice("the image cannot be looked at, so the advice is less sure: %s",
                   why != NULL ? why : g_strerror(-status));
        return;
    }
    input->view.learned = input->learned;
    input->image = advice_view_image(&input->view);
    input->input.image = &input->image;
}

struct advise_input *advise_input_new(const struct mount_request *request, const struct paths *paths, const char *word,
                                      const char *log, GError **error)
{
    struct advise_input *input = g_new0(struct advise_input, 1);
    if (names_something(request)) {
        input->plan = plan_make(request, NULL, paths, PLAN_ADVISE, error);
        if (input->plan == NULL) {
            advise_input_free(input);
            return NULL;
        }
    }
    if (!(log != NULL ? read_log(input, log, error) : ask_mount(input, paths, word, error))) {
        advise_input_free(input);
        return NULL;
    }
    set_routes(input, request);
    open_image(input);
    input->input.facts = input->facts;
    return input;
}

void advise_input_free(struct advise_input *input)
{
    if (input == NULL)
        return;
    if (input->facts != NULL)
        g_ptr_array_unref(input->facts);
    facts_head_clear(&input->head);
    image_view_free(input->view.view);
    json_decref(input->learned);
    state_free(input->state);
    plan_free(input->plan);
    g_free(input);
}
