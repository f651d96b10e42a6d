/* Help as completion reads it, and what may stand where. */
#include "complete_plan.h"

#include <string.h>

static const char program_help[] = "Usage: rofuse COMMAND [OPTIONS]\n"
                                   "\n"
                                   "Mounts things.\n"
                                   "\n"
                                   "Mount and run:\n"
                                   "  mount   [OPTIONS] MOUNTPOINT   mount layers\n"
                                   "  run     [SERVICE] [-- COMMAND] mount, run the program\n"
                                   "\n"
                                   "See:\n"
                                   "  import  REF                    unpack an image: oci:DIR[:TAG]\n"
                                   "  add  [MOUNTPOINT] --tmpfs ... | --mount ...   add places\n"
                                   "  ls                             those that there are\n"
                                   "\n"
                                   "Options:\n"
                                   "  --version   print the version\n"
                                   "\n"
                                   "Example:\n"
                                   "  rofuse mount --layer rootfs /mnt\n";

static const char command_help[] = "Usage:\n"
                                   "  rofuse route rm [OPTIONS] [MOUNTPOINT] TARGET...\n"
                                   "\n"
                                   "Takes places away.\n"
                                   "  - not an option\n"
                                   "\n"
                                   "Help Options:\n"
                                   "  -h, --help                        Show help options\n"
                                   "\n"
                                   "Application Options:\n"
                                   "  -v, --volume=[SRC:]DST[:OPTS]     A volume\n"
                                   "  --format=text|json                How\n"
                                   "  --log-format=FORMAT               text or json; the default is text\n"
                                   "  --name=NAME                       A name or another\n"
                                   "  --service=NAME                    Which service\n"
                                   "  --image=REF                       An image\n"
                                   "  --state-dir=DIR                   Where\n"
                                   "  --force                           Even so\n";

static void test_help(void)
{
    struct help *help = help_parse(program_help);
    static const char *const commands[][2] = {{"mount", "mount layers"},
                                              {"run", "mount, run the program"},
                                              {"import", "unpack an image: oci:DIR[:TAG]"},
                                              {"add", "add places"},
                                              {"ls", "those that there are"}};
    g_assert_cmpint((int)help->commands->len, ==, G_N_ELEMENTS(commands));
    for (guint i = 0; i < help->commands->len; i++) {
        const struct help_entry *entry = g_ptr_array_index(help->commands, i);
        g_assert_cmpstr(entry->name, ==, commands[i][0]);
        g_assert_cmpstr(entry->text, ==, commands[i][1]);
    }
    g_assert_cmpint((int)help->options->len, ==, 1);
    help_free(help);
    help = help_parse(command_help);
    g_assert_cmpint((int)help->commands->len, ==, 0);
    g_assert_cmpint((int)help->options->len, ==, 9);
    const struct help_entry *volume = help_find_option(help, "-v");
    g_assert_true(volume == help_find_option(help, "--volume"));
    g_assert_cmpstr(volume->value, ==, "[SRC:]DST[:OPTS]");
    g_assert_cmpstr(volume->text, ==, "A volume");
    g_assert_null(help_find_option(help, "--force")->value);
    g_assert_cmpstr(help->parameters[0], ==, "[MOUNTPOINT]");
    g_assert_cmpstr(help->parameters[1], ==, "TARGET...");
    g_assert_null(help->parameters[2]);
    help_free(help);
    static const char *const odd[] = {"",
                                      "\n\n",
                                      "-",
                                      "  -",
                                      "  --",
                                      "  -x",
                                      "  -x,",
                                      "Commands:",
                                      "Commands:\n  ",
                                      "Usage: rofuse ",
                                      "Commands:\n  a [",
                                      "Commands:\n  a A",
                                      "  -x,y"};
    for (size_t i = 0; i < G_N_ELEMENTS(odd); i++)
        help_free(help_parse(odd[i]));
}

static void assert_plan(const char *help_text, const char *command, const char *line, unsigned kinds,
                        const char *before, const char *mount)
{
    struct help *help = help_parse(help_text);
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    struct complete_plan plan;
    complete_plan(help, command, words, &plan);
    g_test_message("%s", line);
    g_assert_cmpint((int)plan.kinds, ==, (int)kinds);
    g_assert_cmpstr(plan.before, ==, before);
    g_assert_cmpstr(plan.mount, ==, mount);
    g_assert_cmpstr(plan.choices, ==, (kinds & COMPLETE_CHOICES) != 0 ? "text|json" : NULL);
    complete_plan_clear(&plan);
    help_free(help);
}

static void test_plans(void)
{
    static const struct {
        const char *line;
        unsigned kinds;
        const char *before, *mount;
    } cases[] = {
        {"web", COMPLETE_MOUNTS | COMPLETE_TARGETS, "", NULL},
        {"web /t", COMPLETE_TARGETS, "", "web"},
        {"web /t /u", COMPLETE_TARGETS, "", "web"},
        {"--f", COMPLETE_OPTIONS, "", NULL},
        {"web --f", COMPLETE_OPTIONS, "", "web"},
        {"--format ", COMPLETE_CHOICES, "", NULL},
        {"--format=t", COMPLETE_CHOICES, "--format=", NULL},
        {"--log-format ", COMPLETE_CHOICES, "", NULL},
        {"--name ", 0, "", NULL},
        {"--format text web ", COMPLETE_TARGETS, "", "web"},
        {"--format=text web ", COMPLETE_TARGETS, "", "web"},
        {"--force web ", COMPLETE_TARGETS, "", "web"},
        {"-v x web ", COMPLETE_TARGETS, "", "web"},
        {"--image ", COMPLETE_IMAGES | COMPLETE_FILES, "", NULL},
        {"--service=", COMPLETE_SERVICES, "--service=", NULL},
        {"--state-dir ", COMPLETE_DIRECTORIES, "", NULL},
        {"--unknown=", 0, "--unknown=", NULL},
        {"-v ", 0, "", NULL},
        {"-- x", COMPLETE_FILES, "", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_plan(command_help, "route rm", cases[i].line, cases[i].kinds, cases[i].before, cases[i].mount);
    assert_plan(program_help, "", "mo", COMPLETE_COMMANDS, "", NULL);
    assert_plan(program_help, "", "--v", COMPLETE_OPTIONS, "", NULL);
    assert_plan("  rofuse mount [OPTIONS] MOUNTPOINT\n", "mount", "/m", COMPLETE_DIRECTORIES, "", NULL);
    assert_plan("  rofuse why [OPTIONS] [MOUNTPOINT] PATH\n", "why", "/m", COMPLETE_MOUNTS | COMPLETE_INSIDE, "", NULL);
    assert_plan("  rofuse why [OPTIONS] [MOUNTPOINT] PATH\n", "why", "web /e", COMPLETE_INSIDE, "", "web");
    assert_plan("  rofuse run [OPTIONS] [SERVICE] [-- COMMAND...]\n", "run", "w", COMPLETE_SERVICES, "", NULL);
    assert_plan("  rofuse image rm [OPTIONS] NAME|ID...\n", "image rm", "a b", COMPLETE_IMAGES, "", "a");
    assert_plan(
        "  rofuse route add [OPTIONS] [MOUNTPOINT|NAME]\n\nOptions:\n  --tmpfs=TARGET[:OPTIONS]   A directory\n",
        "route add", "web --tmpfs /e", COMPLETE_PLACES, "", "web");
    assert_plan("  rofuse log [OPTIONS] [MOUNTPOINT|NAME]\n", "log", "a b", 0, "", "a");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/complete/help", test_help);
    g_test_add_func("/complete/plans", test_plans);
    return g_test_run();
}
