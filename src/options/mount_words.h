/*
 * mount_words - what the three forms of a route have in common: the value under examination, its words, its source and
 * target. Private to mount_options.c, mount_csv.c and those who read a Compose file's long form.
 */
#ifndef ROFUSE_SRC_MOUNT_WORDS_H
#define ROFUSE_SRC_MOUNT_WORDS_H

#include "route.h"

#include <glib.h>

/* Of words in one group only one can be true; a second one that says otherwise is a contradiction. */
enum word_group {
    WORD_ACCESS,
    WORD_EXEC,
    WORD_SUID,
    WORD_DEV,
    WORD_COPY,
    WORD_NATIVE,
    WORD_SIZE,
    WORD_INODES,
    WORD_MODE,
    WORD_UID,
    WORD_GID,
    WORD_POLICY,
    WORD_IGNORED, /* accepted, changes nothing, contradicts nothing */
    WORD_N_GROUPS
};

/* One value of one option while it is read. */
struct mount_value {
    const char *option;              /* as written; borrowed */
    const char *value;               /* as written; borrowed */
    const char *directory;           /* for relative sources; borrowed */
    const char *home;                /* for "~"; borrowed, may be NULL */
    struct route_spec spec;          /* what has been understood so far; owned */
    const char *seen[WORD_N_GROUPS]; /* the word that settled a group; borrowed from the text that is read */
};

/* "OPTION VALUE: MESSAGE" as APP_ERROR_USAGE; always FALSE. */
gboolean mount_value_fail(const struct mount_value *value, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* What docker gives a tmpfs before its own options are read: noexec, nosuid, nodev (mode 1777 is the backing's). */
void mount_value_tmpfs_defaults(struct mount_value *value);

/* One word of --tmpfs: a flag ("ro") or KEY=VALUE ("size=64m"). @word must live as long as @value is read. */
gboolean mount_value_tmpfs_word(struct mount_value *value, char *word, GError **error);

/* One word behind the last colon of --volume. */
gboolean mount_value_volume_word(struct mount_value *value, const char *word, GError **error);

/* Whether a text is a comma-separated list of such words only ("/data:ro" has no source, then). */
gboolean mount_value_are_volume_words(const char *text);

/* Sets the target: absolute, not the root; cleaned. */
gboolean mount_value_target(struct mount_value *value, const char *target, GError **error);

/* Sets the source: a volume's name, or a bind's host path made absolute (kind must be set). */
gboolean mount_value_source(struct mount_value *value, const char *source, GError **error);

/* A path of the host by its first character: ".", "/" or "~", as docker tells paths from names of volumes. */
gboolean mount_value_is_host_path(const char *source);

/* The key=value options of a tmpfs, for both forms. @key names the option in the error line. */
gboolean mount_value_size(struct mount_value *value, const char *key, const char *text, GError **error);
gboolean mount_value_mode(struct mount_value *value, const char *key, const char *text, GError **error);

/* Sets the subpath of a volume: relative, and it cannot leave the volume (docker's rule). */
gboolean mount_value_subpath(struct mount_value *value, const char *key, const char *text, GError **error);

#endif
