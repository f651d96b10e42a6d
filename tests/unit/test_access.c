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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/access/against-kernel", against_kernel);
    return g_test_run();
}
