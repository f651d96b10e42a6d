/*
 * advise_words - parts of what the renderers of advice write.
 *
 * All results are owned by the caller and are one line. Pure.
 */
#ifndef ROFUSE_SRC_ADVISE_WORDS_H
#define ROFUSE_SRC_ADVISE_WORDS_H

#include "advice.h"

/* How a tmpfs' options are said. */
enum advise_dialect {
    ADVISE_DOCKER, /* --tmpfs of docker, tmpfs: of Compose: no copy of the image's content */
    ADVISE_ROFUSE, /* the same and tmpcopyup */
    ADVISE_PODMAN, /* size and mode alone; it copies anyway */
};

/* "size=64m,mode=0755,uid=70,gid=70"; "" where the defaults do. */
char *advise_tmpfs_options(const struct route_spec *spec, enum advise_dialect dialect);
/* "/run", "/run:mode=0755". */
char *advise_tmpfs_value(const struct route_spec *spec, enum advise_dialect dialect);
/* "data:/data", "/data" (anonymous), "/host:/data:ro". */
char *advise_volume_value(const struct route_spec *spec);

/* Whether docker has no tmpfs for it, but fills a volume: a tmpfs with the image's content. */
bool advise_needs_copy(const struct advice *advice);

/* "64m", "1g", or bytes. */
char *advise_size(uint64_t bytes);

/* A scalar of YAML that is a string, in double quotes where it would be something else. Bytes that are no UTF-8 become
 * escapes of text_repair(). */
char *advise_yaml(const char *text);
/* The same, always in double quotes. */
char *advise_yaml_quoted(const char *text);

/* Who wanted it: "nginx, 3 calls, fatal"; "sh and 2 more, 5 calls, tolerated". Not escaped. */
char *advise_who(const GPtrArray *facts);

/* "nginx: /etc/nginx/conf.d/default.conf, 1 call, probe". Not escaped. */
char *advise_fact(const struct fact *fact);

#endif
