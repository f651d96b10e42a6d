/* What rofuse watch shows and what its keys mean, without a terminal. */
#include "watch_changes.h"
#include "watch_paint.h"
#include "watch_remedy.h"
#include "watch_row.h"
#include "watch_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOON 1767268800 /* 2026-01-01T12:00:00Z */

static const struct timespec now = {NOON, 0};

/* A fact that was seen so many seconds ago. */
static struct fact *make(const char *program, const char *directory, const char *place, int ago)
{
    struct fact *fact = fact_new();
    fact->place = g_strdup(place);
    fact->directory = g_strdup(directory);
    g_ptr_array_add(fact->paths, g_strdup(place));
    fact->operations = 1U << DENIAL_MKDIR;
    fact->why = DENIAL_NOT_DECLARED;
    fact->error = EROFS;
    fact->executable = g_strconcat("/usr/bin/", program, NULL);
    fact->comm = g_strdup(program);
    fact->uid = 0;
    fact->gid = 0;
    fact->count = 1;
    fact->first = fact->last = (struct timespec){NOON - ago, 0};
    g_free(fact->reason);
    fact->reason = g_strdup("nobody saw how the program went on");
    fact_set_id(fact);
    return fact;
}

static GPtrArray *list_of(struct fact *first, ...) G_GNUC_NULL_TERMINATED;
static GPtrArray *list_of(struct fact *first, ...)
{
    GPtrArray *facts = g_ptr_array_new_with_free_func((GDestroyNotify)fact_free);
    va_list more;
    va_start(more, first);
    for (struct fact *fact = first; fact != NULL; fact = va_arg(more, struct fact *))
        g_ptr_array_add(facts, fact);
    va_end(more);
    return facts;
}

static void assert_places(struct watch_model *model, const char *wanted)
{
    const GPtrArray *rows = watch_model_rows(model);
    g_autoptr(GString) places = g_string_new(NULL);
    for (guint i = 0; i < rows->len; i++)
        g_string_append_printf(places, "%s%s", i > 0 ? " " : "",
                               ((const struct watch_item *)g_ptr_array_index(rows, i))->fact->place);
    g_assert_cmpstr(places->str, ==, wanted);
}

static const char *selected_place(struct watch_model *model)
{
    const struct watch_item *item = watch_model_selected(model, NULL);
    return item != NULL ? item->fact->place : NULL;
}

static void test_order_and_selection(void)
{
    struct watch_model *model = watch_model_new();
    assert_places(model, "");
    g_assert_null(selected_place(model));
    watch_model_move(model, 1);
    watch_model_set(model, list_of(make("a", "/", "/old", 30), NULL));
    g_assert_cmpstr(selected_place(model), ==, "/old");
    /* It is the newest until somebody chooses. */
    watch_model_set(model, list_of(make("a", "/", "/old", 30), make("a", "/", "/new", 10), NULL));
    assert_places(model, "/new /old");
    g_assert_cmpstr(selected_place(model), ==, "/new");
    watch_model_move(model, 1);
    g_assert_cmpstr(selected_place(model), ==, "/old");
    watch_model_move(model, G_MAXINT);
    g_assert_cmpstr(selected_place(model), ==, "/old");
    /* It stays selected while others come and it moves itself. */
    watch_model_set(model,
                    list_of(make("a", "/", "/old", 2), make("a", "/", "/new", 10), make("a", "/", "/more", 5), NULL));
    assert_places(model, "/old /more /new");
    int number;
    g_assert_nonnull(watch_model_selected(model, &number));
    g_assert_cmpint(number, ==, 0);
    g_assert_cmpstr(selected_place(model), ==, "/old");
    /* It became part of another one. */
    watch_model_set(model, list_of(make("a", "/", "/more", 5), NULL));
    g_assert_cmpstr(selected_place(model), ==, "/more");
    g_assert_cmpint((int)watch_model_n_facts(model), ==, 1);
    watch_model_free(model);
}

