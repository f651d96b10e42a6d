/*
 * Records as real programs make them, folded to facts.
 */
#include "facts.h"

#include "caller.h"
#include "fact_make.h"
#include "knowledge.h"
#include "record_json.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>

/* One refused call; what is left out is a node of pid 7 that creates a file. */
struct call {
    const char *executable, *comm, *path;
    enum denial_operation operation;
    enum denial_why why;
    pid_t pid;
    int seconds; /* after the first */
    int flags;
    int64_t mode;
    bool name_unknown, learned;
    uint64_t count; /* more than 1: the end of a window */
};

#define START 1732406400

static void with_event(const struct call *call, void (*use)(void *data, const struct denial_event *event), void *data)
{
    pid_t pid = call->pid != 0 ? call->pid : 7;
    struct caller caller = {.pid = pid,
                            .tid = pid,
                            .pid_inside = 1,
                            .exe = (char *)(call->executable != NULL ? call->executable : "/usr/bin/node"),
                            .comm = (char *)(call->comm != NULL ? call->comm : "node"),
                            .has_start_time = true,
                            .start_time = {START - 5, pid},
                            .real_uid = 0};
    struct denial_record record = {
        .facts = {.operation = call->operation != DENIAL_OPEN || call->flags != 0 ? call->operation : DENIAL_CREATE,
                  .why = call->why,
                  .error = EROFS,
                  .path = call->path,
                  .name_unknown = call->name_unknown,
                  .learned = call->learned,
                  .flags = call->flags != 0 ? call->flags : -1,
                  .mode = call->mode != 0 ? call->mode : -1,
                  .layer_dir = "/layer"},
        .first = {START + call->seconds, 0},
        .last = {START + call->seconds, 0},
        .count = MAX(call->count, 1),
        .caller = &caller};
    struct denial_event event = {.kind = call->count > 1 ? DENIAL_EVENT_FOLDED : DENIAL_EVENT_RECORD,
                                 .record = &record};
    use(data, &event);
}

static void use_add(void *data, const struct denial_event *event)
{
    facts_add(data, event, NULL);
}

static void add(struct facts *facts, const struct call *call)
{
    with_event(call, use_add, facts);
}

static struct facts *new_facts(void)
{
    return facts_new(&(struct facts_options){.mount = "web"});
}

/* Places in order of appearance, each with its count. */
static char *places(struct facts *facts)
{
    g_autoptr(GPtrArray) list = facts_list(facts);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++) {
        const struct fact *fact = g_ptr_array_index(list, i);
        g_string_append_printf(text, "%s%s=%d", i > 0 ? " " : "", fact->place, (int)fact->count);
    }
    return g_string_free(text, FALSE);
}

static void assert_places(struct facts *facts, const char *wanted)
{
    g_autofree char *text = places(facts);
    g_assert_cmpstr(text, ==, wanted);
}

static struct fact *only_fact(struct facts *facts)
{
    g_autoptr(GPtrArray) list = facts_list(facts);
    g_assert_cmpuint(list->len, ==, 1);
    return fact_copy(g_ptr_array_index(list, 0));
}

/* touch of a file that is there is OPEN, then SETATTR: one fact, and a question. */
static void test_touch(void)
{
    struct facts *facts = new_facts();
    struct call call = {.executable = "/usr/bin/touch",
                        .comm = "touch",
                        .path = "/etc/nginx/conf.d/default.conf",
                        .flags = O_WRONLY | O_NONBLOCK};
    add(facts, &call);
    call.operation = DENIAL_UTIMES;
    call.flags = 0;
    add(facts, &call);
    struct fact *fact = only_fact(facts);
    g_assert_cmpstr(fact->place, ==, "/etc/nginx/conf.d/default.conf");
    g_assert_cmpuint(fact->count, ==, 2);
    g_assert_true(fact_has(fact, DENIAL_OPEN) && fact_has(fact, DENIAL_UTIMES));
    g_assert_cmpint(fact->class, ==, FACT_PROBE);
    g_assert_cmpint(fact->because, ==, FACT_ASKED);
    fact_free(fact);
    facts_free(facts);
}

