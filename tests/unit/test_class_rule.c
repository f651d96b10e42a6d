/*
 * The rule by which a refusal is a probe, tolerated or fatal, for programs as they are seen in containers.
 */
#include "class_rule.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define STATUS(number) ((number) << 8)
/* A process of a line: which, and when it ended after the refusal, and how. */
#define PROGRAM(comm_, executable_) .comm = (comm_), .executable = (executable_), .is_last = true
#define ENDED(ms, status_) .end = CLASS_ENDED, .ended_ms = 1000 + (ms), .status = (status_)
#define ALIVE .end = CLASS_RUNS
#define LOST(ms) .end = CLASS_ENDED_UNKNOWN, .ended_ms = 1000 + (ms)

#define SH PROGRAM("sh", "/bin/dash")
#define SCRIPT PROGRAM("10-listen.sh", "/bin/dash")
#define SH_BECAME_NODE SH, .became = "node", .became_executable = "/usr/bin/node"
#define TOUCH PROGRAM("touch", "/usr/bin/touch")
#define NODE PROGRAM("node", "/usr/bin/node")
#define NGINX PROGRAM("nginx", "/usr/sbin/nginx")
#define CONVERT PROGRAM("convert", "/usr/bin/convert-im6.q16")
#define SSHD PROGRAM("sshd", "/usr/sbin/sshd")
#define PROMPT PROGRAM("bash", "/usr/bin/bash"), .is_prompt = true

