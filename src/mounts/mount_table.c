#include "mount_table.h"

#include "app_error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static void entry_free(gpointer data)
{
    struct mount_entry *entry = data;
    g_free(entry->point);
    g_free(entry->type);
    g_free(entry->source);
    g_free(entry->root);
    g_free(entry->options);
    g_free(entry->super_options);
    g_free(entry);
}

/* The kernel writes blank, tab, newline, backslash and "#" as \ooo (fs/proc_namespace.c mangle). */
static char *unescape(const char *field)
{
    char *text = g_malloc(strlen(field) + 1), *to = text;
    while (*field != '\0') {
        if (field[0] == '\\' && field[1] >= '0' && field[1] <= '3' && field[2] >= '0' && field[2] <= '7' &&
            field[3] >= '0' && field[3] <= '7') {
            *to++ = (char)((field[1] - '0') << 6 | (field[2] - '0') << 3 | (field[3] - '0'));
            field += 4;
        } else {
            *to++ = *field++;
        }
    }
    *to = '\0';
    return text;
}

static bool has_ro(const char *options)
{
    return strcmp(options, "ro") == 0 || g_str_has_prefix(options, "ro,");
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG]… - TYPE SOURCE SUPER-OPTIONS */
static struct mount_entry *parse_line(const char *line)
{
    g_auto(GStrv) fields = g_strsplit(line, " ", -1);
    guint n = g_strv_length(fields), dash = 6;
    while (dash < n && strcmp(fields[dash], "-") != 0)
        dash++;
    unsigned major_number, minor_number;
    if (dash + 2 >= n || sscanf(fields[2], "%u:%u", &major_number, &minor_number) != 2)
        return NULL;
    struct mount_entry *entry = g_new0(struct mount_entry, 1);
    entry->id = atoi(fields[0]);
    entry->parent = atoi(fields[1]);
    entry->point = unescape(fields[4]);
    entry->type = unescape(fields[dash + 1]);
    entry->source = unescape(fields[dash + 2]);
    entry->root = unescape(fields[3]);
    entry->options = unescape(fields[5]);
    entry->super_options = dash + 3 < n ? unescape(fields[dash + 3]) : g_strdup("");
    entry->device = makedev(major_number, minor_number);
    /* Both lists begin with "ro" or "rw". */
    entry->is_read_only = has_ro(fields[5]) || (dash + 3 < n && has_ro(fields[dash + 3]));
    return entry;
}

GPtrArray *mount_table_parse(const char *text)
{
    GPtrArray *table = g_ptr_array_new_with_free_func(entry_free);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++) {
        struct mount_entry *entry = parse_line(*line);
        if (entry != NULL)
            g_ptr_array_add(table, entry);
    }
    return table;
}

GPtrArray *mount_table_read(GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) cause = NULL;
    if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, &cause)) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot read the table of mounts (%s); mount /proc",
                    cause->message);
        return NULL;
    }
    return mount_table_parse(text);
}

const struct mount_entry *mount_table_at(const GPtrArray *table, const char *point)
{
    /* What was mounted later stands later and covers what was there. */
    for (guint i = table->len; i > 0; i--) {
        const struct mount_entry *entry = g_ptr_array_index(table, i - 1);
        if (strcmp(entry->point, point) == 0)
            return entry;
    }
    return NULL;
}

const struct mount_entry *mount_table_below(const GPtrArray *table, const char *point)
{
    size_t length = strlen(point);
    for (guint i = 0; i < table->len; i++) {
        const struct mount_entry *entry = g_ptr_array_index(table, i);
        if (strncmp(entry->point, point, length) == 0 && entry->point[length] == '/')
            return entry;
    }
    return NULL;
}

bool mount_entry_is_rofuse(const struct mount_entry *entry)
{
    return entry != NULL && strcmp(entry->type, "fuse.rofuse") == 0;
}

bool mount_table_still_has(const char *point, dev_t device)
{
    g_autoptr(GPtrArray) table = mount_table_read(NULL);
    const struct mount_entry *entry = table != NULL ? mount_table_at(table, point) : NULL;
    return entry != NULL && mount_entry_is_rofuse(entry) && entry->device == device;
}
