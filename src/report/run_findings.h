/*
 * run_findings - what the report of a run tells: facts, advice for them, and routes that nobody needed.
 */
#ifndef ROFUSE_SRC_RUN_FINDINGS_H
#define ROFUSE_SRC_RUN_FINDINGS_H

#include "advice.h"
#include "fact_json.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct run_findings {
    const GPtrArray *facts;        /* of struct fact *; borrowed */
    const struct facts_head *head; /* borrowed */
    struct advice_list *list;      /* owned */
    GPtrArray *unused;             /* of const struct route_spec *, borrowed: writable ones that nobody wrote to */
    uint64_t denied;               /* calls, but for probes */
    uint64_t learned;              /* of these, those that learn mode let happen */
    uint64_t probes;               /* calls */
    uint64_t no_records;           /* lines of the log that are none */
};

/* @input: for the advice. @written: as in run_report.h. All is borrowed and must outlive @ret; run_findings_clear(). */
void run_findings_make(const struct advice_input *input, const struct facts_head *head, const bool *written,
                       struct run_findings *ret);
void run_findings_clear(struct run_findings *findings);

/* The first advice that is for a fact, or NULL. Borrowed. */
const struct advice *run_findings_advice(const struct run_findings *findings, const struct fact *fact);

/* Why nothing is declared for a fact, or NULL. Borrowed. */
const char *run_findings_left(const struct run_findings *findings, const struct fact *fact);

/*
 * run_findings_element - an advice as an element of a list in a Compose file's service.
 *
 * @ret_key: "tmpfs", "volumes" or "environment". Owned by the caller; NULL where the file has no word for it.
 */
char *run_findings_element(const struct advice *advice, const char **ret_key);

/* What refused it, where that is something declared; and in a few words what that meant: "fatal: it ended soon after". The
 * last refusal before an end is told in full. Not escaped; owned by the caller. */
char *run_findings_remark(const struct fact *fact);

#endif
