#include "class_rule.h"

#include "text.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static bool is_one_of(const char *word, const char *const *list)
{
    return word != NULL && g_strv_contains(list, word);
}

static const char *name_of(const char *executable)
{
    const char *slash = executable != NULL ? strrchr(executable, '/') : NULL;
    return slash != NULL ? slash + 1 : executable;
}

/* An executable that is many programs: comm tells which. */
static bool is_multiple(const char *executable)
{
    static const char *const names[] = {"busybox", "toybox", "coreutils", NULL};
    return is_one_of(name_of(executable), names);
}

/* Programs that a script calls for one step, and whose failure is the script's to judge. */
bool class_is_tool(const char *comm, const char *executable)
{
    static const char *const names[] = {
        "touch",    "mkdir",    "mktemp",   "cp",       "mv",      "ln",        "rm",      "rmdir",    "chmod",
        "chown",    "chgrp",    "install",  "tee",      "cat",     "echo",      "printf",  "dd",       "sed",
        "awk",      "gawk",     "mawk",     "grep",     "sort",    "head",      "tail",    "cut",      "tr",
        "wc",       "envsubst", "find",     "xargs",    "test",    "[",         "tar",     "gzip",     "gunzip",
        "xz",       "unzip",    "zip",      "ed",       "patch",   "mkfifo",    "mknod",   "truncate", "sync",
        "stat",     "id",       "date",     "hostname", "useradd", "usermod",   "userdel", "groupadd", "groupmod",
        "adduser",  "addgroup", "chpasswd", "passwd",   "timeout", "env",       "nice",    "nohup",    "setfacl",
        "setfattr", "chattr",   "ldconfig", "crontab",  "split",   "shred",     "unlink",  "link",     "basename",
        "dirname",  "readlink", "realpath", "diff",     "cmp",     "sha256sum", "md5sum",  "base64",   NULL};
    return is_one_of(comm, names) || (!is_multiple(executable) && is_one_of(name_of(executable), names));
}

