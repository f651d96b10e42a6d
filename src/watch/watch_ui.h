/*
 * watch_ui - what rofuse watch is doing, and what a key means for it. Pure data; one thread.
 *
 * What a key asks for that is not the view's own affair comes back as an action, and is done by whoever runs the view.
 */
#ifndef ROFUSE_SRC_WATCH_UI_H
#define ROFUSE_SRC_WATCH_UI_H

#include "watch_edit.h"
#include "watch_model.h"

enum watch_mode {
    WATCH_LIST,
    WATCH_OPEN, /* one fact with all that is known of it */
    WATCH_HELP,
    WATCH_PROMPT, /* a question in the last line */
};

enum watch_action {
    WATCH_NOTHING,
    WATCH_QUIT,
    WATCH_ADD_TMPFS,  /* with the value */
    WATCH_ADD_VOLUME, /* with the value */
    WATCH_SAVE,       /* the advice to a file, with its path */
    WATCH_LEARN,      /* learn mode on or off */
    WATCH_FILTER,     /* never returned: the question's own */
};

/* What others know and the view tells. */
struct watch_about {
    char *mount, *mountpoint; /* owned */
    uint64_t dropped;         /* calls that the log lacks */
    bool is_learning;
    bool is_over; /* the daemon has ended */
};

struct watch_ui {
    struct watch_model *model; /* owned */
    struct watch_about about;
    enum watch_mode mode, back; /* @back: where a question or the help leads back to */
    enum watch_action asked;    /* PROMPT: what for */
    struct watch_edit edit;     /* PROMPT */
    int scroll;                 /* OPEN, HELP: the first line that is shown */
    char *message;              /* what came of the last key, or NULL; owned */
    int page;                   /* rows or lines that the painted screen had room for */
};

void watch_ui_init(struct watch_ui *ui, const char *mount, const char *mountpoint);
void watch_ui_clear(struct watch_ui *ui);

/* What a key means. *@ret_value: the text of ADD_TMPFS, ADD_VOLUME and SAVE, owned by the caller. */
enum watch_action watch_ui_key(struct watch_ui *ui, int key, char **ret_value);

/* Says something in the line for messages, until the next key. */
void watch_ui_say(struct watch_ui *ui, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
