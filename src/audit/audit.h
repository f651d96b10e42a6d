/*
 * audit - is a read-only root as tight as it could be: a checklist with a reason and a mend for each finding.
 *
 * What is audited is a mount, a log or a Compose file; what one of them cannot tell is unknown, and no finding comes of it.
 * Pure; any thread.
 */
#ifndef ROFUSE_SRC_AUDIT_H
#define ROFUSE_SRC_AUDIT_H

#include "fact_written.h"
#include "route.h"

#include <glib.h>
#include <stdbool.h>

/* In the order in which they are told. A name never changes its meaning: others keep them in their files. */
enum audit_rule {
    AUDIT_NOT_READ_ONLY,       /* "read-only-missing": the root can be written to */
    AUDIT_LEARNING,            /* "learning": learn mode lets every write through */
    AUDIT_PROGRAM_WRITABLE,    /* "writable-program": a writable place over the image's programs or libraries */
    AUDIT_CONFIG_WRITABLE,     /* "writable-configuration": over its configuration */
    AUDIT_HOST_WRITABLE,       /* "writable-host-path": a directory of the host that is the host's own business */
    AUDIT_WIDE,                /* "wide-place": much more than a program needs */
    AUDIT_MANY,                /* "many-places": nobody can keep so many in mind */
    AUDIT_EXEC,                /* "exec-allowed": what is written there can be run */
    AUDIT_WORLD_WRITABLE,      /* "world-writable": and everybody can remove what another one wrote */
    AUDIT_UNLIMITED,           /* "unlimited": a tmpfs that may take half of the memory */
    AUDIT_NEVER_WRITTEN,       /* "never-written": declared, and not used */
    AUDIT_COULD_BE_READ_ONLY,  /* "could-be-read-only": a volume or bind that was only read */
    AUDIT_TEMPORARY_IN_VOLUME, /* "temporary-in-volume": what nobody would miss outlives the program */
    AUDIT_WRITES_TO_PROGRAM,   /* "writes-to-program": tries to change its own files */
    AUDIT_WRITES_TO_CONFIG,    /* "writes-to-configuration": tries to change /etc */
    AUDIT_FATAL,               /* "refused-fatally": the program ends for want of a place */
    AUDIT_UNDECIDED,           /* "refused": and nobody knows, or knows yet, how the program went on */
    AUDIT_N_RULES
};

enum audit_level {
    AUDIT_NOTE,
    AUDIT_WARNING,
    AUDIT_ERROR,
};

struct audit_finding {
    enum audit_rule rule;
    char *subject; /* a target, a place; or what is audited as a whole; owned, as the next two; bytes, not escaped */
    char *reason;  /* one sentence, not escaped */
    char *mend;    /* one sentence, not escaped */
};

enum audit_use {
    AUDIT_USE_UNKNOWN,
    AUDIT_USED,
    AUDIT_UNUSED,
};

/* Where in a file a route is declared; borrowed. */
struct audit_place {
    const char *target;
    const char *file;
    unsigned line;
};

/* What is known; all borrowed. */
struct audit_subject {
    const char *name;                 /* for people: the mount, the file, the service */
    const char *service;              /* of a Compose file, or NULL */
    const char *file;                 /* that says all of it, or NULL */
    unsigned line;                    /* where it begins there; 0 = at the first line */
    const struct audit_place *places; /* of routes that are declared in a file */
    size_t n_places;
    bool has_read_only; /* whether it can be told: a mount's root is always read-only */
    bool is_read_only;
    bool is_learning;
    const struct route_spec *routes;
    size_t n_routes;
    const enum audit_use *uses;         /* of the routes; NULL = nothing is known */
    const GPtrArray *facts;             /* of struct fact; NULL = nothing is known */
    const char *working_dir;            /* of the program, or NULL */
    const struct fact_written *written; /* how much was written where; NULL = not known */
};

/* The findings, in the order of the rules. Elements are struct audit_finding, owned by the array, which the caller owns. */
GPtrArray *audit_make(const struct audit_subject *subject);

/* Words of a rule: "never-written"; what it asks for, a sentence. Static. */
const char *audit_rule_name(enum audit_rule rule);
const char *audit_rule_text(enum audit_rule rule);
enum audit_level audit_rule_level(enum audit_rule rule);
const char *audit_level_name(enum audit_level level);

#endif
