#include "watch_paint.h"

#include "watch_detail.h"
#include "watch_row.h"
#include "watch_text.h"

#include <string.h>

/* Title, heads of the columns, message, keys. */
#define LINES_AROUND 4

/* Columns of the title's left side without which its right side is left out. */
#define LEAST_TITLE 12

/* Columns that a question needs to say more than what it is about. */
#define LEAST_FOR_WORDS 70

struct canvas {
    GPtrArray *lines;
    int width, height;
    bool utf8;
};

static const char *const help[] = {
    "Up, Down, k, j    move; PgUp, PgDn, Home, End as usual",
    "Enter             open one: attempts, process, parents, reason, what is known",
    "t                 declare a tmpfs for its directory, now and without a restart",
    "v                 declare a volume for it",
    "i, I              ignore it in this view; show all that is ignored again",
    "/                 filter by program, place, class or operation; Esc: all again",
    "w                 write the advice for all of this to a file",
    "l                 learn mode on or off: undeclared writes succeed and are gone at the end",
    "p                 pause the view, and go on",
    "q                 quit, or back",
    "",
    "fatal             class: the program ended soon after it",
    "tolerated         it went on without",
    "probe             it only asked",
    "open              not decided yet, or nothing is known of how it went on",
    "learned           learn mode let it through",
    "declared          a place that may be written was declared since",
};

#define HELP_INDENT 18

static void free_line(gpointer data)
{
    struct watch_line *line = data;
    g_free(line->text);
    g_free(line);
}

/* Nothing beyond the last line. */
static struct watch_line *add(const struct canvas *canvas, const char *text, enum watch_style style)
{
    struct watch_line *line = g_new0(struct watch_line, 1);
    line->text = watch_text_fit(text, canvas->width, WATCH_CUT_END, canvas->utf8);
    line->style = style;
    g_ptr_array_add(canvas->lines, line);
    return line;
}

static char *title_right(const struct watch_ui *ui)
{
    GString *text = g_string_new(NULL);
    if (*watch_model_filter_words(ui->model) != '\0')
        g_string_append_printf(text, "%u of ", watch_model_n_shown(ui->model));
    guint n = watch_model_n_facts(ui->model), ignored = watch_model_n_ignored(ui->model);
    guint64 calls = watch_model_n_calls(ui->model);
    g_string_append_printf(text, "%u %s, %" G_GUINT64_FORMAT " %s", n, n == 1 ? "place" : "places", calls,
                           calls == 1 ? "call" : "calls");
    if (ignored > 0)
        g_string_append_printf(text, ", %u ignored", ignored);
    if (ui->about.dropped > 0)
        g_string_append_printf(text, ", %" G_GUINT64_FORMAT " lost", ui->about.dropped);
    if (ui->about.is_learning)
        g_string_append(text, " [learning]");
    if (watch_model_is_paused(ui->model))
        g_string_append(text, " [paused]");
    if (ui->about.is_over)
        g_string_append(text, " [ended]");
    return g_string_free(text, FALSE);
}

static void add_title(const struct canvas *canvas, const struct watch_ui *ui)
{
    g_autofree char *name = watch_text_safe(ui->about.mount, canvas->utf8);
    g_autofree char *point = watch_text_safe(ui->about.mountpoint, canvas->utf8), *right = title_right(ui);
    g_autofree char *whole = g_strdup_printf("rofuse watch %s  %s", name, point);
    int room = canvas->width - watch_text_width(right) - 1;
    /* Which mount it is tells more than which program. */
    const char *left = watch_text_width(whole) <= MAX(room, LEAST_TITLE) ? whole : whole + strlen("rofuse watch ");
    if (room < LEAST_TITLE) {
        add(canvas, left, WATCH_STYLE_BAR);
        return;
    }
    g_autofree char *fitted = watch_text_fit(left, room, WATCH_CUT_END, canvas->utf8);
    g_autofree char *text = g_strdup_printf("%s %s", fitted, right);
    add(canvas, text, WATCH_STYLE_BAR);
}