/* Python's tempfile, names without a digit among them; a second process does the same again. */
static void test_directories_in_turn(void)
{
    struct facts *facts = new_facts();
    static const char *const paths[] = {"/tmp/k3j9xq1a", "/var/tmp/abcdefgh", "/usr/tmp/_b_d_f_h", "/app/zzzzzzz1"};
    for (pid_t pid = 7; pid < 9; pid++) {
        for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
            add(facts, &(struct call){.executable = "/usr/bin/python3.11",
                                      .comm = "python3",
                                      .path = paths[i],
                                      .pid = pid,
                                      .operation = DENIAL_CREATE,
                                      .flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
                                      .mode = 0100600});
    }
    struct fact *fact = only_fact(facts);
    g_assert_cmpstr(fact->place, ==, "/tmp/*");
    g_assert_cmpstr(fact->directory, ==, "/tmp");
    g_assert_cmpuint(fact->alternatives->len, ==, 3);
    g_assert_cmpstr(g_ptr_array_index(fact->alternatives, 2), ==, "/app");
    g_assert_cmpuint(fact->count, ==, 8);
    fact_free(fact);
    facts_free(facts);
}

/* In learn mode: what is done to a file whose name is made up is no place of its own, whatever the name looks like. */
static void test_made_up_and_removed(void)
{
    struct facts *facts = new_facts();
    static const char *const paths[] = {"/tmp/kmbqkvpu", "/tmp/rwzq9lz_", "/tmp/lcbg9oe2"};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        struct call call = {.path = paths[i],
                            .pid = 7 + (pid_t)i,
                            .operation = DENIAL_CREATE,
                            .flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
                            .mode = 0100600,
                            .learned = true};
        add(facts, &call);
        add(facts, &(struct call){.path = paths[i], .pid = call.pid, .operation = DENIAL_CHMOD, .learned = true});
        add(facts, &(struct call){.path = paths[i], .pid = call.pid, .operation = DENIAL_UNLINK, .learned = true});
    }
    /* By somebody else, or of another file: it stays what it is. */
    add(facts, &(struct call){.path = "/tmp/kmbqkvpu", .pid = 20, .operation = DENIAL_UNLINK, .learned = true});
    add(facts, &(struct call){.path = "/tmp/kmbqkvpx", .pid = 7, .operation = DENIAL_UNLINK, .learned = true});
    assert_places(facts, "/tmp/*=9 /tmp/kmbqkvpu=1 /tmp/kmbqkvpx=1");
    facts_free(facts);
}

/* Not in turn: another process, another name, much later, or no directory for temporary files among them. */
static void test_not_in_turn(void)
{
    struct facts *facts = new_facts();
    add(facts, &(struct call){.path = "/tmp/a"});
    add(facts, &(struct call){.path = "/var/tmp/a", .pid = 8});
    add(facts, &(struct call){.path = "/var/tmp/b"});
    add(facts, &(struct call){.path = "/srv/a", .seconds = 3});
    add(facts, &(struct call){.path = "/data/a", .seconds = 3});
    add(facts, &(struct call){.path = "/var/tmp/a", .seconds = 3, .operation = DENIAL_MKDIR});
    assert_places(facts, "/tmp/a=1 /var/tmp/a=2 /var/tmp/b=1 /srv/a=1 /data/a=1");
    facts_free(facts);
}

static void test_many_names_of_one_directory(void)
{
    struct facts *facts = new_facts();
    static const char *const names[] = {"one", "two", "three", "four", "five", "six", "seven"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strconcat("/var/cache/", names[i], NULL);
        add(facts, &(struct call){.path = path});
        if (i == 4)
            add(facts, &(struct call){.executable = "/usr/bin/php", .comm = "php", .path = path});
    }
    assert_places(facts, "/var/cache/*=7 /var/cache/five=1");
    /* What came before is part of it, and what comes again. */
    add(facts, &(struct call){.path = "/var/cache/two"});
    add(facts, &(struct call){.path = "/var/cache/two", .count = 11});
    add(facts, &(struct call){.path = "/var/cache/deeper/x"});
    assert_places(facts, "/var/cache/*=18 /var/cache/five=1 /var/cache/deeper/x=1");
    facts_free(facts);
}

/* Next.js: 3,360 a day, in many directories. */
static void test_many_directories(void)
{
    struct facts *facts = new_facts();
    for (int i = 0; i < 300; i++) {
        g_autofree char *path =
            g_strdup_printf("/app/.next/server/app/%c%c/%c/page.html", 'a' + i % 20, 'a' + i % 19, 'a' + i % 3);
        add(facts, &(struct call){.path = path});
    }
    add(facts, &(struct call){.path = "/app/other/x"});
    assert_places(facts, "/app/.next/server/app/**=300 /app/other/x=1");
    g_autoptr(GPtrArray) list = facts_list(facts);
    const struct fact *fact = g_ptr_array_index(list, 0);
    g_assert_cmpstr(fact->directory, ==, "/app/.next/server/app");
    g_assert_cmpuint(fact->paths->len, ==, FACT_MOST_PATHS);
    facts_free(facts);
}

