/*
 * Facts of a log: what later records tell of how a program went on, and how much of it all is kept.
 */
#include "caller.h"
#include "facts.h"

#include <errno.h>
#include <string.h>

#define START 1732406400

/* One refused call; what is left out is a node of pid 7. */
struct call {
    const char *executable, *comm, *path;
    pid_t pid;
    int seconds; /* after the first */
    struct caller_parent parent, above;
};

static void add(struct facts *facts, const struct call *call)
{
    pid_t pid = call->pid != 0 ? call->pid : 7;
    struct caller caller = {.pid = pid,
                            .tid = pid,
                            .exe = (char *)(call->executable != NULL ? call->executable : "/usr/bin/node"),
                            .comm = (char *)(call->comm != NULL ? call->comm : "node"),
                            .has_start_time = true,
                            .start_time = {START - 5, pid},
                            .parents = {call->parent, call->above},
                            .n_parents = (call->parent.pid > 0) + (call->above.pid > 0)};
    struct denial_record record = {
        .facts = {.operation = DENIAL_CREATE, .error = EROFS, .path = call->path, .flags = -1, .mode = -1},
        .first = {START + call->seconds, 0},
        .last = {START + call->seconds, 0},
        .count = 1,
        .caller = &caller};
    facts_add(facts, &(struct denial_event){.kind = DENIAL_EVENT_RECORD, .record = &record}, NULL);
}

