#include "node.h"

#include "route.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct route route_a;

static struct node_identity identity(uint64_t ino, mode_t type)
{
    return (struct node_identity){
        .kind = NODE_ROUTE, .space = 1, .ino = ino, .shown = ino, .type = type, .route = &route_a};
}

struct fixture {
    struct node_table *table;
    struct node *top;  /* the mount's root */
    struct node *root; /* of the route */
};

static void setup(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->table = node_table_new();
    struct node_identity made = {.kind = NODE_MADE, .space = 9, .ino = 1, .type = S_IFDIR};
    fixture->top = node_get(fixture->table, &made, NULL, NULL);
    struct node_identity root = identity(1, S_IFDIR);
    fixture->root = node_get(fixture->table, &root, fixture->top, "data");
    node_graft(fixture->table, fixture->top, fixture->root->name, fixture->root);
}

static void teardown(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    node_unref(fixture->table, fixture->root);
    node_unref(fixture->table, fixture->top);
    node_table_free(fixture->table);
}

static struct node *add(struct fixture *fixture, uint64_t ino, mode_t type, struct node *parent, const char *name)
{
    struct node_identity id = identity(ino, type);
    return node_get(fixture->table, &id, parent, name);
}

static void assert_inner(struct fixture *fixture, const struct node *node, const char *expected)
{
    g_autofree char *path = NULL;
    g_assert_cmpint(node_inner_path(fixture->table, node, &path), ==, 0);
    g_assert_cmpstr(path, ==, expected);
}

static void paths(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *dir = add(fixture, 2, S_IFDIR, fixture->root, "dir");
    struct node *file = add(fixture, 3, S_IFREG, dir, "file");
    g_autofree char *whole = node_path(fixture->table, file);
    g_assert_cmpstr(whole, ==, "data/dir/file");
    assert_inner(fixture, file, "dir/file");
    assert_inner(fixture, fixture->root, "");
    struct node *other = add(fixture, 4, S_IFDIR, fixture->root, "other");
    node_moved(fixture->table, dir, fixture->root, "dir", other, "moved");
    assert_inner(fixture, file, "other/moved/file");
    node_unref(fixture->table, dir);
    node_unref(fixture->table, other);
    assert_inner(fixture, file, "other/moved/file"); /* its parents live as long as it does */
    node_unref(fixture->table, file);
    g_assert_cmpuint(node_table_size(fixture->table), ==, 2);
}

static void lookups(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *file = add(fixture, 3, S_IFREG, fixture->root, "file");
    node_looked_up(fixture->table, file);
    node_looked_up(fixture->table, file);
    node_unref(fixture->table, file);
    struct node *again = add(fixture, 3, S_IFREG, fixture->root, "file");
    g_assert_true(again == file);
    node_unref(fixture->table, again);
    node_forget(fixture->table, file, 1);
    g_assert_cmpuint(node_table_size(fixture->table), ==, 3);
    node_forget(fixture->table, file, 5); /* never below zero, whatever is claimed */
    g_assert_cmpuint(node_table_size(fixture->table), ==, 2);
}

static void reused_number(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *old = add(fixture, 3, S_IFREG, fixture->root, "file");
    struct node_identity id = identity(3, S_IFREG);
    id.birth.tv_nsec = 7;
    struct node *new = node_get(fixture->table, &id, fixture->root, "file");
    g_assert_true(new != old);
    struct node *found = node_find(fixture->table, &id);
    g_assert_true(found == new);
    node_unref(fixture->table, found);
    node_unref(fixture->table, new);
    node_unref(fixture->table, old);
}

static void lost_name(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *file = add(fixture, 3, S_IFREG, fixture->root, "file");
    int fd = open("/dev/null", O_PATH | O_CLOEXEC);
    node_lost_name(fixture->table, file, fixture->root, "another", false, dup(fd));
    g_assert_cmpint(node_held(fixture->table, file), ==, -ENOENT); /* it goes by its own name still */
    node_lost_name(fixture->table, file, fixture->root, "file", false, fd);
    g_autofree char *path = NULL;
    g_assert_cmpint(node_inner_path(fixture->table, file, &path), ==, -ESTALE);
    int held = node_held(fixture->table, file);
    g_assert_cmpint(held, >=, 0);
    close(held);
    struct node *again = add(fixture, 3, S_IFREG, fixture->root, "link");
    g_assert_true(again == file);
    assert_inner(fixture, file, "link");
    g_assert_cmpint(node_held(fixture->table, file), ==, -ENOENT);
    node_unref(fixture->table, again);
    node_unref(fixture->table, file);
}

