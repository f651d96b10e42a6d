#include "watch_edit.h"

/* Longer than every path and value that can be meant. */
#define MOST_BYTES 8192

void watch_edit_init(struct watch_edit *edit, const char *text)
{
    edit->text = g_string_new(text);
    edit->cursor = edit->text->len;
}

void watch_edit_clear(struct watch_edit *edit)
{
    if (edit->text != NULL)
        g_string_free(edit->text, TRUE);
    *edit = (struct watch_edit){0};
}

/* The beginning of the character before or after the cursor. */
static gsize before(const struct watch_edit *edit)
{
    const char *text = edit->text->str;
    return edit->cursor > 0 ? (gsize)(g_utf8_prev_char(text + edit->cursor) - text) : 0;
}

static gsize after(const struct watch_edit *edit)
{
    const char *text = edit->text->str;
    return edit->cursor < edit->text->len ? (gsize)(g_utf8_next_char(text + edit->cursor) - text) : edit->cursor;
}

static void erase(struct watch_edit *edit, gsize from, gsize to)
{
    g_string_erase(edit->text, (gssize)from, (gssize)(to - from));
    edit->cursor = from;
}

static bool insert(struct watch_edit *edit, int key)
{
    if (key < ' ' || key == 127 || !g_unichar_isprint((gunichar)key) || edit->text->len >= MOST_BYTES)
        return false;
    gsize length = edit->text->len;
    g_string_insert_unichar(edit->text, (gssize)edit->cursor, (gunichar)key);
    edit->cursor += edit->text->len - length;
    return true;
}

bool watch_edit_key(struct watch_edit *edit, int key)
{
    switch (key) {
    case WATCH_KEY_LEFT:
    case WATCH_CONTROL('b'):
        edit->cursor = before(edit);
        return true;
    case WATCH_KEY_RIGHT:
    case WATCH_CONTROL('f'):
        edit->cursor = after(edit);
        return true;
    case WATCH_KEY_HOME:
    case WATCH_CONTROL('a'):
        edit->cursor = 0;
        return true;
    case WATCH_KEY_END:
    case WATCH_CONTROL('e'):
        edit->cursor = edit->text->len;
        return true;
    case WATCH_KEY_BACKSPACE:
        erase(edit, before(edit), edit->cursor);
        return true;
    case WATCH_KEY_DELETE:
    case WATCH_CONTROL('d'):
        erase(edit, edit->cursor, after(edit));
        return true;
    case WATCH_CONTROL('u'):
        erase(edit, 0, edit->cursor);
        return true;
    case WATCH_CONTROL('k'):
        erase(edit, edit->cursor, edit->text->len);
        return true;
    default:
        return insert(edit, key);
    }
}
