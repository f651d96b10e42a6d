#include "facts_recent.h"

#include "caller.h"
#include "class_parent.h"
#include "class_rule.h"
#include "fact_make.h"
#include "text.h"

#include <string.h>

#define MOST_ATTEMPTS 64
#define MOMENT_NS INT64_C(2000000000)
#define WINDOW_NS (FACT_WINDOW_SECONDS * INT64_C(1000000000))
/* How long a number without a start time is taken for the same process: a log tells none of parents. */
#define SAME_NUMBER_NS (INT64_C(60) * 1000000000)

/* A process that somebody spoke of. */
struct mention {
    pid_t pid;
    char *comm, *executable; /* owned; NULL = unknown */
};

struct attempt {
    struct fact *fact; /* borrowed; NULL = empty */
    struct mention own;
    struct mention script;      /* that ran it, where it is a small tool; pid 0 = it is none */
    struct timespec start_time; /* of the process; 0 = unknown */
    struct timespec time;
    enum denial_operation operation;
    enum denial_why why;
    char *pattern;   /* of the name; owned */
    char *directory; /* owned */
    char *path;      /* owned */
    bool is_judged;
};

struct facts_recent {
    struct attempt attempts[MOST_ATTEMPTS]; /* a ring */
    size_t next;
};

struct facts_recent *facts_recent_new(void)
{
    return g_new0(struct facts_recent, 1);
}

static struct mention mention(pid_t pid, const char *comm, const char *executable)
{
    return (struct mention){.pid = pid, .comm = g_strdup(comm), .executable = g_strdup(executable)};
}

static void clear_mention(struct mention *one)
{
    g_free(one->comm);
    g_free(one->executable);
}

static void clear_attempt(struct attempt *attempt)
{
    clear_mention(&attempt->own);
    clear_mention(&attempt->script);
    g_free(attempt->pattern);
    g_free(attempt->directory);
    g_free(attempt->path);
    *attempt = (struct attempt){0};
}

void facts_recent_free(struct facts_recent *recent)
{
    if (recent == NULL)
        return;
    for (size_t i = 0; i < MOST_ATTEMPTS; i++)
        clear_attempt(&recent->attempts[i]);
    g_free(recent);
}

/* From one time to another, an hour at most either way: a log can have any year. */
static int64_t nanoseconds(const struct timespec *from, const struct timespec *to)
{
    int64_t seconds = CLAMP((int64_t)to->tv_sec - from->tv_sec, -3600, 3600);
    return seconds * INT64_C(1000000000) + to->tv_nsec - from->tv_nsec;
}

static bool is_process(const struct attempt *attempt, const struct denial_record *record)
{
    const struct caller *caller = record->caller;
    return attempt->fact != NULL && caller->pid > 0 && attempt->own.pid == caller->pid &&
           fact_is_same_start(&attempt->start_time, &caller->start_time);
}

/* The newest first: @age 0, 1 … */
static const struct attempt *attempt_at(const struct facts_recent *recent, size_t age)
{
    return &recent->attempts[(recent->next + 2 * MOST_ATTEMPTS - 1 - age) % MOST_ATTEMPTS];
}

static bool is_for_temporary_files(const char *directory)
{
    static const char *const directories[] = {"/tmp", "/var/tmp", "/usr/tmp", "/dev/shm", "/run/shm", NULL};
    return g_strv_contains(directories, directory);
}

static bool makes_something(enum denial_operation operation)
{
    return operation == DENIAL_CREATE || operation == DENIAL_TMPFILE || operation == DENIAL_MKDIR ||
           operation == DENIAL_MKNOD;
}

static char *name_pattern(const struct fact *fact)
{
    return g_path_get_basename(fact->place);
}

struct fact *facts_recent_alternative(const struct facts_recent *recent, const struct denial_record *record,
                                      const struct fact *fact)
{
    if (!makes_something(record->facts.operation) || fact->because == FACT_NOISE)
        return NULL;
    g_autofree char *pattern = name_pattern(fact);
    for (size_t age = 0; age < MOST_ATTEMPTS; age++) {
        const struct attempt *attempt = attempt_at(recent, age);
        int64_t passed = nanoseconds(&attempt->time, &record->first);
        if (!is_process(attempt, record) || passed < 0 || passed > MOMENT_NS ||
            attempt->fact->learned != fact->learned || attempt->operation != record->facts.operation ||
            attempt->why != fact->why || strcmp(attempt->pattern, pattern) != 0 ||
            strcmp(attempt->directory, fact->directory) == 0)
            continue;
        if (is_for_temporary_files(attempt->directory) || is_for_temporary_files(fact->directory))
            return attempt->fact;
    }
    return NULL;
}

struct fact *facts_recent_made(const struct facts_recent *recent, const struct denial_record *record,
                               const struct fact *fact)
{
    if (!fact->learned || makes_something(record->facts.operation) || fact->because == FACT_NOISE)
        return NULL;
    for (size_t age = 0; age < MOST_ATTEMPTS; age++) {
        const struct attempt *attempt = attempt_at(recent, age);
        if (is_process(attempt, record) && makes_something(attempt->operation) && attempt->fact->learned &&
            attempt->why == fact->why && strcmp(attempt->path, record->facts.path) == 0)
            return attempt->fact;
    }
    return NULL;
}

