/*
 * Databases, wherever they lie: what is kept, what is for a while, and what the advice says of it.
 */
#include "advice.h"

#include "advice_rows.h"

#define NODE "/usr/bin/node", 0
#define SQLITE "/app/app.sqlite3", "/app"

static const struct row rows[] = {
    {"a database beside the code",
     BASE "app/main.js",
     "",
     {{NODE, OP(CREATE), SQLITE, .class = FACT_FATAL, .arg = "node /app/main.js"}},
     "required -v app:/app\n"},
    {"in a server that goes on without",
     BASE "app/main.js",
     "",
     {{NODE, OP(CREATE), SQLITE, .class = FACT_TOLERATED}},
     "required -v app:/app\n"},
    {"one that may be there to be read",
     BASE "app/main.js app/app.sqlite3",
     "",
     {{NODE, OP(OPEN), SQLITE, .class = FACT_TOLERATED}},
     "left /app/app.sqlite3\n"},
    {"in a directory of the image",
     BASE "usr/src/app/main.js usr/src/app/store/seed.db",
     "",
     {{NODE, OP(OPEN), "/usr/src/app/store/seed.db", "/usr/src/app/store", .class = FACT_FATAL}},
     "required -v store:/usr/src/app/store\n"},
    {"of which nobody says that it is one",
     BASE "usr/src/app/main.js usr/src/app/uploads/",
     "",
     {{NODE, OP(CREATE), "/usr/src/app/uploads/a.png", "/usr/src/app/uploads", .class = FACT_FATAL}},
     "required -v uploads:/usr/src/app/uploads\n"},
    {"where the image has no program yet",
     BASE "usr/src/",
     "",
     {{NODE, OP(MKDIR), "/usr/src/shop", "/usr/src", .class = FACT_FATAL}},
     "required -v shop:/usr/src/shop\n"},
    {"one that was only opened, below what another one needs",
     BASE "app/main.js app/lib/seed.db",
     "",
     {{NODE, OP(CREATE), "/app/pid", "/app", .class = FACT_FATAL},
      {NODE, OP(OPEN), "/app/lib/seed.db", "/app/lib", .class = FACT_TOLERATED}},
     "required --tmpfs /app:mode=0755,tmpcopyup\n"},
    {"of attributes that somebody cannot change",
     BASE "app/main.js app/app.sqlite3",
     "",
     {{NODE, OP(OPEN) | OP(CHMOD) | OP(UTIMES), SQLITE, .class = FACT_TOLERATED}},
     "left /app/app.sqlite3\n"},
    {"beside files of the image",
     BASE "app/shop/index.html",
     "",
     {{NODE, OP(CREATE), "/app/shop/Shop.DB-wal", "/app/shop", .class = FACT_FATAL}},
     "required -v shop:/app/shop\n"},
    {"by somebody whom a volume would refuse",
     BASE "app/main.js",
     "",
     {{"/usr/bin/node", 1000, OP(CREATE), SQLITE, .class = FACT_FATAL}},
     "required --tmpfs /app:mode=0755,uid=1000,gid=1000,tmpcopyup\n"},
    {"among what is shared",
     BASE "var/www/index.php",
     "",
     {{NODE, OP(CREATE), "/var/www/site.db", "/var/www", .class = FACT_FATAL}},
     "required -v www:/var/www\n"},
    {"in a home",
     BASE "home/me/run.py",
     "",
     {{NODE, OP(CREATE), "/home/me/notes.db", "/home/me", .class = FACT_FATAL}},
     "required -v me:/home/me\n"},
    {"hidden in a home",
     BASE "home/me/run.py",
     "",
     {{NODE, OP(CREATE), "/home/me/.history.db", "/home/me", .class = FACT_FATAL}},
     "required --tmpfs /home/me:mode=0755,tmpcopyup\n"},
    {"for a while",
     BASE "var/cache/x/y app/cache/z",
     "",
     {{NODE, OP(CREATE), "/tmp/x.db", "/tmp", .class = FACT_FATAL},
      {NODE, OP(CREATE), "/var/cache/x/index.db", "/var/cache/x", .class = FACT_FATAL},
      {NODE, OP(CREATE), "/app/cache/index.sqlite", "/app/cache", .class = FACT_FATAL}},
     "required --tmpfs /tmp\nrequired --tmpfs /var/cache/x:tmpcopyup\nrequired --tmpfs /app/cache:tmpcopyup\n"},
    {"a cache of which the directory lacks, and its program's other files",
     BASE "app/main.js",
     "",
     {{NODE, OP(CREATE), "/app/pid", "/app", .class = FACT_FATAL},
      {NODE, OP(CREATE), "/app/cache/index.sqlite", "/app", .class = FACT_FATAL}},
     "required --tmpfs /app:mode=0755,tmpcopyup\n"},
    {"made of settings",
     BASE "etc/postfix/virtual",
     "",
     {{"/usr/sbin/postmap", 0, OP(CREATE), "/etc/postfix/virtual.db", "/etc/postfix", .class = FACT_FATAL}},
     "required --tmpfs /etc/postfix:mode=0755,tmpcopyup\n"},
    {"files that are facts of their own",
     BASE "app/main.js",
     "",
     {{NODE, OP(CREATE), "/app/odd", "/app", .class = FACT_OPEN},
      {NODE, OP(CREATE) | OP(UNLINK), "/app/odd-journal", "/app", .class = FACT_OPEN}},
     "required -v app:/app\n"},
    {"one among several, which the image lacks: it was not only opened",
     BASE "app/main.js",
     "",
     {{NODE, OP(OPEN) | OP(CREATE), "/app/*", "/app", .class = FACT_TOLERATED, .paths = "/app/main.js /app/app.db"}},
     "required -v app:/app\n"},
    {"which the image has",
     BASE "app/main.js app/app.db",
     "",
     {{NODE, OP(OPEN) | OP(CREATE), "/app/*", "/app", .class = FACT_TOLERATED, .paths = "/app/pid /app/app.db"}},
     "left /app/*\n"},
    {"what is no database",
     BASE "app/main.js",
     "",
     {{NODE, OP(UNLINK), SQLITE, .class = FACT_FATAL},
      {NODE, OP(CREATE), "/app/.db", "/app", .class = FACT_FATAL},
      {NODE, OP(CREATE), "/app/state-journal", "/app", .class = FACT_FATAL}},
     "required --tmpfs /app:mode=0755,tmpcopyup\n"},
};

