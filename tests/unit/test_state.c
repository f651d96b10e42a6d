#include "app_error.h"
#include "mount_table.h"
#include "paths.h"
#include "process.h"
#include "state.h"
#include "state_dir.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static struct state *make_state(const char *name, const char *mountpoint, pid_t pid)
{
    struct state *state = g_new0(struct state, 1);
    state->name = g_strdup(name);
    state->mountpoint = g_strdup(mountpoint);
    state->pid = pid;
    state->start_ticks = process_start_ticks(pid);
    state->boot_id = process_boot_id();
    state->since = 1732406400123456;
    state->layers = g_strsplit("/layers/a|/layers/\xff b", "|", -1);
    state->logs = g_strsplit("-|file:/var/log/\xfe", "|", -1);
    state->log_formats = g_strsplit("text|json", "|", -1);
    state->limits = g_strsplit("no suid here", "|", -1);
    state->read_only_at = g_strsplit("/mnt/a as process 7 (x) sees it|/b", "|", -1);
    state->volume_dir = g_strdup("/var/lib/volumes");
    state->fold = 10;
    state->routes = g_new0(struct route_spec, 3);
    state->n_routes = 2;
    state->routes[0] = (struct route_spec){.kind = ROUTE_TMPFS,
                                           .target = g_strdup("/t\xffmp"),
                                           .noexec = true,
                                           .size = 64 << 20,
                                           .nr_inodes = 5,
                                           .has_mode = true,
                                           .mode = 0700,
                                           .has_uid = true,
                                           .uid = 0,
                                           .tmpcopyup = true};
    state->routes[1] = (struct route_spec){.kind = ROUTE_VOLUME,
                                           .target = g_strdup("/data"),
                                           .source = g_strdup("data"),
                                           .subpath = g_strdup("a/b"),
                                           .read_only = true,
                                           .nocopy = true,
                                           .native = true};
    state->natives = g_strsplit("/data|/data/\xff", "|", -1);
    return state;
}

static char *make_directory(void)
{
    g_autoptr(GError) error = NULL;
    char *directory = g_dir_make_tmp("rofuse-state-XXXXXX", &error);
    g_assert_no_error(error);
    return directory;
}

static void remove_directory(char *directory)
{
    const char *const arguments[] = {"rm", "-rf", "--", directory, NULL};
    g_assert_true(
        g_spawn_sync(NULL, (char **)arguments, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL));
    g_free(directory);
}

static bool never_used(void *data, const struct state *state)
{
    (void)data;
    (void)state;
    return false;
}

static bool always_used(void *data, const struct state *state)
{
    (void)data;
    (void)state;
    return true;
}

/* A process that has ended: its pid with a start time that no process has any more. */
static struct state *make_dead(const char *name, const char *mountpoint)
{
    struct state *state = make_state(name, mountpoint, getpid());
    state->start_ticks++;
    return state;
}

/* Everything comes back from JSON, bytes that are not UTF-8 too. */
static void test_round_trip(void)
{
    struct state *state = make_state("web", "/mnt/\xe9", getpid());
    state->ready = true;
    state->device = makedev(0, 77);
    json_t *json = state_to_json(state);
    char *text = json_dumps(json, 0);
    json_decref(json);
    json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    g_assert_nonnull(json);
    free(text);
    struct state *back = state_from_json(json);
    g_assert_nonnull(back);
    json_t *again = state_to_json(back);
    g_assert_true(json_equal(json, again));
    json_decref(again);
    json_decref(json);
    g_assert_cmpstr(back->mountpoint, ==, "/mnt/\xe9");
    g_assert_cmpstr(back->layers[0], ==, "/layers/a");
    g_assert_cmpstr(back->layers[1], ==, "/layers/\xff b");
    g_assert_cmpstr(back->logs[1], ==, "file:/var/log/\xfe");
    g_assert_cmpuint(back->n_routes, ==, 2);
    g_assert_cmpstr(back->routes[0].target, ==, "/t\xffmp");
    g_assert_cmpint(back->routes[1].kind, ==, ROUTE_VOLUME);
    g_assert_cmpstr(back->routes[1].subpath, ==, "a/b");
    g_assert_true(back->routes[0].has_uid && back->routes[0].uid == 0 && !back->routes[0].has_gid);
    g_assert_true(back->routes[1].native && !back->routes[0].native);
    g_assert_cmpstr(back->natives[0], ==, "/data");
    g_assert_cmpstr(back->natives[1], ==, "/data/\xff");
    g_assert_cmpuint(back->device, ==, makedev(0, 77));
    g_autofree char *first = state_route_options(&back->routes[0]), *second = state_route_options(&back->routes[1]);
    g_assert_cmpstr(first, ==, "noexec,tmpcopyup,size=64m,nr_inodes=5,mode=0700,uid=0");
    g_assert_cmpstr(second, ==, "ro,nocopy,native,volume-subpath=a/b");
    state_free(state);
    state_free(back);
}

