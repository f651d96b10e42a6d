/*
 * fact - what a person would call one thing: a program that cannot write in some place, however often it tried.
 *
 * Many records of the log (fs/denial.h) fold to one fact. A fact is the same in every run of the same program: its id
 * depends on the executable, the place, the reason and whether it was learned, not on pids, times or random names.
 *
 * Plain data; strings are owned by the fact and are bytes, not escaped. NULL = unknown, where nothing else is said.
 */
#ifndef ROFUSE_SRC_FACT_H
#define ROFUSE_SRC_FACT_H

#include "denial.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define FACT_MOST_PATHS 8        /* examples of paths */
#define FACT_MOST_ALTERNATIVES 8 /* directories tried in turn */
#define FACT_MOST_PARENTS 16     /* as the log has them */
#define FACT_MOST_ARGS 64        /* of the command line */
#define FACT_MOST_GROUPS 64

/*
 * What a refusal meant to the program; class_rule.h says how that is decided. Of what was seen of a fact at several times the
 * strongest counts: FACT_ENDED_LAST, then tolerated, probe, FACT_ENDED_EARLIER (a suspicion only: to have been seen going on
 * without it is stronger), open. FACT_NOISE and FACT_KNOWN are for good.
 */
enum fact_class {
    FACT_OPEN,      /* not decided: not yet, or nothing is known of how its process went on */
    FACT_PROBE,     /* it only asked, and went on */
    FACT_TOLERATED, /* it went on without */
    FACT_FATAL, /* it ended by a signal (of its own) or with a status other than 0 within FACT_WINDOW_SECONDS of it, or the script did
                       that ran it */
    FACT_N_CLASSES
};

/* What a class was decided by. */
enum fact_because {
    FACT_WAITING,       /* open: the process runs on, and its window is not over */
    FACT_NOT_SEEN,      /* open: nobody saw how the process ended, or would have gone on: it was stopped */
    FACT_LEARNED,       /* open: learn mode let it through */
    FACT_ASKED,         /* probe: touch(1), or a step that speaks to /dev/null, failed in a script that went on */
    FACT_NOISE,         /* probe: known to be tried in vain: python's __pycache__ */
    FACT_KNOWN,         /* any: the knowledge base says so */
    FACT_STEP_FAILED,   /* tolerated: it failed, and what ran it went on: a script, a server, a prompt */
    FACT_ENDED_WELL,    /* tolerated: the process ended with status 0 */
    FACT_WENT_ON,       /* tolerated: the process lived on for the window */
    FACT_ENDED_EARLIER, /* fatal: one of several refusals before the end, not the last one */
    FACT_ENDED_LAST,    /* fatal: the last refusal before the end: its most likely cause */
    FACT_N_BECAUSES
};

/* How long after a refusal the end of a process is put down to it. */
#define FACT_WINDOW_SECONDS 5

/* What helps, in docker's words as far as it has words for it; of the knowledge base. */
enum fact_fix_kind {
    FACT_FIX_TMPFS,   /* target, and options */
    FACT_FIX_VOLUME,  /* target, and options; data that one would miss */
    FACT_FIX_ENV,     /* name, value: an environment variable that moves the writes or leaves them out */
    FACT_FIX_COMMAND, /* value: an argument or a setting of the program */
    FACT_FIX_REBUILD, /* value: what to change in the image */
    FACT_FIX_NONE,    /* nothing need be done */
    FACT_FIX_N_KINDS
};

struct fact_fix {
    enum fact_fix_kind kind;
    char *target;    /* TMPFS, VOLUME: absolute and clean */
    char *options;   /* TMPFS: "mode=1777,size=64m", without uid= and gid=; NULL = none */
    bool for_writer; /* TMPFS: uid= and gid= are those of the fact's process */
    bool copy;       /* TMPFS: it starts with the image's content ("tmpcopyup") */
    char *name;      /* ENV: the variable; VOLUME: the volume */
    char *value;     /* ENV, COMMAND, REBUILD */
    bool also;       /* goes with the one before; else it is an alternative to those before */
};

