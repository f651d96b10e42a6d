/*
 * watch_key - keys as numbers: a character is its code point, all else is negative.
 */
#ifndef ROFUSE_SRC_WATCH_KEY_H
#define ROFUSE_SRC_WATCH_KEY_H

enum watch_key {
    WATCH_KEY_NONE = -1,
    WATCH_KEY_UP = -2,
    WATCH_KEY_DOWN = -3,
    WATCH_KEY_LEFT = -4,
    WATCH_KEY_RIGHT = -5,
    WATCH_KEY_PAGE_UP = -6,
    WATCH_KEY_PAGE_DOWN = -7,
    WATCH_KEY_HOME = -8,
    WATCH_KEY_END = -9,
    WATCH_KEY_ENTER = -10,
    WATCH_KEY_ESCAPE = -11,
    WATCH_KEY_BACKSPACE = -12,
    WATCH_KEY_DELETE = -13,
};

/* What a letter is together with the control key. */
#define WATCH_CONTROL(letter) ((letter)&0x1f)

#endif