static void test_filter(void)
{
    struct watch_model *model = watch_model_new();
    struct fact *fatal = make("nginx", "/", "/var/cache", 3);
    fatal->class = FACT_FATAL;
    watch_model_set(model, list_of(fatal, make("python3", "/", "/var/lib", 2), make("python3", "/", "/\xff", 1), NULL));
    static const struct {
        const char *words, *places;
    } cases[] = {
        {"", "/\xff /var/lib /var/cache"},
        {"python", "/\xff /var/lib"},
        {"PYTHON var", "/var/lib"},
        {"fatal", "/var/cache"},
        {"  nginx ", "/var/cache"},
        {"mkdir", "/\xff /var/lib /var/cache"},
        {"rmdir", ""},
        {"python nginx", ""},
        {"\xff", "/\xff"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        watch_model_filter(model, cases[i].words);
        assert_places(model, cases[i].places);
    }
    watch_model_free(model);
}

static void test_ignore_and_mend(void)
{
    struct watch_model *model = watch_model_new();
    struct fact *one = make("a", "/", "/1", 1);
    g_autofree char *id = g_strdup(one->id);
    watch_model_set(model, list_of(one, make("a", "/", "/2", 2), make("a", "/", "/3", 3), NULL));
    watch_model_move(model, 1);
    watch_model_ignore(model);
    assert_places(model, "/1 /3");
    /* The next one is where it was. */
    g_assert_cmpstr(selected_place(model), ==, "/3");
    g_assert_cmpint((int)watch_model_n_ignored(model), ==, 1);
    watch_model_mend(model, id);
    /* Both last while other facts come. */
    watch_model_set(model, list_of(make("a", "/", "/1", 1), make("a", "/", "/2", 0), make("a", "/", "/4", 0), NULL));
    assert_places(model, "/4 /1");
    watch_model_move(model, 1);
    g_assert_true(watch_model_selected(model, NULL)->is_mended);
    /* It came again: it is not mended. */
    struct fact *again = make("a", "/", "/1", 0);
    again->count = 2;
    watch_model_set(model, list_of(again, make("a", "/", "/2", 0), NULL));
    assert_places(model, "/1");
    g_assert_false(watch_model_selected(model, NULL)->is_mended);
    watch_model_unignore(model);
    g_assert_cmpint((int)watch_model_rows(model)->len, ==, 2);
    watch_model_free(model);
}

/* A place that is declared mends all that lies in it. */
static void test_mend_below(void)
{
    static const struct {
        const char *directory, *place, *route, *target;
        bool is_mended;
    } cases[] = {
        {"/var/cache", "/var/cache/x", NULL, "/var/cache", true},
        {"/var/cache/app", "/var/cache/app/*", NULL, "/var/cache", true},
        {"/", "/data", NULL, "/data", true},
        {"/", "/data/**", NULL, "/", true},
        {"/var/cache", "/var/cache/x", NULL, "/var/cache/y", false},
        {"/var/cache2", "/var/cache2/x", NULL, "/var/cache", false},
        {"/var", "/var/*", NULL, "/var/cache", false},
        {"/run", "/run/x", "/run", "/run", false},
        {"/run/a", "/run/a/x", "/run/a", "/run", false},
        {"/run/a", "/run/a/x", "/run", "/run/a", true},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct watch_model *model = watch_model_new();
        struct fact *fact = make("a", cases[i].directory, cases[i].place, 1);
        fact->held_by = cases[i].route != NULL ? DENIAL_PLACE_ROUTE : DENIAL_PLACE_IMAGE;
        fact->route_target = g_strdup(cases[i].route);
        watch_model_set(model, list_of(fact, NULL));
        watch_model_mend_below(model, cases[i].target);
        g_assert_true(watch_model_selected(model, NULL)->is_mended == cases[i].is_mended);
        watch_model_free(model);
    }
}

static void test_pause(void)
{
    struct watch_model *model = watch_model_new();
    watch_model_set(model, list_of(make("a", "/", "/1", 1), NULL));
    watch_model_pause(model, true);
    watch_model_set(model, list_of(make("a", "/", "/2", 1), NULL));
    watch_model_set(model, list_of(make("a", "/", "/3", 1), NULL));
    assert_places(model, "/1");
    watch_model_pause(model, false);
    assert_places(model, "/3");
    watch_model_free(model);
}

static void test_changes(void)
{
    struct watch_changes *changes = watch_changes_new();
    g_autoptr(GPtrArray) facts = list_of(make("a", "/", "/1", 1), make("a", "/", "/2", 1), NULL);
    g_autoptr(GPtrArray) all = watch_changes_find(changes, facts);
    g_assert_cmpint((int)all->len, ==, 2);
    g_autoptr(GPtrArray) none = watch_changes_find(changes, facts);
    g_assert_cmpint((int)none->len, ==, 0);
    struct fact *second = g_ptr_array_index(facts, 1);
    second->class = FACT_FATAL;
    g_autoptr(GPtrArray) one = watch_changes_find(changes, facts);
    g_assert_cmpint((int)one->len, ==, 1);
    g_assert_true(g_ptr_array_index(one, 0) == second);
    second->count++;
    g_autoptr(GPtrArray) again = watch_changes_find(changes, facts);
    g_assert_cmpint((int)again->len, ==, 1);
    watch_changes_free(changes);
}

static void test_rows(void)
{
    g_autoptr(GPtrArray) facts = list_of(make("nginx", "/var/cache", "/var/cache/nginx/client_temp", 75), NULL);
    struct fact *fact = g_ptr_array_index(facts, 0);
    fact->class = FACT_FATAL;
    fact->count = 12;
    struct watch_item item = {.fact = fact};
    g_autofree char *row = watch_row(&item, &now, 80, true), *head = watch_row_head(80, true);
    g_assert_cmpstr(head, ==, "  CLASS      AGE  COUNT  PROCESS          PLACE                                 ");
    g_assert_cmpstr(row, ==, "  fatal      75s     12  nginx            /var/cache/nginx/client_temp          ");
    item.is_mended = true;
    g_autofree char *narrow = watch_row(&item, &now, 50, false);
    g_assert_cmpstr(narrow, ==, "  declared   75s     12  nginx      ~x/client_temp");
    /* The place counts most. */
    g_autofree char *no_times = watch_row(&item, &now, 49, false), *head_alone = watch_row_head(20, true);
    g_assert_cmpstr(no_times, ==, "  declared  nginx     ~ar/cache/nginx/client_temp");
    g_assert_cmpstr(head_alone, ==, "  CLASS     PLACE   ");
    fact->count = 123456789;
    g_free(fact->place);
    fact->place = g_strdup("/\x1b[31m");
    g_autofree char *wild = watch_row(&item, &now, 80, false);
    g_assert_nonnull(strstr(wild, "   123M  nginx            /\\x1b[31m "));
    for (int width = 0; width < 60; width++) {
        g_autofree char *any = watch_row(&item, &now, width, true);
        g_assert_cmpint(watch_text_width(any), ==, width);
    }
}

static void test_lines(void)
{
    g_autoptr(GPtrArray) facts = list_of(make("my prog", "/v", "/v/\xc3\xbc\n", 0), NULL);
    struct fact *fact = g_ptr_array_index(facts, 0);
    fact->operations |= 1U << DENIAL_CREATE;
    g_autofree char *line = watch_row_line(fact, true);
    g_assert_cmpstr(line, ==,
                    "12:00:00.000 open \"my prog\" /v/\xc3\xbc\\x0a create,mkdir EROFS not-declared 1 time: nobody "
                    "saw how the program went on\n");
    fact->learned = true;
    fact->count = 3;
    g_autofree char *ascii = watch_row_line(fact, false);
    g_assert_cmpstr(ascii, ==,
                    "12:00:00.000 learned \"my prog\" /v/\\xc3\\xbc\\x0a create,mkdir EROFS not-declared 3 times: "
                    "nobody saw how the program went on\n");
}

static void test_remedies(void)
{
    g_autoptr(GPtrArray) facts = list_of(make("nginx", "/var/cache", "/var/cache/nginx", 0), NULL);
    struct fact *fact = g_ptr_array_index(facts, 0);
    g_autofree char *tmpfs = watch_remedy_tmpfs(fact), *volume = watch_remedy_volume(fact);
    g_assert_cmpstr(tmpfs, ==, "/var/cache:tmpcopyup");
    g_assert_cmpstr(volume, ==, "var-cache:/var/cache");
    fact->uid = 33;
    fact->gid = 34;
    g_autofree char *users = watch_remedy_tmpfs(fact);
    g_assert_cmpstr(users, ==, "/var/cache:mode=0755,uid=33,gid=34");
    g_assert_null(watch_remedy_why_not(fact));
    /* What is known of the program counts before that. */
    struct fact_fix *fix = g_new0(struct fact_fix, 1);
    fix->kind = FACT_FIX_TMPFS;
    fix->target = g_strdup("/run/x");
    fix->options = g_strdup("mode=0755");
    fix->for_writer = true;
    g_ptr_array_add(fact->fixes, fix);
    g_autofree char *known = watch_remedy_tmpfs(fact);
    g_assert_cmpstr(known, ==, "/run/x:mode=0755,uid=33,gid=34");
    g_free(fact->directory);
    fact->directory = g_strdup("/");
    /* The root cannot be declared; what was to be made in it can. */
    g_autofree char *root = watch_remedy_volume(fact);
    g_assert_cmpstr(root, ==, "var:/var");
    g_free(fact->place);
    fact->place = g_strdup("/tmp*");
    g_autofree char *any = watch_remedy_volume(fact);
    g_assert_cmpstr(any, ==, "data:/");
    fact->held_by = DENIAL_PLACE_ROUTE;
    fact->route_target = g_strdup("/var/cache");
    fact->route_kind = g_strdup("volume");
    fact->why = DENIAL_NO_SPACE;
    g_autofree char *why_not = watch_remedy_why_not(fact);
    g_assert_cmpstr(why_not, ==,
                    "/var/cache is declared already, as a volume; another one does not help against no-space");
}

/* What is proposed is never the whole system without a word, and never what the runtime brings. */
static void test_prices(void)
{
    g_autoptr(GPtrArray) facts = list_of(make("sed", "/etc", "/etc/sed*", 0), NULL);
    struct fact *fact = g_ptr_array_index(facts, 0);
    g_assert_nonnull(strstr(watch_remedy_price(fact), "of the whole system"));
    g_free(fact->directory);
    fact->directory = g_strdup("/var/cache/nginx");
    g_assert_null(watch_remedy_price(fact));
    g_free(fact->place);
    fact->place = g_strdup("/dev/null");
    g_autofree char *why_not = watch_remedy_why_not(fact);
    g_assert_nonnull(strstr(why_not, "made by the runtime"));
}

/* Presses keys; the action of the last one, and its value in *ret_value. */
static enum watch_action press(struct watch_ui *ui, const int *keys, size_t n, char **ret_value)
{
    enum watch_action action = WATCH_NOTHING;
    *ret_value = NULL;
    for (size_t i = 0; i < n; i++) {
        g_assert_cmpint(action, ==, WATCH_NOTHING);
        action = watch_ui_key(ui, keys[i], ret_value);
    }
    return action;
}
#define PRESS(ui, ret_value, ...)                                                                                      \
    press(ui, (const int[]){__VA_ARGS__}, G_N_ELEMENTS(((const int[]){__VA_ARGS__})), ret_value)

static void fill(struct watch_ui *ui)
{
    watch_ui_init(ui, "web", "/mnt/web");
    watch_model_set(ui->model, list_of(make("nginx", "/var", "/var/x", 5), make("redis", "/data", "/data/y", 9), NULL));
}

static void test_keys(void)
{
    struct watch_ui ui;
    g_autofree char *value = NULL;
    fill(&ui);
    g_assert_cmpint(PRESS(&ui, &value, 'j', WATCH_KEY_ENTER), ==, WATCH_NOTHING);
    g_assert_cmpint(ui.mode, ==, WATCH_OPEN);
    g_assert_cmpstr(selected_place(ui.model), ==, "/data/y");
    /* q leads back first. */
    g_assert_cmpint(PRESS(&ui, &value, 'q'), ==, WATCH_NOTHING);
    g_assert_cmpint(ui.mode, ==, WATCH_LIST);
    PRESS(&ui, &value, '?');
    g_assert_cmpint(ui.mode, ==, WATCH_HELP);
    PRESS(&ui, &value, 'q');
    g_assert_cmpint(ui.mode, ==, WATCH_LIST);
    /* From where it was asked for. */
    PRESS(&ui, &value, WATCH_KEY_ENTER, '?', 'q');
    g_assert_cmpint(ui.mode, ==, WATCH_OPEN);
    PRESS(&ui, &value, 'q');
    g_assert_cmpint(PRESS(&ui, &value, 'l'), ==, WATCH_LEARN);
    g_assert_cmpint(PRESS(&ui, &value, 'q'), ==, WATCH_QUIT);
    watch_ui_clear(&ui);
}

static void test_questions(void)
{
    struct watch_ui ui;
    char *value = NULL;
    fill(&ui);
    g_assert_cmpint(PRESS(&ui, &value, 't', WATCH_KEY_ENTER), ==, WATCH_ADD_TMPFS);
    g_assert_cmpstr(value, ==, "/var:tmpcopyup");
    g_clear_pointer(&value, g_free);
    /* While a question is asked letters are letters. */
    g_assert_cmpint(PRESS(&ui, &value, WATCH_KEY_DOWN, 'v', WATCH_KEY_END, ':', 'r', 'o', WATCH_KEY_ENTER), ==,
                    WATCH_ADD_VOLUME);
    g_assert_cmpstr(value, ==, "data:/data:ro");
    g_clear_pointer(&value, g_free);
    g_assert_cmpint(PRESS(&ui, &value, 't', 'q', WATCH_KEY_ESCAPE), ==, WATCH_NOTHING);
    g_assert_cmpint(ui.mode, ==, WATCH_LIST);
    g_assert_cmpint(PRESS(&ui, &value, 't', WATCH_CONTROL('u'), WATCH_KEY_ENTER), ==, WATCH_NOTHING);
    g_assert_cmpint(PRESS(&ui, &value, 'w', WATCH_CONTROL('u'), '/', 'x', WATCH_KEY_ENTER), ==, WATCH_SAVE);
    g_assert_cmpstr(value, ==, "/x");
    g_clear_pointer(&value, g_free);
    PRESS(&ui, &value, '/', 'n', 'g', 'i');
    assert_places(ui.model, "/var/x");
    PRESS(&ui, &value, WATCH_KEY_ENTER);
    assert_places(ui.model, "/var/x");
    PRESS(&ui, &value, 'i');
    assert_places(ui.model, "");
    /* Nothing is selected: nothing to ask about, nothing to open. */
    PRESS(&ui, &value, 't');
    g_assert_cmpint(ui.mode, ==, WATCH_LIST);
    PRESS(&ui, &value, WATCH_KEY_ENTER, 'i', 'v');
    g_assert_cmpint(ui.mode, ==, WATCH_LIST);
    PRESS(&ui, &value, WATCH_KEY_ESCAPE, 'I');
    assert_places(ui.model, "/var/x /data/y");
    watch_ui_clear(&ui);
}

static char *paint(struct watch_ui *ui, int width, int height, int *ret_cursor)
{
    g_autoptr(GPtrArray) lines = watch_paint(ui, &now, width, height, true, ret_cursor);
    GString *text = g_string_new(NULL);
    g_assert_cmpint((int)lines->len, ==, height);
    for (guint i = 0; i < lines->len; i++) {
        const struct watch_line *line = g_ptr_array_index(lines, i);
        g_assert_cmpint(watch_text_width(line->text), ==, width);
        g_string_append_printf(text, "%s\n", line->text);
    }
    return g_string_free(text, FALSE);
}

static void test_painting(void)
{
    struct watch_ui ui;
    char *value;
    int cursor;
    fill(&ui);
    g_autofree char *list = paint(&ui, 80, 24, &cursor);
    g_assert_true(g_str_has_prefix(list, "rofuse watch web  /mnt/web "));
    g_assert_nonnull(strstr(list, "2 places, 2 calls\n"));
    g_assert_nonnull(strstr(list, "\n> open        5s      1  nginx            /var/x "));
    g_assert_nonnull(strstr(list, "\n  open        9s      1  redis            /data/y "));
    g_assert_nonnull(strstr(list, "\nnobody saw how the program went on "));
    g_assert_cmpint(cursor, ==, -1);
    PRESS(&ui, &value, 't');
    g_autofree char *question = paint(&ui, 80, 24, &cursor);
    g_assert_nonnull(strstr(question, "\nDeclare (Enter: yes, Esc: no) --tmpfs /var:tmpcopyup "));
    g_assert_cmpint(cursor, ==, (int)strlen("Declare (Enter: yes, Esc: no) --tmpfs /var:tmpcopyup"));
    PRESS(&ui, &value, WATCH_KEY_ESCAPE, WATCH_KEY_ENTER);
    g_autofree char *open = paint(&ui, 80, 24, &cursor);
    static const char *const wanted[] = {"Place        /var/x",       "Directory    /var",
                                         "Attempts     /var/x",       "Refused      mkdir: EROFS, not-declared",
                                         "Class        open",         "Program      /usr/bin/nginx",
                                         "Process      uid 0, gid 0", "Count        1 time, first at 11:59:55.000"};
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++)
        g_assert_nonnull(strstr(open, wanted[i]));
    ui.about.is_over = true;
    PRESS(&ui, &value, 'q', 'p');
    PRESS(&ui, &value, 'k');
    g_autofree char *over = paint(&ui, 80, 24, &cursor);
    g_assert_nonnull(strstr(over, "[paused] [ended]\n"));
    g_assert_nonnull(strstr(over, "The daemon has ended"));
    watch_ui_clear(&ui);
}

