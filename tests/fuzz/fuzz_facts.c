/* A log, line by line, to facts; what they are as JSON is read as the same. */
#include "facts.h"
#include "knowledge.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    /* Once: to read it takes longer than all the rest. */
    static struct knowledge *knowledge = NULL;
    if (knowledge == NULL)
        knowledge = knowledge_new(NULL, NULL);
    struct facts *facts = facts_new(&(struct facts_options){.knowledge = knowledge});
    for (const unsigned char *end = data + size, *line = data, *newline; line < end; line = newline + 1) {
        newline = memchr(line, '\n', (size_t)(end - line));
        if (newline == NULL)
            newline = end;
        facts_add_line(facts, (const char *)line, (size_t)(newline - line), NULL);
    }
    json_t *document = facts_json(facts);
    struct facts_head head;
    g_autoptr(GPtrArray) list = facts_from_json(document, "facts", &head, NULL);
    g_assert(list != NULL);
    json_t *again = facts_to_json(&head, list);
    g_assert(json_equal(document, again));
    facts_head_clear(&head);
    json_decref(again);
    json_decref(document);
    facts_free(facts);
    return 0;
}
