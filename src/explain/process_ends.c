/*
 * One lock guards the table. A process is found by its number; whether it still is the one that the number belongs to now is
 * asked of its descriptor, which does not change: readable means that it has ended.
 *
 * A process that has ended stays for a while without its descriptor, as its record may still be on its way through the log.
 */
#include "process_ends.h"

#include "app_error.h"
#include "caller.h"
#include "class_parent.h"
#include "fact_make.h"
#include "pidfd_status.h"
#include "process_look.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How long an ended process waits for its records. */
#define LINGER_MS 30000
#define MOST_EVENTS 64

struct watched_process {
    unsigned refs; /* one of the table while it is there, one of each child, and those that were handed out */
    pid_t pid;
    struct timespec start_time; /* as in records; 0 for parents, of which no record told */
    char *comm, *executable;
    char *became; /* comm that a later refusal told; NULL = the same */
    char *became_executable;
    int fd;         /* -1 = ended */
    bool is_prompt; /* a shell with a terminal of its own, for job control */
    bool is_quiet;
    enum class_end end;
    int status;
    int64_t ended_ms;
    struct timespec last;            /* when the last refusal was that it, or one below it, met */
    char *last_path;                 /* of that */
    int64_t used_ms;                 /* when it was refused last */
    struct watched_process *started; /* by this one; a reference; NULL = the entrypoint */
    char *started_comm;              /* what that one was then */
    char *started_executable;
    bool is_cut; /* who started it cannot be watched */
    bool is_in_table;
};

struct process_ends {
    pthread_mutex_t lock;
    GQueue table; /* [lock] struct watched_process, a reference each */
    int epoll_fd, wake_fd;
    struct process_home own; /* immutable; empty = unknown */
};

int64_t process_ends_now(void)
{
    return g_get_monotonic_time() / 1000;
}

struct process_ends *process_ends_new(GError **error)
{
    struct process_ends *ends = g_new0(struct process_ends, 1);
    pthread_mutex_init(&ends->lock, NULL);
    g_queue_init(&ends->table);
    process_home_read(getpid(), &ends->own);
    ends->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    ends->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (ends->epoll_fd >= 0 && ends->wake_fd >= 0 &&
        epoll_ctl(ends->epoll_fd, EPOLL_CTL_ADD, ends->wake_fd, &event) == 0)
        return ends;
    app_error_failed(error, "cannot watch how processes end: %s", g_strerror(errno));
    process_ends_free(ends);
    return NULL;
}

/* [lock] */
static void unref(struct watched_process *process)
{
    while (process != NULL && --process->refs == 0) {
        struct watched_process *started = process->started;
        if (process->fd >= 0)
            close(process->fd);
        g_free(process->comm);
        g_free(process->executable);
        g_free(process->became);
        g_free(process->became_executable);
        g_free(process->last_path);
        g_free(process->started_comm);
        g_free(process->started_executable);
        g_free(process);
        process = started;
    }
}

void process_ends_free(struct process_ends *ends)
{
    if (ends == NULL)
        return;
    while (!g_queue_is_empty(&ends->table))
        unref(g_queue_pop_head(&ends->table));
    if (ends->epoll_fd >= 0)
        close(ends->epoll_fd);
    if (ends->wake_fd >= 0)
        close(ends->wake_fd);
    pthread_mutex_destroy(&ends->lock);
    g_free(ends);
}

/* [lock] Takes a process out of the table; what others hold of it stays, and nobody sees it end any more. */
static void remove_process(struct process_ends *ends, GList *link)
{
    struct watched_process *process = link->data;
    g_queue_delete_link(&ends->table, link);
    process->is_in_table = false;
    if (process->fd >= 0)
        close(process->fd);
    process->fd = -1;
    if (process->end == CLASS_RUNS) {
        process->end = CLASS_ENDED_UNKNOWN;
        process->ended_ms = process_ends_now();
    }
    unref(process);
}

/* [lock] Makes room: ended ones that nobody waits for, then the one that was longest without a refusal. */
static void make_room(struct process_ends *ends)
{
    int64_t now = process_ends_now();
    GList *oldest = NULL, *next;
    for (GList *link = ends->table.head; link != NULL; link = next) {
        struct watched_process *process = link->data;
        next = link->next;
        if (process->end != CLASS_RUNS && process->refs == 1 && now - process->ended_ms > LINGER_MS)
            remove_process(ends, link);
        else if (oldest == NULL || process->used_ms < ((struct watched_process *)oldest->data)->used_ms)
            oldest = link;
    }
    if (ends->table.length >= PROCESS_ENDS_MOST && oldest != NULL)
        remove_process(ends, oldest);
}

static bool has_ended(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, 0) != 0;
}