static void test_broken_json(void)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"schema\":\"rofuse.state/2\",\"name\":\"a\",\"mountpoint\":\"/a\",\"pid\":1,\"boot_id\":\"\"}",
        "{\"schema\":\"rofuse.state/1\",\"name\":\"a\",\"mountpoint\":\"/a\",\"boot_id\":\"\"}",
        "{\"schema\":\"rofuse.state/1\",\"name\":7,\"mountpoint\":\"/a\",\"pid\":1,\"boot_id\":\"\"}",
        "{\"schema\":\"rofuse.state/1\",\"name\":\"a\",\"mountpoint\":\"/a\",\"pid\":1,\"boot_id\":\"\",\"logs\":[\"-\"]}",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        json_t *json = json_loads(texts[i], 0, NULL);
        g_assert_nonnull(json);
        g_assert_null(state_from_json(json));
        json_decref(json);
    }
    /* A route that is none is left out, the others stay. */
    json_t *json =
        json_loads("{\"schema\":\"rofuse.state/1\",\"name\":\"a\",\"mountpoint\":\"/a\",\"pid\":1,\"boot_id\":\"\","
                   "\"routes\":[{\"kind\":\"floppy\",\"target\":\"/x\"},{\"kind\":\"bind\"},"
                   "{\"kind\":\"bind\",\"target\":\"/y\"}]}",
                   0, NULL);
    struct state *state = state_from_json(json);
    g_assert_cmpuint(state->n_routes, ==, 1);
    g_assert_cmpstr(state->routes[0].target, ==, "/y");
    state_free(state);
    json_decref(json);
}

static void test_alive(void)
{
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    struct state *state = make_state("child", "/mnt", child);
    g_assert_true(state_is_alive(state));
    state->start_ticks++;
    g_assert_false(state_is_alive(state)); /* another process with its pid */
    state->start_ticks--;
    kill(child, SIGKILL);
    siginfo_t info;
    g_assert_cmpint(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), ==, 0);
    g_assert_false(state_is_alive(state)); /* a zombie serves nobody */
    waitpid(child, NULL, 0);
    g_assert_false(state_is_alive(state));
    state_free(state);

    state = make_state("me", "/mnt", getpid());
    g_assert_true(state_is_alive(state));
    state->boot_id[0] = state->boot_id[0] == 'x' ? 'y' : 'x';
    g_assert_false(state_is_alive(state)); /* from before the last boot */
    state_free(state);
}

static void test_names(void)
{
    static const char *const right[] = {"a", "7", "web.1_x-y", NULL};
    static const char *const wrong[] = {"", ".a", "-a", "_a", "a b", "a/b", "a\n", "\xc3\xa4", NULL};
    for (size_t i = 0; right[i] != NULL; i++)
        g_assert_true(state_name_is_valid(right[i]));
    for (size_t i = 0; wrong[i] != NULL; i++)
        g_assert_false(state_name_is_valid(wrong[i]));
    g_autofree char *long_name = g_strnfill(129, 'a');
    g_assert_false(state_name_is_valid(long_name));

    static const char *const points[][2] = {
        {"/mnt/root", "root"}, {"/mnt/my root", "my_root"}, {"/mnt/.hidden", "m.hidden"}, {"/mnt/\xff", "m_"}};
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
        g_autofree char *name = state_name_from(points[i][0]);
        g_assert_cmpstr(name, ==, points[i][1]);
        g_assert_true(state_name_is_valid(name));
    }
    g_autofree char *deep = g_strconcat("/mnt/", long_name, long_name, NULL);
    g_autofree char *from_long = state_name_from(deep);
    g_assert_true(state_name_is_valid(from_long));
}