struct fact {
    char *id;        /* "f-" and 16 hexadecimal digits; stable */
    char *place;     /* absolute path inside, changing parts as "*", any number of directories as "**"; where the name
                                is not known (or it had none), the directory and "*" */
    char *directory; /* the deepest directory that existed when it was tried and holds all attempts; of the
                                alternatives, the first */
    GPtrArray *alternatives; /* of char *: directories that the same process tried for the same purpose after
                                @directory; often empty */
    GPtrArray *paths;        /* of char *: the first distinct paths, FACT_MOST_PATHS at most */
    uint32_t operations;     /* bits 1 << enum denial_operation */
    enum denial_why why;
    int error;    /* errno, of the first */
    bool learned; /* it succeeded on learn mode's throw-away layer */

    enum denial_place held_by; /* of the first, as are the next four */
    int layer;
    char *layer_dir;
    char *route_target;
    char *route_kind; /* "tmpfs", "volume", "bind" */

    char *executable;   /* path as the process spells it */
    char *comm;         /* of the first, as are the next two */
    char **args;        /* never NULL; empty = unknown */
    GPtrArray *parents; /* of char *: executables (comm where that is unknown, "?" where both are), the nearest first */
    uint32_t parents_inside;  /* bits 1 << place in parents: they live where the process does */
    uint32_t parents_outside; /* they do not: they are of the host */
    pid_t pid;                /* of the latest; -1 = unknown */
    uid_t uid;                /* of the first; file-system ids, as the daemon sees them; (uid_t)-1 = unknown */
    gid_t gid;
    GArray *groups; /* of gid_t, supplementary; of the first */
    char *container_id;

    uint64_t count; /* calls */
    struct timespec first, last;

    enum fact_class class;
    enum fact_because because;
    char *reason; /* one sentence for a person, not escaped; never NULL */

    unsigned n_asked; /* of the paths, when the knowledge base was asked last with this place; 0 = not yet */
    char *knowledge;  /* id of the entry of the knowledge base that matched, or NULL; the rest is its text */
    char *note;       /* or NULL */
    char *reported;   /* where the case was reported; or NULL */
    GPtrArray *fixes; /* of struct fact_fix *; the first is the best; empty where there is no entry */
};

/* A fact with empty lists, unknown ids, and class OPEN. Owned by the caller, fact_free(). Any thread, as all here. */
struct fact *fact_new(void);
void fact_free(struct fact *fact); /* NULL is allowed */
struct fact *fact_copy(const struct fact *fact);

void fact_fix_free(struct fact_fix *fix); /* NULL is allowed */
struct fact_fix *fact_fix_copy(const struct fact_fix *fix);

/* Whether learn mode's layer was full when it was tried: no route holds the place, and nothing else can be full there. */
bool fact_found_layer_full(const struct fact *fact);

/* Sets id from executable (comm where that is unknown), place, why and learned. */
void fact_set_id(struct fact *fact);

/* What a person calls the program: the last part of the executable, or comm, or "?". Owned by the caller. */
char *fact_program(const struct fact *fact);

/* Whether an operation was among the attempts. */
bool fact_has(const struct fact *fact, enum denial_operation operation);

/* Whether content or names were to be changed, and not attributes alone: a writable place would let it through. */
bool fact_is_write(const struct fact *fact);

/* Whether names were to be made or taken away: the directory's owner and mode decide, and not a file's. */
bool fact_is_of_names(const struct fact *fact);

/* The fix in docker's words ("--tmpfs /tmp:mode=1777", "-v data:/data", "-e HOME=/tmp"), with the ids of the fact's
 * process where it is for the writer; the text where docker has no words; "" for FIX_NONE. Not quoted for a shell. Owned. */
char *fact_fix_words(const struct fact_fix *fix, const struct fact *fact);

/* The value of --tmpfs alone, "/run/x:mode=0755,uid=70,gid=70"; NULL for other kinds. Owned. */
char *fact_fix_tmpfs_value(const struct fact_fix *fix, const struct fact *fact);

/* Words of the schema: "fatal", "ended-last", "tmpfs". Static. */
const char *fact_class_name(enum fact_class class);

/* The same for people: what learn mode let through is open for ever, so it says more to say that it was learned. */
const char *fact_class_word(enum fact_class class, bool is_learned);
const char *fact_because_name(enum fact_because because);
const char *fact_fix_kind_name(enum fact_fix_kind kind);
/* The other way round; false for a word that is none. */
bool fact_class_parse(const char *name, enum fact_class *ret);
bool fact_because_parse(const char *name, enum fact_because *ret);
bool fact_fix_kind_parse(const char *name, enum fact_fix_kind *ret);

#endif
