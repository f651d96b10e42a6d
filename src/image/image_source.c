#include "image_source.h"

#include "app_error.h"
#include "image_decompress.h"
#include "image_digest.h"
#include "image_json.h"
#include "tar_index.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct image_source {
    char *path;              /* of the directory or the archive; owned */
    int fd;                  /* the directory (O_PATH), or the plain tar file */
    struct tar_index *index; /* NULL for a directory */
};

/* A layout may have links of its own, but none that lead out of it. */
static int open_inside(int root_fd, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    int fd;
    do {
        fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
    } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
    return fd >= 0 ? fd : -errno;
}

static gboolean open_archive(struct image_source *source, const char *store, GError **error)
{
    source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (source->fd < 0 || fstat(source->fd, &st) != 0)
        return image_json_fail(error, source->path, "%s; give an archive that is there", g_strerror(errno));
    if (!S_ISREG(st.st_mode))
        return image_json_fail(error, source->path,
                               "is no regular file; an archive is one (oci:DIR reads a directory)");
    int plain = -1;
    if (!image_decompress(source->fd, (uint64_t)st.st_size, source->path, store, &plain, error))
        return FALSE;
    if (plain >= 0) {
        close(source->fd);
        source->fd = plain;
    }
    source->index = tar_index_read(source->fd, source->path, error);
    return source->index != NULL;
}

static gboolean open_directory(struct image_source *source, GError **error)
{
    source->fd = open(source->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (source->fd >= 0)
        return TRUE;
    int code = errno;
    return image_json_fail(error, source->path, "%s; %s", g_strerror(code),
                           code == ENOTDIR ? "read an archive with oci-archive:FILE or docker-archive:FILE"
                                           : "give the directory of an OCI layout");
}

struct image_source *image_source_open(const struct image_ref *ref, const char *store, GError **error)
{
    struct image_source *source = g_new0(struct image_source, 1);
    source->fd = -1;
    source->path = g_strdup(ref->path);
    if (ref->kind == IMAGE_OCI ? open_directory(source, error) : open_archive(source, store, error))
        return source;
    image_source_free(source);
    return NULL;
}

void image_source_free(struct image_source *source)
{
    if (source == NULL)
        return;
    if (source->fd >= 0)
        close(source->fd);
    tar_index_free(source->index);
    g_free(source->path);
    g_free(source);
}

char *image_source_name(const struct image_source *source, const char *path)
{
    return g_build_filename(source->path, path, NULL);
}

static gboolean find(const struct image_source *source, const char *path, struct image_region *ret, int *ret_code)
{
    if (source->index != NULL) {
        struct tar_member member;
        *ret_code = ENOENT;
        if (!tar_index_find(source->index, path, &member))
            return FALSE;
        int fd = fcntl(source->fd, F_DUPFD_CLOEXEC, 0);
        *ret = (struct image_region){.fd = fd, .offset = member.offset, .size = member.size};
        *ret_code = errno;
        return fd >= 0;
    }
    int fd = open_inside(source->fd, path);
    struct stat st;
    *ret_code = -fd;
    if (fd < 0)
        return FALSE;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        *ret_code = EINVAL;
        close(fd);
        return FALSE;
    }
    *ret = (struct image_region){.fd = fd, .size = (uint64_t)st.st_size};
    return TRUE;
}

bool image_source_has(const struct image_source *source, const char *path)
{
    struct image_region region;
    int code;
    if (!find(source, path, &region, &code))
        return false;
    close(region.fd);
    return true;
}

gboolean image_source_find(const struct image_source *source, const char *path, struct image_region *ret,
                           GError **error)
{
    int code;
    if (find(source, path, ret, &code))
        return TRUE;
    g_autofree char *name = image_source_name(source, path);
    return image_json_fail(error, name, "%s",
                           code == EXDEV    ? "is a link that leads out of the image"
                           : code == EINVAL ? "is no regular file"
                                            : g_strerror(code));
}

char *image_source_read(const struct image_source *source, const char *path, size_t *ret_size, GError **error)
{
    struct image_region region;
    if (!image_source_find(source, path, &region, error))
        return NULL;
    g_autofree char *name = image_source_name(source, path);
    g_autofree char *text = NULL;
    size_t done = 0;
    ssize_t n = 1;
    if (region.size <= IMAGE_JSON_MAX) {
        text = g_malloc0(region.size + 1);
        while (done < region.size && n > 0) {
            n = pread(region.fd, text + done, region.size - done, (off_t)(region.offset + done));
            done += n > 0 ? (size_t)n : 0;
        }
    }
    int code = n < 0 ? errno : 0;
    close(region.fd);
    if (text == NULL)
        image_json_fail(error, name, "is larger than %zu MiB; that is no image", IMAGE_JSON_MAX >> 20);
    else if (done < region.size)
        image_json_fail(error, name, "cannot be read: %s", code != 0 ? g_strerror(code) : "it became shorter");
    else
        *ret_size = done;
    return text != NULL && done == region.size ? g_steal_pointer(&text) : NULL;
}

char *image_source_read_blob(const struct image_source *source, const char *digest, int64_t size, size_t *ret_size,
                             GError **error)
{
    g_autofree char *path = image_digest_blob_path(digest);
    g_autofree char *text = image_source_read(source, path, ret_size, error);
    if (text == NULL)
        return NULL;
    g_autofree char *name = image_source_name(source, path);
    GChecksum *checksum = image_digest_checksum(digest);
    g_checksum_update(checksum, (const guchar *)text, (gssize)*ret_size);
    gboolean is_right = image_digest_matches(digest, checksum);
    g_checksum_free(checksum);
    if (size >= 0 && (uint64_t)size != *ret_size)
        is_right = image_json_fail(
            error, name, "has %zu bytes and should have %" G_GINT64_FORMAT "; the image is damaged, copy it again",
            *ret_size, size);
    else if (!is_right)
        image_json_fail(error, name, "has not the digest that it should have; the image is damaged, copy it again");
    return is_right ? g_steal_pointer(&text) : NULL;
}
