/*
 * Real processes, watched until they end.
 */
#include "process_ends.h"

#include "caller.h"
#include "facts_watch.h"
#include "pidfd_status.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that ends with a status, or a signal, when it is told to. */
struct child {
    pid_t pid;
    int pipe[2];
    struct caller *caller;
    struct denial_record record;
};

static void child_start(struct child *child, int status, int signal_number)
{
    g_assert_cmpint(pipe(child->pipe), ==, 0);
    child->pid = fork();
    if (child->pid == 0) {
        char c;
        close(child->pipe[1]);
        (void)!read(child->pipe[0], &c, 1);
        if (signal_number != 0)
            raise(signal_number);
        _exit(status);
    }
    close(child->pipe[0]);
    child->caller = caller_read(child->pid, 0, 0, NULL, 0);
    child->record =
        (struct denial_record){.facts = {.path = "/srv/x"}, .first = {1732406400, child->pid}, .caller = child->caller};
}

static void child_end(struct child *child)
{
    close(child->pipe[1]);
    caller_free(child->caller);
}

/* The same, and all of them are waited for. */
static void children_end(struct child *const *children, size_t n)
{
    for (size_t i = 0; i < n; i++)
        child_end(children[i]);
    for (size_t i = 0; i < n; i++)
        g_assert_cmpint(waitpid(children[i]->pid, NULL, 0), ==, children[i]->pid);
}

/* How most of these tests end. */
static void end_all(struct process_ends *ends, struct child *child)
{
    children_end(&child, 1);
    process_ends_free(ends);
}

static void rename_to(char **name, const char *text)
{
    g_free(*name);
    *name = g_strdup(text);
}

/* The end of the first process of a case, when it is there. */
static struct class_process end_of(struct process_ends *ends, struct watched_process *process,
                                   const struct timespec *first)
{
    const struct process_refusal refusal = {.first = *first};
    struct class_case what;
    struct class_process found;
    do {
        process_ends_wait(ends, 20);
        process_ends_case(ends, process, &refusal, &what);
        found = what.line[0];
        process_ends_case_clear(&what);
    } while (found.end == CLASS_RUNS);
    return found;
}

static struct process_ends *new_ends(void)
{
    GError *error = NULL;
    struct process_ends *ends = process_ends_new(&error);
    g_assert_no_error(error);
    return ends;
}

/* As a zombie, and when it has been waited for before anybody looked. */
static void test_ends(void)
{
    static const struct {
        int status, signal_number;
        gboolean is_waited_for;
    } table[] = {{0, 0, FALSE}, {3, 0, FALSE}, {0, SIGKILL, FALSE}, {0, 0, TRUE}, {3, 0, TRUE}, {0, SIGTERM, TRUE}};
    struct process_ends *ends = new_ends();
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct child child;
        int status;
        child_start(&child, table[i].status, table[i].signal_number);
        process_ends_refused(ends, &child.record, false);
        struct watched_process *process = process_ends_find(ends, &child.record);
        g_assert_nonnull(process);
        child_end(&child);
        if (table[i].is_waited_for)
            waitpid(child.pid, &status, 0);
        struct class_process found = end_of(ends, process, &child.record.first);
        if (!table[i].is_waited_for)
            waitpid(child.pid, &status, 0);
        /* Who is not root, on an older kernel, cannot know. */
        if (found.end == CLASS_ENDED)
            g_assert_cmpint(found.status, ==, status);
        else
            g_assert_true(table[i].is_waited_for || geteuid() != 0);
        g_assert_true(found.is_last);
        process_ends_unref(ends, process);
    }
    process_ends_free(ends);
}

/* A record that comes when its process has long ended finds it; one that was never seen finds none. */
static void test_find(void)
{
    struct process_ends *ends = new_ends();
    struct child child;
    child_start(&child, 1, 0);
    process_ends_refused(ends, &child.record, false);
    close(child.pipe[1]);
    waitpid(child.pid, NULL, 0);
    process_ends_wait(ends, 1000);
    struct watched_process *process = process_ends_find(ends, &child.record);
    g_assert_nonnull(process);
    process_ends_unref(ends, process);
    child.caller->start_time.tv_sec += 10; /* the number, used again */
    g_assert_null(process_ends_find(ends, &child.record));
    child.caller->pid = -1;
    process_ends_refused(ends, &child.record, false);
    g_assert_null(process_ends_find(ends, &child.record));
    caller_free(child.caller);
    process_ends_free(ends);
}

/* What is known of a process and of those that started it. */
static struct class_case case_of(struct process_ends *ends, const struct denial_record *record)
{
    struct class_case what;
    struct watched_process *process = process_ends_find(ends, record);
    const struct process_refusal refusal = {record->first, record->caller->comm, record->caller->exe};
    g_assert_nonnull(process);
    process_ends_case(ends, process, &refusal, &what);
    process_ends_unref(ends, process);
    return what;
}

