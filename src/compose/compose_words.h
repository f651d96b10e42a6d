/*
 * compose_words - a command that is written as one text, split into words as a POSIX shell would: quotes and
 * backslashes have their meaning there, nothing else has any.
 */
#ifndef ROFUSE_SRC_COMPOSE_WORDS_H
#define ROFUSE_SRC_COMPOSE_WORDS_H

/* Owned by the caller, g_strfreev(). NULL with what is wrong and the mend, which is static text. */
char **compose_words_split(const char *text, const char **ret_message);

#endif
