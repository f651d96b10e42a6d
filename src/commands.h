/*
 * commands - the program's commands. Each reads its own arguments (argv[0] is the command's name), does its work,
 * prints what went wrong as one line on stderr and returns the exit status: 0, 1 for a failure, 2 for a mistake in
 * the arguments.
 */
#ifndef ROFUSE_SRC_COMMANDS_H
#define ROFUSE_SRC_COMMANDS_H

#include <glib.h>

int cmd_mount(int argc, char **argv);
int cmd_umount(int argc, char **argv);
int cmd_facts(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_log(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_complete(int argc, char **argv); /* for shells */
int cmd_run(int argc, char **argv);
int cmd_learn(int argc, char **argv);
int cmd_bundle(int argc, char **argv);
int cmd_image(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_gate(int argc, char **argv);
int cmd_route(int argc, char **argv);
int cmd_advise(int argc, char **argv);

#endif