static void test_table(void)
{
    static const struct {
        const char *name;
        struct class_case what; /* refused_ms: 1000 */
        int64_t now_ms;         /* after it */
        enum fact_class class;
        enum fact_because because;
        const char *reason;
    } table[] = {
        {"a server goes on",
         {.line = {{NODE, ALIVE}}, .n = 1},
         5000,
         FACT_TOLERATED,
         FACT_WENT_ON,
         "node went on for 5 s"},
        {"not yet", {.line = {{NODE, ALIVE}}, .n = 1}, 4999, FACT_OPEN, FACT_WAITING, "node still runs"},
        {"it dies later",
         {.line = {{NODE, ENDED(5001, STATUS(1))}}, .n = 1},
         6000,
         FACT_TOLERATED,
         FACT_WENT_ON,
         "went on"},
        {"nginx without its cache",
         {.line = {{PROGRAM("nginx", "/usr/sbin/nginx"), ENDED(2, STATUS(1))}}, .n = 1},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "nginx exited with status 1, at once"},
        {"a signal",
         {.line = {{NODE, ENDED(250, SIGSEGV)}}, .n = 1},
         300,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "node was ended by signal 11"},
        {"with a core",
         {.line = {{NODE, ENDED(250, SIGABRT | 0x80)}}, .n = 1},
         300,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "signal 6"},
        {"it ends well",
         {.line = {{NODE, ENDED(250, 0)}}, .n = 1},
         300,
         FACT_TOLERATED,
         FACT_ENDED_WELL,
         "status 0, 0.2 s after it"},
        {"how is not known", {.line = {{NODE, LOST(100)}}, .n = 1}, 300, FACT_OPEN, FACT_NOT_SEEN, "how is not known"},
        {"a tool, of which nobody can see who ran it",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}}, .n = 1, .is_cut = true},
         10,
         FACT_OPEN,
         FACT_NOT_SEEN,
         "touch exited with status 1, and who ran that cannot be seen"},
        {"a script of such a one",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SH, ENDED(2, STATUS(1))}}, .n = 2, .is_cut = true},
         10,
         FACT_OPEN,
         FACT_NOT_SEEN,
         "then sh exited with status 1, and who ran that cannot be seen"},
        {"a program is what it is, whoever ran it",
         {.line = {{NODE, ENDED(1, STATUS(1))}}, .n = 1, .is_cut = true},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "node exited with status 1"},
        /* nginx's entry point: a script of its directory asks with touch, and exits with 0. */
        {"the entry point's probe",
         {.line = {{TOUCH, ENDED(1, STATUS(1))},
                   {SCRIPT, ENDED(5, 0)},
                   {PROGRAM("docker-entrypoi", "/bin/dash"), ALIVE}},
          .n = 3},
         10,
         FACT_PROBE,
         FACT_ASKED,
         "touch exited with status 1, and 10-listen.sh, which ran it, ended well"},
        {"the script is not done",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SCRIPT, ALIVE}}, .n = 2},
         10,
         FACT_OPEN,
         FACT_WAITING,
         "still runs"},
        {"the script goes on",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SCRIPT, ALIVE}}, .n = 2},
         5001,
         FACT_PROBE,
         FACT_ASKED,
         "went on"},
        {"set -e",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SCRIPT, ENDED(5, STATUS(1))}}, .n = 2},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "and 10-listen.sh, which ran it, exited with status 1"},
        {"set -e all the way",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SCRIPT, ENDED(5, STATUS(1))}, {SH, ENDED(9, STATUS(1))}}, .n = 3},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "then 10-listen.sh, which ran it, failed, and in the end sh, which exited with status 1"},
        {"a script fails in a script that goes on",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SCRIPT, ENDED(5, STATUS(1))}, {SH, ALIVE}}, .n = 3},
         6000,
         FACT_TOLERATED,
         FACT_STEP_FAILED,
         "10-listen.sh exited with status 1, and sh"},
        {"another tool",
         {.line = {{PROGRAM("mkdir", "/usr/bin/mkdir"), ENDED(1, STATUS(1))}, {SH, ENDED(100, 0)}}, .n = 2},
         200,
         FACT_TOLERATED,
         FACT_STEP_FAILED,
         "mkdir exited"},
        {"that nobody hears",
         {.line = {{PROGRAM("mkdir", "/usr/bin/mkdir"), ENDED(1, STATUS(1))}, {SH, ENDED(100, 0)}},
          .n = 2,
          .is_quiet = true},
         200,
         FACT_PROBE,
         FACT_ASKED,
         "its messages went to /dev/null"},
        {"an applet of busybox",
         {.line = {{PROGRAM("touch", "/bin/busybox"), ENDED(1, STATUS(1))},
                   {PROGRAM("entry.sh", "/bin/busybox"), ENDED(5, 0)}},
          .n = 2},
         10,
         FACT_PROBE,
         FACT_ASKED,
         "entry.sh, which ran it"},
        {"the script dies for another reason",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SH, ENDED(5002, STATUS(1))}}, .n = 2},
         6000,
         FACT_PROBE,
         FACT_ASKED,
         "went on"},
        /* Not a step of the script, but what it is for. */
        {"a shell goes on",
         {.line = {{NGINX, ENDED(5, STATUS(1))}, {SH, ALIVE}}, .n = 2},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "nginx exited with status 1"},
        {"nginx's worker",
         {.line = {{NGINX, ENDED(5, STATUS(1))}, {NGINX, ALIVE}}, .n = 2},
         5005,
         FACT_TOLERATED,
         FACT_STEP_FAILED,
         "nginx exited with status 1, and the nginx that ran it went on"},
        {"its master ends, too",
         {.line = {{NGINX, ENDED(5, STATUS(1))}, {NGINX, ENDED(3000, STATUS(2))}, {SH, ALIVE}}, .n = 3},
         3010,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "nginx exited with status 1, at once, and the nginx that ran it exited with status 2, 3.0 s after it"},
        {"not seen yet whether it does",
         {.line = {{NGINX, ENDED(5, STATUS(1))}, {NGINX, ALIVE}}, .n = 2},
         5004,
         FACT_OPEN,
         FACT_WAITING,
         "the nginx that ran it still runs"},
        /* The one that started it has long told its own parent that all is well. */
        {"a daemon",
         {.line = {{NGINX, ENDED(500, STATUS(1))}, {NGINX, ENDED(100, 0)}, {SH, ALIVE}}, .n = 3},
         510,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "nginx exited with status 1, 0.5 s after it"},
        {"system(3)",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SH, ENDED(2, STATUS(1))}, {NODE, ALIVE}}, .n = 3},
         5002,
         FACT_TOLERATED,
         FACT_STEP_FAILED,
         "touch exited with status 1, then sh exited with status 1, and node, which ran that, went on"},
        {"system(3) of a program",
         {.line = {{CONVERT, ENDED(1, STATUS(1))}, {SH, ENDED(2, STATUS(1))}, {NODE, ALIVE}, {SH, ALIVE}}, .n = 4},
         5002,
         FACT_TOLERATED,
         FACT_STEP_FAILED,
         "convert exited with status 1, then sh exited with status 1, and node, which ran that, went on"},
        {"popen(3), of which the server dies",
         {.line = {{CONVERT, ENDED(1, STATUS(1))}, {SH, ENDED(2, STATUS(1))}, {NODE, ENDED(9, STATUS(7))}, {SH, ALIVE}},
          .n = 4},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "convert exited with status 1, at once, then sh, which ran it, failed, and in the end node, which exited with status 7, at once"},
        {"npm start",
         {.line = {{NODE, ENDED(1, STATUS(1))}, {SH, ENDED(2, STATUS(1))}, {NODE, ENDED(9, STATUS(1))}}, .n = 3},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "node exited with status 1, at once, then sh, which ran it, failed, and in the end node, which exited with status 1"},
        {"a server's tool",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {NODE, ALIVE}}, .n = 2},
         6000,
         FACT_PROBE,
         FACT_ASKED,
         "node, which ran it, went on"},
        {"nobody knows how the script ended",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SH, LOST(2)}}, .n = 2},
         10,
         FACT_OPEN,
         FACT_NOT_SEEN,
         "ended, how is not known"},
        {"the entry point became the server since",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SH_BECAME_NODE, ENDED(2, STATUS(1))}}, .n = 2},
         6000,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "touch exited with status 1, at once, and sh, which ran it and became node, exited with status 1"},
        {"a program before that",
         {.line = {{CONVERT, ENDED(1, STATUS(1))}, {SH_BECAME_NODE, ALIVE}}, .n = 2},
         6000,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "convert exited with status 1"},
        {"what the entry point was refused itself",
         {.line = {{SH_BECAME_NODE, ENDED(2, STATUS(1))}}, .n = 1},
         6000,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "sh, which became node, exited with status 1"},
        {"docker stop",
         {.line = {{NODE, ENDED(900, SIGTERM)}}, .n = 1},
         1000,
         FACT_OPEN,
         FACT_NOT_SEEN,
         "node was ended by signal 15 (Terminated), 0.9 s after it; it may have been stopped from outside"},
        {"and by the kernel, of whom the container had left",
         {.line = {{NODE, ENDED(900, SIGKILL)}}, .n = 1},
         1000,
         FACT_OPEN,
         FACT_NOT_SEEN,
         "node was ended by signal 9 (Killed), 0.9 s after it; it may have been stopped from outside"},
        {"and of a JVM",
         {.line = {{PROGRAM("java", "/usr/bin/java"), ENDED(900, STATUS(143))}}, .n = 1},
         1000,
         FACT_OPEN,
         FACT_NOT_SEEN,
         "it may have been"},
        {"and what is left of a script",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SH, ENDED(900, SIGINT)}}, .n = 2},
         1000,
         FACT_OPEN,
         FACT_NOT_SEEN,
         "it may have been"},
        {"at a prompt",
         {.line = {{PROGRAM("cp", "/bin/cp"), ENDED(1, STATUS(1))}, {PROMPT, ENDED(9, STATUS(1))}, {SSHD, ALIVE}},
          .n = 3},
         10,
         FACT_TOLERATED,
         FACT_STEP_FAILED,
         "cp exited with status 1 at the prompt of bash, which takes the next command"},
        {"touch at a prompt that goes on",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {PROMPT, ALIVE}}, .n = 2},
         2,
         FACT_PROBE,
         FACT_ASKED,
         "touch exited with status 1 at the prompt of bash"},
        {"the prompt's own redirection",
         {.line = {{PROMPT, ENDED(9, STATUS(1))}}, .n = 1},
         10,
         FACT_TOLERATED,
         FACT_STEP_FAILED,
         "bash takes commands at a prompt, and does not end"},
        {"a program at a prompt",
         {.line = {{NGINX, ENDED(9, STATUS(1))}, {PROMPT, ALIVE}, {SSHD, ALIVE}}, .n = 3},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "nginx exited with status 1, at once"},
        {"a script at a prompt",
         {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SCRIPT, ENDED(2, STATUS(1))}, {PROMPT, ALIVE}}, .n = 3},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "and 10-listen.sh, which ran it, exited with status 1"},
        {"what the shell of a prompt became",
         {.line = {{PROMPT, .became = "nginx", .became_executable = "/usr/sbin/nginx", ENDED(9, STATUS(1))}}, .n = 1},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "bash, which became nginx, exited with status 1"},
        {"a shell of which nothing else is known",
         {.line = {{PROGRAM(NULL, NULL), ENDED(1, STATUS(1))}}, .n = 1},
         10,
         FACT_FATAL,
         FACT_ENDED_LAST,
         "the program\" exited"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct class_case what = table[i].what;
        struct class_verdict verdict;
        what.refused_ms = 1000;
        class_rule(&what, 1000 + table[i].now_ms, &verdict);
        g_test_message("%s: %s", table[i].name, verdict.reason);
        g_assert_cmpstr(fact_class_name(verdict.class), ==, fact_class_name(table[i].class));
        g_assert_cmpstr(fact_because_name(verdict.because), ==, fact_because_name(table[i].because));
        g_assert_nonnull(strstr(verdict.reason, table[i].reason));
        g_assert_true((verdict.because == FACT_WAITING) == (verdict.look_again_ms > what.refused_ms));
        g_free(verdict.reason);
    }
}

