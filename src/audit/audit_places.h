/*
 * audit_places - what a place inside an image is for, by its path alone (file-hierarchy(7), hier(7)). Pure.
 */
#ifndef ROFUSE_SRC_AUDIT_PLACES_H
#define ROFUSE_SRC_AUDIT_PLACES_H

#include <stdbool.h>

/* Whether a path is a directory or below it; "/" holds all. */
bool audit_is_below(const char *path, const char *directory);

/* Programs and libraries: /usr, /bin, /lib and the like, or below them. */
bool audit_is_program(const char *path);

/* Configuration: /etc or below it. */
bool audit_is_config(const char *path);

/* A directory that holds much more than one program's data: /, /var, /home, /opt and their like, not what is below them. */
bool audit_is_wide(const char *path);

/* What nobody would miss: /tmp, /run, caches. */
bool audit_is_temporary(const char *path);

/* A path of the host that its own programs depend on: /, /etc, /var/run/docker.sock and the like. */
bool audit_is_host_business(const char *path);

#endif
