/*
 * class_rule - what a refusal meant to a program, by how its process and those that wait for it went on.
 *
 * The rule, for the process P that was refused and the line of those that started it, as far as they live in the container
 * (class_parent.h): a runtime, an init or a supervisor is none of them, and its child is the container's first process.
 *
 *  1. P lives on for FACT_WINDOW_SECONDS, or ends with status 0: tolerated.
 *  2. P ends by a signal or with another status within that time. Then its parent is asked the same from that moment on, then
 *     the parent's parent, as long as they fail; until
 *      a. the line is at its end, or at a program (no small tool, no shell) that is run by scripts alone: fatal. It is what the
 *         container is for, and that a script goes on after it, or tries again, does not make it work. So are a script with
 *         "set -e", all the way up, and the first process, whatever it is.
 *      b. one goes on, or ends with 0: what failed below was tolerated; or it was a probe, where only P failed and is touch(1)
 *         or spoke to /dev/null. So are "touch X || true" in a script, a worker, and what a server runs by system(3) or
 *         popen(3): child, "sh -c", server. It takes until FACT_WINDOW_SECONDS after the failure to be sure of it; and where a
 *         server does end within that time, a. holds for the server.
 *      c. it is not known how the next one ended, or who it is, and what failed last is a tool or a script: open.
 *      d. the next one ended before, with 0: a program that became a daemon; nobody can get on without it: fatal.
 *     But a step that spoke to /dev/null was a probe, too, where the script is seen to have gone on to another refusal.
 *     And who ends by a signal that is sent to stop it (SIGTERM, SIGINT, SIGHUP, SIGKILL; or a status that says so) has most
 *     likely been stopped from outside: open instead of fatal, as nobody saw how it would have gone on.
 *  3. Where several refusals came before a fatal end, below the process that ended, each is fatal, as none can be told to have
 *     been harmless: what was refused first often leads to what is refused last. The last one is the likeliest cause and says so
 *     (ENDED_LAST), the others are suspects (ENDED_EARLIER) until the program is seen to go on without.
 *  4. A shell at its prompt is the end of the line. What it is refused itself, or a tool that it calls, is never fatal, however
 *     it ends: its status is that of the last command. A program or a script called there is judged as a container's is: it
 *     is what the person is trying.
 *  5. __pycache__ is noise whatever follows.
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
    const char *comm;       /* when it, or one that it started, was refused; borrowed; NULL = unknown, as the next */
    const char *executable; /* borrowed */
    const char *became;     /* comm of what it has become by execve(2) since; NULL = nothing; borrowed */
    const char *became_executable; /* of that; borrowed; may be NULL */
    bool is_prompt;                /* a shell that a person types commands at */
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
    bool is_cut;   /* somebody started the last of the line, in the container perhaps, who cannot be watched */
};

struct class_verdict {
    enum fact_class class;
    enum fact_because because;
    char *reason;          /* owned by the caller */
    int64_t look_again_ms; /* WAITING: when at the latest */
};

/* @now_ms: how long processes that run are known to. */
void class_rule(const struct class_case *what, int64_t now_ms, struct class_verdict *ret);

/* Whether a process is a small tool; a shell; one that passes on how its child ends (tini, bwrap) or starts it anew
 * (supervisord); or one that runs containers. By its names, either of which may be NULL. */
bool class_is_tool(const char *comm, const char *executable);
bool class_is_shell(const char *comm, const char *executable);
bool class_is_init(const char *comm, const char *executable);
bool class_is_runtime(const char *comm, const char *executable);

#endif