static enum watch_style style_of(const struct watch_item *item)
{
    if (item->is_mended || item->fact->class == FACT_PROBE)
        return WATCH_STYLE_QUIET;
    if (item->fact->class == FACT_FATAL)
        return WATCH_STYLE_FATAL;
    return item->fact->class == FACT_TOLERATED ? WATCH_STYLE_TOLERATED : WATCH_STYLE_PLAIN;
}

/* The first row to show so that the selected one is in sight, near the middle of a long list. */
static int first_row(int selected, int rows, int room)
{
    return CLAMP(selected - room / 2, 0, MAX(rows - room, 0));
}

static void add_empty(const struct canvas *canvas, struct watch_ui *ui)
{
    const char *why = "Nothing has been refused yet.";
    if (*watch_model_filter_words(ui->model) != '\0')
        why = "Nothing fits the filter; Esc shows all.";
    else if (watch_model_n_ignored(ui->model) > 0)
        why = "All that there is is ignored; I shows it again.";
    add(canvas, "", WATCH_STYLE_PLAIN);
    g_autofree char *text = g_strconcat("  ", why, NULL);
    add(canvas, text, WATCH_STYLE_PLAIN);
}

static void add_rows(const struct canvas *canvas, struct watch_ui *ui, const struct timespec *now, int room)
{
    const GPtrArray *rows = watch_model_rows(ui->model);
    int selected;
    watch_model_selected(ui->model, &selected);
    int first = first_row(selected, (int)rows->len, room);
    if (rows->len == 0)
        add_empty(canvas, ui);
    for (int i = first; i < first + room && i < (int)rows->len; i++) {
        const struct watch_item *item = g_ptr_array_index(rows, (guint)i);
        g_autofree char *text = watch_row(item, now, canvas->width, canvas->utf8);
        if (i == selected)
            text[0] = '>';
        struct watch_line *line = add(canvas, text, style_of(item));
        line->is_selected = i == selected;
    }
}

static void add_scrolled(const struct canvas *canvas, struct watch_ui *ui, const GPtrArray *lines, int room)
{
    ui->scroll = CLAMP(ui->scroll, 0, MAX((int)lines->len - room, 0));
    for (int i = ui->scroll; i < ui->scroll + room && i < (int)lines->len; i++)
        add(canvas, g_ptr_array_index(lines, (guint)i), WATCH_STYLE_PLAIN);
}

static void add_help(const struct canvas *canvas, struct watch_ui *ui, int room)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < G_N_ELEMENTS(help); i++)
        watch_text_wrap(lines, help[i], canvas->width, HELP_INDENT);
    add_scrolled(canvas, ui, lines, room);
}

/* The mode that is behind a question. */
static enum watch_mode mode_shown(const struct watch_ui *ui)
{
    return ui->mode == WATCH_PROMPT ? ui->back : ui->mode;
}

static void add_body(const struct canvas *canvas, struct watch_ui *ui, const struct timespec *now, int room)
{
    const struct watch_item *item = watch_model_selected(ui->model, NULL);
    enum watch_mode mode = mode_shown(ui);
    if (mode == WATCH_OPEN && item != NULL) {
        add(canvas, "", WATCH_STYLE_HEAD);
        g_autoptr(GPtrArray) lines = watch_detail(item, now, canvas->width, canvas->utf8);
        add_scrolled(canvas, ui, lines, room);
    } else if (mode == WATCH_HELP) {
        add(canvas, "Keys", WATCH_STYLE_HEAD);
        add_help(canvas, ui, room);
    } else {
        g_autofree char *head = watch_row_head(canvas->width, canvas->utf8);
        add(canvas, head, WATCH_STYLE_HEAD);
        add_rows(canvas, ui, now, room);
    }
}

/* What came of the last key; else the reason for the class of what is selected. */
static void add_message(const struct canvas *canvas, struct watch_ui *ui)
{
    const struct watch_item *item = watch_model_selected(ui->model, NULL);
    g_autofree char *text = NULL;
    if (ui->message != NULL)
        text = watch_text_safe(ui->message, canvas->utf8);
    else if (ui->about.is_over)
        text = g_strdup("The daemon has ended; this is what it told.");
    else if (mode_shown(ui) == WATCH_LIST && item != NULL)
        text = watch_text_safe(item->fact->reason, canvas->utf8);
    add(canvas, text != NULL ? text : "", WATCH_STYLE_MESSAGE);
}