/* The last name can be another than the one the node goes by, and who looked that up comes too late. */
static void lost_last_name(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *file = add(fixture, 3, S_IFREG, fixture->root, "file");
    node_lost_name(fixture->table, file, fixture->root, "another", true, open("/dev/null", O_PATH | O_CLOEXEC));
    struct node *late = add(fixture, 3, S_IFREG, fixture->root, "file");
    g_assert_true(late == file);
    int held = node_held(fixture->table, file);
    g_assert_cmpint(held, >=, 0);
    close(held);
    node_unref(fixture->table, late);
    node_unref(fixture->table, file);
}

/* A place that was found before a rename is not believed after it. */
static void late_place(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *file = add(fixture, 3, S_IFREG, fixture->root, "file");
    struct node_identity id = identity(3, S_IFREG);
    struct node_changes changes = {0};
    unsigned mark;
    g_assert_true(node_changes_quiet(&changes, &mark));
    node_changes_begin(&changes);
    g_assert_false(node_changes_quiet(&changes, &(unsigned){0}));
    g_assert_null(node_get_unless(fixture->table, &id, fixture->root, "old", &changes, mark));
    assert_inner(fixture, file, "file");
    node_changes_end(&changes);
    g_assert_true(node_changes_quiet(&changes, &mark));
    struct node *found = node_get_unless(fixture->table, &id, fixture->root, "new", &changes, mark);
    g_assert_true(found == file);
    assert_inner(fixture, file, "new");
    node_unref(fixture->table, found);
    node_unref(fixture->table, file);
}

/* Directories that somebody moves outside while they are looked at can seem to lie in each other. */
static void no_cycle(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *a = add(fixture, 2, S_IFDIR, fixture->root, "a");
    struct node *b = add(fixture, 3, S_IFDIR, a, "b");
    struct node *again = add(fixture, 2, S_IFDIR, b, "a");
    g_assert_true(again == a);
    assert_inner(fixture, b, "a/b"); /* the place that it had is kept */
    node_unref(fixture->table, again);
    node_unref(fixture->table, b);
    node_unref(fixture->table, a);
}

/* The root of a route that shows up below itself stays where it was grafted. */
static void root_below_itself(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *dir = add(fixture, 2, S_IFDIR, fixture->root, "dir");
    g_autofree char *before = node_path(fixture->table, fixture->root);
    struct node *again = node_get(fixture->table, &fixture->root->id, dir, "loop");
    g_assert_true(again == fixture->root);
    g_autofree char *after = node_path(fixture->table, fixture->root);
    g_assert_cmpstr(after, ==, before);
    node_unref(fixture->table, again);
    node_unref(fixture->table, dir);
}

static struct node *add_link(struct fixture *fixture, uint64_t ino, const char *name)
{
    struct node_identity id = identity(ino, S_IFREG);
    id.has_links = true;
    return node_get(fixture->table, &id, fixture->root, name);
}

/* A file with several names needs no descriptor as long as one of them is known. */
static void several_names(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *file = add_link(fixture, 3, "one");
    const char *const more[] = {"two", "three", "one"};
    for (size_t i = 0; i < G_N_ELEMENTS(more); i++)
        node_unref(fixture->table, add_link(fixture, 3, more[i]));
    assert_inner(fixture, file, "one");
    g_assert_cmpuint(node_next_place(fixture->table, file), ==, 3);
    assert_inner(fixture, file, "two");
    node_lost_name(fixture->table, file, fixture->root, "two", false, open("/dev/null", O_PATH | O_CLOEXEC));
    node_moved(fixture->table, file, fixture->root, "three", fixture->root, "four");
    assert_inner(fixture, file, "four");
    node_lost_name(fixture->table, file, fixture->root, "four", false, open("/dev/null", O_PATH | O_CLOEXEC));
    assert_inner(fixture, file, "one");
    g_assert_cmpint(node_held(fixture->table, file), ==, -ENOENT);
    node_lost_name(fixture->table, file, fixture->root, "one", true, open("/dev/null", O_PATH | O_CLOEXEC));
    int held = node_held(fixture->table, file);
    g_assert_cmpint(held, >=, 0);
    close(held);
    node_unref(fixture->table, file);
}

