#include "daemon.h"

#include "control_socket.h"

static const struct control_command *const tables[] = {
    daemon_log_commands,
    daemon_route_commands,
    daemon_facts_commands,
    NULL,
};

struct control_server *daemon_listen(struct daemon *daemon, GError **error)
{
    g_autofree char *path = control_socket_path(daemon->paths->run, daemon->state->name);
    return control_server_start(path, tables, daemon, error);
}
