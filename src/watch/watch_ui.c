#include "watch_ui.h"

#include "watch_remedy.h"

#include <stdarg.h>

#define ADVICE_FILE "rofuse-advice.txt"

void watch_ui_init(struct watch_ui *ui, const char *mount, const char *mountpoint)
{
    *ui = (struct watch_ui){.model = watch_model_new(), .page = 10};
    ui->about.mount = g_strdup(mount);
    ui->about.mountpoint = g_strdup(mountpoint);
}

void watch_ui_clear(struct watch_ui *ui)
{
    watch_model_free(ui->model);
    watch_edit_clear(&ui->edit);
    g_free(ui->about.mount);
    g_free(ui->about.mountpoint);
    g_free(ui->message);
    *ui = (struct watch_ui){0};
}

void watch_ui_say(struct watch_ui *ui, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_free(ui->message);
    ui->message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

static void ask(struct watch_ui *ui, enum watch_action what, const char *text)
{
    watch_edit_clear(&ui->edit);
    watch_edit_init(&ui->edit, text);
    ui->asked = what;
    ui->back = ui->mode;
    ui->mode = WATCH_PROMPT;
    if (what == WATCH_ADD_TMPFS || what == WATCH_ADD_VOLUME)
        watch_model_hold(ui->model);
}

static void ask_for_place(struct watch_ui *ui, enum watch_action what)
{
    const struct watch_item *item = watch_model_selected(ui->model, NULL);
    if (item == NULL)
        return;
    g_autofree char *why_not = watch_remedy_why_not(item->fact);
    if (why_not != NULL) {
        watch_ui_say(ui, "%s", why_not);
        return;
    }
    g_autofree char *value = what == WATCH_ADD_TMPFS ? watch_remedy_tmpfs(item->fact) : watch_remedy_volume(item->fact);
    const char *price = watch_remedy_price(item->fact);
    /* It is edited as text. */
    if (!g_utf8_validate(value, -1, NULL)) {
        watch_ui_say(ui, "the directory's name is not UTF-8; declare it with rofuse route add");
        return;
    }
    ask(ui, what, value);
    if (price != NULL)
        watch_ui_say(ui, "%s", price);
}

static void show(struct watch_ui *ui, enum watch_mode mode)
{
    if (mode == WATCH_HELP)
        ui->back = ui->mode;
    ui->mode = mode;
    ui->scroll = 0;
}

static void ignore(struct watch_ui *ui)
{
    if (watch_model_selected(ui->model, NULL) == NULL)
        return;
    watch_model_ignore(ui->model);
    ui->mode = WATCH_LIST;
    watch_ui_say(ui, "ignored in this view; I shows all again");
}

static void pause_or_go_on(struct watch_ui *ui)
{
    bool is_paused = !watch_model_is_paused(ui->model);
    watch_model_pause(ui->model, is_paused);
    watch_ui_say(ui, is_paused ? "paused; p goes on with all that comes meanwhile" : "going on");
}

/* Keys that mean the same for a list and for one that is open. */
static enum watch_action common_key(struct watch_ui *ui, int key)
{
    switch (key) {
    case 't':
        ask_for_place(ui, WATCH_ADD_TMPFS);
        break;
    case 'v':
        ask_for_place(ui, WATCH_ADD_VOLUME);
        break;
    case 'i':
        ignore(ui);
        break;
    case 'w':
        ask(ui, WATCH_SAVE, ADVICE_FILE);
        break;
    case 'p':
        pause_or_go_on(ui);
        break;
    case 'l':
        return WATCH_LEARN;
    case '?':
    case 'h':
        show(ui, WATCH_HELP);
        break;
    default:
        break;
    }
    return WATCH_NOTHING;
}

/* How far a key moves; 0 = it is no such key. */
static int steps_of(const struct watch_ui *ui, int key)
{
    switch (key) {
    case WATCH_KEY_UP:
    case 'k':
        return -1;
    case WATCH_KEY_DOWN:
    case 'j':
        return 1;
    case WATCH_KEY_PAGE_UP:
        return -MAX(ui->page, 1);
    case WATCH_KEY_PAGE_DOWN:
    case ' ':
        return MAX(ui->page, 1);
    case WATCH_KEY_HOME:
    case 'g':
        return -G_MAXINT / 2;
    case WATCH_KEY_END:
    case 'G':
        return G_MAXINT / 2;
    default:
        return 0;
    }
}

static enum watch_action list_key(struct watch_ui *ui, int key)
{
    int steps = steps_of(ui, key);
    if (steps != 0) {
        watch_model_move(ui->model, steps);
        return WATCH_NOTHING;
    }
    switch (key) {
    case 'q':
        return WATCH_QUIT;
    case WATCH_KEY_ENTER:
    case WATCH_KEY_RIGHT:
        if (watch_model_selected(ui->model, NULL) != NULL) {
            watch_model_hold(ui->model);
            show(ui, WATCH_OPEN);
        }
        return WATCH_NOTHING;
    case 'I':
        watch_model_unignore(ui->model);
        return WATCH_NOTHING;
    case '/':
        ask(ui, WATCH_FILTER, watch_model_filter_words(ui->model));
        return WATCH_NOTHING;
    case WATCH_KEY_ESCAPE:
        watch_model_filter(ui->model, "");
        return WATCH_NOTHING;
    default:
        return common_key(ui, key);
    }
}

/* The painter knows where the end is. */
static void scroll(struct watch_ui *ui, int steps)
{
    ui->scroll = (int)CLAMP((gint64)ui->scroll + steps, 0, 1 << 20);
}

static bool is_back(int key)
{
    return key == 'q' || key == WATCH_KEY_ESCAPE || key == WATCH_KEY_ENTER || key == WATCH_KEY_LEFT;
}

static enum watch_action open_key(struct watch_ui *ui, int key)
{
    int steps = steps_of(ui, key);
    if (steps != 0) {
        scroll(ui, steps);
        return WATCH_NOTHING;
    }
    if (is_back(key)) {
        ui->mode = WATCH_LIST;
        return WATCH_NOTHING;
    }
    return common_key(ui, key);
}

static enum watch_action help_key(struct watch_ui *ui, int key)
{
    int steps = steps_of(ui, key);
    if (steps != 0)
        scroll(ui, steps);
    else
        ui->mode = ui->back;
    return WATCH_NOTHING;
}

static enum watch_action prompt_key(struct watch_ui *ui, int key, char **ret_value)
{
    if (key == WATCH_KEY_ESCAPE) {
        ui->mode = ui->back;
        if (ui->asked == WATCH_FILTER)
            watch_model_filter(ui->model, "");
        return WATCH_NOTHING;
    }
    if (key != WATCH_KEY_ENTER) {
        watch_edit_key(&ui->edit, key);
        if (ui->asked == WATCH_FILTER)
            watch_model_filter(ui->model, ui->edit.text->str);
        return WATCH_NOTHING;
    }
    ui->mode = ui->back;
    if (ui->asked == WATCH_FILTER || ui->edit.text->len == 0)
        return WATCH_NOTHING;
    *ret_value = g_strdup(ui->edit.text->str);
    return ui->asked;
}

enum watch_action watch_ui_key(struct watch_ui *ui, int key, char **ret_value)
{
    *ret_value = NULL;
    g_clear_pointer(&ui->message, g_free);
    switch (ui->mode) {
    case WATCH_OPEN:
        return open_key(ui, key);
    case WATCH_HELP:
        return help_key(ui, key);
    case WATCH_PROMPT:
        return prompt_key(ui, key, ret_value);
    default:
        return list_key(ui, key);
    }
}
