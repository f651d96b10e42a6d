#include "run_user.h"

#include "app_error.h"
#include "quantity.h"
#include "run_inside.h"
#include "text.h"

#include <limits.h>
#include <string.h>

#define MOST_BYTES (1024 * 1024) /* of each file */
#define MOST_GROUPS 1024         /* supplementary groups that are taken; the kernel's limit is 65536 */

/* A number as docker takes it: 0 to 2147483647. */
static bool read_id(const char *text, uint32_t *ret)
{
    uint32_t id;
    if (!quantity_id(text, &id) || id > INT_MAX)
        return false;
    *ret = id;
    return true;
}

/* Takes the next line off a text: its fields, or NULL at the end. A line with another number of fields is returned too. */
static char **next_fields(const char **text)
{
    if (*text == NULL || **text == '\0')
        return NULL;
    const char *end = strchrnul(*text, '\n');
    g_autofree char *line = g_strndup(*text, (gsize)(end - *text));
    *text = *end == '\n' ? end + 1 : end;
    /* The fields of an entry are seven at most; what follows is one field, whatever it holds. */
    return g_strsplit(g_strstrip(line), ":", 8);
}

/* The first entry of that name or number; what is not said remains as it is. */
static bool find_passwd(const char *passwd, const char *wanted, struct run_user *ret)
{
    uint32_t number;
    bool is_number = read_id(wanted, &number);
    for (char **fields; (fields = next_fields(&passwd)) != NULL; g_strfreev(fields)) {
        uint32_t uid, gid;
        if (g_strv_length(fields) < 4 || *fields[0] == '\0' || !read_id(fields[2], &uid) || !read_id(fields[3], &gid))
            continue;
        if (strcmp(fields[0], wanted) != 0 && !(is_number && uid == number))
            continue;
        ret->uid = uid;
        ret->gid = gid;
        ret->name = g_strdup(fields[0]);
        if (g_strv_length(fields) >= 6 && *fields[5] == '/')
            ret->home = g_strdup(fields[5]);
        g_strfreev(fields);
        return true;
    }
    return false;
}

static bool find_group(const char *group, const char *wanted, gid_t *ret)
{
    uint32_t number;
    bool is_number = read_id(wanted, &number);
    for (char **fields; (fields = next_fields(&group)) != NULL; g_strfreev(fields)) {
        uint32_t gid;
        if (g_strv_length(fields) < 3 || *fields[0] == '\0' || !read_id(fields[2], &gid))
            continue;
        if (strcmp(fields[0], wanted) != 0 && !(is_number && gid == number))
            continue;
        *ret = gid;
        g_strfreev(fields);
        return true;
    }
    if (is_number)
        *ret = number;
    return is_number;
}

static void add_group(GArray *groups, gid_t gid)
{
    for (guint i = 0; i < groups->len; i++) {
        if (g_array_index(groups, gid_t, i) == gid)
            return;
    }
    if (groups->len < MOST_GROUPS)
        g_array_append_val(groups, gid);
}

static bool is_member(const char *members, const char *name)
{
    g_auto(GStrv) names = g_strsplit(members, ",", -1);
    return g_strv_contains((const char *const *)names, name);
}

/* The groups that list a name as their member. */
static void add_memberships(const char *group, const char *name, GArray *groups)
{
    for (char **fields; (fields = next_fields(&group)) != NULL; g_strfreev(fields)) {
        uint32_t gid;
        if (g_strv_length(fields) >= 4 && read_id(fields[2], &gid) && is_member(fields[3], name))
            add_group(groups, gid);
    }
}

static gboolean not_found(const char *what, const char *file, const char *word, GError **error)
{
    g_autofree char *shown = text_word(word);
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                "there is no %s %s in the image's %s; name one that is there, or write a number from 0 to 2147483647",
                what, shown, file);
    return FALSE;
}

gboolean run_user_find_in(const char *passwd, const char *group, const char *text, struct run_user *ret, GError **error)
{
    memset(ret, 0, sizeof *ret);
    g_auto(GStrv) parts = g_strsplit(text != NULL ? text : "", ":", 2);
    const char *user = parts[0] != NULL && *parts[0] != '\0' ? parts[0] : "0";
    const char *wanted_group = parts[0] != NULL && parts[1] != NULL && *parts[1] != '\0' ? parts[1] : NULL;
    uint32_t number = 0;
    if (!find_passwd(passwd, user, ret)) {
        if (!read_id(user, &number))
            return not_found("user", "/etc/passwd", user, error);
        ret->uid = number;
    }
    if (wanted_group != NULL && !find_group(group, wanted_group, &ret->gid)) {
        run_user_clear(ret);
        return not_found("group", "/etc/group", wanted_group, error);
    }
    g_autoptr(GArray) groups = g_array_new(FALSE, FALSE, sizeof(gid_t));
    /* Its own group among them: who leaves it out could get around modes that give a group less than others. */
    add_group(groups, ret->gid);
    if (wanted_group == NULL && ret->name != NULL)
        add_memberships(group, ret->name, groups);
    if (ret->home == NULL)
        ret->home = g_strdup("/");
    ret->n_groups = groups->len;
    ret->groups = g_memdup2(groups->data, groups->len * sizeof(gid_t));
    return TRUE;
}

gboolean run_user_find(int root_fd, const char *text, struct run_user *ret, GError **error)
{
    g_autofree char *passwd = run_inside_read(root_fd, "/etc/passwd", MOST_BYTES);
    g_autofree char *group = run_inside_read(root_fd, "/etc/group", MOST_BYTES);
    return run_user_find_in(passwd, group, text, ret, error);
}

void run_user_clear(struct run_user *user)
{
    g_free(user->groups);
    g_free(user->home);
    g_free(user->name);
    memset(user, 0, sizeof *user);
}
