#include "daemon.h"

#include "control_socket.h"

/* One a line. */
/* clang-format off */
static const struct control_command *const tables[] = {
    daemon_facts_commands,
    daemon_learn_commands,
    daemon_log_commands,
    daemon_route_commands,
    daemon_status_commands,
    daemon_why_commands,
    NULL,
};
/* clang-format on */

struct control_server *daemon_listen(struct daemon *daemon, GError **error)
{
    g_autofree char *path = control_socket_path(daemon->paths->run, daemon->state->name);
    return control_server_start(path, tables, daemon, error);
}