/* The line of parents: this program started it, and lives where it does; the last refusal is known to both. */
static void test_line(void)
{
    struct process_ends *ends = new_ends();
    struct child first, second;
    /* As in a container: not where the one who watches lives. */
    if (unshare(CLONE_NEWNS) != 0) {
        g_test_skip("needs root");
        process_ends_free(ends);
        return;
    }
    child_start(&first, 0, 0);
    child_start(&second, 0, 0);
    second.record.facts.path = "/srv/y";
    process_ends_refused(ends, &first.record, false);
    process_ends_refused(ends, &second.record, false);
    struct class_case what = case_of(ends, &first.record);
    g_assert_cmpuint(what.n, >=, 2);
    g_assert_true(what.line[0].is_last);
    g_assert_false(what.line[1].is_last);
    g_assert_cmpstr(what.line[1].last_path, ==, "/srv/y");
    g_assert_null(what.line[1].became);
    process_ends_case_clear(&what);
    /* Noise is no refusal to speak of. */
    first.record.first.tv_nsec++;
    process_ends_refused(ends, &first.record, true);
    what = case_of(ends, &second.record);
    g_assert_true(what.line[1].is_last);
    process_ends_case_clear(&what);
    children_end((struct child *[]){&first, &second}, 2);
    process_ends_free(ends);
}

/* A parent that is a server by now is no shell any more. */
static void test_parent_that_became_another(void)
{
    struct process_ends *ends = new_ends();
    struct child first, second;
    child_start(&first, 0, 0);
    child_start(&second, 0, 0);
    struct child *const both[] = {&first, &second};
    for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
        struct caller *caller = both[i]->caller;
        rename_to(&caller->comm, "touch");
        g_assert_cmpuint(caller->n_parents, >=, 1);
        rename_to(&caller->parents[0].comm, i == 0 ? "entry.sh" : "nginx");
        rename_to(&caller->parents[0].exe, i == 0 ? "/bin/dash" : "/usr/sbin/nginx");
        process_ends_refused(ends, &both[i]->record, false);
    }
    struct class_case what = case_of(ends, &first.record);
    g_assert_cmpuint(what.n, >=, 2);
    g_assert_cmpstr(what.line[1].comm, ==, "entry.sh");
    g_assert_cmpstr(what.line[1].became, ==, "nginx");
    g_assert_cmpstr(what.line[1].became_executable, ==, "/usr/sbin/nginx");
    process_ends_case_clear(&what);
    what = case_of(ends, &second.record);
    g_assert_cmpstr(what.line[1].comm, ==, "nginx");
    g_assert_cmpstr(what.line[1].executable, ==, "/usr/sbin/nginx");
    g_assert_null(what.line[1].became);
    process_ends_case_clear(&what);
    children_end(both, 2);
    process_ends_free(ends);
}

/* A thread's name is no program's: what is said of how a process ended names that. */
static void test_name_of_a_thread(void)
{
    struct process_ends *ends = new_ends();
    struct child child;
    child_start(&child, 1, 0);
    rename_to(&child.caller->comm, "libuv-worker");
    rename_to(&child.caller->exe, "/usr/bin/node");
    child.caller->tid = child.pid + 1;
    process_ends_refused(ends, &child.record, false);
    struct watched_process *process = process_ends_find(ends, &child.record);
    struct class_case what;
    process_ends_case(ends, process, &(struct process_refusal){.first = child.record.first}, &what);
    g_assert_cmpstr(what.line[0].comm, ==, "node");
    process_ends_case_clear(&what);
    process_ends_unref(ends, process);
    /* A process that is no thread may be a script, which has its own. */
    child.caller->tid = child.pid;
    g_assert_cmpstr(process_ends_name(child.caller), ==, "libuv-worker");
    end_all(ends, &child);
}

/* Where the line ends is not always who is first: what cannot be watched of it is said. */
static void test_cut_line(void)
{
    struct process_ends *ends = new_ends();
    struct child child;
    child_start(&child, 0, 0);
    struct caller *caller = child.caller;
    rename_to(&caller->comm, "touch");
    g_assert_cmpuint(caller->n_parents, >=, 1);
    caller->parents[0].pid = G_MAXINT; /* no process has this number */
    process_ends_refused(ends, &child.record, false);
    struct class_case what = case_of(ends, &child.record);
    g_assert_cmpuint(what.n, ==, 1);
    g_assert_true(what.is_cut);
    process_ends_case_clear(&what);
    end_all(ends, &child);
}

/* In no container what runs a program is none of its line, be it this test; but a script is. */
static void test_line_outside_of_containers(void)
{
    struct process_ends *ends = new_ends();
    struct child child;
    child_start(&child, 0, 0);
    process_ends_refused(ends, &child.record, false);
    struct class_case what = case_of(ends, &child.record);
    g_assert_cmpuint(what.n, ==, 1);
    g_assert_false(what.is_cut);
    process_ends_case_clear(&what);
    end_all(ends, &child);
}