/* [lock] Of those with that number the one that lives. */
static struct watched_process *find_living(const struct process_ends *ends, pid_t pid)
{
    for (GList *link = ends->table.head; link != NULL; link = link->next) {
        struct watched_process *process = link->data;
        if (process->pid == pid && process->fd >= 0 && !has_ended(process->fd))
            return process;
    }
    return NULL;
}

/* [lock] Entry points become their programs; threads have names of their own, but the executable is the same. */
static void note_name(struct watched_process *process, const char *comm, const char *executable)
{
    const char *known = process->became != NULL ? process->became_executable : process->executable;
    if (process->comm == NULL || comm == NULL || g_strcmp0(known, executable) == 0)
        return;
    g_free(process->became);
    g_free(process->became_executable);
    process->became = g_strdup(comm);
    process->became_executable = g_strdup(executable);
}

/* [lock] The living process of a number, from the table or new; borrowed; NULL where it cannot be watched. */
static struct watched_process *get_process(struct process_ends *ends, pid_t pid, const char *comm,
                                           const char *executable)
{
    struct watched_process *process = find_living(ends, pid);
    if (process != NULL) {
        note_name(process, comm, executable);
        return process;
    }
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return NULL;
    make_room(ends);
    process = g_new0(struct watched_process, 1);
    process->refs = 1;
    process->pid = pid;
    process->fd = fd;
    process->comm = g_strdup(comm);
    process->executable = g_strdup(executable);
    process->is_prompt = process_is_prompt(pid, comm, executable);
    process->is_in_table = true;
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = process};
    epoll_ctl(ends->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    g_queue_push_tail(&ends->table, process);
    return process;
}

static bool is_tool_or_shell(const char *comm, const char *executable)
{
    return class_is_tool(comm, executable) || class_is_shell(comm, executable);
}

/* Whether one of a caller's parents does as a runtime does: it runs a program (it is a terminal, a service manager, a test)
 * where there is no container at all. @home: the caller's. @child: whom it started. */
static bool runs_without_container(const struct process_ends *ends, const struct process_home *home,
                                   const struct watched_process *child, const struct caller_parent *parent)
{
    return process_home_is_same(home, &ends->own) && !class_is_tool(child->comm, child->executable) &&
           !is_tool_or_shell(parent->comm, parent->exe);
}

/* Whether a parent lives where the caller does; *ret_is_cut: it cannot be seen. @home: the caller's. */
static bool lives_there(const struct caller_parent *parent, const struct process_home *home, bool *ret_is_cut)
{
    struct process_home other;
    *ret_is_cut = false;
    if (parent->home != CALLER_HOME_UNKNOWN)
        return parent->home == CALLER_HOME_INSIDE;
    *ret_is_cut = !process_home_read(parent->pid, &other);
    return !*ret_is_cut && process_home_is_same(home, &other);
}

/* [lock] The line of those that started a process, as far as they live where it does. */
static void get_parents(struct process_ends *ends, struct watched_process *process, const struct caller *caller)
{
    struct process_home home;
    process->is_cut = !process_home_read(caller->pid, &home);
    if (process->is_cut)
        return;
    for (size_t i = 0; i < MIN(caller->n_parents, CLASS_MOST_PROCESSES - 1) && process->started == NULL; i++) {
        const struct caller_parent *parent = &caller->parents[i];
        if (parent->pid <= 0 || class_parent_is_apart(caller, i) ||
            runs_without_container(ends, &home, process, parent) || !lives_there(parent, &home, &process->is_cut))
            return;
        struct watched_process *started = get_process(ends, parent->pid, parent->comm, parent->exe);
        process->is_cut = started == NULL || !process->is_in_table;
        if (process->is_cut)
            return;
        started->refs++;
        process->started = started;
        process->started_comm = g_strdup(parent->comm);
        process->started_executable = g_strdup(parent->exe);
        process = started;
    }
}

const char *process_ends_name(const struct caller *caller)
{
    if (caller->tid == caller->pid || caller->exe == NULL)
        return caller->comm;
    const char *slash = strrchr(caller->exe, '/');
    return slash != NULL ? slash + 1 : caller->exe;
}

