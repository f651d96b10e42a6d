#include "caller_home.h"

#include "proc_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

bool caller_root_read(pid_t tid, struct caller_root *ret)
{
    char path[PROC_FILE_PATH_MAX];
    struct statx found;
    if (statx(AT_FDCWD, proc_file_path(path, tid, "root"), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
              STATX_TYPE | STATX_INO | STATX_MNT_ID, &found) < 0)
        return false;
    *ret = (struct caller_root){makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino, found.stx_mnt_id};
    return true;
}

bool caller_root_is_same(const struct caller_root *a, const struct caller_root *b)
{
    return a->mount != 0 && a->mount == b->mount && a->device == b->device && a->number == b->number;
}

enum caller_home caller_root_home(const struct caller_root *callers, const struct caller_root *his, dev_t mount)
{
    bool is_on_mount = mount != 0 && his->device == mount;
    bool is_same = his->device == callers->device && his->number == callers->number && his->mount == callers->mount;
    return is_on_mount || is_same ? CALLER_HOME_INSIDE : CALLER_HOME_OUTSIDE;
}
