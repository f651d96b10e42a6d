/*
 * main - finds the command and hands over to it.
 */
#include "app_error.h"
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef ROFUSE_VERSION
#define ROFUSE_VERSION "0.0.0"
#endif

/* In the order of the help; a command without parameters begins a group. */
static const struct command {
    const char *name;
    const char *parameters;
    const char *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"Mount and run", NULL, NULL, NULL},
    {"mount", "[OPTIONS] MOUNTPOINT", "mount layers, with tmpfs, volumes and binds as declared", cmd_mount},
    {"umount", "MOUNTPOINT|NAME", "unmount, saying who is in the way, and wait for the end", cmd_umount},
    {"run", "[SERVICE] [-- COMMAND]", "mount, run the program, unmount, report what was refused", cmd_run},
    {"bundle", "DIR", "the config.json with which runc or crun run on a mount", cmd_bundle},
    {"image", "COMMAND", "import images, show them, remove them", cmd_image},
    {"config", "[OPTIONS]", "what is understood of a service of a Compose file", cmd_config},
    {"See", NULL, NULL, NULL},
    {"status", "[MOUNTPOINT|NAME]", "what is mounted, by which process, with which places", cmd_status},
    {"why", "[MOUNTPOINT|NAME] PATH", "which layer has it, who may write it, and why not", cmd_why},
    {"log", "[MOUNTPOINT|NAME]", "which writes were refused, and to whom; --follow goes on", cmd_log},
    {"watch", "[MOUNTPOINT|NAME]", "the same as it happens, on the whole screen, with remedies", cmd_watch},
    {"facts", "[MOUNTPOINT|NAME]", "what was refused, each thing once, and what it meant", cmd_facts},
    {"Try without a restart", NULL, NULL, NULL},
    {"route", "COMMAND [MOUNTPOINT|NAME]", "add and remove writable places while the mount is used", cmd_route},
    {"learn", "on|off|diff [MOUNTPOINT|NAME]", "let all writes succeed for a while, and log them", cmd_learn},
    {"Repair and keep it so", NULL, NULL, NULL},
    {"advise", "[MOUNTPOINT|NAME]", "what to declare, so that the program works", cmd_advise},
    {"audit", "[MOUNTPOINT|NAME]", "a checklist for a mount, a Compose file or a log", cmd_audit},
    {"gate", "--baseline FILE", "for CI: fails where a place has come up that is not known", cmd_gate},
};

static const char help_before[] =
    "Usage: rofuse COMMAND [OPTIONS]\n"
    "\n"
    "Mounts the layers of an image as a read-only root file system in which declared places may be\n"
    "written, and logs every other write together with the process that tried it.\n";

static const char help_after[] =
    "\n"
    "Options:\n"
    "  --version   print the version\n"
    "  --help      print this text; rofuse COMMAND --help tells a command's options with examples\n"
    "\n"
    "Example:\n"
    "  rofuse mount --layer rootfs --tmpfs /tmp -v data:/data /mnt/root\n"
    "  chroot /mnt/root /bin/sh\n"
    "  rofuse umount /mnt/root\n";

/* Output that could not be written is a failure: "rofuse --help > /dev/full". */
static int finish_output(void)
{
    if (ferror(stdout) != 0 || fflush(stdout) != 0) {
        app_notice("cannot write to stdout: %s", g_strerror(errno));
        return APP_ERROR_FAILED;
    }
    return 0;
}

static int print_help(void)
{
    (void)fputs(help_before, stdout);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        const struct command *command = &commands[i];
        if (command->run == NULL)
            (void)fprintf(stdout, "\n%s:\n", command->name);
        else
            (void)fprintf(stdout, "  %-7s %-29s  %s\n", command->name, command->parameters, command->summary);
    }
    (void)fputs(help_after, stdout);
    return finish_output();
}

/* Where the starter left stdin, stdout or stderr closed, /dev/null takes the place: no other file may get such a
 * number. */
static void fill_standard_descriptors(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

/* Docker's words lead to ours. */
static GError *unknown_command(const char *word)
{
    static const struct {
        const char *word, *ours;
    } others[] = {{"ps", "status"}, {"logs", "log"}};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        if (strcmp(word, others[i].word) == 0)
            return g_error_new(APP_ERROR, APP_ERROR_USAGE, "\"%s\" is no command; write rofuse %s", word,
                               others[i].ours);
    }
    return g_error_new(APP_ERROR, APP_ERROR_USAGE, "\"%s\" is no command; rofuse --help lists them", word);
}

/* "help route add" is "route add --help"; with options it is no question for help. */
static void turn_help(int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], "help") != 0)
        return;
    for (int i = 2; i < argc; i++)
        if (argv[i][0] == '-')
            return;
    memmove(&argv[1], &argv[2], (size_t)(argc - 2) * sizeof *argv);
    argv[argc - 1] = (char *)"--help";
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    /* Whoever ignores the ends of his children starts programs that do, and we wait for ours. */
    (void)signal(SIGCHLD, SIG_DFL);
    setlocale(LC_ALL, "");
    if (argc < 2) {
        app_notice("no command is given; rofuse --help lists them");
        return APP_ERROR_USAGE;
    }
    turn_help(argc, argv);
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return print_help();
    if (strcmp(argv[1], "--version") == 0) {
        (void)fputs("rofuse " ROFUSE_VERSION "\n", stdout);
        return finish_output();
    }
    /* For the shells' completions; no command for people. */
    if (strcmp(argv[1], "__complete") == 0)
        return cmd_complete(argc - 1, argv + 1);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (commands[i].run != NULL && strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    return app_error_print(unknown_command(argv[1]));
}