/* What has become one place counts as one directory of those above it. */
static void test_directories_above_a_place(void)
{
    struct facts *facts = new_facts();
    for (char c = 'a'; c < 'a' + 9; c++) {
        g_autofree char *path = g_strdup_printf("/srv/app/pages/%c/x", c);
        add(facts, &(struct call){.path = path});
    }
    add(facts, &(struct call){.path = "/srv/app/other/x"});
    add(facts, &(struct call){.path = "/srv/app/pages/z/x"});
    assert_places(facts, "/srv/app/pages/**=10 /srv/app/other/x=1");
    facts_free(facts);
}

/* Right below the root each directory is a thing of its own. */
static void test_many_directories_of_the_root(void)
{
    struct facts *facts = new_facts();
    for (char c = 'a'; c < 'a' + 20; c++) {
        g_autofree char *path = g_strdup_printf("/%c/x", c);
        g_autofree char *deep = g_strdup_printf("/var/%c/x", c);
        add(facts, &(struct call){.path = path});
        add(facts, &(struct call){.path = deep});
    }
    g_autoptr(GPtrArray) list = facts_list(facts);
    g_assert_cmpuint(list->len, ==, 40);
    facts_free(facts);
}

static void test_noise(void)
{
    struct facts *facts = new_facts();
    for (int i = 0; i < 30; i++) {
        g_autofree char *path =
            g_strdup_printf("/usr/lib/python3/p%d/__pycache__/m%d.cpython-311.pyc.140234", i / 3, i);
        add(facts, &(struct call){.executable = "/usr/bin/python3.11", .comm = "python3", .path = path});
    }
    add(facts, &(struct call){.executable = "/usr/bin/python3.11",
                              .comm = "python3",
                              .path = "/app/__pycache__",
                              .operation = DENIAL_MKDIR});
    add(facts, &(struct call){.executable = "/usr/bin/python3.11", .comm = "python3", .path = "/app/my__pycache__x/y"});
    assert_places(facts, "/usr/**/__pycache__/*=30 /app/**/__pycache__/*=1 /app/my__pycache__x/y=1");
    g_autoptr(GPtrArray) list = facts_list(facts);
    const struct fact *fact = g_ptr_array_index(list, 0);
    g_assert_cmpint(fact->class, ==, FACT_PROBE);
    g_assert_cmpint(fact->because, ==, FACT_NOISE);
    /* Whatever is seen of the process. */
    facts_decide(facts, fact->id, FACT_FATAL, FACT_ENDED_LAST, g_strdup("it died"));
    g_autoptr(GPtrArray) after = facts_list(facts);
    g_assert_cmpint(((struct fact *)g_ptr_array_index(after, 0))->class, ==, FACT_PROBE);
    facts_free(facts);
}

static void test_places_without_a_name(void)
{
    struct facts *facts = new_facts();
    add(facts, &(struct call){.path = "/srv", .operation = DENIAL_TMPFILE, .flags = O_RDWR});
    add(facts, &(struct call){.path = "/srv/x", .name_unknown = true});
    add(facts, &(struct call){.path = "/", .operation = DENIAL_CHMOD});
    add(facts, &(struct call){.path = "/x"});
    assert_places(facts, "/srv/*=1 /srv/x/*=1 /*=1 /x=1");
    facts_free(facts);
}

static void test_parts_of_the_key(void)
{
    struct facts *facts = new_facts();
    add(facts, &(struct call){.path = "/srv/x"});
    add(facts, &(struct call){.path = "/srv/x", .pid = 99, .seconds = 60});
    add(facts, &(struct call){.path = "/srv/x", .why = DENIAL_PERMISSION});
    add(facts, &(struct call){.path = "/srv/x", .learned = true});
    add(facts, &(struct call){.executable = "/usr/bin/php", .comm = "php", .path = "/srv/x"});
    assert_places(facts, "/srv/x=2 /srv/x=1 /srv/x=1 /srv/x=1");
    g_autoptr(GPtrArray) list = facts_list(facts);
    const struct fact *first = g_ptr_array_index(list, 0), *learned = g_ptr_array_index(list, 2);
    g_assert_cmpint(first->pid, ==, 99);
    g_assert_cmpint(first->last.tv_sec - first->first.tv_sec, ==, 60);
    g_assert_cmpint(learned->because, ==, FACT_LEARNED);
    facts_free(facts);
}

