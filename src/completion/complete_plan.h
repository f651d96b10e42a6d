/*
 * complete_plan - what may stand where a person is about to complete a word.
 *
 * Pure; any thread.
 */
#ifndef ROFUSE_SRC_COMPLETE_PLAN_H
#define ROFUSE_SRC_COMPLETE_PLAN_H

#include "complete_help.h"

#include <stdbool.h>

/* Bits: several may be meant. */
enum complete_kind {
    COMPLETE_COMMANDS = 1,   /* of the help */
    COMPLETE_OPTIONS = 2,    /* of the help */
    COMPLETE_CHOICES = 4,    /* the words of plan.choices */
    COMPLETE_MOUNTS = 8,     /* mount points and names */
    COMPLETE_TARGETS = 16,   /* of a mount's routes */
    COMPLETE_INSIDE = 32,    /* paths inside a mount */
    COMPLETE_IMAGES = 64,    /* names of images */
    COMPLETE_SERVICES = 128, /* of the Compose file */
    COMPLETE_FILES = 256,
    COMPLETE_DIRECTORIES = 512,
    COMPLETE_PLACES = 1024, /* directories inside a mount */
};

struct complete_plan {
    unsigned kinds;
    char *before;  /* what of the word is not part of the value: "--log-format="; owned, never NULL */
    char *choices; /* "json|text"; owned; NULL = none */
    char *mount;   /* the word before it that may name the mount; owned; NULL = none */
};

/*
 * complete_plan - for the last of the words.
 *
 * @words: what follows the command in the line, NULL-terminated, at least one: the last is the one to complete, "" where
 * nothing was typed yet.
 * @command: "mount", or "image ls"; "" = there is none yet.
 */
void complete_plan(const struct help *help, const char *command, char *const *words, struct complete_plan *ret);
void complete_plan_clear(struct complete_plan *plan);

#endif
