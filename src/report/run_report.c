#include "run_report.h"

#include "facts.h"
#include "knowledge.h"
#include "layers_image.h"
#include "run_findings.h"
#include "run_report_text.h"

/* Adds to the facts of the log what no log tells: how the processes went on. */
static void add_seen(struct facts *facts, const struct run_seen *seen)
{
    for (guint i = 0; seen != NULL && i < seen->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(seen->facts, i);
        facts_decide(facts, fact->id, fact->class, fact->because, g_strdup(fact->reason));
    }
}

static char *make(struct facts *facts, uint64_t no_records, const struct run_report_input *input,
                  enum run_report_format format)
{
    struct run_findings findings;
    struct layers_image layers;
    struct facts_head head;
    const struct state *state = input->state;
    g_autoptr(GPtrArray) list = facts_list(facts);
    facts_head(facts, &head);
    const struct advice_input asked = {
        .facts = list,
        .routes = state->routes,
        .n_routes = state->n_routes,
        .image = layers_image_open(&layers, state->layers),
        .written = input->seen != NULL ? input->seen->written : NULL,
    };
    run_findings_make(&asked, &head, input->written, &findings);
    findings.no_records = no_records;
    char *report = format == RUN_REPORT_JSON ? run_report_json(&findings) : run_report_text(&findings);
    run_findings_clear(&findings);
    layers_image_close(&layers);
    facts_head_clear(&head);
    return report;
}

char *run_report_make(const struct run_report_input *input, enum run_report_format format, GError **error)
{
    if (format == RUN_REPORT_NONE)
        return g_strdup("");
    struct knowledge *knowledge = knowledge_new(NULL, error);
    if (knowledge == NULL)
        return NULL;
    const struct facts_options options = {
        .mount = input->state->name, .image = input->state->image, .knowledge = knowledge};
    struct facts *facts = facts_new(&options);
    uint64_t no_records = 0;
    char *report = NULL;
    if (facts_read(facts, input->log, &no_records, error)) {
        add_seen(facts, input->seen);
        report = make(facts, no_records, input, format);
    }
    facts_free(facts);
    knowledge_free(knowledge);
    return report;
}