/* A later record of the same process shows that it went on. */
static void test_seen_going_on(void)
{
    struct facts *facts = new_facts();
    add(facts, &(struct call){.path = "/srv/x"});
    add(facts, &(struct call){.path = "/srv/y", .seconds = 3});
    add(facts, &(struct call){.path = "/srv/z", .seconds = 6});
    add(facts, &(struct call){.path = "/srv/a", .seconds = 60, .pid = 8});
    g_autoptr(GPtrArray) list = facts_list(facts);
    static const enum fact_class wanted[] = {FACT_TOLERATED, FACT_OPEN, FACT_OPEN, FACT_OPEN};
    for (guint i = 0; i < list->len; i++)
        g_assert_cmpint(((struct fact *)g_ptr_array_index(list, i))->class, ==, wanted[i]);
    facts_free(facts);
}

/* What is stronger counts, whichever comes first; a suspicion gives way to what was seen. */
static void test_decisions(void)
{
    static const struct {
        enum fact_class class;
        enum fact_because because;
    } steps[] = {{FACT_OPEN, FACT_WAITING},
                 {FACT_FATAL, FACT_ENDED_EARLIER},
                 {FACT_PROBE, FACT_ASKED},
                 {FACT_TOLERATED, FACT_WENT_ON},
                 {FACT_FATAL, FACT_ENDED_LAST}};
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(steps); k++) {
            struct fact *fact = fact_new();
            fact_decide(fact, steps[i].class, steps[i].because, g_strdup("first"));
            bool is_set = fact_decide(fact, steps[k].class, steps[k].because, g_strdup("second"));
            g_assert_true(is_set == (k >= i));
            g_assert_cmpint(fact->because, ==, steps[MAX(i, k)].because);
            g_assert_cmpstr(fact->reason, ==, is_set ? "second" : "first");
            fact_free(fact);
        }
    }
}

/* Whoever knows a fact by the id that it had before it became part of another finds that one. */
static void test_decision_after_folding(void)
{
    struct facts *facts = new_facts();
    add(facts, &(struct call){.path = "/srv/a"});
    add(facts, &(struct call){.path = "/srv/b"});
    g_autoptr(GPtrArray) before = facts_list(facts);
    for (char c = 'c'; c < 'h'; c++) {
        g_autofree char *path = g_strdup_printf("/srv/%c", c);
        add(facts, &(struct call){.path = path});
    }
    const struct fact *second = g_ptr_array_index(before, 1);
    facts_decide(facts, second->id, FACT_FATAL, FACT_ENDED_LAST, g_strdup("it died"));
    struct fact *fact = only_fact(facts);
    g_assert_cmpstr(fact->place, ==, "/srv/*");
    g_assert_cmpint(fact->class, ==, FACT_FATAL);
    fact_free(fact);
    facts_free(facts);
}

/* And also where what it became was folded once more. */
static void test_decision_after_folding_twice(void)
{
    struct facts *facts = new_facts();
    add(facts, &(struct call){.path = "/srv/app/pages/a/x"});
    add(facts, &(struct call){.path = "/srv/app/pages/b/1"});
    add(facts, &(struct call){.path = "/srv/app/pages/b/2"});
    g_autoptr(GPtrArray) before = facts_list(facts);
    for (char c = '3'; c < '9'; c++) {
        g_autofree char *path = g_strdup_printf("/srv/app/pages/b/%c", c);
        add(facts, &(struct call){.path = path});
    }
    for (char c = 'c'; c < 'k'; c++) {
        g_autofree char *path = g_strdup_printf("/srv/app/pages/%c/x", c);
        add(facts, &(struct call){.path = path});
    }
    const struct fact *third = g_ptr_array_index(before, 2);
    facts_decide(facts, third->id, FACT_FATAL, FACT_ENDED_LAST, g_strdup("it died"));
    struct fact *fact = only_fact(facts);
    g_assert_cmpstr(fact->place, ==, "/srv/app/pages/**");
    g_assert_cmpint(fact->class, ==, FACT_FATAL);
    fact_free(fact);
    facts_free(facts);
}