static const char *question_of(enum watch_action action, bool is_wide)
{
    switch (action) {
    case WATCH_ADD_TMPFS:
        return is_wide ? "Declare (Enter: yes, Esc: no) --tmpfs " : "--tmpfs ";
    case WATCH_ADD_VOLUME:
        return is_wide ? "Declare (Enter: yes, Esc: no) --volume " : "--volume ";
    case WATCH_SAVE:
        return "Write the advice to ";
    default:
        return "/";
    }
}

/* The question and as much of the text as has room, the cursor in sight. */
static void add_question(const struct canvas *canvas, const struct watch_ui *ui, int *ret_cursor)
{
    const char *question = question_of(ui->asked, canvas->width >= LEAST_FOR_WORDS);
    int room = MAX(canvas->width - (int)strlen(question) - 1, 1);
    g_autofree char *before = g_strndup(ui->edit.text->str, ui->edit.cursor);
    g_autofree char *all = watch_text_ascii(ui->edit.text->str, canvas->utf8);
    g_autofree char *left = watch_text_ascii(before, canvas->utf8);
    int at = watch_text_width(left);
    const char *shown = all;
    for (; at > room && *shown != '\0';
         at = watch_text_width(left) - (int)(watch_text_width(all) - watch_text_width(shown)))
        shown = g_utf8_next_char(shown);
    g_autofree char *text = g_strconcat(question, shown, NULL);
    add(canvas, text, WATCH_STYLE_PLAIN);
    *ret_cursor = MIN((int)strlen(question) + at, canvas->width - 1);
}

/* What keys do, the longest line that has room; the ways out and the help are in each. */
static const char *keys_of(enum watch_mode mode, int room)
{
    static const char *const list[] = {"Enter open  t tmpfs  v volume  / filter  w write  l learn  ? help  q quit",
                                       "Enter open  t tmpfs  v volume  / filter  ? help  q quit",
                                       "Enter open  t tmpfs  ? help  q quit", "? help  q quit", NULL};
    static const char *const open[] = {"t tmpfs  v volume  i ignore  w write  ? help  q back",
                                       "t tmpfs  v volume  ? help  q back", "? help  q back", NULL};
    static const char *const others[] = {"any other key: back", NULL};
    const char *const *keys = mode == WATCH_LIST ? list : mode == WATCH_OPEN ? open : others;
    while (keys[1] != NULL && (int)strlen(keys[0]) > room)
        keys++;
    return keys[0];
}

static void add_keys(const struct canvas *canvas, const struct watch_ui *ui)
{
    const char *filter = watch_model_filter_words(ui->model);
    g_autofree char *shown = watch_text_safe(filter, canvas->utf8);
    g_autofree char *before = *filter != '\0' ? g_strdup_printf("[filter: %s] ", shown) : g_strdup("");
    const char *keys = keys_of(mode_shown(ui), canvas->width - watch_text_width(before));
    g_autofree char *text = g_strconcat(before, keys, NULL);
    add(canvas, text, WATCH_STYLE_BAR);
}

GPtrArray *watch_paint(struct watch_ui *ui, const struct timespec *now, int width, int height, bool utf8,
                       int *ret_cursor)
{
    const struct canvas canvas = {g_ptr_array_new_with_free_func(free_line), MAX(width, 1), MAX(height, 1), utf8};
    int room = MAX(canvas.height - LINES_AROUND, 1);
    ui->page = room;
    *ret_cursor = -1;
    add_title(&canvas, ui);
    add_body(&canvas, ui, now, room);
    while ((int)canvas.lines->len < canvas.height - 2)
        add(&canvas, "", WATCH_STYLE_PLAIN);
    /* On a screen of a few lines the last ones are the ones that matter. */
    if ((int)canvas.lines->len > canvas.height - 2)
        g_ptr_array_set_size(canvas.lines, MAX(canvas.height - 2, 0));
    if (canvas.height > 1)
        add_message(&canvas, ui);
    if (ui->mode == WATCH_PROMPT)
        add_question(&canvas, ui, ret_cursor);
    else
        add_keys(&canvas, ui);
    return canvas.lines;
}
