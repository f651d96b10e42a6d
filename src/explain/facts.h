/*
 * facts - a table of facts, made from the events of a log: live in a daemon, or line by line from a log that is there, or
 * from facts that were kept.
 *
 * What a program chose (names, their number, arguments) is bounded: FACTS_MOST facts and FACTS_MOST_MEMORY bytes; what is
 * beyond is counted ("left_out"). A name's changing part is taken out (pattern.h); more than FACTS_MOST_NAMES places of one
 * directory and one program become DIR/ *, more than FACTS_MOST_DIRECTORIES directories of one directory become DIR/ **.
 *
 * All functions take the table's lock for a short while; any thread.
 */
#ifndef ROFUSE_SRC_FACTS_H
#define ROFUSE_SRC_FACTS_H

#include "denial.h"
#include "fact.h"
#include "fact_json.h"

#include <glib.h>

#define FACTS_MOST 4096
#define FACTS_MOST_MEMORY ((size_t)16 << 20)
#define FACTS_MOST_NAMES 5
#define FACTS_MOST_DIRECTORIES 8
#define FACTS_ID_SIZE 24

struct knowledge;
struct facts;

struct facts_options {
    const char *mount;                 /* the mount's name; NULL = that of the first line that is read */
    const char *image;                 /* name of its image; NULL = unknown */
    const struct knowledge *knowledge; /* borrowed, outlives the table; NULL = without */
    bool is_watched;                   /* somebody sees how processes go on, and says so by facts_decide() */
};

/* Strings of @options are copied. Owned by the caller, facts_free(). */
struct facts *facts_new(const struct facts_options *options);
void facts_free(struct facts *facts); /* NULL is allowed */

/* What a record was folded to, for whoever watches how its process goes on. */
struct facts_place {
    char id[FACTS_ID_SIZE]; /* of the fact; "" = none, as there are too many */
    bool is_noise;          /* nothing can be learned from how the process goes on */
};

/* Takes an event: a record makes or raises a fact, the end of a window adds its count, a loss is counted. */
void facts_add(struct facts *facts, const struct denial_event *event, struct facts_place *ret); /* @ret: may be NULL */

/* Finds the fact that one like @like, of fact_make(), is part of by now; its place may be changed to that. False: none. */
bool facts_find(struct facts *facts, struct fact *like, char ret_id[FACTS_ID_SIZE]);

/* Says what was seen of a fact's process; what is stronger counts (fact.h). @reason: taken. */
void facts_decide(struct facts *facts, const char *id, enum fact_class class, enum fact_because because, char *reason);

/* Takes a line of a log in rofuse.log/1. FALSE with one line where it is none; the table is as before then. A notice is
 * well and passed over. */
gboolean facts_add_line(struct facts *facts, const char *line, size_t size, GError **error);

/* Takes facts that somebody has made already, of struct fact *, and adds what stands around them; both are copied. The
 * table has taken nothing before. */
void facts_add_known(struct facts *facts, const struct facts_head *head, const GPtrArray *list);

/*
 * facts_read - takes a whole log from a file ("-": stdin), or a document rofuse.facts/1, into a table that is empty.
 *
 * Lines that are no records are passed over and counted in *ret_n_bad; may be NULL. FALSE with one line where the file
 * cannot be read, or holds nothing but such lines, or where a document is wrong.
 */
gboolean facts_read(struct facts *facts, const char *path, uint64_t *ret_n_bad, GError **error);

/* A copy of all facts, in order of appearance: of struct fact *, owned by the caller. */
GPtrArray *facts_list(struct facts *facts);

/* The head of the document; facts_head_clear(). */
void facts_head(struct facts *facts, struct facts_head *ret);

/* The whole as a document rofuse.facts/1; a new reference. */
json_t *facts_json(struct facts *facts);

#endif