static void test_bounds(void)
{
    struct facts *facts = new_facts();
    for (int i = 0; i < FACTS_MOST + 100; i++) {
        g_autofree char *executable = g_strdup_printf("/bin/p%d", i);
        add(facts, &(struct call){.executable = executable, .comm = "p", .path = "/srv/x"});
    }
    add(facts, &(struct call){.executable = "/bin/p5", .comm = "p", .path = "/srv/x"});
    struct facts_head head;
    facts_head(facts, &head);
    g_assert_cmpuint(head.denied, ==, FACTS_MOST + 101);
    g_assert_cmpuint(head.left_out, ==, 100);
    g_autoptr(GPtrArray) list = facts_list(facts);
    g_assert_cmpuint(list->len, ==, FACTS_MOST);
    facts_head_clear(&head);
    facts_free(facts);
}

/* Paths as long as can be. */
static void test_memory(void)
{
    struct facts *facts = new_facts();
    g_autofree char *part = g_strnfill(200, 'x');
    GString *deep = g_string_new(NULL);
    while (deep->len < 3700)
        g_string_append_printf(deep, "/%s", part);
    for (int i = 0; i < 3000; i++) {
        g_autofree char *executable = g_strdup_printf("/bin/p%d", i);
        add(facts, &(struct call){.executable = executable, .comm = "p", .path = deep->str});
    }
    struct facts_head head;
    facts_head(facts, &head);
    g_assert_cmpuint(head.left_out, >, 2000);
    facts_head_clear(&head);
    g_string_free(deep, TRUE);
    facts_free(facts);
}

/* What has become part of another fact takes no room any more. */
static void test_memory_after_folding(void)
{
    struct facts *facts = new_facts();
    g_autofree char *directory = g_strnfill(3700, 'x');
    for (int i = 0; i < 150; i++) {
        g_autofree char *executable = g_strdup_printf("/bin/p%d", i);
        for (char c = 'a'; c < 'g'; c++) {
            g_autofree char *path = g_strdup_printf("/%s/%c", directory, c);
            add(facts, &(struct call){.executable = executable, .path = path});
        }
    }
    struct facts_head head;
    facts_head(facts, &head);
    g_assert_cmpuint(head.left_out, ==, 0);
    facts_head_clear(&head);
    facts_free(facts);
}

static void test_counts_and_losses(void)
{
    struct facts *facts = new_facts();
    add(facts, &(struct call){.path = "/srv/x"});
    add(facts, &(struct call){.path = "/srv/x", .count = 40, .seconds = 9});
    add(facts, &(struct call){.path = "/srv/never-seen", .count = 3});
    facts_add(facts, &(struct denial_event){.kind = DENIAL_EVENT_DROPPED, .dropped = 5}, NULL);
    struct facts_head head;
    facts_head(facts, &head);
    g_assert_cmpuint(head.denied, ==, 42);
    g_assert_cmpuint(head.dropped, ==, 5);
    g_assert_cmpuint(head.left_out, ==, 2);
    facts_head_clear(&head);
    assert_places(facts, "/srv/x=40");
    facts_free(facts);
}

static void use_append(void *data, const struct denial_event *event)
{
    g_autofree char *line = record_json_event(event, "web");
    g_string_append(data, line);
}

