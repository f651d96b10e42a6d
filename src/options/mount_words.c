#include "mount_words.h"

#include "app_error.h"
#include "quantity.h"
#include "text.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* The longest name that the store of volumes can hold as a directory. */
#define VOLUME_NAME_MAX 255

#define NO_FIELD SIZE_MAX

struct flag_word {
    const char *word;
    enum word_group group;
    size_t field; /* offset of a bool in route_spec, NO_FIELD for ignored words */
    bool set;
};

#define FIELD(name) offsetof(struct route_spec, name)

/* docker's list of mount flags for --tmpfs, podman's tmpcopyup, and native. Times, sync and mandatory locks mean nothing on a
 * tmpfs that only this mount can reach. */
static const struct flag_word tmpfs_words[] = {
    {"ro", WORD_ACCESS, FIELD(read_only), true},      {"rw", WORD_ACCESS, FIELD(read_only), false},
    {"exec", WORD_EXEC, FIELD(noexec), false},        {"noexec", WORD_EXEC, FIELD(noexec), true},
    {"suid", WORD_SUID, FIELD(nosuid), false},        {"nosuid", WORD_SUID, FIELD(nosuid), true},
    {"dev", WORD_DEV, FIELD(nodev), false},           {"nodev", WORD_DEV, FIELD(nodev), true},
    {"tmpcopyup", WORD_COPY, FIELD(tmpcopyup), true}, {"notmpcopyup", WORD_COPY, FIELD(tmpcopyup), false},
    {"atime", WORD_IGNORED, NO_FIELD, false},         {"noatime", WORD_IGNORED, NO_FIELD, false},
    {"relatime", WORD_IGNORED, NO_FIELD, false},      {"norelatime", WORD_IGNORED, NO_FIELD, false},
    {"strictatime", WORD_IGNORED, NO_FIELD, false},   {"nostrictatime", WORD_IGNORED, NO_FIELD, false},
    {"diratime", WORD_IGNORED, NO_FIELD, false},      {"nodiratime", WORD_IGNORED, NO_FIELD, false},
    {"sync", WORD_IGNORED, NO_FIELD, false},          {"async", WORD_IGNORED, NO_FIELD, false},
    {"dirsync", WORD_IGNORED, NO_FIELD, false},       {"mand", WORD_IGNORED, NO_FIELD, false},
    {"nomand", WORD_IGNORED, NO_FIELD, false},        {"native", WORD_NATIVE, FIELD(native), true},
    {"nonative", WORD_NATIVE, FIELD(native), false},  {NULL, WORD_N_GROUPS, NO_FIELD, false},
};

static const struct flag_word volume_words[] = {
    {"ro", WORD_ACCESS, FIELD(read_only), true},  {"rw", WORD_ACCESS, FIELD(read_only), false},
    {"nocopy", WORD_COPY, FIELD(nocopy), true},   {"z", WORD_IGNORED, NO_FIELD, false},
    {"Z", WORD_IGNORED, NO_FIELD, false},         {"shared", WORD_IGNORED, NO_FIELD, false},
    {"rshared", WORD_IGNORED, NO_FIELD, false},   {"slave", WORD_IGNORED, NO_FIELD, false},
    {"rslave", WORD_IGNORED, NO_FIELD, false},    {"private", WORD_IGNORED, NO_FIELD, false},
    {"rprivate", WORD_IGNORED, NO_FIELD, false},  {"consistent", WORD_IGNORED, NO_FIELD, false},
    {"cached", WORD_IGNORED, NO_FIELD, false},    {"delegated", WORD_IGNORED, NO_FIELD, false},
    {"native", WORD_NATIVE, FIELD(native), true}, {"nonative", WORD_NATIVE, FIELD(native), false},
    {NULL, WORD_N_GROUPS, NO_FIELD, false},
};

gboolean mount_value_fail(const struct mount_value *value, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *shown = text_word(value->value);
    g_set_error(error, APP_ERROR, APP_ERROR_USAGE, "%s %s: %s", value->option, shown, message);
    return FALSE;
}

void mount_value_tmpfs_defaults(struct mount_value *value)
{
    value->spec.noexec = value->spec.nosuid = value->spec.nodev = true;
}

/* @whole: the word as written, KEY=VALUE too; the same one twice is no contradiction. */
static gboolean settle(struct mount_value *value, enum word_group group, const char *whole, GError **error)
{
    const char *before = value->seen[group];
    if (before != NULL && strcmp(before, whole) != 0) {
        g_autofree char *first = text_escape(before), *second = text_escape(whole);
        return mount_value_fail(value, error, "%s and %s contradict each other; give one of them", first, second);
    }
    value->seen[group] = whole;
    return TRUE;
}

static const struct flag_word *find_flag(const struct flag_word *words, const char *word)
{
    for (; words->word != NULL; words++) {
        if (strcmp(words->word, word) == 0)
            return words;
    }
    return NULL;
}

