/*
 * audit_print - findings for people, for programs, and for readers of SARIF. Pure; any thread.
 */
#ifndef ROFUSE_SRC_AUDIT_PRINT_H
#define ROFUSE_SRC_AUDIT_PRINT_H

#include "audit.h"

enum audit_format {
    AUDIT_TEXT,
    AUDIT_JSON,  /* rofuse.audit/1 */
    AUDIT_SARIF, /* 2.1.0 (OASIS) */
};

/* One subject with what audit_make() found; borrowed. */
struct audit_result {
    const struct audit_subject *subject;
    const GPtrArray *findings;
};

/*
 * audit_print - text that ends with a newline; owned by the caller, g_free().
 *
 * @results: one at least. @name: of them all together, a Compose file; counts where there are several. @version: the
 * program's. In SARIF each result has a file and a line, as readers ask for (GitHub's code scanning refuses all results
 * where one has none): those of the declaration, else of what says all of it, else the subject's name and 1.
 */
char *audit_print(const struct audit_result *results, size_t n, const char *name, const char *version,
                  enum audit_format format);

#endif
