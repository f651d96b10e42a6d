/*
 * image_decompress - an archive that is compressed as a whole (docker save | gzip), made plain once.
 */
#ifndef ROFUSE_SRC_IMAGE_DECOMPRESS_H
#define ROFUSE_SRC_IMAGE_DECOMPRESS_H

#include <glib.h>
#include <stdint.h>

/*
 * image_decompress - decompresses a file into an unnamed one in the store, by a process of its own.
 *
 * @what: the file's name for the error line. @store: the store's directory; is made where it is needed.
 * @ret_fd: the plain file, the caller's; untouched where the file is plain already. FALSE with one line.
 */
gboolean image_decompress(int fd, uint64_t size, const char *what, const char *store, int *ret_fd, GError **error);

#endif