/* A log, with the knowledge that there is: what the daemon would say, as far as it can be said. */
static void test_log(void)
{
    static const struct call calls[] = {
        {.executable = "/usr/sbin/nginx",
         .comm = "nginx",
         .path = "/var/cache/nginx/client_temp",
         .operation = DENIAL_MKDIR},
        {.path = "/root/.npm", .operation = DENIAL_MKDIR},
        {.path = "/tmp/startprod65789232523.sh"},
        {.executable = "/usr/bin/redis-sentinel",
         .comm = "redis-sentinel",
         .path = "/etc/redis/sentinel.conf",
         .flags = O_RDWR},
        {.executable = "/usr/bin/sed", .comm = "sed", .path = "/etc/passwdaB3xYz"},
    };
    static const char *const ids[] = {"nginx-cache", "npm-cache", "npm-script", "redis-config", "passwd-rewrite"};
    GString *log = g_string_new("no record\n");
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++)
        with_event(&calls[i], use_append, log);
    const struct timespec now = {START, 0};
    g_autofree char *notice = record_json_notice(&now, "something", "web");
    g_string_append(log, notice);
    g_string_truncate(log, log->len - 1); /* no newline at the end */
    char *path = NULL;
    close(g_file_open_tmp("rofuse-facts-XXXXXX", &path, NULL));
    g_assert_true(g_file_set_contents(path, log->str, -1, NULL));
    struct knowledge *knowledge = knowledge_new(NULL, NULL);
    struct facts *facts = facts_new(&(struct facts_options){.knowledge = knowledge});
    uint64_t bad;
    GError *error = NULL;
    g_assert_true(facts_read(facts, path, &bad, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(bad, ==, 1);
    g_autoptr(GPtrArray) list = facts_list(facts);
    g_assert_cmpuint(list->len, ==, G_N_ELEMENTS(ids));
    for (guint i = 0; i < list->len; i++)
        g_assert_cmpstr(((struct fact *)g_ptr_array_index(list, i))->knowledge, ==, ids[i]);
    json_t *document = facts_json(facts);
    g_assert_cmpstr(json_string_value(json_object_get(document, "mount")), ==, "web");
    json_decref(document);
    facts_free(facts);
    knowledge_free(knowledge);
    g_string_free(log, TRUE);
    g_unlink(path);
    g_free(path);
}

/* A document is read as it is; its classes stay, and a fact whose paths are missing harms nobody. */
static void test_read_document(void)
{
    const struct call call = {.path = "/srv/x", .operation = DENIAL_MKDIR};
    struct facts *facts = new_facts(), *again = new_facts();
    with_event(&call, use_add, facts);
    g_autoptr(GPtrArray) list = facts_list(facts);
    facts_decide(facts, ((struct fact *)g_ptr_array_index(list, 0))->id, FACT_FATAL, FACT_ENDED_LAST,
                 g_strdup("it died"));
    json_t *document = facts_json(facts);
    json_array_clear(json_object_get(json_array_get(json_object_get(document, "facts"), 0), "paths"));
    char *text = json_dumps(document, JSON_INDENT(2)), *path = NULL;
    close(g_file_open_tmp("rofuse-facts-XXXXXX", &path, NULL));
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    uint64_t bad = 7;
    g_assert_true(facts_read(again, path, &bad, NULL));
    g_assert_cmpuint(bad, ==, 0);
    json_t *read = facts_json(again);
    g_assert_true(json_equal(read, document));
    json_decref(read);
    json_decref(document);
    free(text);
    facts_free(facts);
    facts_free(again);
    g_unlink(path);
    g_free(path);
}

static void test_wrong_logs(void)
{
    struct facts *facts = new_facts();
    GError *error = NULL;
    g_assert_false(facts_read(facts, "/nowhere/log", NULL, &error));
    g_assert_nonnull(strstr(error->message, "cannot open the log /nowhere/log"));
    g_clear_error(&error);
    g_assert_false(facts_read(facts, "/", NULL, &error));
    g_clear_error(&error);
    g_assert_false(facts_read(facts, "/proc/self/status", NULL, &error));
    g_assert_nonnull(strstr(error->message, "is no log in JSON"));
    g_clear_error(&error);
    g_assert_true(facts_read(facts, "/dev/null", NULL, &error));
    facts_free(facts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/facts/touch", test_touch);
    g_test_add_func("/facts/directories-in-turn", test_directories_in_turn);
    g_test_add_func("/facts/made-up-and-removed", test_made_up_and_removed);
    g_test_add_func("/facts/not-in-turn", test_not_in_turn);
    g_test_add_func("/facts/many-names", test_many_names_of_one_directory);
    g_test_add_func("/facts/many-directories", test_many_directories);
    g_test_add_func("/facts/directories-above", test_directories_above_a_place);
    g_test_add_func("/facts/memory-after-folding", test_memory_after_folding);
    g_test_add_func("/facts/root", test_many_directories_of_the_root);
    g_test_add_func("/facts/noise", test_noise);
    g_test_add_func("/facts/without-a-name", test_places_without_a_name);
    g_test_add_func("/facts/key", test_parts_of_the_key);
    g_test_add_func("/facts/going-on", test_seen_going_on);
    g_test_add_func("/facts/decisions", test_decisions);
    g_test_add_func("/facts/decision-after-folding", test_decision_after_folding);
    g_test_add_func("/facts/decision-after-folding-twice", test_decision_after_folding_twice);
    g_test_add_func("/facts/bounds", test_bounds);
    g_test_add_func("/facts/memory", test_memory);
    g_test_add_func("/facts/counts", test_counts_and_losses);
    g_test_add_func("/facts/log", test_log);
    g_test_add_func("/facts/document", test_read_document);
    g_test_add_func("/facts/wrong-logs", test_wrong_logs);
    return g_test_run();
}
