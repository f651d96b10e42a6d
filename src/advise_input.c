#include "advise_input.h"

#include "app_error.h"
#include "counters_file.h"
#include "image.h"

/* Else nobody knew why the sizes are missing (advice.c, was_seen_whole). */
static void tell_full_layer(const struct fact_source *source)
{
    for (guint i = 0; i < source->facts->len; i++) {
        if (!fact_found_layer_full(g_ptr_array_index(source->facts, i)))
            continue;
        app_notice("learn mode's layer was full, so that not all was seen and no sizes are proposed; try again with a "
                   "larger one (--learn-size, or rofuse learn on --size)");
        return;
    }
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
    input->input.image = layers_image_open(&input->image, layers);
}

static bool is_learning(const struct paths *paths, const struct state *state)
{
    struct counters counters;
    return state != NULL && counters_file_read(paths->run, state->name, &counters) &&
           (counters.features & COUNTERS_FEATURE_LEARN) != 0;
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
    input->is_learning = is_learning(paths, input->state);
    input->input.written = input->source->head.written;
    set_routes(input, request);
    open_image(input);
    input->input.facts = input->source->facts;
    tell_full_layer(input->source);
    return input;
}

void advise_input_free(struct advise_input *input)
{
    if (input == NULL)
        return;
    layers_image_close(&input->image);
    fact_source_free(input->source);
    plan_free(input->plan);
    g_free(input);
}