static gboolean apply_flag(struct mount_value *value, const struct flag_word *flag, GError **error)
{
    if (flag->group == WORD_IGNORED)
        return TRUE;
    if (!settle(value, flag->group, flag->word, error))
        return FALSE;
    *(bool *)((char *)&value->spec + flag->field) = flag->set;
    value->spec.has_native |= flag->group == WORD_NATIVE;
    return TRUE;
}

static gboolean fail_text(const struct mount_value *value, const char *key, const char *text, const char *is_not,
                          GError **error)
{
    g_autofree char *shown = text_escape(text);
    return mount_value_fail(value, error, "%s: \"%s\" is not %s", key, shown, is_not);
}

gboolean mount_value_size(struct mount_value *value, const char *key, const char *text, GError **error)
{
    if (!quantity_size(text, &value->spec.size, &value->spec.size_percent))
        return fail_text(value, key, text, "a size; " QUANTITY_SIZE_HINT, error);
    return TRUE;
}

gboolean mount_value_mode(struct mount_value *value, const char *key, const char *text, GError **error)
{
    if (!quantity_mode(text, &value->spec.mode))
        return fail_text(value, key, text, "an octal mode of at most 7777; write for example 1777 or 0700", error);
    value->spec.has_mode = true;
    return TRUE;
}

/* nr_blocks counts pages (tmpfs(5)): a size by another name. */
static gboolean read_blocks(struct mount_value *value, const char *text, GError **error)
{
    uint64_t blocks, page = (uint64_t)sysconf(_SC_PAGESIZE);
    if (!quantity_count(text, &blocks) || blocks > INT64_MAX / page)
        return fail_text(value, "nr_blocks", text, "a number of blocks; write a number, k, m or g may follow", error);
    value->spec.size = blocks * page;
    return TRUE;
}

static gboolean read_id(struct mount_value *value, const char *key, const char *text, GError **error)
{
    uint32_t id;
    if (!quantity_id(text, &id))
        return fail_text(value, key, text, "an id; write a number from 0 to 4294967294, as names are not known here",
                         error);
    if (strcmp(key, "uid") == 0) {
        value->spec.uid = id;
        value->spec.has_uid = true;
    } else {
        value->spec.gid = id;
        value->spec.has_gid = true;
    }
    return TRUE;
}

/* The group of a key that takes a value, WORD_N_GROUPS for others. */
static enum word_group tmpfs_key_group(const char *key)
{
    static const struct {
        const char *key;
        enum word_group group;
    } keys[] = {
        {"size", WORD_SIZE}, {"nr_blocks", WORD_SIZE}, {"nr_inodes", WORD_INODES}, {"mode", WORD_MODE},
        {"uid", WORD_UID},   {"gid", WORD_GID},        {"mpol", WORD_POLICY},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (strcmp(keys[i].key, key) == 0)
            return keys[i].group;
    }
    return WORD_N_GROUPS;
}

gboolean mount_value_tmpfs_word(struct mount_value *value, char *word, GError **error)
{
    if (*word == '\0')
        return mount_value_fail(value, error, "an option is empty; remove the comma or the colon too many");
    const struct flag_word *flag = find_flag(tmpfs_words, word);
    if (flag != NULL)
        return apply_flag(value, flag, error);

    const char *equals = strchr(word, '=');
    g_autofree char *key = equals != NULL ? g_strndup(word, (gsize)(equals - word)) : g_strdup(word);
    enum word_group group = tmpfs_key_group(key);
    if (group == WORD_N_GROUPS || equals == NULL) {
        g_autofree char *shown = text_escape(word);
        if (group != WORD_N_GROUPS)
            return mount_value_fail(value, error, "%s has no value; write %s=VALUE", key, key);
        return mount_value_fail(
            value, error,
            "unknown option \"%s\"; a tmpfs takes size=, mode=, uid=, gid=, nr_inodes=, ro, rw, exec, "
            "noexec, suid, nosuid, dev, nodev, tmpcopyup, native",
            shown);
    }
    if (!settle(value, group, word, error))
        return FALSE;
    const char *text = equals + 1;
    switch (group) {
    case WORD_SIZE:
        return strcmp(key, "size") == 0 ? mount_value_size(value, key, text, error) : read_blocks(value, text, error);
    case WORD_INODES:
        if (!quantity_count(text, &value->spec.nr_inodes))
            return fail_text(value, key, text, "a number of files; write a number, k, m or g may follow", error);
        return TRUE;
    case WORD_MODE:
        return mount_value_mode(value, key, text, error);
    case WORD_UID:
    case WORD_GID:
        return read_id(value, key, text, error);
    default: /* mpol: where the memory comes from, which no program inside can see */
        return TRUE;
    }
}

