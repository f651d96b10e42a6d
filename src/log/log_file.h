/*
 * log_file - the file that a log is appended to.
 */
#ifndef ROFUSE_SRC_LOG_FILE_H
#define ROFUSE_SRC_LOG_FILE_H

/* Opens a log's file for appending, mode 0640; a fifo without a reader is opened all the same. Blocking writes, so that
 * only the sink's thread waits. A descriptor owned by the caller, or -errno. */
int log_file_open(const char *path);

#endif
