#include "class_rule.h"

#include "text.h"

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
    static const char *const names[] = {"tini",      "tini-static", "docker-init", "podman-init", "catatonit",
                                        "dumb-init", "rofuse",      "bwrap",       "conmon",      NULL};
    return is_one_of(comm, names) || is_one_of(name_of(executable), names);
}

static bool is_step(const struct class_case *what, size_t i)
{
    const struct class_process *process = &what->line[i];
    bool is_small =
        class_is_tool(process->comm, process->executable) || class_is_shell(process->comm, process->executable);
    if (!is_small || i + 1 == what->n)
        return false;
    const struct class_process *parent = &what->line[i + 1];
    return class_is_tool(process->comm, process->executable) || class_is_shell(parent->comm, parent->executable) ||
           class_is_tool(parent->comm, parent->executable);
}

/* What a person calls it: a script by its own name. */
static char *show(const struct class_process *process)
{
    static const char nodes_thread[] = "MainThread"; /* what Node calls its own */
    const char *name = process->became != NULL ? process->became : process->comm;
    if (name == NULL || (strcmp(name, nodes_thread) == 0 && process->executable != NULL))
        name = name_of(process->executable);
    return text_word(name != NULL ? name : "the program");
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
    g_autofree char *name = show(process), *delay = show_delay(what->refused_ms, process->ended_ms);
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

/* A step failed, and the one that called it did not. */
static void judge_step(const struct class_case *what, size_t failed, int64_t now_ms, struct class_verdict *ret)
{
    const struct class_process *step = &what->line[failed - 1], *script = &what->line[failed];
    g_autofree char *name = show(step), *end = show_end(step), *script_name = show(script);
    int64_t until = step->ended_ms + CLASS_WINDOW_MS;
    if (script->end == CLASS_RUNS && now_ms < until) {
        tell(ret, FACT_OPEN, FACT_WAITING,
             g_strdup_printf("%s %s, and %s, which ran it, still runs", name, end, script_name));
        ret->look_again_ms = until;
        return;
    }
    const char *how = script->end == CLASS_RUNS || script->ended_ms > until ? "went on"
                      : script->end == CLASS_ENDED                          ? "ended well"
                                                                            : "ended, how is not known";
    bool is_question = failed == 1 && (what->is_quiet || g_strcmp0(step->comm, "touch") == 0);
    tell(ret, is_question ? FACT_PROBE : FACT_TOLERATED, is_question ? FACT_ASKED : FACT_STEP_FAILED,
         g_strdup_printf("%s %s, and %s, which ran it, %s%s", name, end, script_name, how,
                         what->is_quiet ? "; its messages went to /dev/null" : ""));
}

/* @failed: how many of the line did; the last of them is what ended. */
static void judge_failure(const struct class_case *what, size_t failed, struct class_verdict *ret)
{
    const struct class_process *first = &what->line[0], *top = &what->line[failed - 1];
    g_autofree char *name = show(first), *end = show_end(first);
    g_autofree char *delay = show_delay(what->refused_ms, first->ended_ms);
    g_autoptr(GString) reason = g_string_new(NULL);
    g_string_append_printf(reason, "%s %s, %s", name, end, delay);
    if (failed > 1) {
        g_autofree char *top_name = show(top), *top_end = show_end(top);
        g_autofree char *later = show_delay(what->refused_ms, top->ended_ms);
        g_string_append_printf(reason, ", and %s, which ran it, %s, %s", top_name, top_end, later);
    }
    if (!top->is_last) {
        g_autofree char *path = text_word(top->last_path != NULL ? top->last_path : "?");
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
    g_autofree char *name = show(&what->line[0]), *end = show_end(&what->line[0]), *script_name = show(script);
    g_autofree char *path = text_word(script->last_path != NULL ? script->last_path : "?");
    tell(ret, FACT_PROBE, FACT_ASKED,
         g_strdup_printf("%s %s, and %s, which ran it, went on until %s was refused; its messages went to /dev/null",
                         name, end, script_name, path));
}

/* @failed: how many of the line did. */
static void judge_end(const struct class_case *what, size_t failed, struct class_verdict *ret)
{
    if (is_passed_over(what, failed))
        judge_passed_over(what, ret);
    else
        judge_failure(what, failed, ret);
}

void class_rule(const struct class_case *what, int64_t now_ms, struct class_verdict *ret)
{
    int64_t from = what->refused_ms;
    size_t failed = 0;
    for (; failed < what->n; failed++) {
        const struct class_process *process = &what->line[failed];
        if (!has_failed(process) || process->ended_ms > from + CLASS_WINDOW_MS)
            break;
        from = process->ended_ms;
        /* Whoever started it may restart it, and is none of its victims. */
        if (!is_step(what, failed)) {
            judge_end(what, failed + 1, ret);
            return;
        }
    }
    if (failed == 0)
        judge_living(what, now_ms, ret);
    else if (failed == what->n)
        judge_end(what, failed, ret);
    else
        judge_step(what, failed, now_ms, ret);
}
