/*
 * run_report_text - findings for people, and for programs.
 */
#ifndef ROFUSE_SRC_RUN_REPORT_TEXT_H
#define ROFUSE_SRC_RUN_REPORT_TEXT_H

#include "run_findings.h"

/* Some lines of escaped text, the last with its newline; owned by the caller. Pure. */
char *run_report_text(const struct run_findings *findings);

/* One JSON object on one line; owned by the caller. Pure. */
char *run_report_json(const struct run_findings *findings);

#endif
