#include "run_report.h"

#include "app_error.h"
#include "run_findings.h"
#include "run_layers.h"
#include "run_report_text.h"
#include "run_tally.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static gboolean read_log(const char *log, struct run_tally *tally, GError **error)
{
    char buffer[65536];
    int fd = open(log, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t n = fd < 0 ? -1 : 0;
    while (fd >= 0 && ((n = read(fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)))
        run_tally_add(tally, buffer, n > 0 ? (size_t)n : 0);
    if (n < 0) {
        g_autofree char *shown = text_word(log);
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot read the log %s for the report: %s", shown,
                    g_strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    run_tally_end(tally);
    return n == 0;
}

/*
 * A program that gives a directory of the image another owner or mode (initdb, and entry points that hand their data to a
 * user) is going to write there.
 */
static void mark_own_places(const struct run_tally *tally, const struct state *state)
{
    for (guint i = 0; i < tally->groups->len; i++) {
        struct run_group *group = g_ptr_array_index(tally->groups, i);
        const char *operation = g_ptr_array_index(group->operations, 0);
        if (group->has_several_names || (strcmp(operation, "chmod") != 0 && strcmp(operation, "chown") != 0))
            continue;
        g_autofree char *path = g_build_filename(group->directory, group->name, NULL);
        group->is_own_place = run_layers_has_directory(state->layers, path);
    }
}

char *run_report_make(const char *log, const struct state *state, const bool *written, enum run_report_format format,
                      GError **error)
{
    if (format == RUN_REPORT_NONE)
        return g_strdup("");
    struct run_tally *tally = run_tally_new();
    char *report = NULL;
    if (read_log(log, tally, error)) {
        /* Without a record nobody has named the mount. */
        if (tally->mount == NULL)
            tally->mount = g_strdup(state->name);
        mark_own_places(tally, state);
        struct run_findings findings;
        run_findings_make(tally, state, written, &findings);
        report = format == RUN_REPORT_JSON ? run_report_json(&findings) : run_report_text(&findings);
        run_findings_clear(&findings);
    }
    run_tally_free(tally);
    return report;
}