/* npm start: mkdir /root/.npm, then the script in /tmp, then the end: both are needed, the last is the likelier. */
static void test_several_refusals(void)
{
    struct class_case what = {.line = {{NODE, ENDED(300, STATUS(254))}}, .n = 1, .refused_ms = 1000};
    struct class_verdict verdict;
    what.line[0].is_last = false;
    what.line[0].last_path = "/tmp/start prod.sh";
    class_rule(&what, 2000, &verdict);
    g_assert_cmpint(verdict.class, ==, FACT_FATAL);
    g_assert_cmpint(verdict.because, ==, FACT_ENDED_EARLIER);
    g_assert_nonnull(strstr(verdict.reason, "the last that was refused before was \"/tmp/start prod.sh\""));
    g_free(verdict.reason);
    what.line[0].last_path = "/tmp/new\nline"; /* whoever prints the sentence escapes it */
    class_rule(&what, 2000, &verdict);
    g_assert_nonnull(strstr(verdict.reason, "refused before was /tmp/new\nline"));
    g_free(verdict.reason);
}

/* Of a script that dies the last refusal below it counts, whichever tool met it. */
static void test_last_below_the_one_that_ended(void)
{
    struct class_case what = {
        .line = {{TOUCH, ENDED(1, STATUS(1))}, {SH, ENDED(400, STATUS(1))}}, .n = 2, .refused_ms = 1000};
    struct class_verdict verdict;
    what.line[1].is_last = false;
    what.line[1].last_path = "/srv/later";
    class_rule(&what, 2000, &verdict);
    g_assert_cmpint(verdict.because, ==, FACT_ENDED_EARLIER);
    g_assert_nonnull(strstr(verdict.reason, "/srv/later"));
    g_free(verdict.reason);
}