bool class_is_shell(const char *comm, const char *executable)
{
    static const char *const names[] = {"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "rbash", NULL};
    if (class_is_tool(comm, executable))
        return false;
    /* A script's comm is the script's name. */
    return is_one_of(comm, names) || is_one_of(name_of(executable), names) || is_multiple(executable);
}

bool class_is_init(const char *comm, const char *executable)
{
    static const char *const names[] = {"tini",         "tini-static", "docker-init", "podman-init", "catatonit",
                                        "dumb-init",    "rofuse",      "bwrap",       "init",        "systemd",
                                        "supervisord",  "s6-svscan",   "monit",       "circusd",     "runsvdir",
                                        "s6-supervise", "runsv",       NULL};
    return is_one_of(comm, names) || is_one_of(name_of(executable), names);
}

bool class_is_runtime(const char *comm, const char *executable)
{
    static const char *const names[] = {"conmon", "crun", "runc", "youki", "podman", "systemd-nspawn", NULL};
    static const char dockers[] = "containerd-shim"; /* and a version; as long as a comm can be */
    const char *name = name_of(executable);
    return is_one_of(comm, names) || is_one_of(name, names) || (comm != NULL && strcmp(comm, dockers) == 0) ||
           (name != NULL && g_str_has_prefix(name, dockers));
}

/* What a process is by now: entry points become their programs. */
static const char *comm_now(const struct class_process *process)
{
    return process->became != NULL ? process->became : process->comm;
}

static const char *executable_now(const struct class_process *process)
{
    return process->became != NULL ? process->became_executable : process->executable;
}

static bool is_tool(const struct class_process *process)
{
    return class_is_tool(comm_now(process), executable_now(process));
}

/* A tool or a shell, as scripts consist of; else it is a program of its own. */
static bool is_small(const struct class_process *process)
{
    return is_tool(process) || class_is_shell(comm_now(process), executable_now(process));
}

/* The same when it started the one below it. */
static bool was_small(const struct class_process *process)
{
    return class_is_tool(process->comm, process->executable) || class_is_shell(process->comm, process->executable);
}

static bool is_at_prompt(const struct class_process *process)
{
    return process->is_prompt && process->became == NULL;
}

/* How far the line goes: who started the shell that a person sits at has nothing to do with what is typed there. */
static size_t line_length(const struct class_case *what)
{
    for (size_t i = 0; i < what->n; i++) {
        if (is_at_prompt(&what->line[i]))
            return i + 1;
    }
    return what->n;
}

/* Whether a process is what the line is there for: a program, run by nothing but scripts, or by a person. */
static bool is_main_program(const struct class_case *what, size_t i, size_t n)
{
    for (size_t above = i + 1; above < n; above++) {
        if (!was_small(&what->line[above]))
            return false;
    }
    return !is_small(&what->line[i]);
}

/* What a person calls a program: a script by its own name. */
static char *show_name(const char *comm, const char *executable)
{
    static const char nodes_thread[] = "MainThread"; /* what Node calls its own */
    const char *name = comm;
    if (name == NULL || (strcmp(name, nodes_thread) == 0 && executable != NULL))
        name = name_of(executable);
    return text_quote(name != NULL ? name : "the program");
}

/* By what it is now. */
static char *show(const struct class_process *process)
{
    return show_name(comm_now(process), executable_now(process));
}

/* "python3"; "bash, which became python3," */
static char *show_refused(const struct class_process *process)
{
    g_autofree char *then = show_name(process->comm, process->executable), *now = show(process);
    return process->became != NULL ? g_strdup_printf("%s, which became %s,", then, now) : g_steal_pointer(&then);
}

/* The one above another that is spoken of as "it" or "that": "sh, which ran it,", "the nginx that ran it" */
static char *show_runner(const struct class_process *runner, const struct class_process *child, const char *it)
{
    g_autofree char *name = show_name(runner->comm, runner->executable), *below = show(child), *now = show(runner);
    if (runner->became != NULL)
        return g_strdup_printf("%s, which ran %s and became %s,", name, it, now);
    /* A master and its worker, a script and a part of it. */
    return g_strdup_printf(strcmp(name, below) == 0 ? "the %s that ran %s" : "%s, which ran %s,", name, it);
}

static char *show_end(const struct class_process *process)
{
    if (process->end == CLASS_RUNS)
        return g_strdup("goes on");
    if (process->end == CLASS_ENDED_UNKNOWN)
        return g_strdup("ended, how is not known");
    if (WIFSIGNALED(process->status))
        return g_strdup_printf("was ended by signal %d (%s)", WTERMSIG(process->status),
                               g_strsignal(WTERMSIG(process->status)));
    return g_strdup_printf("exited with status %d", WEXITSTATUS(process->status));
}

/* "0.2 s after it", or "at once" */
static char *show_delay(int64_t from_ms, int64_t to_ms)
{
    double seconds = (double)MAX(to_ms - from_ms, 0) / 1000;
    return seconds < 0.1 ? g_strdup("at once") : g_strdup_printf("%.1f s after it", seconds);
}

static bool has_failed(const struct class_process *process)
{
    return process->end == CLASS_ENDED && process->status != 0;
}

static void tell(struct class_verdict *ret, enum fact_class class, enum fact_because because, char *reason)
{
    *ret = (struct class_verdict){.class = class, .because = because, .reason = reason};
}

/* P itself goes on, or ended well, or nobody knows. */
static void judge_living(const struct class_case *what, int64_t now_ms, struct class_verdict *ret)
{
    const struct class_process *process = &what->line[0];
    g_autofree char *name = show_refused(process), *delay = show_delay(what->refused_ms, process->ended_ms);
    int64_t until = what->refused_ms + CLASS_WINDOW_MS;
    if (process->end == CLASS_RUNS && now_ms < until) {
        tell(ret, FACT_OPEN, FACT_WAITING, g_strdup_printf("%s still runs", name));
        ret->look_again_ms = until;
    } else if (process->end == CLASS_RUNS || process->ended_ms > until) {
        tell(ret, FACT_TOLERATED, FACT_WENT_ON, g_strdup_printf("%s went on for %d s", name, FACT_WINDOW_SECONDS));
    } else if (process->end == CLASS_ENDED_UNKNOWN) {
        tell(ret, FACT_OPEN, FACT_NOT_SEEN, g_strdup_printf("%s ended %s, how is not known", name, delay));
    } else {
        tell(ret, FACT_TOLERATED, FACT_ENDED_WELL, g_strdup_printf("%s ended well, with status 0, %s", name, delay));
    }
}

/*
 * Somebody, or a runtime that stops its container, asks with these signals; shells and the JVM pass them on as a status. And no
 * program kills itself for what it is refused: the kernel kills all of a container whose first process ends, a process that
 * takes too much memory, and a runtime one that it has asked in vain.
 */
static bool is_told_to_end(const struct class_process *process)
{
    static const int asking[] = {SIGHUP, SIGINT, SIGKILL, SIGTERM};
    for (size_t i = 0; i < G_N_ELEMENTS(asking); i++) {
        if (WIFSIGNALED(process->status) ? WTERMSIG(process->status) == asking[i]
                                         : WEXITSTATUS(process->status) == 128 + asking[i])
            return true;
    }
    return false;
}

/* "touch exited with status 1", and of more the last of them, too */
static char *show_failed(const struct class_case *what, size_t failed)
{
    g_autofree char *name = show_refused(&what->line[0]), *end = show_end(&what->line[0]);
    g_autofree char *top_name = show(&what->line[failed - 1]), *top_end = show_end(&what->line[failed - 1]);
    return failed == 1 ? g_strdup_printf("%s %s", name, end)
                       : g_strdup_printf("%s %s, then %s %s", name, end, top_name, top_end);
}

/* touch(1), and what nobody was to hear of: a script asks so. */
static bool is_question(const struct class_case *what, size_t failed)
{
    return failed == 1 && (what->is_quiet || g_strcmp0(what->line[0].comm, "touch") == 0);
}

static void tell_step(const struct class_case *what, size_t failed, char *reason, struct class_verdict *ret)
{
    bool is_asking = is_question(what, failed);
    tell(ret, is_asking ? FACT_PROBE : FACT_TOLERATED, is_asking ? FACT_ASKED : FACT_STEP_FAILED, reason);
}

/* Those below failed, and the one that started the last of them did not. */
static void judge_step(const struct class_case *what, size_t failed, int64_t now_ms, struct class_verdict *ret)
{
    const struct class_process *script = &what->line[failed];
    g_autofree char *steps = show_failed(what, failed);
    g_autofree char *runner = show_runner(script, &what->line[failed - 1], failed == 1 ? "it" : "that");
    int64_t until = what->line[failed - 1].ended_ms + CLASS_WINDOW_MS;
    if (script->end == CLASS_RUNS && now_ms < until) {
        tell(ret, FACT_OPEN, FACT_WAITING, g_strdup_printf("%s, and %s still runs", steps, runner));
        ret->look_again_ms = until;
        return;
    }
    bool has_gone_on = script->end == CLASS_RUNS || script->ended_ms > until;
    if (!has_gone_on && script->end == CLASS_ENDED_UNKNOWN) {
        tell(ret, FACT_OPEN, FACT_NOT_SEEN, g_strdup_printf("%s, and %s ended, how is not known", steps, runner));
        return;
    }
    tell_step(what, failed,
              g_strdup_printf("%s, and %s %s%s", steps, runner, has_gone_on ? "went on" : "ended well",
                              what->is_quiet ? "; its messages went to /dev/null" : ""),
              ret);
}

/* A tool that a person called. */
static void judge_typed(const struct class_case *what, size_t failed, struct class_verdict *ret)
{
    g_autofree char *steps = show_failed(what, failed), *shell = show(&what->line[failed]);
    tell_step(what, failed, g_strdup_printf("%s at the prompt of %s, which takes the next command", steps, shell), ret);
}

/* The shell's own: a file that a command's output was to go to, or its history. */
static void judge_prompt(const struct class_case *what, struct class_verdict *ret)
{
    g_autofree char *shell = show(&what->line[0]);
    tell(ret, FACT_TOLERATED, FACT_STEP_FAILED,
         g_strdup_printf("%s takes commands at a prompt, and does not end of what it is refused there", shell));
}

/* Those above the first that failed, too. */
static void append_runners(GString *reason, const struct class_case *what, size_t failed)
{
    const struct class_process *top = &what->line[failed - 1];
    g_autofree char *runner = show_runner(&what->line[1], &what->line[0], "it");
    g_autofree char *name = show(top), *end = show_end(top), *later = show_delay(what->refused_ms, top->ended_ms);
    if (failed == 2)
        g_string_append_printf(reason, ", and %s %s, %s", runner, end, later);
    else
        g_string_append_printf(reason, ", then %s failed, and in the end %s, which %s, %s", runner, name, end, later);
}

/* @failed: how many of the line did; the last of them is what ended. */
static void judge_failure(const struct class_case *what, size_t failed, struct class_verdict *ret)
{
    const struct class_process *first = &what->line[0], *top = &what->line[failed - 1];
    g_autofree char *name = show_refused(first), *end = show_end(first);
    g_autofree char *delay = show_delay(what->refused_ms, first->ended_ms);
    g_autoptr(GString) reason = g_string_new(NULL);
    g_string_append_printf(reason, "%s %s, %s", name, end, delay);
    if (failed > 1)
        append_runners(reason, what, failed);
    if (is_told_to_end(top)) {
        g_string_append(reason, "; it may have been stopped from outside");
        tell(ret, FACT_OPEN, FACT_NOT_SEEN, g_string_free(g_steal_pointer(&reason), FALSE));
        return;
    }
    if (!top->is_last) {
        g_autofree char *path = text_quote(top->last_path != NULL ? top->last_path : "?");
        g_string_append_printf(reason, "; the last that was refused before was %s", path);
    }
    tell(ret, FACT_FATAL, top->is_last ? FACT_ENDED_LAST : FACT_ENDED_EARLIER,
         g_string_free(g_steal_pointer(&reason), FALSE));
}

/* Whether the script that ran a step, of which nobody was to hear, went on and was refused elsewhere: then it is that which
 * it failed of. */
static bool is_passed_over(const struct class_case *what, size_t failed)
{
    return failed > 1 && what->is_quiet && g_strcmp0(what->line[0].last_path, what->line[1].last_path) != 0;
}

static void judge_passed_over(const struct class_case *what, struct class_verdict *ret)
{
    const struct class_process *script = &what->line[1];
    g_autofree char *name = show_refused(&what->line[0]), *end = show_end(&what->line[0]);
    g_autofree char *runner = show_runner(script, &what->line[0], "it");
    g_autofree char *path = text_quote(script->last_path != NULL ? script->last_path : "?");
    tell(ret, FACT_PROBE, FACT_ASKED,
         g_strdup_printf("%s %s, and %s went on until %s was refused; its messages went to /dev/null", name, end,
                         runner, path));
}

/* @failed: how many of the line did. */
static void judge_end(const struct class_case *what, size_t failed, struct class_verdict *ret)
{
    if (is_passed_over(what, failed))
        judge_passed_over(what, ret);
    else
        judge_failure(what, failed, ret);
}

/* How many of the line failed, one soon after the other, up to what the line is there for. */
static size_t count_failed(const struct class_case *what, size_t n)
{
    int64_t from = what->refused_ms;
    for (size_t i = 0; i < n; i++) {
        const struct class_process *process = &what->line[i];
        if (is_at_prompt(process) || !has_failed(process) || process->ended_ms > from + CLASS_WINDOW_MS)
            return i;
        from = MAX(from, process->ended_ms);
        /* Whoever started it may start it anew, and is none of its victims. */
        if (is_main_program(what, i, n))
            return i + 1;
    }
    return n;
}

/* A program whose parent had ended before: what became a daemon has nobody who could get on without it. */
static bool is_left_alone(const struct class_case *what, size_t failed)
{
    const struct class_process *process = &what->line[failed - 1], *parent = &what->line[failed];
    return !is_small(process) && parent->end != CLASS_RUNS && parent->ended_ms < process->ended_ms;
}

/* Whether what failed, up to the last of them, has nobody above it who could get on without. */
static bool is_the_end(const struct class_case *what, size_t failed, size_t n)
{
    if (failed == n || is_main_program(what, failed - 1, n) || is_left_alone(what, failed))
        return true;
    /* A script that a person called is what is being tried. */
    return is_at_prompt(&what->line[failed]) && !is_tool(&what->line[failed - 1]);
}

/* Whether somebody may have gone on without, of whom nobody knows. */
static bool is_cut_off(const struct class_case *what, size_t failed)
{
    return what->is_cut && failed == what->n && is_small(&what->line[failed - 1]);
}

static void judge_cut_off(const struct class_case *what, size_t failed, struct class_verdict *ret)
{
    g_autofree char *steps = show_failed(what, failed);
    tell(ret, FACT_OPEN, FACT_NOT_SEEN, g_strdup_printf("%s, and who ran that cannot be seen", steps));
}

void class_rule(const struct class_case *what, int64_t now_ms, struct class_verdict *ret)
{
    size_t n = line_length(what), failed = count_failed(what, n);
    if (is_at_prompt(&what->line[0]))
        judge_prompt(what, ret);
    else if (failed == 0)
        judge_living(what, now_ms, ret);
    else if (is_cut_off(what, failed))
        judge_cut_off(what, failed, ret);
    else if (is_the_end(what, failed, n))
        judge_end(what, failed, ret);
    else if (is_at_prompt(&what->line[failed]))
        judge_typed(what, failed, ret);
    else
        judge_step(what, failed, now_ms, ret);
}
