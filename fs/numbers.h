/*
 * numbers - inode numbers that are unique across file systems.
 *
 * Everything in the mount has one st_dev, while layers and backing directories may lie on several file systems whose
 * inode numbers collide. A space is one source of inode numbers: a file system, or a file system as one layer or one
 * route sees it. A number is the space in 14 bits and the file system's own number in the lower 48, so that the
 * same file has the same number at every look-up and readdir need not look files up; numbers that do not fit (some file
 * systems use the high bits themselves) get one from a table.
 */
#ifndef ROFUSE_FS_NUMBERS_H
#define ROFUSE_FS_NUMBERS_H

#include <stdint.h>
#include <sys/types.h>

struct numbers;

/* Who the numbers belong to; a layer's directories are apart from its files, as the same host directory may be in the
 * union at two places while a file that is in two places is one file. */
enum numbers_owner {
    NUMBERS_FILES = 0,          /* files of the layers: one space for each file system */
    NUMBERS_MADE = 1,           /* what exists in memory only */
    NUMBERS_ROUTE = 2,          /* + index of the route */
    NUMBERS_LAYER = 0x40000000, /* + number of the layer: its directories */
};

struct numbers *numbers_new(void);
void numbers_free(struct numbers *numbers); /* NULL is allowed */

/* The space of an owner's file system; the same for the same arguments. Any thread. */
uint32_t numbers_space(struct numbers *numbers, uint32_t owner, dev_t dev);

/* The number to show for an inode of a space; never 0. Any thread. */
uint64_t numbers_shown(struct numbers *numbers, uint32_t space, uint64_t ino);

/* Whose number that is: an owner as above; UINT32_MAX for none. Any thread. */
uint32_t numbers_owner(struct numbers *numbers, uint64_t shown);

#endif