/* On a small screen the ways out and which mount it is are in sight. */
static void test_small_screens(void)
{
    struct watch_ui ui;
    char *value;
    int cursor;
    fill(&ui);
    g_autofree char *list = paint(&ui, 40, 10, &cursor);
    g_assert_true(g_str_has_prefix(list, "web  /mnt/web          2 places, 2 calls\n"));
    g_assert_true(g_str_has_suffix(list, "\nEnter open  t tmpfs  ? help  q quit     \n"));
    PRESS(&ui, &value, 't');
    g_autofree char *question = paint(&ui, 40, 10, &cursor);
    g_assert_true(g_str_has_suffix(question, "\n--tmpfs /var:tmpcopyup                  \n"));
    g_assert_cmpint(cursor, ==, (int)strlen("--tmpfs /var:tmpcopyup"));
    PRESS(&ui, &value, WATCH_KEY_ESCAPE, '/', 'n', 'g', 'i', 'n', 'x', WATCH_KEY_ENTER);
    g_autofree char *filtered = paint(&ui, 80, 10, &cursor);
    g_assert_nonnull(strstr(filtered, " 1 of 2 places, 2 calls\n"));
    g_assert_nonnull(strstr(filtered, "\n[filter: nginx] Enter open  t tmpfs  v volume  / filter  ? help  q quit "));
    PRESS(&ui, &value, WATCH_KEY_ENTER);
    g_autofree char *open = paint(&ui, 30, 10, &cursor);
    g_assert_true(g_str_has_suffix(open, "\n[filter: nginx] ? help  q back\n"));
    watch_ui_clear(&ui);
}