/* What a log tells of how a program went on: that it, or who ran a tool, is there later on. */
static void test_later_records(void)
{
#define SHELL .parent = {.pid = 20, .comm = (char *)"entry.sh", .exe = (char *)"/bin/dash" }
#define NODE_RAN .parent = {.pid = 7, .comm = (char *)"node", .exe = (char *)"/usr/bin/node"}
#define MKDIR .executable = "/bin/mkdir", .comm = "mkdir", .pid = 21, .path = "/a/x"
#define CP_LATER .executable = "/bin/cp", .comm = "cp", .pid = 22, .path = "/b/y", .seconds = 6
#define BY(name, where) .parent = {.pid = 20, .comm = (char *)(name), .exe = (char *)"/bin/dash", .home = (where)}
#define ON_HOST .above = {.pid = 1, .comm = (char *)"launch", .home = CALLER_HOME_OUTSIDE}
    static const struct {
        const char *name;
        struct call first, later;
        enum fact_class class;
        const char *reason;
    } table[] = {
        {"the same again",
         {.path = "/a/x"},
         {.path = "/b/y", .seconds = 5},
         FACT_TOLERATED,
         "node was still at work 5 s later"},
        {"too soon", {.path = "/a/x"}, {.path = "/b/y", .seconds = 4}, FACT_OPEN, "nobody saw"},
        {"its child",
         {.path = "/a/x"},
         {.executable = "/bin/sh", .comm = "sh", .pid = 30, .path = "/b/y", .seconds = 9, NODE_RAN},
         FACT_TOLERATED,
         "node was still at work 9 s later"},
        {"its child too late to be sure of the number",
         {.path = "/a/x"},
         {.executable = "/bin/sh", .comm = "sh", .pid = 30, .path = "/b/y", .seconds = 61, NODE_RAN},
         FACT_OPEN,
         "nobody saw"},
        {"the number of another",
         {.path = "/a/x", .executable = "/usr/bin/python3", .comm = "python3"},
         {.executable = "/bin/sh", .comm = "sh", .pid = 30, .path = "/b/y", .seconds = 9, NODE_RAN},
         FACT_OPEN,
         "nobody saw"},
        {"the script's next step",
         {.executable = "/bin/mkdir", .comm = "mkdir", .pid = 21, .path = "/a/x", SHELL},
         {.executable = "/bin/cp", .comm = "cp", .pid = 22, .path = "/b/y", .seconds = 6, SHELL},
         FACT_TOLERATED,
         "entry.sh, which ran mkdir, was still at work 6 s later"},
        {"the script itself",
         {.executable = "/bin/touch", .comm = "touch", .pid = 21, .path = "/a/x", SHELL},
         {.executable = "/bin/dash", .comm = "entry.sh", .pid = 20, .path = "/b/y", .seconds = 6},
         FACT_PROBE,
         "entry.sh, which ran touch, was still at work 6 s later"},
        {"a script of the host",
         {MKDIR, BY("start.sh", CALLER_HOME_OUTSIDE)},
         {CP_LATER, BY("start.sh", CALLER_HOME_OUTSIDE)},
         FACT_OPEN,
         "nobody saw"},
        {"a script in a container that is called as a runtime is",
         {MKDIR, BY("runc", CALLER_HOME_INSIDE), ON_HOST},
         {CP_LATER, BY("runc", CALLER_HOME_INSIDE), ON_HOST},
         FACT_TOLERATED,
         "runc, which ran mkdir, was still at work 6 s later"},
        {"a runtime, of which more is not known",
         {MKDIR, BY("runc", CALLER_HOME_UNKNOWN), ON_HOST},
         {CP_LATER, BY("runc", CALLER_HOME_UNKNOWN), ON_HOST},
         FACT_OPEN,
         "nobody saw"},
        {"a runtime where there is no container",
         {MKDIR, BY("runc", CALLER_HOME_INSIDE)},
         {CP_LATER, BY("runc", CALLER_HOME_INSIDE)},
         FACT_OPEN,
         "nobody saw"},
        {"an init in the container",
         {MKDIR, BY("tini", CALLER_HOME_INSIDE), ON_HOST},
         {CP_LATER, BY("tini", CALLER_HOME_INSIDE), ON_HOST},
         FACT_OPEN,
         "nobody saw"},
        {"a program is no step: it may have died",
         {.path = "/a/x", SHELL},
         {.executable = "/bin/cp", .comm = "cp", .pid = 22, .path = "/b/y", .seconds = 6, SHELL},
         FACT_OPEN,
         "nobody saw"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct facts *facts = facts_new(&(struct facts_options){.mount = "web"});
        add(facts, &table[i].first);
        add(facts, &table[i].later);
        g_autoptr(GPtrArray) list = facts_list(facts);
        const struct fact *fact = g_ptr_array_index(list, 0);
        g_test_message("%s: %s", table[i].name, fact->reason);
        g_assert_cmpstr(fact_class_name(fact->class), ==, fact_class_name(table[i].class));
        g_assert_nonnull(strstr(fact->reason, table[i].reason));
        facts_free(facts);
    }
}

/* Nine directories are one place then; but what was folded is not forgotten, so it counts. */
static void test_memory_of_folded_directories(void)
{
    enum { PROGRAMS = 400, DIRECTORIES = 9, LENGTH = 2000 };
    struct facts *facts = facts_new(&(struct facts_options){.mount = "web"});
    g_autofree char *part = g_strnfill(LENGTH, 'x');
    for (int i = 0; i < PROGRAMS * DIRECTORIES; i++) {
        g_autofree char *executable = g_strdup_printf("/bin/p%d", i / DIRECTORIES);
        g_autofree char *path = g_strdup_printf("/a/b/%c%s/x", 'a' + i % DIRECTORIES, part);
        add(facts, &(struct call){.executable = executable, .path = path});
    }
    struct facts_head head;
    facts_head(facts, &head);
    g_assert_cmpuint(head.left_out, >, PROGRAMS * DIRECTORIES / 4);
    g_assert_cmpuint(head.left_out, <, PROGRAMS * DIRECTORIES * 3 / 4);
    facts_head_clear(&head);
    facts_free(facts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/facts-later/records", test_later_records);
    g_test_add_func("/facts-later/memory-of-folded-directories", test_memory_of_folded_directories);
    return g_test_run();
}
