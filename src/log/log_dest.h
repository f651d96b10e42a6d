/*
 * log_dest - where a log goes, as the person says it: "-", "file:PATH", "journald".
 */
#ifndef ROFUSE_SRC_LOG_DEST_H
#define ROFUSE_SRC_LOG_DEST_H

#include <glib.h>

enum log_dest_kind {
    LOG_STDERR,
    LOG_FILE,
    LOG_JOURNALD,
};

enum log_format {
    LOG_TEXT,
    LOG_JSON,  /* rofuse.log/1 */
    LOG_ECS,   /* Elastic Common Schema */
    LOG_OCSF,  /* Open Cybersecurity Schema Framework */
    LOG_FALCO, /* Falco's JSON */
    LOG_N_FORMATS
};

struct log_dest {
    enum log_dest_kind kind;
    char *path;             /* LOG_FILE: absolute; else NULL; owned */
    enum log_format format; /* LOG_JOURNALD: JSON, in a field of its own */
};

/*
 * log_dest_parse - reads one value of --log.
 *
 * @format: what --log-format said (checked), or NULL: text for stderr, JSON for a file.
 * @ret: what it owns is the caller's, log_dest_clear(). FALSE with one line (APP_ERROR_USAGE) that names the value.
 */
gboolean log_dest_parse(const char *value, const char *format, struct log_dest *ret, GError **error);
void log_dest_clear(struct log_dest *dest); /* safe on a zeroed struct */

/* The value again: "file:/var/log/x". Owned by the caller. */
char *log_dest_text(const struct log_dest *dest);

/* "text", "json", "ecs", "ocsf", "falco"; static. */
const char *log_format_name(enum log_format format);

/* The other way round. FALSE with one line (APP_ERROR_USAGE) that names @option and the value. */
gboolean log_format_parse(const char *option, const char *name, enum log_format *ret, GError **error);

#endif