/* Whatever the size, in every mode, every line is as wide as the screen and there are as many as it has. */
static void test_sizes(void)
{
    static const int modes[] = {WATCH_KEY_NONE, WATCH_KEY_ENTER, '?', 't', 'w', '/'};
    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        for (int width = 1; width < 100; width += 7) {
            for (int height = 1; height < 30; height += 3) {
                struct watch_ui ui;
                char *value;
                int cursor;
                fill(&ui);
                PRESS(&ui, &value, modes[i], WATCH_KEY_END, WATCH_KEY_DOWN);
                g_autofree char *text = paint(&ui, width, height, &cursor);
                g_assert_cmpint(cursor, <, width);
                g_assert_nonnull(text);
                watch_ui_clear(&ui);
            }
        }
    }
}

/* In a long list the selected one is in sight. */
static void test_scrolling(void)
{
    struct watch_ui ui;
    char *value;
    int cursor;
    watch_ui_init(&ui, "web", "/mnt/web");
    GPtrArray *facts = list_of(make("p", "/", "/000", 0), NULL);
    for (int i = 1; i < 100; i++) {
        g_autofree char *place = g_strdup_printf("/%03d", i);
        g_ptr_array_add(facts, make("p", "/", place, i));
    }
    watch_model_set(ui.model, facts);
    g_autofree char *top = paint(&ui, 80, 24, &cursor);
    g_assert_nonnull(strstr(top, "/019 "));
    g_assert_null(strstr(top, "/020 "));
    static const struct {
        int key;
        const char *place;
    } steps[] = {{WATCH_KEY_PAGE_DOWN, "/020"}, {WATCH_KEY_PAGE_DOWN, "/040"}, {WATCH_KEY_UP, "/039"},
                 {WATCH_KEY_END, "/099"},       {WATCH_KEY_PAGE_UP, "/079"},   {WATCH_KEY_HOME, "/000"}};
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        PRESS(&ui, &value, steps[i].key);
        g_autofree char *text = paint(&ui, 80, 24, &cursor);
        const char *mark = strstr(text, "\n> ");
        g_assert_nonnull(mark);
        g_autofree char *line = g_strndup(mark + 1, 80);
        g_assert_nonnull(strstr(line, steps[i].place));
    }
    watch_ui_clear(&ui);
}

int main(int argc, char **argv)
{
    setenv("TZ", "UTC", 1);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/watch/order-and-selection", test_order_and_selection);
    g_test_add_func("/watch/filter", test_filter);
    g_test_add_func("/watch/ignore-and-mend", test_ignore_and_mend);
    g_test_add_func("/watch/mend-below", test_mend_below);
    g_test_add_func("/watch/pause", test_pause);
    g_test_add_func("/watch/changes", test_changes);
    g_test_add_func("/watch/rows", test_rows);
    g_test_add_func("/watch/lines", test_lines);
    g_test_add_func("/watch/remedies", test_remedies);
    g_test_add_func("/watch/prices", test_prices);
    g_test_add_func("/watch/keys", test_keys);
    g_test_add_func("/watch/questions", test_questions);
    g_test_add_func("/watch/painting", test_painting);
    g_test_add_func("/watch/small-screens", test_small_screens);
    g_test_add_func("/watch/sizes", test_sizes);
    g_test_add_func("/watch/scrolling", test_scrolling);
    return g_test_run();
}