/* nginx' entry point asks with touch, goes on, and becomes nginx, which is refused its cache. What nobody was to hear is no
 * cause; what it complained about could be one. */
static void test_passed_over(void)
{
    struct class_case what = {.line = {{TOUCH, ENDED(1, STATUS(1))}, {SCRIPT, ENDED(40, STATUS(1))}},
                              .n = 2,
                              .refused_ms = 1000,
                              .is_quiet = true};
    struct class_verdict verdict;
    what.line[0].is_last = what.line[1].is_last = false; /* touch asks twice */
    what.line[0].last_path = "/etc/nginx/conf.d/default.conf";
    what.line[1].last_path = "/var/cache/nginx/client_temp";
    what.line[1].became = "nginx";
    class_rule(&what, 2000, &verdict);
    g_assert_cmpint(verdict.class, ==, FACT_PROBE);
    g_assert_cmpint(verdict.because, ==, FACT_ASKED);
    g_assert_nonnull(
        strstr(verdict.reason,
               "10-listen.sh, which ran it and became nginx, went on until /var/cache/nginx/client_temp was refused"));
    g_free(verdict.reason);
    what.is_quiet = false;
    class_rule(&what, 2000, &verdict);
    g_assert_cmpint(verdict.because, ==, FACT_ENDED_EARLIER);
    g_free(verdict.reason);
    /* It was the last: set -e. */
    what.is_quiet = true;
    what.line[1].last_path = what.line[0].last_path;
    class_rule(&what, 2000, &verdict);
    g_assert_cmpint(verdict.class, ==, FACT_FATAL);
    g_free(verdict.reason);
}

