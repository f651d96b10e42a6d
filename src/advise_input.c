#include "advise_input.h"

#include "app_error.h"
#include "image.h"

/* How much was written where, for the sizes; without it there are none. */
static void ask_learned(struct advise_input *input)
{
    const struct fact_source *source = input->source;
    bool is_learned = false, was_full = false;
    for (guint i = 0; i < source->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(source->facts, i);
        is_learned |= fact->learned;
        was_full |= fact_found_layer_full(fact);
    }
    if (was_full)
        app_notice("learn mode's layer was full, so that not all was seen and no sizes are proposed; try again with a "
                   "larger one (--learn-size, or rofuse learn on --size)");
    g_autoptr(GError) cause = NULL;
    if (is_learned && !was_full && source->asked != NULL)
        input->learned = control_client_ask(source->asked->client, "learn.diff", NULL, &cause);
    if (cause != NULL)
        app_notice("what learn mode let through is not known, so no sizes are proposed: %s", cause->message);
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

static void open_image(struct advise_input *input)
{
    char *const *layers = input->state != NULL  ? input->state->layers
                          : input->plan != NULL ? input->plan->layers
                                                : NULL;
    input->input.image = layers_image_open(&input->image, layers, input->learned);
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
    const char *image = input->plan != NULL && input->plan->image != NULL ? input->plan->image->name : NULL;
    input->source = fact_source_open(paths, word, log, image, error);
    if (input->source == NULL) {
        advise_input_free(input);
        return NULL;
    }
    input->state = input->source->asked != NULL ? input->source->asked->state : NULL;
    ask_learned(input);
    set_routes(input, request);
    open_image(input);
    input->input.facts = input->source->facts;
    return input;
}

void advise_input_free(struct advise_input *input)
{
    if (input == NULL)
        return;
    layers_image_close(&input->image);
    json_decref(input->learned);
    fact_source_free(input->source);
    plan_free(input->plan);
    g_free(input);
}