gboolean mount_value_volume_word(struct mount_value *value, const char *word, GError **error)
{
    if (*word == '\0')
        return mount_value_fail(value, error, "an option is empty; remove the comma or the colon too many");
    const struct flag_word *flag = find_flag(volume_words, word);
    if (flag == NULL) {
        g_autofree char *shown = text_escape(word);
        return mount_value_fail(value, error, "unknown option \"%s\"; a volume or bind takes ro, rw, nocopy and native",
                                shown);
    }
    if (flag->field == FIELD(nocopy) && value->spec.kind == ROUTE_BIND)
        return mount_value_fail(value, error, "nocopy is for volumes, this is a bind of a host path; remove nocopy");
    return apply_flag(value, flag, error);
}

gboolean mount_value_are_volume_words(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    for (char **word = words; *word != NULL; word++) {
        if (find_flag(volume_words, *word) == NULL)
            return FALSE;
    }
    return words[0] != NULL;
}

gboolean mount_value_target(struct mount_value *value, const char *target, GError **error)
{
    g_autofree char *shown = text_word(target);
    if (*target == '\0')
        return mount_value_fail(value, error, "the target is empty; write an absolute path inside the image: /data");
    if (*target != '/')
        return mount_value_fail(value, error, "the target %s is not absolute; begin it with a slash", shown);
    if (strlen(target) >= PATH_MAX)
        return mount_value_fail(value, error, "the target is longer than %d bytes; choose a shorter one", PATH_MAX - 1);
    g_autofree char *clean = text_clean_path(target);
    if (strcmp(clean, "/") == 0)
        return mount_value_fail(value, error, "the target cannot be the root itself; name a directory below it");
    value->spec.target = g_steal_pointer(&clean);
    return TRUE;
}

gboolean mount_value_is_host_path(const char *source)
{
    return *source == '.' || *source == '/' || *source == '~';
}

/* docker's rule for names of volumes (RestrictedNamePattern). */
static bool is_volume_name(const char *name)
{
    if (!g_ascii_isalnum(name[0]) || strlen(name) > VOLUME_NAME_MAX)
        return false;
    for (const char *c = name + 1; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && strchr("_.-", *c) == NULL)
            return false;
    }
    return true;
}

/* A relative path of the host, without "./" in front; owned by the caller. */
static char *below(const char *directory, const char *path)
{
    while (g_str_has_prefix(path, "./"))
        path += 1 + strspn(path + 1, "/");
    if (*path == '\0' || strcmp(path, ".") == 0)
        return g_strdup(directory);
    return g_strconcat(directory, strcmp(directory, "/") != 0 ? "/" : "", path, NULL);
}

static gboolean read_bind_source(struct mount_value *value, const char *source, GError **error)
{
    g_autofree char *shown = text_word(source);
    if (!mount_value_is_host_path(source))
        return mount_value_fail(value, error, "the source %s is not a host path; write an absolute path, or ./%s",
                                shown, source[0] == '\0' ? "DIRECTORY" : shown);
    if (*source == '~' && source[1] != '\0' && source[1] != '/')
        return mount_value_fail(value, error, "the source %s names another user's home; write the absolute path",
                                shown);
    if (*source == '~' && (value->home == NULL || *value->home != '/'))
        return mount_value_fail(value, error, "HOME is not set, so ~ means nothing; write the absolute path");
    /* The path's "..": left to the kernel, which sees the symbolic links that text alone does not. */
    if (*source == '~')
        value->spec.source = g_strconcat(value->home, source + 1, NULL);
    else if (*source == '.')
        value->spec.source = below(value->directory, source);
    else
        value->spec.source = g_strdup(source);
    return TRUE;
}

gboolean mount_value_source(struct mount_value *value, const char *source, GError **error)
{
    if (value->spec.kind == ROUTE_BIND)
        return read_bind_source(value, source, error);
    if (!is_volume_name(source)) {
        g_autofree char *shown = text_word(source);
        return mount_value_fail(
            value, error,
            "%s is not a volume's name; use letters, digits, \"_\", \".\" and \"-\", a letter or digit "
            "first, at most %d bytes; a host path begins with \"/\", \"./\" or \"~/\"",
            shown, VOLUME_NAME_MAX);
    }
    value->spec.source = g_strdup(source);
    return TRUE;
}

gboolean mount_value_subpath(struct mount_value *value, const char *key, const char *text, GError **error)
{
    g_autofree char *shown = text_word(text);
    if (*text == '/')
        return mount_value_fail(value, error, "%s: %s is absolute; write it relative to the volume", key, shown);
    g_auto(GStrv) names = g_strsplit(text, "/", -1);
    if (g_strv_contains((const char *const *)names, ".."))
        return mount_value_fail(value, error, "%s: %s would leave the volume; write it without \"..\"", key, shown);
    g_autofree char *rooted = g_strconcat("/", text, NULL);
    g_autofree char *clean = text_clean_path(rooted);
    if (clean[1] == '\0')
        return mount_value_fail(value, error, "%s: %s is the volume itself; leave the key out", key, shown);
    value->spec.subpath = g_strdup(clean + 1);
    return TRUE;
}