static struct advice_list *advise_all(struct fact *fact)
{
    g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    g_ptr_array_add(facts, fact);
    const struct advice_input input = {.facts = facts};
    struct advice_list *list = advice_make(&input);
    /* What it is for goes with the facts. */
    for (guint i = 0; i < list->advices->len; i++)
        g_ptr_array_set_size(((struct advice *)g_ptr_array_index(list->advices, i))->facts, 0);
    return list;
}

static struct advice_list *advise(struct fact *fact)
{
    struct advice_list *list = advise_all(fact);
    g_assert_cmpuint(list->advices->len, ==, 1);
    return list;
}

/* @words: with blanks between them. */
static void set_paths(struct fact *fact, const char *words)
{
    g_auto(GStrv) paths = g_strsplit(words, " ", -1);
    g_ptr_array_set_size(fact->paths, 0);
    for (char **path = paths; *path != NULL; path++)
        g_ptr_array_add(fact->paths, g_strdup(*path));
}

/* Files that are a database only with each other. */
static void test_sets(void)
{
    static const struct {
        const char *paths;
        bool is_database;
    } table[] = {
        {"/app/x/LOCK /app/x/LOG", true},
        {"/app/x/LOCK", false},
        {"/app/x/LOCK /app/y/LOG", false},
        {"/app/x/MANIFEST-000002", true},
        {"/app/x/MANIFEST-NEW", false},
        {"/app/x/CURRENT /app/x/LOCK", true},
        {"/app/x/Cookies /app/x/Cookies-journal", true},
        {"/app/x/Cookies /app/x/cookies-journal", false},
        {"/app/x/README /app/x/a.rdb", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        const struct said_fact said = {NODE, OP(CREATE), "/app/x/*", "/app/x", .class = FACT_FATAL};
        struct fact *fact = make_fact(&said);
        set_paths(fact, table[i].paths);
        struct advice_list *list = advise(fact);
        const struct advice *advice = g_ptr_array_index(list->advices, 0);
        g_test_message("%s", table[i].paths);
        g_assert_cmpint(advice->kind, ==, table[i].is_database ? ADVICE_VOLUME : ADVICE_TMPFS);
        advice_list_free(list);
    }
}

/* A fact of several files does not say which of them was only opened, or removed. */
static void test_crowds(void)
{
    static const struct {
        uint32_t operations;
        const char *paths;
        bool is_changed;
    } table[] = {
        {OP(CREATE), "/app/geo.db /app/a /app/b", true},
        {OP(OPEN) | OP(CREATE), "/app/geo.db", true},
        {OP(OPEN) | OP(CREATE), "/app/geo.db /app/a /app/b /app/c /app/d /app/e", false},
        {OP(UNLINK) | OP(CREATE), "/app/geo.db /app/a", false},
        {OP(RMDIR) | OP(MKDIR), "/app/geo.db /app/a", false},
        {OP(UNLINK) | OP(OPEN), "/app/geo.db", false},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        const struct said_fact said = {NODE, table[i].operations, "/app/*", "/app", .class = FACT_TOLERATED};
        struct fact *fact = make_fact(&said);
        set_paths(fact, table[i].paths);
        struct advice_list *list = advise_all(fact);
        g_test_message("%u: %s", table[i].operations, table[i].paths);
        g_assert_cmpuint(list->advices->len, ==, table[i].is_changed ? 1 : 0);
        advice_list_free(list);
    }
}

/* What nobody misses, however far below. */
static void test_passing(void)
{
    static const struct {
        const char *path;
        bool is_kept;
    } table[] = {
        {"/root/.pki/nssdb/cert9.db", false},
        {"/root/keys/cert9.db", true},
        {"/home/me/x/.y/z.db", false},
        {"/home/.me/z.db", true},
        {"/app/.parcel-cache/data.mdb", false},
        {"/app/.mypy_cache/3.12/cache.db", false},
        {"/app/GPUCache/x/y.db", false},
        {"/app/.x/y.db", true},
        {"/app/x/cache.db", true},
        {"/app/cached/y.db", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *directory = g_path_get_dirname(table[i].path);
        const struct said_fact said = {NODE, OP(CREATE), table[i].path, directory, .class = FACT_FATAL};
        struct advice_list *list = advise(make_fact(&said));
        const struct advice *advice = g_ptr_array_index(list->advices, 0);
        g_test_message("%s: %s", table[i].path, advice->why);
        g_assert_cmpint(strstr(advice->why, "is a database") != NULL, ==, table[i].is_kept);
        advice_list_free(list);
    }
}

/* Why it is a volume, what that keeps beside the database, and what is lost. */
static void test_words(void)
{
    static const struct {
        struct said_fact fact;
        const char *why, *cost; /* their beginnings, and a part of the cost */
        const char *said;
    } table[] = {
        {{NODE, OP(CREATE), SQLITE, .class = FACT_FATAL, .arg = "node /app/main.js"},
         "/app/app.sqlite3 is a database",
         "the program itself lies in /app",
         "files of a newer image"},
        {{NODE, OP(CREATE), "/app/app.db-journal", "/app", .class = FACT_FATAL},
         "/app/app.db is a database",
         "all of /app is opened",
         "files of a newer image"},
        {{NODE, OP(CREATE), "/opt/x/y/app.db", "/opt/x/y", .class = FACT_FATAL},
         "/opt/x/y/app.db is a database",
         "what the image has in /opt/x/y",
         "files of a newer image"},
        {{"/usr/bin/node", 5, OP(MKDIR), "/app/x.db", "/app", .class = FACT_FATAL},
         "data that one would miss",
         "it is gone at the next start",
         "owned by 5:5"},
        {{NODE, OP(CREATE), "/etc/x/y.db", "/etc/x", .class = FACT_FATAL},
         "it starts with",
         "the settings in /etc/x",
         "/etc/x/y.db is gone at the next start"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        struct advice_list *list = advise(make_fact(&table[i].fact));
        const struct advice *advice = g_ptr_array_index(list->advices, 0);
        g_test_message("%s: %s: %s", table[i].fact.place, advice->why, advice->cost);
        g_assert_true(g_str_has_prefix(advice->why, table[i].why));
        g_assert_true(g_str_has_prefix(advice->cost, table[i].cost));
        g_assert_nonnull(strstr(advice->cost, table[i].said));
        advice_list_free(list);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_rows(rows, G_N_ELEMENTS(rows));
    g_test_add_func("/advice/data/sets", test_sets);
    g_test_add_func("/advice/data/crowds", test_crowds);
    g_test_add_func("/advice/data/passing", test_passing);
    g_test_add_func("/advice/data/words", test_words);
    return g_test_run();
}
