#include "tar_index.h"

#include "app_error.h"
#include "image_json.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 512
#define MEMBERS_MAX 100000
/* Of a pax header or a GNU long name. */
#define SPECIAL_MAX ((uint64_t)1 << 20)
#define LINKS_MAX 8
/* Nobody asks for a longer one; it is left out. */
#define NAME_BYTES_MAX 4096

struct member {
    char *path; /* clean, with a leading slash; owned */
    char *link; /* clean path of what it is a link to; owned; NULL = a regular file */
    struct tar_member place;
    guint number; /* in the archive */
};

struct tar_index {
    GPtrArray *members; /* of struct member, owned; sorted by path, then by number */
};

/* What is under way while headers are read. */
struct reader {
    int fd;
    const char *what;
    uint64_t size, offset;
    char *next_path, *next_link; /* said by a special header for the next member; owned */
    uint64_t next_size;
    bool has_next_size;
};

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6], version[2];
    char user[32], group[32], major[8], minor[8], prefix[155], padding[12];
};
G_STATIC_ASSERT(sizeof(struct header) == BLOCK);

static void free_member(gpointer data)
{
    struct member *member = data;
    g_free(member->path);
    g_free(member->link);
    g_free(member);
}

static gboolean read_at(const struct reader *reader, uint64_t offset, void *buffer, size_t size, GError **error)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pread(reader->fd, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (n == 0)
            return image_json_fail(error, reader->what, "the archive ends early; it is truncated");
        if (n < 0 && errno != EINTR)
            return image_json_fail(error, reader->what, "cannot be read: %s", g_strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    return TRUE;
}

/* An octal number, or GNU's base 256 for large ones. */
static bool read_number(const char *field, size_t length, uint64_t *ret)
{
    uint64_t value = 0;
    const unsigned char *bytes = (const unsigned char *)field;
    if (bytes[0] & 0x80) {
        for (size_t i = 0; i < length; i++) {
            unsigned digit = i == 0 ? bytes[0] & 0x7F : bytes[i];
            if (value > (uint64_t)INT64_MAX >> 8)
                return false;
            value = value << 8 | digit;
        }
        *ret = value;
        return true;
    }
    size_t i = 0;
    while (i < length && field[i] == ' ')
        i++;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (uint64_t)(field[i] - '0');
    *ret = value;
    return i == length || field[i] == ' ' || field[i] == '\0';
}

static bool checksum_is_right(const struct header *header)
{
    uint64_t said, sum = 0;
    const unsigned char *bytes = (const unsigned char *)header;
    size_t from = offsetof(struct header, checksum), to = from + sizeof header->checksum;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= from && i < to ? ' ' : bytes[i];
    return read_number(header->checksum, sizeof header->checksum, &said) && said == sum;
}

static char *header_path(const struct header *header)
{
    g_autofree char *name = g_strndup(header->name, sizeof header->name);
    if (memcmp(header->magic, "ustar", 5) != 0 || header->prefix[0] == '\0' || memcmp(header->magic, "ustar ", 6) == 0)
        return g_steal_pointer(&name);
    g_autofree char *prefix = g_strndup(header->prefix, sizeof header->prefix);
    return g_strconcat(prefix, "/", name, NULL);
}

/* "LENGTH KEY=VALUE\n", the length being that of all of it. */
static gboolean take_record(struct reader *reader, const char *record, size_t length, GError **error)
{
    const char *equals = memchr(record, '=', length);
    if (equals == NULL)
        return image_json_fail(error, reader->what, "a pax header is malformed");
    size_t key_length = (size_t)(equals - record);
    g_autofree char *key = g_strndup(record, key_length);
    g_autofree char *value = g_strndup(equals + 1, length - key_length - 1);
    if (strcmp(key, "path") == 0) {
        g_free(reader->next_path);
        reader->next_path = g_steal_pointer(&value);
    } else if (strcmp(key, "linkpath") == 0) {
        g_free(reader->next_link);
        reader->next_link = g_steal_pointer(&value);
    } else if (strcmp(key, "size") == 0) {
        if (!g_ascii_string_to_unsigned(value, 10, 0, INT64_MAX, &reader->next_size, NULL))
            return image_json_fail(error, reader->what, "a pax header has a size that is none");
        reader->has_next_size = true;
    }
    return TRUE;
}

static gboolean take_pax(struct reader *reader, const char *text, size_t size, GError **error)
{
    while (size > 0) {
        char *rest;
        const char *blank = memchr(text, ' ', MIN(size, 20));
        guint64 length = blank != NULL ? g_ascii_strtoull(text, &rest, 10) : 0;
        if (blank == NULL || rest != blank || length > size || length < (size_t)(blank - text) + 2 ||
            text[length - 1] != '\n')
            return image_json_fail(error, reader->what, "a pax header is malformed");
        if (!take_record(reader, blank + 1, (size_t)(text + length - 1 - (blank + 1)), error))
            return FALSE;
        text += length;
        size -= length;
    }
    return TRUE;
}

/* A header that is about the next one: 'L' and 'K' are GNU's long names, 'x' is pax, 'g' is of no interest. */
static gboolean take_special(struct reader *reader, char type, uint64_t size, GError **error)
{
    if (size > SPECIAL_MAX)
        return image_json_fail(error, reader->what, "a special header of the archive has %" G_GUINT64_FORMAT " bytes",
                               size);
    g_autofree char *text = g_malloc0(size + 1);
    if (!read_at(reader, reader->offset, text, size, error))
        return FALSE;
    if (type == 'x')
        return take_pax(reader, text, size, error);
    if (type == 'L') {
        g_free(reader->next_path);
        reader->next_path = g_steal_pointer(&text);
    } else if (type == 'K') {
        g_free(reader->next_link);
        reader->next_link = g_steal_pointer(&text);
    }
    return TRUE;
}

/* A symbolic link is relative to where it lies, a hard link to the top. */
static char *link_target(const char *path, const char *link, bool is_symbolic)
{
    if (!is_symbolic || *link == '/')
        return text_clean_path(link);
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *joined = g_build_filename(directory, link, NULL);
    return text_clean_path(joined);
}

static void take_member(struct reader *reader, const struct header *header, uint64_t size, GPtrArray *members)
{
    bool is_file = header->type == '0' || header->type == '\0' || header->type == '7';
    bool is_link = header->type == '1' || header->type == '2';
    if (!is_file && !is_link)
        return;
    g_autofree char *path = reader->next_path != NULL ? g_strdup(reader->next_path) : header_path(header);
    if (strlen(path) > NAME_BYTES_MAX || (reader->next_link != NULL && strlen(reader->next_link) > NAME_BYTES_MAX))
        return;
    struct member *member = g_new0(struct member, 1);
    member->path = text_clean_path(path);
    member->place = (struct tar_member){.offset = reader->offset, .size = size};
    member->number = members->len;
    if (is_link) {
        g_autofree char *link =
            reader->next_link != NULL ? g_strdup(reader->next_link) : g_strndup(header->link, sizeof header->link);
        member->link = link_target(member->path, link, header->type == '2');
    }
    g_ptr_array_add(members, member);
}

static void forget_special(struct reader *reader)
{
    g_clear_pointer(&reader->next_path, g_free);
    g_clear_pointer(&reader->next_link, g_free);
    reader->has_next_size = false;
}

static gboolean take_header(struct reader *reader, const struct header *header, GPtrArray *members, GError **error)
{
    uint64_t size;
    if (!checksum_is_right(header) || !read_number(header->size, sizeof header->size, &size))
        return image_json_fail(error, reader->what, "is no tar archive, or a damaged one");
    bool is_special = strchr("LKxg", header->type) != NULL && header->type != '\0';
    if (!is_special && reader->has_next_size)
        size = reader->next_size;
    bool has_content = header->type != '1' && header->type != '2' && header->type != '5';
    size = has_content ? size : 0;
    if (size > reader->size - reader->offset)
        return image_json_fail(error, reader->what, "the archive ends early; it is truncated");
    if (is_special) {
        if (!take_special(reader, header->type, size, error))
            return FALSE;
    } else {
        if (members->len >= MEMBERS_MAX)
            return image_json_fail(error, reader->what, "the archive has more than %d files", MEMBERS_MAX);
        take_member(reader, header, size, members);
        forget_special(reader);
    }
    reader->offset += (size + BLOCK - 1) / BLOCK * BLOCK;
    return TRUE;
}

static gboolean read_all(struct reader *reader, GPtrArray *members, GError **error)
{
    static const char zeros[BLOCK];
    while (reader->offset < reader->size) {
        struct header header;
        if (!read_at(reader, reader->offset, &header, sizeof header, error))
            return FALSE;
        if (memcmp(&header, zeros, sizeof header) == 0)
            return TRUE;
        reader->offset += BLOCK;
        if (!take_header(reader, &header, members, error))
            return FALSE;
    }
    return TRUE;
}

static gint compare(gconstpointer a, gconstpointer b)
{
    const struct member *const *left = a, *const *right = b;
    int order = strcmp((*left)->path, (*right)->path);
    return order != 0 ? order : (*left)->number < (*right)->number ? -1 : (*left)->number > (*right)->number;
}

struct tar_index *tar_index_read(int fd, const char *what, GError **error)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        image_json_fail(error, what, "is no regular file");
        return NULL;
    }
    struct reader reader = {.fd = fd, .what = what, .size = (uint64_t)st.st_size};
    struct tar_index *index = g_new0(struct tar_index, 1);
    index->members = g_ptr_array_new_with_free_func(free_member);
    gboolean done = read_all(&reader, index->members, error);
    forget_special(&reader);
    if (done) {
        g_ptr_array_sort(index->members, compare);
        return index;
    }
    tar_index_free(index);
    return NULL;
}

void tar_index_free(struct tar_index *index)
{
    if (index == NULL)
        return;
    g_ptr_array_free(index->members, TRUE);
    g_free(index);
}

/* The last member of that name, by a search in the sorted list. */
static const struct member *find(const struct tar_index *index, const char *path)
{
    guint low = 0, high = index->members->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        const struct member *member = g_ptr_array_index(index->members, middle);
        if (strcmp(member->path, path) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    const struct member *member = low > 0 ? g_ptr_array_index(index->members, low - 1) : NULL;
    return member != NULL && strcmp(member->path, path) == 0 ? member : NULL;
}

bool tar_index_find(const struct tar_index *index, const char *path, struct tar_member *ret)
{
    g_autofree char *clean = text_clean_path(path);
    const struct member *member = find(index, clean);
    for (unsigned i = 0; i < LINKS_MAX && member != NULL && member->link != NULL; i++)
        member = find(index, member->link);
    if (member == NULL || member->link != NULL)
        return false;
    *ret = member->place;
    return true;
}
