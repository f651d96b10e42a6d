/*
 * advice - the smallest declaration with which a program works: from the facts of what it could not write.
 *
 * For each fact a tmpfs, a volume, a tmpfs with the image's content, an environment variable, a setting of the program, or
 * nothing with the reason. What the knowledge base knows of a program comes before these rules. What is declared already is
 * mended and not declared again.
 *
 * A place is the deepest directory that exists in the image and covers the attempts, or the first that it lacks. Then:
 * - "/", /etc, /usr and what else holds programs or settings of the whole (PLACE_SYSTEM) is never declared; the reason says
 *   what to do instead.
 * - What belongs to more than one program (/var, /var/lib, /home, /opt, /srv: PLACE_SHARED), a program's own settings or
 *   code (/etc/x, /app: PLACE_COSTLY) and a home (/root) are declared only where the program does not work without, never
 *   for what it goes on without (homes aside); the cost says what is opened. They keep the image's mode and owner if only
 *   root writes there: docker's default, 1777, would let in everybody.
 * - A database is kept in a volume wherever it lies (advice_data.h), but for what is for a while and what settings are made to;
 *   the cost says what else the volume keeps then.
 * - What the image has there is kept (tmpcopyup), unless it is of no use to anybody (place_is_dispensable()) or all of it
 *   lies in other places that are declared. Where nobody knows what the image has, it has something; but for /tmp and its like.
 * - A tmpfs gets a size where it is known how much was written there (fact_written.h says how much more it gets), and how
 *   much of the image's content it starts with: the same run has room in it.
 * - Places are joined (advice_merge.h) where that opens nothing that has other content, and no such place to another user.
 *
 * Pure: what the image has is asked through struct advice_image. One thread for a list.
 */
#ifndef ROFUSE_SRC_ADVICE_H
#define ROFUSE_SRC_ADVICE_H

#include "fact.h"
#include "fact_written.h"
#include "route.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What the image has at a path, routes left aside. */
struct advice_seen {
    char *path; /* without links; owned, g_free() */
    bool is_there, is_directory;
    mode_t mode; /* of what is there, as the next two */
    uid_t uid;
    gid_t gid;
};

struct advice_image {
    void *data;
    /* False where that is not known. */
    bool (*look)(void *data, const char *path, struct advice_seen *ret);
    /* Names of a directory, some of them at least where it has any; owned by the caller; NULL where they are not known. */
    char **(*names)(void *data, const char *directory);
    /* Bytes of the files below a directory; false where that is not known. */
    bool (*size)(void *data, const char *directory, uint64_t *ret);
};

struct advice_input {
    const GPtrArray *facts;          /* of struct fact *, in order of appearance */
    const struct route_spec *routes; /* what is declared */
    size_t n_routes;
    const struct advice_image *image;   /* NULL = nothing is known of it */
    const struct fact_written *written; /* how much was written where; NULL = not known */
    GHashTable *tried, *made; /* sets of the paths of all facts, and of the directories among them that were to be made;
                                 advice_make() makes its own */
};

enum advice_kind {
    ADVICE_TMPFS,
    ADVICE_VOLUME,
    ADVICE_BIND,    /* one that is declared and has to be changed */
    ADVICE_ENV,     /* an environment variable */
    ADVICE_SETTING, /* something to be changed in the program's command, or outside */
};

enum advice_need {
    ADVICE_REQUIRED, /* the program ended for want of it, or nobody knows that it did not */
    ADVICE_OPTIONAL, /* the program went on without: it would stop these messages */
    ADVICE_CHOICE,   /* it was declared otherwise on purpose */
    ADVICE_N_NEEDS
};

struct advice {
    enum advice_kind kind;
    enum advice_need need;
    struct route_spec spec; /* TMPFS, VOLUME, BIND: the whole of what to declare; owned */
    bool changes;           /* it takes the place of what is declared at the same target */
    bool outlives;          /* TMPFS: it holds what a person might miss; cost tells why it is no volume */
    bool fills;         /* VOLUME: a new one must start with what the image has there, which docker and podman see to */
    bool needs_owner;   /* TMPFS with a copy: what has the owner and mode of the image's directory refuses the writer */
    char *name, *value; /* ENV; owned */
    char *text;         /* SETTING; owned */
    char *why;          /* one sentence, or a part of one; owned; never NULL, not escaped */
    char *cost;         /* what it opens or needs; NULL = nothing worth a word; owned */
    GPtrArray *facts;   /* of const struct fact *, borrowed; those that it is for */
};

/* A fact for which nothing is declared. */
struct advice_left {
    const struct fact *fact; /* borrowed */
    char *reason;            /* owned; not escaped */
};

struct advice_list {
    GPtrArray *advices; /* of struct advice *, what is needed most first; owned */
    GPtrArray *left;    /* of struct advice_left *; owned */
    GPtrArray *notes;   /* of char *: what else is worth a look; owned */
};

/* All that @input names is borrowed; the facts must outlive what is returned. Owned by the caller, advice_list_free(). */
struct advice_list *advice_make(const struct advice_input *input);
void advice_list_free(struct advice_list *list); /* NULL is allowed */

/* How many advices there are of a need. */
guint advice_count(const struct advice_list *list, enum advice_need need);

/* "tmpfs", "volume", "bind", "env", "setting"; "required", "optional", "choice". Static. */
const char *advice_kind_name(enum advice_kind kind);
const char *advice_need_name(enum advice_need need);

#endif
