#include "watch_screen.h"

#include "watch_paint.h"

#include <langinfo.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Its macros for nothing but what is used here; and characters of any width. */
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>
/* A macro of term.h that is a word of ours. */
#undef lines

/* How long to wait for the rest of a key after Esc; terminals send it at once. */
#define ESCAPE_MS 50

enum { PAIR_FATAL = 1, PAIR_TOLERATED, PAIR_QUIET };

struct watch_screen {
    SCREEN *screen;
    bool has_colors;
};

static void start_colors(struct watch_screen *screen)
{
    /* no-color.org: any value but an empty one. */
    const char *unwanted = g_getenv("NO_COLOR");
    if ((unwanted != NULL && *unwanted != '\0') || !has_colors() || start_color() != OK)
        return;
    short behind = use_default_colors() == OK ? -1 : COLOR_BLACK;
    init_pair(PAIR_FATAL, COLOR_RED, behind);
    init_pair(PAIR_TOLERATED, COLOR_YELLOW, behind);
    init_pair(PAIR_QUIET, COLOR_CYAN, behind);
    screen->has_colors = true;
}

static bool can_place_cursor(void)
{
    const char *term = g_getenv("TERM");
    int status;
    if (term == NULL || *term == '\0' || setupterm(term, STDOUT_FILENO, &status) != OK)
        return false;
    const char *place = tigetstr("cup");
    bool can = place != NULL && place != (char *)-1;
    del_curterm(cur_term);
    return can;
}

struct watch_screen *watch_screen_start(void)
{
    SCREEN *made = can_place_cursor() ? newterm(NULL, stdout, stdin) : NULL;
    if (made == NULL)
        return NULL;
    struct watch_screen *screen = g_new0(struct watch_screen, 1);
    screen->screen = made;
    set_term(made);
    set_escdelay(ESCAPE_MS);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    start_colors(screen);
    return screen;
}

void watch_screen_end(struct watch_screen *screen)
{
    if (screen == NULL)
        return;
    endwin();
    delscreen(screen->screen);
    g_free(screen);
}

bool watch_screen_is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

void watch_screen_size(const struct watch_screen *screen, int *ret_width, int *ret_height)
{
    (void)screen;
    getmaxyx(stdscr, *ret_height, *ret_width);
}

void watch_screen_resized(struct watch_screen *screen)
{
    (void)screen;
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
        resizeterm(size.ws_row, size.ws_col);
    clearok(stdscr, TRUE);
}

static attr_t look_of(const struct watch_screen *screen, const struct watch_line *line)
{
    attr_t look = line->is_selected ? A_REVERSE : A_NORMAL;
    switch (line->style) {
    case WATCH_STYLE_BAR:
        return look | A_REVERSE;
    case WATCH_STYLE_HEAD:
    case WATCH_STYLE_MESSAGE:
        return look | A_BOLD;
    case WATCH_STYLE_FATAL:
        return look | A_BOLD | (screen->has_colors ? (attr_t)COLOR_PAIR(PAIR_FATAL) : 0);
    case WATCH_STYLE_TOLERATED:
        return look | (screen->has_colors ? (attr_t)COLOR_PAIR(PAIR_TOLERATED) : 0);
    case WATCH_STYLE_QUIET:
        return look | (screen->has_colors ? (attr_t)COLOR_PAIR(PAIR_QUIET) : 0);
    default:
        return look;
    }
}

void watch_screen_show(struct watch_screen *screen, const GPtrArray *lines, int cursor)
{
    erase();
    for (guint i = 0; i < lines->len; i++) {
        const struct watch_line *line = g_ptr_array_index(lines, i);
        attrset((int)look_of(screen, line));
        mvaddstr((int)i, 0, line->text);
    }
    attrset(A_NORMAL);
    curs_set(cursor >= 0 ? 1 : 0);
    if (cursor >= 0 && lines->len > 0)
        move((int)lines->len - 1, cursor);
    refresh();
}

static int special_key(wint_t key)
{
    static const struct {
        wint_t curses;
        int key;
    } keys[] = {
        {KEY_UP, WATCH_KEY_UP},         {KEY_DOWN, WATCH_KEY_DOWN},
        {KEY_LEFT, WATCH_KEY_LEFT},     {KEY_RIGHT, WATCH_KEY_RIGHT},
        {KEY_PPAGE, WATCH_KEY_PAGE_UP}, {KEY_NPAGE, WATCH_KEY_PAGE_DOWN},
        {KEY_HOME, WATCH_KEY_HOME},     {KEY_END, WATCH_KEY_END},
        {KEY_ENTER, WATCH_KEY_ENTER},   {KEY_BACKSPACE, WATCH_KEY_BACKSPACE},
        {KEY_DC, WATCH_KEY_DELETE},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (key == keys[i].curses)
            return keys[i].key;
    }
    return WATCH_KEY_NONE;
}

int watch_screen_key(struct watch_screen *screen)
{
    (void)screen;
    for (;;) {
        wint_t key;
        int status = get_wch(&key);
        if (status == ERR)
            return WATCH_KEY_NONE;
        int special = status == KEY_CODE_YES ? special_key(key) : WATCH_KEY_NONE;
        if (special != WATCH_KEY_NONE)
            return special;
        if (status == KEY_CODE_YES)
            continue; /* one that has no meaning here */
        switch (key) {
        case '\r':
        case '\n':
            return WATCH_KEY_ENTER;
        case 27:
            return WATCH_KEY_ESCAPE;
        case WATCH_CONTROL('l'): /* somebody else has written there */
            clearok(stdscr, TRUE);
            continue;
        case 8:
        case 127:
            return WATCH_KEY_BACKSPACE;
        default:
            return (int)key;
        }
    }
}