static void open_files(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *file = add(fixture, 3, S_IFREG, fixture->root, "file");
    g_assert_cmpint(node_open_copy(fixture->table, file), ==, -ENOENT);
    struct node_open first = {.fd = open("/dev/null", O_RDONLY | O_CLOEXEC)}, second = {.fd = first.fd};
    node_opened(fixture->table, file, &first);
    node_opened(fixture->table, file, &second);
    node_closed(fixture->table, file, &first);
    int copy = node_open_copy(fixture->table, file);
    g_assert_cmpint(copy, >=, 0);
    close(copy);
    node_closed(fixture->table, file, &second);
    g_assert_cmpint(node_open_copy(fixture->table, file), ==, -ENOENT);
    close(first.fd);
    node_unref(fixture->table, file);
}

/* Nodes that are known by their names alone are found by each, wherever they have gone. */
static void by_place(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node_table *table = fixture->table;
    struct node_identity id = identity(5, S_IFREG), other_id = identity(6, S_IFREG);
    id.by_place = other_id.by_place = id.has_links = true;
    struct node *dir = add(fixture, 2, S_IFDIR, fixture->root, "dir");
    struct node *file = node_get(table, &id, fixture->root, "a");
    g_assert_true(node_get(table, &id, dir, "b") == file);
    node_unref(table, file);
    const struct {
        const struct node *parent;
        const char *name;
    } names[] = {{fixture->root, "a"}, {dir, "b"}};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        struct node *found = node_at(table, names[i].parent, names[i].name);
        g_assert_true(found == file);
        node_unref(table, found);
    }
    g_assert_null(node_at(table, dir, "a"));
    node_moved(table, file, dir, "b", dir, "c");
    g_assert_null(node_at(table, dir, "b"));
    node_unref(table, node_at(table, dir, "c"));
    /* Another file has the name by now, and the first gives up its own. */
    struct node *other = node_get(table, &other_id, dir, "c");
    node_lost_name(table, file, dir, "c", false, -1);
    struct node *found = node_at(table, dir, "c");
    g_assert_true(found == other);
    node_unref(table, found);
    node_unref(table, other);
    g_assert_null(node_at(table, dir, "c"));
    node_unref(table, file);
    g_assert_null(node_at(table, fixture->root, "a"));
    /* One that was linked is kept until its last name is gone. */
    file = node_get(table, &id, fixture->root, "a");
    node_linked(table, file, dir, "linked");
    node_unref(table, file);
    found = node_at(table, dir, "linked");
    g_assert_true(found == file);
    node_unref(table, found);
    found = node_at(table, fixture->root, "a");
    g_assert_true(found == file);
    node_lost_name(table, file, fixture->root, "a", false, -1);
    node_lost_name(table, file, dir, "linked", true, -1);
    node_unref(table, found);
    g_assert_null(node_at(table, dir, "linked"));
    g_assert_cmpuint(node_table_size(table), ==, 3);
    /* All others are known by their numbers. */
    struct node *plain = add(fixture, 7, S_IFREG, dir, "plain");
    g_assert_null(node_at(table, dir, "plain"));
    node_unref(table, plain);
    node_unref(table, dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/node/paths", struct fixture, NULL, setup, paths, teardown);
    g_test_add("/node/by-place", struct fixture, NULL, setup, by_place, teardown);
    g_test_add("/node/lookups", struct fixture, NULL, setup, lookups, teardown);
    g_test_add("/node/reused-number", struct fixture, NULL, setup, reused_number, teardown);
    g_test_add("/node/lost-name", struct fixture, NULL, setup, lost_name, teardown);
    g_test_add("/node/lost-last-name", struct fixture, NULL, setup, lost_last_name, teardown);
    g_test_add("/node/late-place", struct fixture, NULL, setup, late_place, teardown);
    g_test_add("/node/no-cycle", struct fixture, NULL, setup, no_cycle, teardown);
    g_test_add("/node/root-below-itself", struct fixture, NULL, setup, root_below_itself, teardown);
    g_test_add("/node/several-names", struct fixture, NULL, setup, several_names, teardown);
    g_test_add("/node/open-files", struct fixture, NULL, setup, open_files, teardown);
    return g_test_run();
}
