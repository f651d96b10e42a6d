/*
 * run_findings - what a tally means: which groups can be helped by declaring something, and what that is.
 */
#ifndef ROFUSE_SRC_RUN_FINDINGS_H
#define ROFUSE_SRC_RUN_FINDINGS_H

#include "run_hint.h"
#include "run_tally.h"
#include "state.h"

/* One thing to declare. Strings are owned. */
struct run_advice {
    enum run_hint_kind kind; /* RUN_HINT_TMPFS or RUN_HINT_VOLUME */
    char *target;
    char *option;  /* "--tmpfs /tmp", "-v data:/data" */
    char *key;     /* in a Compose file: "tmpfs", "volumes" */
    char *element; /* of its list: "/tmp", "data:/data" */
};

struct run_findings {
    const struct run_tally *tally;
    GPtrArray *advices; /* of struct run_advice, owned; none is below another */
    GPtrArray *unused;  /* of const struct route_spec, borrowed from the state: writable ones that nobody wrote to */
};

/* @written: as for run_report_make(). All is borrowed and must outlive @ret; run_findings_clear(). */
void run_findings_make(const struct run_tally *tally, const struct state *state, const bool *written,
                       struct run_findings *ret);
void run_findings_clear(struct run_findings *findings);

/* The advice that would let a group's calls through, or NULL. Borrowed. */
const struct run_advice *run_findings_advice(const struct run_findings *findings, const struct run_group *group);

/* What is to be said of a group beside its place, "" for nothing; not escaped; owned by the caller. */
char *run_findings_remark(const struct run_group *group);

#endif