static void test_reserve(void)
{
    char *base = make_directory();
    g_autofree char *directory = g_build_filename(base, "deep", "run", NULL);
    g_autoptr(GError) error = NULL;
    struct state *first = make_state("web", "/mnt/a", getpid());
    g_assert_true(state_dir_reserve(directory, first, true, never_used, NULL, &error));
    g_assert_no_error(error);
    struct stat st;
    g_assert_cmpint(stat(directory, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0700);

    /* A name that was asked for is not changed; one that was made up gets a number. */
    struct state *second = make_state("web", "/mnt/b", getpid());
    g_assert_false(state_dir_reserve(directory, second, true, never_used, NULL, &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, "--name web"));
    g_assert_nonnull(strstr(error->message, "/mnt/a"));
    g_clear_error(&error);
    g_assert_true(state_dir_reserve(directory, second, false, never_used, NULL, &error));
    g_assert_cmpstr(second->name, ==, "web-2");

    /* The same place twice: also while the first one is still being set up. */
    struct state *third = make_state("other", "/mnt/a", getpid());
    g_assert_false(state_dir_reserve(directory, third, false, never_used, NULL, &error));
    g_assert_nonnull(strstr(error->message, "/mnt/a"));
    g_assert_nonnull(strstr(error->message, "web"));
    g_clear_error(&error);

    /* Once it is detached (ready, but not mounted there any more) the place is free. */
    first->ready = true;
    g_assert_true(state_dir_write(directory, first, &error));
    g_assert_true(state_dir_reserve(directory, third, false, never_used, NULL, &error));

    g_autoptr(GPtrArray) states = state_dir_read(directory);
    g_assert_cmpuint(states->len, ==, 3);
    g_assert_cmpstr(((struct state *)g_ptr_array_index(states, 0))->name, ==, "other");
    g_assert_cmpstr(((struct state *)g_ptr_array_index(states, 1))->name, ==, "web");
    g_assert_true(((struct state *)g_ptr_array_index(states, 1))->ready);
    state_dir_remove(directory, first);
    state_dir_remove(directory, second);
    state_dir_remove(directory, third);
    g_autoptr(GPtrArray) none = state_dir_read(directory);
    g_assert_cmpuint(none->len, ==, 0);
    state_free(first);
    state_free(second);
    state_free(third);
    remove_directory(base);
}

static void test_dead_states(void)
{
    char *directory = make_directory();
    g_autoptr(GError) error = NULL;
    struct state *dead = make_dead("web", "/mnt/a");
    g_assert_true(state_dir_write(directory, dead, &error));

    /* Its mount is still in the way: the name is taken. */
    struct state *state = make_state("web", "/mnt/b", getpid());
    g_assert_false(state_dir_reserve(directory, state, true, always_used, NULL, &error));
    g_assert_nonnull(strstr(error->message, "dead"));
    g_clear_error(&error);
    /* Nothing is left of it but the file. */
    g_assert_true(state_dir_reserve(directory, state, true, never_used, NULL, &error));
    g_assert_no_error(error);

    /* Only its own file is removed, not that of the one who has the name now. */
    state_dir_remove(directory, dead);
    g_autoptr(GPtrArray) states = state_dir_read(directory);
    g_assert_cmpuint(states->len, ==, 1);
    state_free(dead);
    state_free(state);
    remove_directory(directory);
}

static void test_strange_files(void)
{
    char *directory = make_directory();
    static const char *const files[] = {"broken.json", "notes.txt", ".hidden.json", "wrong-name.json"};
    static const char *const texts[] = {
        "{", "x", "{}",
        "{\"schema\":\"rofuse.state/1\",\"name\":\"other\",\"mountpoint\":\"/a\",\"pid\":1,\"boot_id\":\"\"}"};
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(directory, files[i], NULL);
        g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
    }
    g_autoptr(GPtrArray) states = state_dir_read(directory);
    g_assert_cmpuint(states->len, ==, 0);
    g_autoptr(GPtrArray) missing = state_dir_read("/nonexistent/rofuse");
    g_assert_cmpuint(missing->len, ==, 0);
    remove_directory(directory);
}

