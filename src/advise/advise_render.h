/*
 * advise_render - advice in the words of those who start programs.
 *
 * Each text can be applied as it stands; what a target cannot say, what is left to choose and what was left out stands in it as
 * comments. Texts end with a newline and are owned by the caller. Pure.
 */
#ifndef ROFUSE_SRC_ADVISE_RENDER_H
#define ROFUSE_SRC_ADVISE_RENDER_H

#include "advice.h"

#include <jansson.h>

struct advise_output {
    const struct advice_list *list;
    bool with_optional;     /* declare also what the program goes on without */
    const char *service;    /* a name for it; never NULL */
    const char *image;      /* what is started, as rofuse knows it, or NULL */
    const char *image_name; /* the same as docker knows it, or NULL */
    const char *mount;      /* name of the mount, or NULL */
    uint64_t denied;        /* calls */
    uint64_t dropped;       /* calls that the log lacks */
};

/* For people: what to declare first, then why, then what was left out. */
char *advise_text(const struct advise_output *output);

/* Schema rofuse.advice/1. */
char *advise_json(const struct advise_output *output);

char *advise_compose(const struct advise_output *output);
char *advise_docker(const struct advise_output *output);
char *advise_podman(const struct advise_output *output);
char *advise_kubernetes(const struct advise_output *output);
char *advise_systemd(const struct advise_output *output);
char *advise_rofuse(const struct advise_output *output);

#endif
