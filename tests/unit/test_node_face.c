#include "node_face.h"

#include "route.h"

#include <sys/stat.h>

static struct route route = {.index = 3};

struct fixture {
    struct node_table *table;
    struct node *top; /* the mount's root */
    struct node *dir; /* of the image, known to the kernel */
};

static struct node *image_dir(struct fixture *fixture, uint64_t ino, struct node *parent, const char *name)
{
    static const uint16_t layer = 0;
    struct node_identity id = {
        .kind = NODE_IMAGE, .space = 1, .ino = ino, .shown = ino, .type = S_IFDIR, .layers = &layer, .n_layers = 1};
    return node_get(fixture->table, &id, parent, name);
}

static struct node *route_node(struct fixture *fixture, uint64_t ino, mode_t type, struct node *parent,
                               const char *name)
{
    struct node_identity id = {
        .kind = NODE_ROUTE, .space = 2, .ino = ino, .shown = 1000 + ino, .type = type, .route = &route};
    return node_get(fixture->table, &id, parent, name);
}

static void setup(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->table = node_table_new();
    fixture->top = image_dir(fixture, 1, NULL, NULL);
    fixture->dir = image_dir(fixture, 2, fixture->top, "data");
    g_assert_true(node_looked_up(fixture->table, fixture->dir) == fixture->dir);
}

static void teardown(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    node_unref(fixture->table, fixture->top);
    g_assert_cmpuint(node_table_size(fixture->table), ==, 0);
    node_table_free(fixture->table);
}

/* Puts a route's root under the number of the directory, as live.c does. Returns it, without a ref. */
static struct node *show_root(struct fixture *fixture)
{
    struct node *root = route_node(fixture, 1, S_IFDIR, fixture->top, "data");
    node_face_set(fixture->table, root, fixture->dir);
    g_assert_null(node_show(fixture->table, fixture->dir, root));
    node_unref(fixture->table, root);
    return root;
}

static void a_number_shows_another_node(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    g_assert_true(node_shadow(fixture->dir) == fixture->dir);
    struct node *root = show_root(fixture);
    g_assert_true(node_shadow(fixture->dir) == root);
    /* Look-ups of the root count on the number that the kernel knows. */
    g_assert_true(node_looked_up(fixture->table, root) == fixture->dir);
    node_unref(fixture->table, fixture->dir);
    node_forget(fixture->table, fixture->dir, 1);
    g_assert_true(node_shadow(fixture->dir) == root);
    /* Both go with the last of them. */
    node_forget(fixture->table, fixture->dir, 1);
    g_assert_cmpuint(node_table_size(fixture->table), ==, 1);
}

static void a_number_that_is_forgotten_leaves_the_node(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *root = node_ref(fixture->table, show_root(fixture));
    node_unref(fixture->table, fixture->dir);
    node_forget(fixture->table, fixture->dir, 1);
    g_assert_true(node_looked_up(fixture->table, root) == root);
    node_forget(fixture->table, root, 1);
    node_unref(fixture->table, root);
}

static void back_again(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *root = show_root(fixture), *face;
    node_face_set(fixture->table, fixture->dir, fixture->dir);
    g_assert_true(node_show(fixture->table, fixture->dir, fixture->dir) == root);
    g_assert_true(node_shadow(fixture->dir) == fixture->dir);
    /* Who has found the root before still tells the number that the kernel has for the place. */
    face = node_face(fixture->table, root);
    g_assert_true(face == fixture->dir);
    node_unref(fixture->table, face);
    node_face_end(fixture->table, root, fixture->dir);
    face = node_face(fixture->table, root);
    g_assert_true(face == root);
    node_unref(fixture->table, face);
    node_unref(fixture->table, root);
    node_forget(fixture->table, fixture->dir, 1);
    node_unref(fixture->table, fixture->dir);
}