/* While somebody may be giving the name to another mount nothing of it is taken away; what is left is the next mount's. */
static void test_remove_has_the_lock(void)
{
    char *directory = make_directory();
    g_autofree char *path = g_build_filename(directory, ".lock", NULL);
    struct state *state = make_state("web", "/mnt/a", getpid());
    g_assert_true(state_dir_reserve(directory, state, true, never_used, NULL, NULL));
    int fd = open(path, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(flock(fd, LOCK_EX), ==, 0);
    state_dir_remove(directory, state);
    g_assert_true(state_dir_has(directory, state));
    close(fd);
    state_dir_remove(directory, state);
    g_assert_false(state_dir_has(directory, state));
    state_free(state);
    remove_directory(directory);
}

/* Many at once want the same name: all of them get one of their own. */
static void test_race(void)
{
    char *directory = make_directory();
    enum { N = 8 };
    pid_t children[N];
    for (int i = 0; i < N; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            g_autofree char *point = g_strdup_printf("/mnt/%d", i);
            struct state *state = make_state("web", point, getppid());
            _exit(state_dir_reserve(directory, state, false, never_used, NULL, NULL) ? 0 : 1);
        }
    }
    for (int i = 0; i < N; i++) {
        int status;
        g_assert_cmpint(waitpid(children[i], &status, 0), ==, children[i]);
        g_assert_cmpint(status, ==, 0);
    }
    g_autoptr(GPtrArray) states = state_dir_read(directory);
    g_assert_cmpuint(states->len, ==, N);
    remove_directory(directory);
}

static void test_mount_table(void)
{
    g_autoptr(GPtrArray) table =
        mount_table_parse("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                          "30 22 0:45 / /mnt/my\\040root rw,nosuid - fuse.rofuse web rw,user_id=0\n"
                          "garbage\n"
                          "31 30 0:46 / /mnt/my\\040root/proc rw master:2 shared:3 - proc proc rw\n"
                          "32 22 0:47 / /mnt/my rw - tmpfs tmpfs rw\n"
                          "33 32 0:48 / /mnt/my rw - fuse.rofuse over rw\n");
    g_assert_cmpuint(table->len, ==, 5);
    const struct mount_entry *entry = mount_table_at(table, "/mnt/my root");
    g_assert_true(mount_entry_is_rofuse(entry));
    g_assert_cmpstr(entry->source, ==, "web");
    g_assert_cmpuint(entry->device, ==, makedev(0, 45));
    g_assert_cmpstr(mount_table_below(table, "/mnt/my root")->point, ==, "/mnt/my root/proc");
    g_assert_cmpstr(mount_table_at(table, "/mnt/my")->source, ==, "over"); /* the one on top */
    g_assert_null(mount_table_below(table, "/mnt/my"));
    g_assert_null(mount_table_at(table, "/mnt"));
    g_assert_false(mount_entry_is_rofuse(NULL));
}

static void test_paths(void)
{
    char *directory = make_directory();
    g_autoptr(GError) error = NULL;
    struct paths *paths = paths_find(directory, &error);
    g_assert_no_error(error);
    g_assert_true(g_str_has_prefix(paths->volumes, directory) && g_str_has_suffix(paths->volumes, "/volumes"));
    g_assert_true(g_str_has_suffix(paths->run, "/run") && g_str_has_suffix(paths->log, "/log"));
    paths_free(paths);

    /* A symbolic link on the way is followed, the last component is not looked at. */
    g_autofree char *link = g_build_filename(directory, "link", NULL),
                    *real = g_build_filename(directory, "real", NULL);
    g_autofree char *behind = g_build_filename(link, "x", NULL), *wanted = g_build_filename(real, "x", NULL);
    g_assert_cmpint(mkdir(real, 0755), ==, 0);
    g_assert_cmpint(symlink("real", link), ==, 0);
    g_autofree char *absolute = paths_absolute(behind, &error);
    g_assert_cmpstr(absolute, ==, wanted);
    g_autofree char *unfollowed = paths_absolute(link, &error);
    g_assert_cmpstr(unfollowed, ==, link);
    g_autofree char *up = g_build_filename(link, "..", NULL);
    g_autofree char *above = paths_absolute(up, &error);
    g_assert_cmpstr(above, ==, directory);

    g_autofree char *file = g_build_filename(directory, "file", NULL);
    g_assert_true(g_file_set_contents(file, "", 0, NULL));
    g_assert_false(paths_make(file, &error));
    g_assert_error(error, APP_ERROR, APP_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, file));
    remove_directory(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/state/round-trip", test_round_trip);
    g_test_add_func("/state/broken-json", test_broken_json);
    g_test_add_func("/state/alive", test_alive);
    g_test_add_func("/state/names", test_names);
    g_test_add_func("/state/reserve", test_reserve);
    g_test_add_func("/state/dead", test_dead_states);
    g_test_add_func("/state/strange-files", test_strange_files);
    g_test_add_func("/state/remove-has-the-lock", test_remove_has_the_lock);
    g_test_add_func("/state/race", test_race);
    g_test_add_func("/state/mount-table", test_mount_table);
    g_test_add_func("/state/paths", test_paths);
    return g_test_run();
}
