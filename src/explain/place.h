/*
 * place - what is known of a directory by its path alone: file-hierarchy(7), and how images are made.
 *
 * Paths are absolute, clean and without links. Pure.
 */
#ifndef ROFUSE_SRC_PLACE_H
#define ROFUSE_SRC_PLACE_H

#include <glib.h>
#include <stdbool.h>

enum place_sort {
    PLACE_RUNTIME, /* what runtimes put there: /proc, /sys, /dev, /etc/hosts */
    PLACE_SYSTEM,  /* programs, libraries, settings of the whole: nobody wants it writable */
    PLACE_SHARED,  /* many programs have theirs below: /var, /var/lib, /home */
    PLACE_COSTLY,  /* one program's settings or code: /etc/nginx, /usr/share/x, /app, /usr/src/app */
    PLACE_PASSING, /* nobody would miss what is there: /tmp, /run, a cache */
    PLACE_LASTING, /* what outlives a program: /var/lib/x, /data */
    PLACE_OTHER,
};

enum place_sort place_sort_of(const char *directory);

/* What is said to whoever would declare what runtimes put there: one sentence, not escaped, owned by the caller; NULL for
 * all other sorts. */
char *place_runtime_words(const char *path);

/* /root, and the directories of /home by themselves: passing, but with the settings of a shell and keys in them. */
bool place_is_home(const char *directory);

/* Below /usr/src or /usr/local/src, where images put a program of their own as others do in /app: it is none of the system. */
bool place_is_source(const char *directory);

/* For those who look at what is declared: programs or libraries, settings, or below them; but not what passes there. */
bool place_is_program(const char *directory);
bool place_is_config(const char *directory);

/* A directory with much more than one program's data: "/", what is shared, a home, /var/log; not what is below them. */
bool place_is_wide(const char *directory);

/* What nobody would miss, whatever its name is: /tmp, /run, caches, or below them. */
bool place_is_temporary(const char *directory);

/* Whether what a program makes in it is declared with all of it, and not by itself: /tmp, a program's cache. */
bool place_is_whole(const char *directory);

/* Whether what is there is of no use to whoever finds a new tmpfs in its place: build left-overs in /tmp, /run/lock, logs of
 * the package manager, a home directory's skeleton. @name: of an entry of the directory. */
bool place_is_dispensable(const char *directory, const char *name);

/* Whether a path is a directory or below it; "/" holds all. */
bool place_is_below(const char *path, const char *directory);

/* The directory that a path is in; "/" of "/". Owned by the caller. */
char *place_parent(const char *path);

/* Whether it is a plain path that every target's words can say: UTF-8 without control characters, colons, commas and quotes. */
bool place_can_be_said(const char *path);

/* A volume's name for a directory that is not in a list of owned names yet, and is put there: letters, digits, "-" and
 * "_", two of them at least, as docker has it; borrowed from the list. */
const char *place_volume_name(const char *directory, GPtrArray *taken);

#endif
