/*
 * run_inside - files of a root file system, looked up as a process inside would: never out of it.
 *
 * All with openat2(2) and RESOLVE_IN_ROOT, so that symbolic links, absolute ones and ".." too, stay inside. Any thread.
 */
#ifndef ROFUSE_SRC_RUN_INSIDE_H
#define ROFUSE_SRC_RUN_INSIDE_H

#include <stddef.h>

/* A close-on-exec descriptor for an absolute path inside, owned by the caller; or -errno. Magic links of /proc are not
 * followed. @flags: of open(2). */
int run_inside_open(int root_fd, const char *path, int flags);

/* The first @most bytes of a regular file, with a '\0' behind; owned by the caller, g_free(). NULL where there is none. */
char *run_inside_read(int root_fd, const char *path, size_t most);

/*
 * run_inside_find_program - which file execvp(3) would take, for runtimes that are told a path.
 *
 * @env: "KEY=VALUE", whose PATH is used for a name without a slash. @cwd: what a relative path is relative to.
 * Returns 0 with an absolute path inside in @ret (owned by the caller), or -ENOENT, or -EACCES where there is a file
 * but none that anybody may execute.
 */
int run_inside_find_program(int root_fd, const char *name, char *const *env, const char *cwd, char **ret);

/* The value of PATH in a list of "KEY=VALUE"; docker's default where it is not there. Borrowed from @env, or static. */
const char *run_inside_path(char *const *env);

#endif
