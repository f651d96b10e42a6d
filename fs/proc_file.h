/*
 * proc_file - the files and links of /proc/TID.
 */
#ifndef ROFUSE_FS_PROC_FILE_H
#define ROFUSE_FS_PROC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROC_FILE_PATH_MAX 64

/* Fills @path with "/proc/TID/NAME" and returns it. */
const char *proc_file_path(char path[PROC_FILE_PATH_MAX], pid_t tid, const char *name);

/* Reads a file whole, at most @size - 1 bytes, NUL-terminated. Returns the length or -errno. Any thread. */
ssize_t proc_file_read(pid_t tid, const char *name, char *buffer, size_t size);

/* Whether /proc is there and tells of our own pid namespace; in another one a thread id means somebody else. */
bool proc_file_is_ours(void);

/* The target of a link; owned, g_free(). NULL where it cannot be read. Any thread. */
char *proc_file_link(pid_t tid, const char *name);

#endif
