/*
 * run_terminal - a person's terminal on one side, the program's on the other, and what goes between.
 */
#ifndef ROFUSE_SRC_RUN_TERMINAL_H
#define ROFUSE_SRC_RUN_TERMINAL_H

#include <glib.h>
#include <poll.h>
#include <stdbool.h>

struct run_terminal;

/*
 * run_terminal_new - takes stdin, a terminal, over: raw, since the program's terminal now does what it did.
 *
 * @master: of the program's terminal; taken. Its size is made that of stdin's.
 * NULL with one line. One thread; run_terminal_free() gives the terminal back as it was.
 */
struct run_terminal *run_terminal_new(int master, GError **error);
void run_terminal_free(struct run_terminal *terminal); /* NULL is allowed */

/* The size of the person's window has changed. */
void run_terminal_resize(struct run_terminal *terminal);

#define RUN_TERMINAL_N_POLLS 3

/* What to wait for, and what to do when it has come. */
void run_terminal_prepare(const struct run_terminal *terminal, struct pollfd polls[static RUN_TERMINAL_N_POLLS]);
void run_terminal_copy(struct run_terminal *terminal, const struct pollfd polls[static RUN_TERMINAL_N_POLLS]);

/*
 * run_terminal_drain - shows what the program had written when it ended.
 *
 * False where the person's terminal takes nothing just now and something can be read from @interrupt_fd: it can be called again,
 * or the rest be given up.
 */
bool run_terminal_drain(struct run_terminal *terminal, int interrupt_fd);

#endif
