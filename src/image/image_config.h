/*
 * image_config - what an image says about the process that it was made for (OCI image-spec, config.md: "config").
 */
#ifndef ROFUSE_SRC_IMAGE_CONFIG_H
#define ROFUSE_SRC_IMAGE_CONFIG_H

/* All strings and lists are owned; a list is NULL-terminated and never NULL; a string that was not said is NULL. */
struct image_config {
    char *user;        /* "user|uid[:group|gid]", names of the image's own passwd(5) */
    char **env;        /* "KEY=VALUE" */
    char **entrypoint; /* empty = none */
    char **cmd;        /* empty = none */
    char *working_dir;
    char *stop_signal; /* "SIGTERM", "15" */
    char **volumes;    /* paths inside the image, each an anonymous volume unless something is declared there */
    char *os, *architecture, *variant;
};

/* Makes an empty one of a struct that owns nothing yet: no list is NULL. */
void image_config_init(struct image_config *config);

/* Frees what it owns; safe on a zeroed struct. */
void image_config_clear(struct image_config *config);

#endif
