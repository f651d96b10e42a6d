/*
 * seed_file - one entry of the image made anew in a backing directory, with everything that belongs to it.
 *
 * The destination belongs to nobody else while this runs. Any thread.
 */
#ifndef ROFUSE_FS_SEED_FILE_H
#define ROFUSE_FS_SEED_FILE_H

#include "patience.h"
#include "union.h"

/*
 * seed_file - copies a file, symbolic link, device, fifo or socket.
 *
 * @source: its path in the union; @entry: what union_lookup() says of it.
 * @dir_fd, @name: where it goes; must not exist yet.
 * @patience: for a file's content; -ECANCELED where it is over. NULL = without end.
 *
 * A device that the process may not make is left out. Returns 0 or -errno.
 */
int seed_file(const struct union_stack *stack, const char *source, const struct union_entry *entry, int dir_fd,
              const char *name, const struct patience *patience);

/*
 * seed_attributes - gives an open file or directory (O_PATH is enough) the owner, mode, extended attributes, ACLs and
 * times of an entry.
 *
 * Where the process may not give files away the owner stays and the set-user-ID and set-group-ID bits are left out.
 * Attributes that the backing file system does not know are left out. Returns 0 or -errno.
 */
int seed_attributes(const struct union_stack *stack, const char *source, const struct union_entry *entry, int fd);

#endif
