#include "route_users.h"

#include "process.h"
#include "session.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Named in one line; the others are counted. */
#define NAMED_MOST 4

struct search {
    const struct session *session;
    const char *target;
    dev_t device;
    GString *text;
    unsigned n_found;
};

/* Whether a magic link of /proc leads into the route; the daemon is not asked for it. */
static bool leads_there(const struct search *search, const char *link)
{
    struct statx st;
    return statx(AT_FDCWD, link, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &st) == 0 &&
           makedev(st.stx_dev_major, st.stx_dev_minor) == search->device &&
           session_route_holds(search->session, search->target, st.stx_ino);
}

static bool has_open(const struct search *search, pid_t pid)
{
    g_autofree char *directory = g_strdup_printf("/proc/%d/fd", (int)pid);
    GDir *listing = g_dir_open(directory, 0, NULL);
    const char *name;
    bool found = false;
    while (!found && listing != NULL && (name = g_dir_read_name(listing)) != NULL) {
        g_autofree char *link = g_build_filename(directory, name, NULL);
        found = leads_there(search, link);
    }
    if (listing != NULL)
        g_dir_close(listing);
    return found;
}

/* What a process uses it for, or NULL. Static text. */
static const char *use_of(const struct search *search, pid_t pid)
{
    static const char *const links[][2] = {
        {"cwd", "working directory"}, {"root", "root directory"}, {"exe", "runs a program"}};
    for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
        g_autofree char *link = g_strdup_printf("/proc/%d/%s", (int)pid, links[i][0]);
        if (leads_there(search, link))
            return links[i][1];
    }
    return has_open(search, pid) ? "open file" : NULL;
}

static void check_process(struct search *search, pid_t pid)
{
    const char *use = pid != getpid() ? use_of(search, pid) : NULL;
    if (use == NULL || ++search->n_found > NAMED_MOST)
        return;
    g_autofree char *comm = process_comm(pid);
    g_string_append_printf(search->text, "%spid %d (%s): %s", search->text->len > 0 ? "; " : "", (int)pid, comm, use);
}

char *route_users(const struct session *session, const char *target, dev_t device)
{
    struct search search = {.session = session, .target = target, .device = device, .text = g_string_new(NULL)};
    GDir *listing = g_dir_open("/proc", 0, NULL);
    const char *name;
    while (listing != NULL && (name = g_dir_read_name(listing)) != NULL)
        if (g_ascii_isdigit(*name))
            check_process(&search, (pid_t)atoi(name));
    if (listing != NULL)
        g_dir_close(listing);
    if (search.n_found > NAMED_MOST)
        g_string_append_printf(search.text, "; and %u more", search.n_found - NAMED_MOST);
    return g_string_free(search.text, search.n_found == 0);
}