void process_ends_refused(struct process_ends *ends, const struct denial_record *record, bool is_noise)
{
    const struct caller *caller = record->caller;
    if (caller->pid <= 0)
        return;
    int64_t now = process_ends_now();
    pthread_mutex_lock(&ends->lock);
    struct watched_process *process = get_process(ends, caller->pid, process_ends_name(caller), caller->exe);
    if (process != NULL && process->start_time.tv_sec == 0 && process->started == NULL) {
        /* Kept until its line is there: to make room for a parent could take it away. */
        process->refs++;
        process->start_time = caller->start_time;
        process->is_quiet = process_is_quiet(caller->pid);
        get_parents(ends, process, caller);
        unref(process);
    } else if (process != NULL) {
        process->start_time = caller->start_time;
    }
    for (; process != NULL; process = process->started) {
        process->used_ms = now;
        if (is_noise)
            continue;
        process->last = record->first;
        g_free(process->last_path);
        process->last_path = g_strdup(record->facts.path);
    }
    pthread_mutex_unlock(&ends->lock);
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

struct watched_process *process_ends_find(struct process_ends *ends, const struct denial_record *record)
{
    struct watched_process *found = NULL;
    pthread_mutex_lock(&ends->lock);
    /* The newest are at the tail. */
    for (GList *link = ends->table.tail; link != NULL && found == NULL; link = link->prev) {
        struct watched_process *process = link->data;
        if (process->pid == record->caller->pid &&
            fact_is_same_start(&process->start_time, &record->caller->start_time))
            found = process;
    }
    if (found != NULL)
        found->refs++;
    pthread_mutex_unlock(&ends->lock);
    return found;
}

void process_ends_unref(struct process_ends *ends, struct watched_process *process)
{
    pthread_mutex_lock(&ends->lock);
    unref(process);
    pthread_mutex_unlock(&ends->lock);
}

/* [lock] A process as it was then, and as it is. */
static struct class_process describe(const struct watched_process *process, const char *comm, const char *executable,
                                     const struct timespec *first)
{
    const char *comm_now = process->became != NULL ? process->became : process->comm;
    const char *executable_now = process->became != NULL ? process->became_executable : process->executable;
    bool has_become = comm != NULL && comm_now != NULL && g_strcmp0(executable, executable_now) != 0;
    return (struct class_process){
        .comm = g_strdup(comm != NULL ? comm : comm_now),
        .executable = g_strdup(comm != NULL ? executable : executable_now),
        .became = has_become ? g_strdup(comm_now) : NULL,
        .became_executable = has_become ? g_strdup(executable_now) : NULL,
        .is_prompt = process->is_prompt,
        .end = process->end,
        .status = process->status,
        .ended_ms = process->ended_ms,
        .is_last = is_same_time(&process->last, first),
        .last_path = g_strdup(process->last_path),
    };
}

void process_ends_case(struct process_ends *ends, struct watched_process *process,
                       const struct process_refusal *refusal, struct class_case *ret)
{
    const char *comm = refusal->comm, *executable = refusal->executable;
    *ret = (struct class_case){0};
    pthread_mutex_lock(&ends->lock);
    ret->is_quiet = process->is_quiet;
    for (; process != NULL && ret->n < CLASS_MOST_PROCESSES; process = process->started) {
        ret->line[ret->n++] = describe(process, comm, executable, &refusal->first);
        ret->is_cut = process->is_cut || process->started != NULL;
        comm = process->started_comm;
        executable = process->started_executable;
    }
    pthread_mutex_unlock(&ends->lock);
}

void process_ends_case_clear(struct class_case *what)
{
    for (size_t i = 0; i < what->n; i++) {
        g_free((char *)what->line[i].comm);
        g_free((char *)what->line[i].executable);
        g_free((char *)what->line[i].became);
        g_free((char *)what->line[i].became_executable);
        g_free((char *)what->line[i].last_path);
    }
    *what = (struct class_case){0};
}

/* [lock] A descriptor is readable: the process is a zombie, or gone. */
static void note_end(struct watched_process *process)
{
    enum pidfd_answer answer = pidfd_status(process->fd, process->pid, &process->status);
    if (process->end == CLASS_RUNS)
        process->ended_ms = process_ends_now();
    process->end = answer == PIDFD_STATUS ? CLASS_ENDED : CLASS_ENDED_UNKNOWN;
    /* Nobody has waited for it yet, and what it ends with is not ours to see: it is told again when somebody has. */
    if (answer == PIDFD_NOT_YET)
        return;
    close(process->fd);
    process->fd = -1;
}

void process_ends_wait(struct process_ends *ends, int timeout_ms)
{
    struct epoll_event events[MOST_EVENTS];
    int n = epoll_wait(ends->epoll_fd, events, MOST_EVENTS, timeout_ms);
    pthread_mutex_lock(&ends->lock);
    for (int i = 0; i < n; i++) {
        uint64_t count;
        if (events[i].data.ptr == NULL) {
            while (read(ends->wake_fd, &count, sizeof count) > 0)
                continue;
            continue;
        }
        /* It may have been taken out of the table since the event was made. */
        GList *link = g_queue_find(&ends->table, events[i].data.ptr);
        struct watched_process *process = link != NULL ? link->data : NULL;
        if (process != NULL && process->fd >= 0 && has_ended(process->fd))
            note_end(process);
    }
    pthread_mutex_unlock(&ends->lock);
}

void process_ends_wake(struct process_ends *ends)
{
    const uint64_t one = 1;
    while (write(ends->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}