/* Node's own name for its thread says nothing. */
static void test_names(void)
{
    struct class_case what = {
        .line = {{PROGRAM("MainThread", "/usr/local/bin/node"), ENDED(5, STATUS(1))}}, .n = 1, .refused_ms = 1000};
    struct class_verdict verdict;
    class_rule(&what, 2000, &verdict);
    g_assert_true(g_str_has_prefix(verdict.reason, "node exited"));
    g_free(verdict.reason);
}

static void test_kinds(void)
{
    g_assert_true(class_is_tool("touch", "/bin/busybox"));
    g_assert_true(class_is_tool("renamed", "/usr/bin/sed"));
    g_assert_true(class_is_tool("sed", NULL));
    g_assert_false(class_is_tool("sh", "/bin/busybox"));
    g_assert_false(class_is_tool(NULL, NULL));
    g_assert_true(class_is_shell("entry.sh", "/bin/busybox"));
    g_assert_true(class_is_shell("entry.sh", "/usr/bin/bash"));
    g_assert_false(class_is_shell("touch", "/bin/busybox"));
    g_assert_false(class_is_shell("node", "/usr/bin/node"));
    g_assert_true(class_is_init("tini", NULL));
    g_assert_true(class_is_init("supervisord", "/usr/bin/python3.11"));
    g_assert_false(class_is_init("sh", "/bin/sh"));
    g_assert_false(class_is_init("crun", NULL));
    g_assert_true(class_is_runtime("crun", NULL));
    g_assert_true(class_is_runtime("containerd-shim", NULL));
    g_assert_true(class_is_runtime(NULL, "/usr/bin/containerd-shim-runc-v2"));
    g_assert_false(class_is_runtime("tini", "/sbin/tini"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/class-rule/table", test_table);
    g_test_add_func("/class-rule/several-refusals", test_several_refusals);
    g_test_add_func("/class-rule/last-below", test_last_below_the_one_that_ended);
    g_test_add_func("/class-rule/passed-over", test_passed_over);
    g_test_add_func("/class-rule/names", test_names);
    g_test_add_func("/class-rule/kinds", test_kinds);
    return g_test_run();
}