static void a_number_that_was_removed_tells_nothing_more(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node_table *table = fixture->table;
    struct node *root = show_root(fixture), *number;
    node_lost_name(table, root, fixture->top, "data", true, -1);
    node_face_set(table, fixture->dir, fixture->dir);
    g_assert_true(node_show(table, fixture->dir, fixture->dir) == root);
    node_face_end(table, root, fixture->dir);
    node_unref(table, root);
    /* Somebody stands in it, so it is told by another one, which shows the same, again and again. */
    number = node_looked_up(table, fixture->dir);
    g_assert_true(number != fixture->dir && node_shadow(number) == fixture->dir);
    g_assert_true(node_looked_up(table, fixture->dir) == number);
    node_forget(table, number, 1);
    /* And when nobody stands in it any more, by its own. */
    node_forget(table, fixture->dir, 1);
    node_forget(table, number, 1);
    g_assert_true(node_looked_up(table, fixture->dir) == fixture->dir);
    node_forget(table, fixture->dir, 1);
    node_unref(table, fixture->dir);
}

static void what_the_table_knows(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *root = show_root(fixture);
    struct node *file = route_node(fixture, 2, S_IFREG, root, "file"),
                *old = image_dir(fixture, 3, fixture->dir, "old");
    g_autoptr(GPtrArray) names = node_known_names(fixture->table, root);
    g_assert_cmpuint(names->len, ==, 1);
    g_assert_cmpstr(names->pdata[0], ==, "file");
    g_autoptr(GPtrArray) old_names = node_known_names(fixture->table, fixture->dir);
    g_assert_cmpuint(old_names->len, ==, 1);
    g_assert_cmpstr(old_names->pdata[0], ==, "old");
    g_autoptr(GPtrArray) faces = node_faces_into(fixture->table, &route);
    g_assert_cmpuint(faces->len, ==, 1);
    g_assert_true(faces->pdata[0] == fixture->dir);
    g_autoptr(GPtrArray) directories = node_directories(fixture->table, &route);
    g_assert_cmpuint(directories->len, ==, 1);
    g_assert_true(directories->pdata[0] == root);
    struct node *const all[] = {file, old, faces->pdata[0], directories->pdata[0], fixture->dir};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        node_unref(fixture->table, all[i]);
    node_forget(fixture->table, fixture->dir, 1);
}

static void grafts(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    struct node *made[20];
    char names[G_N_ELEMENTS(made)][8];
    for (size_t i = 0; i < G_N_ELEMENTS(made); i++) {
        (void)g_snprintf(names[i], sizeof names[i], "g%zu", i / 2);
        made[i] = route_node(fixture, 10 + i, S_IFDIR, fixture->dir, names[i]);
        node_graft(fixture->table, fixture->dir, names[i], made[i]);
        g_assert_true(node_find_graft(fixture->dir, names[i]) == made[i]);
    }
    const struct node_grafts *before = node_grafts(fixture->dir);
    g_assert_cmpuint(node_n_grafts(before), ==, G_N_ELEMENTS(made));
    /* The later one of a name hides the earlier one, which is seen again without it. */
    g_assert_true(node_find_graft_but(fixture->dir, "g3", made[7]) == made[6]);
    g_assert_true(node_ungraft(fixture->table, fixture->dir, made[7]));
    g_assert_false(node_ungraft(fixture->table, fixture->dir, made[7]));
    g_assert_true(node_find_graft(fixture->dir, "g3") == made[6]);
    g_assert_null(node_find_graft(fixture->dir, "other"));
    /* Whoever has taken the list before can go on with it. */
    g_assert_true(before->at[7].node == made[7]);
    g_assert_cmpstr(before->at[7].name, ==, "g3");
    for (size_t i = 0; i < G_N_ELEMENTS(made); i++) {
        if (i != 7)
            g_assert_true(node_ungraft(fixture->table, fixture->dir, made[i]));
        node_unref(fixture->table, made[i]);
        node_unref(fixture->table, made[i]);
    }
    g_assert_cmpuint(node_n_grafts(node_grafts(fixture->dir)), ==, 0);
    node_forget(fixture->table, fixture->dir, 1);
    node_unref(fixture->table, fixture->dir);
    node_unref(fixture->table, fixture->dir); /* the one that grafts pin their parent with */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name) g_test_add("/face/" #name, struct fixture, NULL, setup, name, teardown)
    ADD(a_number_shows_another_node);
    ADD(a_number_that_is_forgotten_leaves_the_node);
    ADD(back_again);
    ADD(a_number_that_was_removed_tells_nothing_more);
    ADD(what_the_table_knows);
    ADD(grafts);
    return g_test_run();
}
