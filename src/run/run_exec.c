#include "run_exec.h"

#include "app_error.h"
#include "run_inside.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int run_exec_failed(const char *program, int problem, GError **error)
{
    g_autofree char *shown = text_word(program);
    if (problem == ENOENT && strchr(program, '/') == NULL)
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s: not found in the PATH of the image", shown);
    else if (problem == ENOENT && access(program, F_OK) == 0)
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "%s: what it needs to run (its \"#!\" or its loader) is not in the image", shown);
    else if (problem == ENOEXEC)
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "%s: it is no program of this machine's kind, nor does it begin with \"#!\"", shown);
    else
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "%s: cannot be executed: %s", shown, g_strerror(problem));
    return problem == ENOENT || problem == ENOTDIR ? RUN_EXEC_NOT_FOUND : RUN_EXEC_NOT_EXECUTABLE;
}

int run_exec(const struct run_spec *spec, GError **error)
{
    const char *name = spec->argv[0];
    if (strchr(name, '/') != NULL) {
        execve(name, spec->argv, spec->env);
        return run_exec_failed(name, errno, error);
    }
    g_auto(GStrv) directories = g_strsplit(run_inside_path(spec->env), ":", 256);
    bool is_refused = false;
    for (char **directory = directories; *directory != NULL && *name != '\0'; directory++) {
        if (**directory != '/')
            continue; /* the working directory is no place for programs */
        g_autofree char *path = g_build_filename(*directory, name, NULL);
        execve(path, spec->argv, spec->env);
        if (errno == EACCES)
            is_refused = true;
        else if (errno != ENOENT && errno != ENOTDIR)
            return run_exec_failed(path, errno, error);
        else if (access(path, X_OK) == 0)
            return run_exec_failed(path, ENOENT, error);
    }
    return run_exec_failed(name, is_refused ? EACCES : ENOENT, error);
}