/* More than there is room for: the oldest is let go, and says so. */
static void test_room(void)
{
    struct process_ends *ends = new_ends();
    static struct child children[PROCESS_ENDS_MOST + 8];
    struct watched_process *process = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(children); i++) {
        child_start(&children[i], 1, 0);
        process_ends_refused(ends, &children[i].record, false);
        if (i == 0)
            process = process_ends_find(ends, &children[0].record);
        g_usleep(i < 4 ? 2000 : 0); /* the first ones are older, by the clock that is used */
    }
    struct class_case what;
    process_ends_case(ends, process, &(struct process_refusal){.first = children[0].record.first}, &what);
    g_assert_cmpint(what.line[0].end, ==, CLASS_ENDED_UNKNOWN);
    process_ends_case_clear(&what);
    process_ends_unref(ends, process);
    process = process_ends_find(ends, &children[G_N_ELEMENTS(children) - 1].record);
    g_assert_nonnull(process);
    process_ends_unref(ends, process);
    struct child *all[G_N_ELEMENTS(children)];
    for (size_t i = 0; i < G_N_ELEMENTS(children); i++)
        all[i] = &children[i];
    children_end(all, G_N_ELEMENTS(all));
    process_ends_free(ends);
}

static void test_status_of_the_living(void)
{
    int status = 0, fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pidfd_status(fd, getpid(), &status), ==, PIDFD_NOT_YET);
    close(fd);
}

static struct facts_watch *new_watch(void)
{
    GError *error = NULL;
    struct facts_watch *watch = facts_watch_new(&(struct facts_options){.mount = "mount"}, NULL, &error);
    g_assert_no_error(error);
    return watch;
}

static char *facts_text(struct facts_watch *watch)
{
    json_t *json = facts_json(facts_watch_facts(watch));
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}

/* The log gives up waiting for a sink that is slow; it goes on then. */
static void test_a_sink_that_outlives_the_watch(void)
{
    struct child child;
    struct denial_sink sink;
    struct facts_watch *watch = new_watch();
    child_start(&child, 0, 0);
    facts_watch_refused(watch, &child.record, false);
    facts_watch_sink(watch, &sink);
    facts_watch_free(watch);
    sink.write(sink.data, &(struct denial_event){.kind = DENIAL_EVENT_RECORD, .record = &child.record});
    g_autofree char *text = facts_text(watch);
    g_assert_nonnull(strstr(text, "/srv/x"));
    sink.close(sink.data);
    children_end((struct child *[]){&child}, 1);
}

/* More cases than are looked at: the oldest does not wait for ever. */
static void test_too_many_cases(void)
{
    enum { CASES = 1030 };
    struct child child;
    struct denial_sink sink;
    struct facts_watch *watch = new_watch();
    child_start(&child, 0, 0);
    facts_watch_sink(watch, &sink);
    for (int i = 0; i < CASES; i++) {
        g_autofree char *path = g_strdup_printf("/%c%c%c/x", 'a' + i % 26, 'a' + i / 26 % 26, 'a' + i / 676);
        child.record.facts.path = path;
        child.record.first.tv_sec = g_get_real_time() / G_USEC_PER_SEC;
        facts_watch_refused(watch, &child.record, false);
        sink.write(sink.data, &(struct denial_event){.kind = DENIAL_EVENT_RECORD, .record = &child.record});
    }
    g_autoptr(GPtrArray) list = facts_list(facts_watch_facts(watch));
    const struct fact *first = g_ptr_array_index(list, 0);
    g_assert_cmpuint(list->len, ==, CASES);
    /* Where the machine is slow it was seen to go on before. */
    g_assert_true(first->because == FACT_NOT_SEEN ? strstr(first->reason, "too many programs") != NULL
                                                  : first->because == FACT_WENT_ON);
    facts_watch_free(watch);
    sink.close(sink.data);
    children_end((struct child *[]){&child}, 1);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/process-ends/ends", test_ends);
    g_test_add_func("/process-ends/find", test_find);
    g_test_add_func("/process-ends/line", test_line);
    g_test_add_func("/process-ends/line-outside", test_line_outside_of_containers);
    g_test_add_func("/process-ends/cut-line", test_cut_line);
    g_test_add_func("/process-ends/thread", test_name_of_a_thread);
    g_test_add_func("/process-ends/became", test_parent_that_became_another);
    g_test_add_func("/process-ends/room", test_room);
    g_test_add_func("/process-ends/living", test_status_of_the_living);
    g_test_add_func("/process-ends/sink", test_a_sink_that_outlives_the_watch);
    g_test_add_func("/process-ends/too-many-cases", test_too_many_cases);
    return g_test_run();
}
