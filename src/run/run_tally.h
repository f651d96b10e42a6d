/*
 * run_tally - the records of a log, counted: what was refused, where, to whom.
 *
 * The log is what programs made happen: its size, names and numbers are bounded here, and what is no record is counted.
 */
#ifndef ROFUSE_SRC_RUN_TALLY_H
#define ROFUSE_SRC_RUN_TALLY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* One place, one program, one reason. Strings are owned; they are bytes, not escaped. */
struct run_group {
    char *directory; /* in which something was to be changed; absolute */
    char *pattern;   /* pattern_of() of the name, "" where it is the directory itself, "*" where there are many */
    char *name;      /* the name itself, of the first one */
    bool has_several_names;
    char *exe;  /* of the process; NULL = unknown */
    char *comm; /* NULL = unknown, or more than one */
    char *errno_name;
    char *why;             /* the log's word: "not-declared" … */
    char *route;           /* what holds it, where that is a route; else NULL */
    GPtrArray *operations; /* the log's words, owned, in order of appearance, each once */
    int64_t uid;           /* of the first one; -1 = unknown */
    bool is_probe;         /* only asked whether it could be written */
    bool is_own_place;     /* a program wanted the directory of that name for itself: run_report.c */
    uint64_t count;        /* calls; 0 = they are counted in another group now */
};

struct run_tally {
    GPtrArray *groups;  /* of struct run_group, owned, in order of appearance */
    GTree *crowds;      /* struct crowd, owned, by all of a group's key but the name */
    GTree *by_key;      /* borrowed from groups by a key of their own */
    uint64_t denied;    /* calls in all, probes not among them */
    uint64_t learned;   /* of denied, those that learn mode let happen */
    uint64_t probes;    /* calls */
    uint64_t dropped;   /* records that the log itself lacks */
    uint64_t other;     /* lines that are no record */
    uint64_t left_out;  /* calls that belong to a group too many */
    char *mount;        /* name of the mount, of the first record; NULL = no record yet */
    GString *line;      /* what came since the last newline */
    bool line_too_long; /* and was thrown away */
};

struct run_tally *run_tally_new(void);
void run_tally_free(struct run_tally *tally); /* NULL is allowed */

/* Takes some bytes of a log, in any pieces; run_tally_end() counts a last line without a newline. */
void run_tally_add(struct run_tally *tally, const char *bytes, size_t n);
void run_tally_end(struct run_tally *tally);

/* Whether an operation changes content or names, which a writable place would allow; not one that sets attributes. Pure. */
bool run_tally_is_write(const char *operation);

#endif
