#include "fact_source.h"

#include "app_error.h"
#include "facts.h"
#include "knowledge.h"
#include "text.h"

static gboolean read_log(struct fact_source *source, const char *path, const char *image, GError **error)
{
    struct knowledge *knowledge = knowledge_new(NULL, error);
    if (knowledge == NULL)
        return FALSE;
    const struct facts_options options = {.image = image, .knowledge = knowledge};
    struct facts *facts = facts_new(&options);
    uint64_t n_bad = 0;
    gboolean done = facts_read(facts, path, &n_bad, error);
    g_autofree char *shown = text_word(path);
    if (done && n_bad > 0)
        app_notice("%s: lines that are no records of a log, passed over: %" G_GUINT64_FORMAT, shown, n_bad);
    if (done) {
        source->facts = facts_list(facts);
        facts_head(facts, &source->head);
    }
    facts_free(facts);
    knowledge_free(knowledge);
    source->name = g_strdup(path);
    return done;
}

static gboolean ask_mount(struct fact_source *source, const struct paths *paths, const char *word, GError **error)
{
    source->asked = mount_ask(paths, word, error);
    json_t *document = source->asked != NULL ? control_client_ask(source->asked->client, "facts",
                                                                  json_pack("{s:b}", "written", true), error)
                                             : NULL;
    if (document == NULL)
        return FALSE;
    source->name = g_strdup(source->asked->state->name);
    source->facts = facts_from_json(document, "the daemon's answer", &source->head, error);
    json_decref(document);
    return source->facts != NULL;
}

struct fact_source *fact_source_open(const struct paths *paths, const char *word, const char *from, const char *image,
                                     GError **error)
{
    struct fact_source *source = g_new0(struct fact_source, 1);
    if (from != NULL ? read_log(source, from, image, error) : ask_mount(source, paths, word, error))
        return source;
    fact_source_free(source);
    return NULL;
}

void fact_source_free(struct fact_source *source)
{
    if (source == NULL)
        return;
    if (source->facts != NULL)
        g_ptr_array_unref(source->facts);
    facts_head_clear(&source->head);
    asked_mount_free(source->asked);
    g_free(source->name);
    g_free(source);
}
