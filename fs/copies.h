/*
 * copies - the files that an overlayfs over a FUSE mount has copied up, so that it need not look for where they come from.
 *
 * overlayfs notes in a copy which file it was made of, as a file handle, and opens that handle once it has forgotten the copy
 * (memory is short). Of a FUSE file that it finds so it says ESTALE at the next use, as the entry's age counts from before the
 * connection (fuse_dentry_revalidate). So the note is taken out of the copy (origin.h). That costs nothing but that the number may become
 * another one, which node_at() makes up for; but the names of a file with several would fall apart. Those files are held open
 * instead, as few images have many of them, and overlayfs forgets nothing of what is open.
 */
#ifndef ROFUSE_FS_COPIES_H
#define ROFUSE_FS_COPIES_H

struct copies;

/* @root_fd: of the overlayfs; @upper_fd: its upper directory; both borrowed. Owned by the caller, copies_free(). */
struct copies *copies_new(int root_fd, int upper_fd);
void copies_free(struct copies *copies); /* NULL is allowed */

/* After a change that may have copied the file at a path up, whether it succeeded or not. NULL is allowed. Any thread. */
void copies_note(struct copies *copies, const char *path);

/* After a file has lost a name: lets those go that have none left. NULL is allowed. Any thread. */
void copies_sweep(struct copies *copies);

/* Lets all go; nothing is noted any more, and the descriptors may be closed when those that note are done. NULL is allowed. Any
 * thread. */
void copies_end(struct copies *copies);

#endif
