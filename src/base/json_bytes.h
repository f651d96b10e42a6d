/*
 * json_bytes - byte strings in JSON, whose strings must be UTF-8.
 *
 * KEY holds the text. Where the bytes are not UTF-8 the text is text_repair()'s and KEY_bytes holds the exact bytes in
 * base64 (RFC 4648); where they are, there is no KEY_bytes. Any thread.
 */
#ifndef ROFUSE_SRC_JSON_BYTES_H
#define ROFUSE_SRC_JSON_BYTES_H

#include <jansson.h>
#include <stddef.h>

/* Sets KEY (and KEY_bytes); @bytes NULL sets null. */
void json_bytes_set(json_t *object, const char *key, const char *bytes);

/* The same for a list: KEY is an array of texts; KEY_bytes, of the same length, is there when one of them is not UTF-8
 * and has null for those that are. @list NULL sets null. */
void json_bytes_set_list(json_t *object, const char *key, const char *const *list, size_t n);

/* The bytes of KEY; owned by the caller, g_free(); NULL where it is missing, null or no text. */
char *json_bytes_get(const json_t *object, const char *key);

/* A NULL-terminated list, owned by the caller, g_strfreev(); empty where KEY is missing. */
char **json_bytes_get_list(const json_t *object, const char *key);

#endif
