/*
 * origin - which file of the lower directory a copy was made of, as overlayfs notes it in the copy: a file handle
 * (trusted.overlay.origin; struct ovl_fb in the kernel's fs/overlayfs/overlayfs.h).
 *
 * A handle is one file's for as long as its file system lives. So it is certain that a copy with the handle of a file is a
 * copy of that file, whatever its name is by now.
 */
#ifndef ROFUSE_FS_ORIGIN_H
#define ROFUSE_FS_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

#define ORIGIN_MOST 128

struct origin {
    int type; /* of the handle */
    size_t length;
    unsigned char bytes[ORIGIN_MOST];
};

/* Takes the note out of a copy, so that overlayfs does not find it, and puts it where origin_of_copy() does. @path: of the file in
 * the upper directory, as beneath_link_path() gives it. Any thread, as all here. */
void origin_put_aside(const char *path);

/* Whether there is a note that overlayfs finds. */
bool origin_is_noted(const char *path);

/* Of the copy DIR/NAME in the upper directory; false where it is none, or nothing is known. */
bool origin_of_copy(int dir_fd, const char *name, struct origin *ret);

/* Of a file of the lower directory; false where it is not there, or its file system has no handles. @path: relative. */
bool origin_of_lower(int lower_fd, const char *path, struct origin *ret);

/* As qsort(3) wants it; 0 = the same file. */
int origin_compare(const struct origin *a, const struct origin *b);

#endif
