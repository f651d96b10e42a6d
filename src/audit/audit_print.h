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

/*
 * audit_print - text that ends with a newline; owned by the caller, g_free().
 *
 * @findings: of audit_make(). @file: what SARIF's locations name, a Compose file or a log, or NULL for a mount.
 * @version: the program's.
 */
char *audit_print(const struct audit_subject *subject, const GPtrArray *findings, const char *file, const char *version,
                  enum audit_format format);

#endif
