#include "policy.h"

#include "node.h"
#include "route.h"

#include <errno.h>
#include <glib.h>

static struct route writable = {.spec = {.kind = ROUTE_VOLUME}}, other = {.spec = {.kind = ROUTE_TMPFS}};
static struct route read_only = {.spec = {.kind = ROUTE_BIND, .read_only = true}};

static const struct node image = {.id = {.kind = NODE_IMAGE}}, made = {.id = {.kind = NODE_MADE}};
static const struct node in_writable = {.id = {.kind = NODE_ROUTE, .route = &writable}};
static const struct node in_other = {.id = {.kind = NODE_ROUTE, .route = &other}};
static const struct node in_read_only = {.id = {.kind = NODE_ROUTE, .route = &read_only}};

static void change(void)
{
    g_assert_cmpint(policy_change(&in_writable).error, ==, 0);
    g_assert_cmpint(policy_change(&image).error, ==, EROFS);
    g_assert_cmpint(policy_change(&image).why, ==, DENIAL_NOT_DECLARED);
    g_assert_cmpint(policy_change(&made).error, ==, EROFS);
    g_assert_cmpint(policy_change(&made).why, ==, DENIAL_NOT_DECLARED);
    g_assert_cmpint(policy_change(&in_read_only).error, ==, EROFS);
    g_assert_cmpint(policy_change(&in_read_only).why, ==, DENIAL_DECLARED_READ_ONLY);
}

static void removal(void)
{
    struct node root = {.id = {.kind = NODE_ROUTE, .route = &other}};
    struct node_grafts *grafts = g_malloc0(sizeof *grafts + sizeof grafts->at[0]);
    struct node dir = in_writable, read_only_dir = in_read_only, image_dir = image;
    struct node_more more = {.grafts = grafts};
    grafts->at[0] = (struct node_graft){&root, "inner"};
    grafts->n = 1;
    dir.more = read_only_dir.more = image_dir.more = &more;
    g_assert_cmpint(policy_remove(&dir, "file").error, ==, 0);
    g_assert_cmpint(policy_remove(&dir, "inner").error, ==, EBUSY);
    /* A mount point in a directory that cannot be changed: the mount is asked before the name is. */
    g_assert_cmpint(policy_remove(&read_only_dir, "inner").error, ==, EROFS);
    g_assert_cmpint(policy_remove(&read_only_dir, "inner").why, ==, DENIAL_DECLARED_READ_ONLY);
    g_assert_cmpint(policy_remove(&image_dir, "inner").error, ==, EROFS);
    g_assert_cmpint(policy_remove(&image_dir, "file").why, ==, DENIAL_NOT_DECLARED);
    g_free(grafts);
}

static void cross(void)
{
    g_assert_cmpint(policy_cross(&in_writable, &in_writable).error, ==, 0);
    g_assert_cmpint(policy_cross(&in_writable, &in_other).error, ==, EXDEV);
    g_assert_cmpint(policy_cross(&in_writable, &image).error, ==, EXDEV);
    g_assert_cmpint(policy_cross(&image, &in_writable).error, ==, EXDEV);
    g_assert_cmpint(policy_cross(&made, &in_writable).error, ==, EXDEV);
    g_assert_cmpint(policy_cross(&image, &in_read_only).error, ==, EXDEV);
    g_assert_cmpint(policy_cross(&in_read_only, &in_read_only).error, ==, EROFS);
    g_assert_cmpint(policy_cross(&image, &image).error, ==, EROFS);
    /* What exists in memory only belongs to the image's mount. */
    g_assert_cmpint(policy_cross(&image, &made).error, ==, EROFS);
    g_assert_cmpint(policy_cross(&made, &image).why, ==, DENIAL_NOT_DECLARED);
}

static void learned(void)
{
    struct route layer = {.spec = {.kind = ROUTE_TMPFS}, .is_learn = true};
    const struct node node = {.id = {.kind = NODE_ROUTE, .route = &layer}};
    g_assert_true(policy_is_learned(&node));
    g_assert_cmpint(policy_change(&node).error, ==, 0);
    g_assert_false(policy_is_learned(&in_writable));
    g_assert_false(policy_is_learned(&image));
    g_assert_false(policy_is_learned(&made));
    /* A declared place in it is another mount. */
    g_assert_cmpint(policy_cross(&node, &in_writable).error, ==, EXDEV);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/change", change);
    g_test_add_func("/policy/remove", removal);
    g_test_add_func("/policy/cross", cross);
    g_test_add_func("/policy/learned", learned);
    return g_test_run();
}
