/*
 * text - byte strings as text that is safe to print.
 *
 * Names of files and arguments of programs are bytes: they can hold newlines, terminal escapes and anything that is not
 * UTF-8. Pure functions; results are owned by the caller (g_free()); any thread.
 */
#ifndef ROFUSE_SRC_TEXT_H
#define ROFUSE_SRC_TEXT_H

/*
 * One line whatever the bytes are: a backslash is doubled; bytes that are not UTF-8, control characters, line
 * separators and invisible formatting characters (which could turn a line's direction) become \xHH, each byte on its
 * own. Text without any of these is unchanged; the bytes can be had back.
 */
char *text_escape(const char *bytes);

/* text_escape() for a line in which names are escaped, or quoted for a shell, already: a backslash stays as it is. */
char *text_escape_line(const char *line);

/* text_escape(), put in double quotes (with \" inside) where a blank, a quote or nothing at all would blur where the
 * word ends. */
char *text_word(const char *bytes);

/* In the quotes of text_word(), but not escaped: for a sentence that is escaped as a whole where it is printed. */
char *text_quote(const char *bytes);

/*
 * A word of a shell's command line, in quotes where that is needed. It is one line and safe to print: bytes that text_escape()
 * would write as \xHH are \ooo in $'...', which bash, zsh, ksh and busybox take (POSIX.1-2024; dash does not).
 */
char *text_shell(const char *word);

/* For JSON, whose strings have escapes of their own: NULL when the bytes are UTF-8 already, else a copy in which a
 * backslash is doubled and every byte that is not UTF-8 is \xHH. */
char *text_repair(const char *bytes);

/*
 * An absolute path without "//", "/./", "/../" and trailing slash, by its text alone (as docker cleans a target; it is
 * resolved inside the image later). ".." at the root stays at the root. The path must begin with a slash.
 */
char *text_clean_path(const char *path);

#endif
