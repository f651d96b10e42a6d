/* A line of a log; where it is read, what is written of it is read as the same. */
#include "record_json.h"
#include "record_parse.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct record_line *line = record_parse((const char *)data, size, NULL);
    if (line != NULL && !line->is_notice) {
        g_autofree char *text = record_json_event(&line->event, line->mount);
        struct record_line *again = record_parse(text, strlen(text), NULL);
        g_assert(again != NULL);
        g_autofree char *same = record_json_event(&again->event, again->mount);
        g_assert(strcmp(text, same) == 0);
        record_line_free(again);
    }
    record_line_free(line);
    return 0;
}
