#include "run_privileges.h"

#include "app_error.h"
#include "run_places.h"
#include "run_seccomp.h"

#include <errno.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <stdint.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static gboolean failed(const char *what, GError **error)
{
    g_set_error(error, APP_ERROR, APP_ERROR_FAILED, "cannot %s: %s", what, g_strerror(errno));
    return FALSE;
}

static bool is_kept(cap_value_t value)
{
    for (const char *const *name = run_capabilities; *name != NULL; name++) {
        cap_value_t kept;
        if (cap_from_name(*name, &kept) == 0 && kept == value)
            return true;
    }
    return false;
}

static gboolean drop_bounding(GError **error)
{
    for (cap_value_t value = 0; CAP_IS_SUPPORTED(value); value++) {
        if (!is_kept(value) && cap_get_bound(value) == 1 && cap_drop_bound(value) != 0)
            return failed("drop a capability", error);
    }
    return TRUE;
}

/* The supplementary groups; a user namespace of one user has no right to set them and keeps those it came with. */
static bool may_set_groups(void)
{
    g_autofree char *text = NULL;
    return !g_file_get_contents("/proc/self/setgroups", &text, NULL, NULL) || strncmp(text, "deny", 4) != 0;
}

static gboolean set_user(const struct run_spec *spec, GError **error)
{
    if (may_set_groups() && setgroups(spec->n_groups, spec->groups) != 0)
        return failed("set the supplementary groups", error);
    if (setresgid(spec->gid, spec->gid, spec->gid) != 0 || setresuid(spec->uid, spec->uid, spec->uid) != 0) {
        g_set_error(error, APP_ERROR, APP_ERROR_FAILED,
                    "cannot become user %u, group %u: %s; a user namespace has only the users that it was given "
                    "(subuid(5), newuidmap(1))",
                    spec->uid, spec->gid, g_strerror(errno));
        return FALSE;
    }
    return TRUE;
}

/* The capabilities that this process has and may keep; all other sets are emptied. */
static gboolean set_capabilities(uid_t uid, GError **error)
{
    cap_t now = cap_get_proc(), wanted = cap_init();
    bool is_set = now != NULL && wanted != NULL;
    for (const char *const *name = run_capabilities; is_set && uid == 0 && *name != NULL; name++) {
        cap_value_t value;
        cap_flag_value_t has = CAP_CLEAR;
        if (cap_from_name(*name, &value) != 0 || cap_get_flag(now, value, CAP_PERMITTED, &has) != 0 || has != CAP_SET)
            continue;
        is_set = cap_set_flag(wanted, CAP_PERMITTED, 1, &value, CAP_SET) == 0 &&
                 cap_set_flag(wanted, CAP_EFFECTIVE, 1, &value, CAP_SET) == 0;
    }
    is_set = is_set && cap_set_proc(wanted) == 0;
    int saved = errno;
    cap_free(now);
    cap_free(wanted);
    errno = saved;
    return is_set ? TRUE : failed("set the capabilities", error);
}

gboolean run_privileges_drop(const struct run_spec *spec, GError **error)
{
    /* Keys of whoever started us are not for the program; a kernel without keyrings has none to give. */
    (void)syscall(SYS_keyctl, (unsigned long)KEYCTL_JOIN_SESSION_KEYRING, 0UL, 0UL, 0UL, 0UL);
    if (!drop_bounding(error) || !set_user(spec, error))
        return FALSE;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
        return failed("clear the ambient capabilities", error);
    if (!set_capabilities(spec->uid, error))
        return FALSE;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return failed("set no_new_privs", error);
    return run_seccomp_install(error);
}
