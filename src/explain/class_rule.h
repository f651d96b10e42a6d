/*
 * class_rule - what a refusal meant to a program, by how its process and those that wait for it went on.
 *
 * The rule, for the process P that was refused and the line of its parents up to the entrypoint:
 *
 *  1. P lives on for FACT_WINDOW_SECONDS, or ends with status 0: tolerated.
 *  2. P ends by a signal or with another status within that time. If P is no step of a script: fatal. A step is a small tool
 *     (touch, mkdir, sed …) or a shell, started by a shell or such a tool. Of a step it depends on the one that started it:
 *     where that one goes on, or ends with 0, the step's failure was tolerated; or it was a probe, where the step was
 *     touch(1) or spoke to /dev/null. Where that one fails too within the same time after the step, it is judged as P was;
 *     but a step that spoke to /dev/null was a probe, too, where the script is seen to have gone on to another refusal.
 *  3. Where several refusals came before a fatal end, below the process that ended, each is fatal, as none can be told to have
 *     been harmless: what was refused first often leads to what is refused last. The last one is the likeliest cause and says so
 *     (ENDED_LAST), the others are suspects (ENDED_EARLIER) until the program is seen to go on without.
 *  4. __pycache__ is noise whatever follows.
 *
 * Pure; any thread. Times are in milliseconds of one clock.
 */
#ifndef ROFUSE_SRC_CLASS_RULE_H
#define ROFUSE_SRC_CLASS_RULE_H

#include "fact.h"

#define CLASS_MOST_PROCESSES 8
#define CLASS_WINDOW_MS (FACT_WINDOW_SECONDS * INT64_C(1000))

enum class_end { CLASS_RUNS, CLASS_ENDED, CLASS_ENDED_UNKNOWN /* nobody can tell how */ };

struct class_process {
    const char *comm;       /* borrowed; NULL = unknown, as the executable */
    const char *executable; /* borrowed */
    const char *became;     /* comm of what it has become by execve(2) since; NULL = nothing; borrowed */
    enum class_end end;
    int status;            /* ENDED: as wait(2) has it */
    int64_t ended_ms;      /* when */
    bool is_last;          /* the refusal is the last one that it, or a process below it, met before its end */
    const char *last_path; /* of the last one; borrowed; may be NULL */
};

struct class_case {
    struct class_process line[CLASS_MOST_PROCESSES]; /* P first; each started the one before */
    size_t n;                                        /* 1 at least */
    int64_t refused_ms;
    bool is_quiet; /* P's stderr is /dev/null */
};

struct class_verdict {
    enum fact_class class;
    enum fact_because because;
    char *reason;          /* owned by the caller */
    int64_t look_again_ms; /* WAITING: when at the latest */
};

/* @now_ms: how long processes that run are known to. */
void class_rule(const struct class_case *what, int64_t now_ms, struct class_verdict *ret);

/* Whether a process is a small tool, a shell; or one that only passes on how its child ends (tini), and is not looked at. */
bool class_is_tool(const char *comm, const char *executable);
bool class_is_shell(const char *comm, const char *executable);
bool class_is_init(const char *comm, const char *executable);

#endif
