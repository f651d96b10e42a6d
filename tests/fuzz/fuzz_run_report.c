/* A log, by way of facts and advice to both reports. */
#include "facts.h"
#include "run_report_text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct facts *facts = facts_new(&(struct facts_options){0});
    for (const unsigned char *end = data + size, *line = data, *newline; line < end; line = newline + 1) {
        newline = memchr(line, '\n', (size_t)(end - line));
        if (newline == NULL)
            newline = end;
        facts_add_line(facts, (const char *)line, (size_t)(newline - line), NULL);
    }
    struct facts_head head;
    facts_head(facts, &head);
    g_autoptr(GPtrArray) list = facts_list(facts);
    struct run_findings findings;
    run_findings_make(&(struct advice_input){.facts = list}, &head, NULL, &findings);
    g_autofree char *text = run_report_text(&findings), *json = run_report_json(&findings);
    g_assert(g_utf8_validate(text, -1, NULL) && g_str_has_suffix(json, "}\n"));
    run_findings_clear(&findings);
    facts_head_clear(&head);
    facts_free(facts);
    return 0;
}