void facts_recent_merge(struct fact *into, const struct fact *fact)
{
    g_autofree char *directory = g_strdup(into->directory);
    fact_merge(into, fact);
    /* Not the one that holds all: they have nothing in common but the purpose. */
    g_free(into->directory);
    into->directory = g_steal_pointer(&directory);
    if (strcmp(into->directory, fact->directory) != 0 && into->alternatives->len < FACT_MOST_ALTERNATIVES &&
        !g_ptr_array_find_with_equal_func(into->alternatives, fact->directory, g_str_equal, NULL))
        g_ptr_array_add(into->alternatives, g_strdup(fact->directory));
}

struct fact *facts_recent_find(const struct facts_recent *recent, const struct denial_record *record)
{
    for (size_t age = 0; age < MOST_ATTEMPTS; age++) {
        const struct attempt *attempt = attempt_at(recent, age);
        if (is_process(attempt, record) && strcmp(attempt->path, record->facts.path) == 0 &&
            attempt->why == record->facts.why)
            return attempt->fact;
    }
    return NULL;
}

static bool is_mentioned(const struct mention *one, pid_t pid, const char *comm, const char *executable)
{
    return one->pid > 0 && one->pid == pid && one->executable != NULL && g_strcmp0(one->executable, executable) == 0 &&
           g_strcmp0(one->comm, comm) == 0;
}

/* Whether a process is among those that started the one of a record: it was there then. */
static bool is_parent(const struct mention *one, const struct caller *caller)
{
    for (size_t i = 0; i < caller->n_parents; i++) {
        const struct caller_parent *parent = &caller->parents[i];
        if (is_mentioned(one, parent->pid, parent->comm, parent->exe))
            return true;
    }
    return false;
}

static int64_t whole_seconds(const struct timespec *from, const struct timespec *to)
{
    return (int64_t)to->tv_sec - from->tv_sec - (to->tv_nsec < from->tv_nsec ? 1 : 0);
}

static void tell_went_on(struct attempt *attempt, int64_t seconds)
{
    g_autofree char *program = fact_program(attempt->fact);
    g_autofree char *shown = text_quote(program);
    attempt->is_judged = true;
    fact_decide(attempt->fact, FACT_TOLERATED, FACT_WENT_ON,
                g_strdup_printf("%s was still at work %" G_GINT64_FORMAT " s later", shown, seconds));
}

/* However the tool ended: the script went on. As class_rule.h has it, touch asks. */
static void tell_script_went_on(struct attempt *attempt, int64_t seconds)
{
    bool is_question = g_strcmp0(attempt->own.comm, "touch") == 0;
    g_autofree char *tool = text_quote(attempt->own.comm != NULL ? attempt->own.comm : "?");
    g_autofree char *script = text_quote(attempt->script.comm != NULL ? attempt->script.comm : "?");
    attempt->is_judged = true;
    fact_decide(
        attempt->fact, is_question ? FACT_PROBE : FACT_TOLERATED, is_question ? FACT_ASKED : FACT_STEP_FAILED,
        g_strdup_printf("%s, which ran %s, was still at work %" G_GINT64_FORMAT " s later", script, tool, seconds));
}

/* What a record tells of earlier attempts: that somebody is there long after them. */
static void judge(struct facts_recent *recent, const struct denial_record *record)
{
    const struct caller *caller = record->caller;
    for (size_t i = 0; i < MOST_ATTEMPTS; i++) {
        struct attempt *attempt = &recent->attempts[i];
        if (attempt->fact == NULL || attempt->is_judged || attempt->fact->learned)
            continue;
        int64_t passed = nanoseconds(&attempt->time, &record->first);
        if (passed < WINDOW_NS)
            continue;
        int64_t seconds = whole_seconds(&attempt->time, &record->first);
        bool is_near = passed <= SAME_NUMBER_NS;
        if (is_process(attempt, record) || (is_near && is_parent(&attempt->own, caller)))
            tell_went_on(attempt, seconds);
        else if (is_near && (is_mentioned(&attempt->script, caller->pid, caller->comm, caller->exe) ||
                             is_parent(&attempt->script, caller)))
            tell_script_went_on(attempt, seconds);
    }
}

/* The script that ran a small tool: what a tool's failure means is for it to judge. */
static struct mention script_of(const struct caller *caller)
{
    const struct caller_parent *parent = &caller->parents[0];
    if (caller->n_parents == 0 || !class_is_tool(caller->comm, caller->exe) || class_parent_is_apart(caller, 0))
        return (struct mention){0};
    return mention(parent->pid, parent->comm, parent->exe);
}

void facts_recent_add(struct facts_recent *recent, const struct denial_record *record, struct fact *fact, bool is_judge)
{
    if (is_judge)
        judge(recent, record);
    struct attempt *attempt = &recent->attempts[recent->next];
    recent->next = (recent->next + 1) % MOST_ATTEMPTS;
    clear_attempt(attempt);
    struct fact *own = fact_make(record);
    *attempt = (struct attempt){
        .fact = fact,
        .own = mention(record->caller->pid, record->caller->comm, record->caller->exe),
        .script = script_of(record->caller),
        .start_time = record->caller->start_time,
        .time = record->first,
        .operation = record->facts.operation,
        .why = record->facts.why,
        .pattern = name_pattern(own),
        .directory = g_strdup(own->directory),
        .path = g_strdup(record->facts.path),
    };
    fact_free(own);
}

void facts_recent_replace(struct facts_recent *recent, const struct fact *old, struct fact *by)
{
    for (size_t i = 0; i < MOST_ATTEMPTS; i++) {
        if (recent->attempts[i].fact == old)
            recent->attempts[i].fact = by;
    }
}
