/* What access_allows() says is compared with what the kernel says to a process of that user. */
#include "access.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

struct acl_entry {
    uint16_t tag, perm;
    uint32_t id;
};

static const gid_t groups[] = {3000, 3001};

/* A process of that user asks for each of the eight combinations; bit N of the answer is combination N. */
static unsigned kernel_allows(const char *path, uid_t uid, gid_t gid)
{
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        if (setgroups(2, groups) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
            _exit(255);
        unsigned answer = 0;
        for (int wanted = 1; wanted < 8; wanted++)
            if (access(path, wanted) == 0)
                answer |= 1u << (wanted - 1);
        _exit((int)answer);
    }
    int status;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 255);
    return (unsigned)WEXITSTATUS(status);
}

static unsigned we_allow(const char *path, uid_t uid, gid_t gid)
{
    struct stat st;
    char acl[1024];
    g_assert_cmpint(stat(path, &st), ==, 0);
    ssize_t size = getxattr(path, ACCESS_ACL_XATTR, acl, sizeof acl);
    struct access_subject subject = {.uid = uid, .gid = gid, .groups = groups, .n_groups = 2};
    unsigned answer = 0;
    for (unsigned wanted = 1; wanted < 8; wanted++)
        if (access_allows(&st, size > 0 ? acl : NULL, size > 0 ? (size_t)size : 0, &subject, wanted))
            answer |= 1u << (wanted - 1);
    return answer;
}

static void compare(const char *path)
{
    static const struct {
        uid_t uid;
        gid_t gid;
    } users[] = {{1000, 1000}, {2000, 2000}, {2000, 1000}, {1001, 4000}};
    for (size_t i = 0; i < G_N_ELEMENTS(users); i++)
        g_assert_cmpuint(we_allow(path, users[i].uid, users[i].gid), ==,
                         kernel_allows(path, users[i].uid, users[i].gid));
}

static void against_kernel(void)
{
    if (getuid() != 0) {
        g_test_skip("needs root to become other users");
        return;
    }
    g_autofree char *dir = g_dir_make_tmp("rofuse-access-XXXXXX", NULL);
    g_assert_cmpint(chmod(dir, 0755), ==, 0);
    g_autofree char *path = g_build_filename(dir, "file", NULL);
    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
    static const gid_t owners[] = {1000, 3000, 5000};
    for (size_t g = 0; g < G_N_ELEMENTS(owners); g++) {
        g_assert_cmpint(chown(path, 1000, owners[g]), ==, 0);
        for (mode_t mode = 0; mode < 01000; mode += 7) {
            g_assert_cmpint(chmod(path, mode), ==, 0);
            compare(path);
        }
    }
    GRand *random = g_rand_new_with_seed(20);
    for (int i = 0; i < 40; i++) {
        struct {
            uint32_t version;
            struct acl_entry entries[8];
        } acl = {
            .version = 2,
            .entries =
                {
                    {0x01, (uint16_t)g_rand_int_range(random, 0, 8), UINT32_MAX},
                    {0x02, (uint16_t)g_rand_int_range(random, 0, 8), 1001},
                    {0x02, (uint16_t)g_rand_int_range(random, 0, 8), 2000},
                    {0x04, (uint16_t)g_rand_int_range(random, 0, 8), UINT32_MAX},
                    {0x08, (uint16_t)g_rand_int_range(random, 0, 8), 3000},
                    {0x08, (uint16_t)g_rand_int_range(random, 0, 8), 3001},
                    {0x10, (uint16_t)g_rand_int_range(random, 0, 8), UINT32_MAX},
                    {0x20, (uint16_t)g_rand_int_range(random, 0, 8), UINT32_MAX},
                },
        };
        if (setxattr(path, ACCESS_ACL_XATTR, &acl, sizeof acl, 0) < 0) {
            g_test_skip("the file system has no ACLs");
            break;
        }
        compare(path);
    }
    g_rand_free(random);
    g_remove(path);
    g_rmdir(dir);
}

struct acl_value {
    uint32_t version;
    struct acl_entry entries[6];
};

static const struct acl_value an_acl = {.version = 2,
                                        .entries = {{0x01, 7, UINT32_MAX},
                                                    {0x02, 6, 1001},
                                                    {0x04, 4, UINT32_MAX},
                                                    {0x08, 7, 3000},
                                                    {0x10, 5, UINT32_MAX},
                                                    {0x20, 1, UINT32_MAX}}};

static void assert_decision(uid_t uid, gid_t gid, enum access_rule rule, uint32_t id, unsigned bits, unsigned mask)
{
    const struct stat st = {.st_uid = 500, .st_gid = 600, .st_mode = S_IFREG | 0751};
    struct access_subject subject = {.uid = uid, .gid = gid};
    struct access_decision decision;
    bool allows = access_decide(&st, &an_acl, sizeof an_acl, &subject, ACCESS_WRITE, &decision);
    g_assert_cmpint(decision.rule, ==, rule);
    g_assert_cmpuint(decision.id, ==, id);
    g_assert_cmpuint(decision.bits, ==, bits);
    g_assert_cmpuint(decision.mask, ==, mask);
    g_assert_cmpint(allows, ==, (bits & ACCESS_WRITE) != 0);
}

/* Which entry it was, and what the mask left of it. */
static void decisions(void)
{
    assert_decision(500, 1, ACCESS_OF_OWNER, 500, 7, 7);
    assert_decision(1001, 1, ACCESS_OF_NAMED_USER, 1001, 4, 5);
    assert_decision(1, 600, ACCESS_OF_GROUP, 600, 4, 5);
    assert_decision(1, 3000, ACCESS_OF_NAMED_GROUP, 3000, 5, 5);
    assert_decision(1, 1, ACCESS_OF_OTHERS, 0, 1, 7);
}

static void entries(void)
{
    struct access_entry list[8];
    g_assert_cmpuint(access_entries(&an_acl, sizeof an_acl, list, 8), ==, 6);
    g_assert_cmpint(list[1].tag, ==, ACCESS_TAG_USER);
    g_assert_cmpuint(list[1].id, ==, 1001);
    g_assert_cmpuint(list[1].bits, ==, 6);
    g_assert_cmpint(list[4].tag, ==, ACCESS_TAG_MASK);
    g_assert_cmpuint(list[4].id, ==, 0);
    g_assert_cmpuint(access_entries(&an_acl, sizeof an_acl, list, 2), ==, 2);
    g_assert_cmpuint(access_entries(&an_acl, 3, list, 8), ==, 0);
    g_assert_cmpuint(access_entries(NULL, 0, list, 8), ==, 0);
    struct acl_value other = an_acl;
    other.version = 3;
    g_assert_cmpuint(access_entries(&other, sizeof other, list, 8), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/access/against-kernel", against_kernel);
    g_test_add_func("/access/decisions", decisions);
    g_test_add_func("/access/entries", entries);
    return g_test_run();
}
