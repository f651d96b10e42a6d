#include "fact_source.h"

#include "app_error.h"
#include "fact_json.h"
#include "facts.h"
#include "text.h"

static gboolean read_log(struct fact_source *source, const char *path, GError **error)
{
    const struct facts_options options = {.mount = NULL};
    struct facts *facts = facts_new(&options);
    uint64_t n_bad = 0;
    gboolean done = facts_read(facts, path, &n_bad, error);
    g_autofree char *shown = text_word(path);
    if (done && n_bad > 0)
        app_notice("%s: lines that are no records of a log, passed over: %" G_GUINT64_FORMAT, shown, n_bad);
    if (done)
        source->facts = facts_list(facts);
    facts_free(facts);
    source->name = g_strdup(path);
    return done;
}

static gboolean ask_mount(struct fact_source *source, const struct paths *paths, const char *word, GError **error)
{
    source->asked = mount_ask(paths, word, error);
    json_t *document = source->asked != NULL ? control_client_ask(source->asked->client, "facts", NULL, error) : NULL;
    if (document == NULL)
        return FALSE;
    struct facts_head head = {0};
    source->name = g_strdup(source->asked->state->name);
    source->facts = facts_from_json(document, "the daemon's answer", &head, error);
    facts_head_clear(&head);
    json_decref(document);
    return source->facts != NULL;
}

struct fact_source *fact_source_open(const struct paths *paths, const char *word, const char *from, GError **error)
{
    struct fact_source *source = g_new0(struct fact_source, 1);
    if (from != NULL ? read_log(source, from, error) : ask_mount(source, paths, word, error))
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
    asked_mount_free(source->asked);
    g_free(source->name);
    g_free(source);
}
