/*
 * main - finds the command and hands over to it.
 */
#include "app_error.h"
#include "commands.h"
#include "text.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef ROFUSE_VERSION
#define ROFUSE_VERSION "0.0.0"
#endif

static const char help[] =
    "Usage: rofuse COMMAND [OPTIONS]\n"
    "\n"
    "Mounts the layers of an image as a read-only root file system in which declared places may be\n"
    "written, and logs every other write together with the process that tried it.\n"
    "\n"
    "Commands:\n"
    "  mount   [OPTIONS] MOUNTPOINT   mount layers, with tmpfs, volumes and binds as declared\n"
    "  umount  MOUNTPOINT             unmount, saying who is in the way, and wait for the end\n"
    "  status  [MOUNTPOINT]           what is mounted, by which process, with which places\n"
    "  log     [MOUNTPOINT]           which writes were refused, to whom; --follow goes on\n"
    "  watch   [MOUNTPOINT]           the same as it happens, on the whole screen, with remedies\n"
    "  route   COMMAND [MOUNTPOINT]   add and remove such places while it is in use, show them\n"
    "  run     [SERVICE] [-- COMMAND] mount, run the program, unmount, report what was refused\n"
    "  config  [OPTIONS]              what is understood of a service of a Compose file\n"
    "  image   COMMAND                import images, show them, remove them\n"
    "  bundle  DIR                    the config.json with which runc or crun run on a mount\n"
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
static int print(const char *text)
{
    if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
        app_notice("cannot write to stdout");
        return APP_ERROR_FAILED;
    }
    return 0;
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

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {{"mount", cmd_mount}, {"umount", cmd_umount}, {"status", cmd_status}, {"log", cmd_log},
                {"watch", cmd_watch}, {"route", cmd_route},   {"run", cmd_run},       {"config", cmd_config},
                {"image", cmd_image}, {"bundle", cmd_bundle}};

/* "WHAT; write mount, umount, ... or bundle, see rofuse --help". Returns the exit status. */
static int complain(const char *what)
{
    GString *names = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        const char *before = i == 0 ? "" : i + 1 < G_N_ELEMENTS(commands) ? ", " : " or ";
        g_string_append_printf(names, "%s%s", before, commands[i].name);
    }
    app_notice("%s; write %s, see rofuse --help", what, names->str);
    g_string_free(names, TRUE);
    return APP_ERROR_USAGE;
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    setlocale(LC_ALL, "");
    if (argc < 2)
        return complain("no command is given");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return print(help);
    if (strcmp(argv[1], "--version") == 0)
        return print("rofuse " ROFUSE_VERSION "\n");
    /* For the shells' completions; no command for people. */
    if (strcmp(argv[1], "__complete") == 0)
        return cmd_complete(argc - 1, argv + 1);
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    g_autofree char *shown = text_escape(argv[1]);
    g_autofree char *what = g_strdup_printf("\"%s\" is no command", shown);
    return complain(what);
}
