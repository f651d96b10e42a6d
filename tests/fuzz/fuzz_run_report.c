/* A log, by way of the tally to both reports. */
#include "run_report_text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct state state = {0};
    struct run_tally *tally = run_tally_new();
    run_tally_add(tally, (const char *)data, size);
    run_tally_end(tally);
    struct run_findings findings;
    run_findings_make(tally, &state, NULL, &findings);
    g_autofree char *text = run_report_text(&findings), *json = run_report_json(&findings);
    g_assert(g_utf8_validate(text, -1, NULL) && g_str_has_suffix(json, "}\n"));
    run_findings_clear(&findings);
    run_tally_free(tally);
    return 0;
}
