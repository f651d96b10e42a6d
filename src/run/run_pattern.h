/*
 * run_pattern - file names whose changing part is taken out, so that a thousand temporary files are one place.
 */
#ifndef ROFUSE_SRC_RUN_PATTERN_H
#define ROFUSE_SRC_RUN_PATTERN_H

/*
 * run_pattern_of - "sh-thd.1732406400" and "sh-thd.*", "passwdaB3xYz" and "passwd*": numbers of four digits and more, and six
 * characters of which mkstemp(3) could have made them, become "*"; other names remain as they are.
 *
 * Owned by the caller. Pure.
 */
char *run_pattern_of(const char *name);

#endif
