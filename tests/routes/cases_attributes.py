"""Cases of attributes: mode, owner, times, set-user-ID bits, extended attributes, ACLs."""

import fcntl
import os
import stat
import struct

from route_table import (GROUP, OTHER, OWNER, PREPARED, acl, acl_for, attempt, case, case_everywhere, look, opened,
                         seen, store)
from syscalls import AT_SYMLINK_NOFOLLOW, fallocate, fchmodat2, getxattr_size, listxattr_size, setxattr

NAMES = ("file", "private", "readonly", "rootfile", "open", "suid", "link", "dangling", "dir", "rootdir", "opendir",
         "fifo", "socket", "missing", "closed/child", ".")


@case_everywhere
def chmod():
    found = [(name, mode, attempt(os.chmod, name, mode), look(name)) for name in NAMES
             for mode in (0o600, 0o7777, 0o2755, 0o1644, 0)]
    return found


@case
def chmod_without_following():
    return [(name, attempt(fchmodat2, name, 0o640, AT_SYMLINK_NOFOLLOW), look(name))
            for name in ("file", "link", "dangling", "dir")]


@case_everywhere
def chmod_of_new_files():
    """The setgid bit stays only for members of the file's group (or CAP_FSETID)."""
    opened("opendir/new", os.O_WRONLY | os.O_CREAT)
    found = [(attempt(os.chmod, "opendir/new", mode), look("opendir/new")) for mode in (0o2770, 0o4755, 0o6711, 0o1600)]
    for name in ("new", "opendir/new2"):
        found.append(attempt(opened, name, os.O_WRONLY | os.O_CREAT))
        found += [(attempt(os.chown, name, -1, group), look(name), attempt(os.chmod, name, 0o2775), look(name))
                  for group in (GROUP, OTHER, 0)]
    found += [attempt(os.mkdir, "newdir"), attempt(os.chmod, "newdir", 0o2777), look("newdir"),
              attempt(os.mkdir, "newdir/sub"), look("newdir/sub"),
              attempt(opened, "newdir/f", os.O_CREAT | os.O_WRONLY), look("newdir/f")]
    return found


@case_everywhere
def chown():
    found = []
    for name in NAMES:
        for uid, gid in ((OWNER, -1), (-1, OWNER), (OTHER, -1), (-1, GROUP), (0, 0), (-1, -1), (OWNER, OTHER)):
            found.append((name, uid, gid, attempt(os.chown, name, uid, gid), look(name)))
    return found + [attempt(os.lchown, "link", OTHER, OTHER), look("link"), attempt(os.lchown, "dangling", -1, -1)]


@case
def chown_takes_privileges_away():
    found = []
    for mode in (0o6777, 0o6745, 0o4711, 0o2755, 0o2745):
        name = f"opendir/{mode:o}"
        store(name, b"x")
        os.chmod(name, mode)
        found += [attempt(os.chown, name, -1, -1), look(name), attempt(os.chown, name, os.getuid(), -1), look(name)]
        os.chmod(name, mode)
        found += [attempt(os.chown, name, -1, GROUP), look(name)]
    if os.getuid() == 0:
        os.chmod("opendir", 0o6777)
    return found + [attempt(os.chown, "opendir", -1, -1), look("opendir")]


@case
def writing_takes_privileges_away():
    found = []
    for name, mode in (("suid", 0o6777), ("file", 0o644)):
        def write(fd):
            os.write(fd, b"y")
        found += [name, mode, attempt(opened, name, os.O_WRONLY, 0, write), look(name)]
    for number, change in enumerate((lambda fd: os.pwrite(fd, b"x", 0), lambda fd: os.ftruncate(fd, 2),
                                     lambda fd: os.ftruncate(fd, 20), lambda fd: fallocate(fd, 0, 0, 100),
                                     lambda fd: None)):
        for mode in (0o6755, 0o6745, 0o2777, 0o2767, 0o4755):
            name = f"opendir/{number}-{mode:o}"
            store(name, b"some text")
            os.chmod(name, mode)
            found += [name, attempt(opened, name, os.O_RDWR, 0, change), look(name)]
    return found


@case
def truncating_takes_privileges_away():
    return [attempt(os.truncate, "suid", 1), look("suid"), attempt(os.chmod, "suid", 0o6777),
            attempt(opened, "suid", os.O_WRONLY | os.O_TRUNC), look("suid")]


@case
def writing_takes_capabilities_away():
    value = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
    found = [attempt(os.setxattr, "open", "security.capability", value),
             attempt(os.getxattr, "open", "security.capability")]

    def write(fd):
        os.write(fd, b"y")
    return found + [attempt(opened, "open", os.O_WRONLY, 0, write), attempt(os.getxattr, "open", "security.capability")]


def mtime(name):
    """Times that were set; "now" for others."""
    st = os.stat(name, follow_symlinks=False)
    return [when if when <= (PREPARED + 1) * 10**9 else "now" for when in (st.st_atime_ns, st.st_mtime_ns)]


@case_everywhere
def times():
    found = []
    for name in NAMES:
        for what in ((1, 2), (123456789, 987654321), (-86400 * 10**9, -5), None):
            result = attempt(os.utime, name, ns=what) if what else attempt(os.utime, name)
            found.append((name, what, result, attempt(mtime, name)[1:]))
        found.append((name, attempt(os.utime, name, ns=(5, 6), follow_symlinks=False), attempt(mtime, name)))
    found += [attempt(opened, "file", os.O_RDONLY, 0, lambda fd: os.utime(fd, (77, 78))), mtime("file")]
    return found


@case
def times_far_away():
    store("opendir/new", b"")
    found = []
    for seconds in (-2**31, -2**31 - 1, 2**31, 2**32, 2**33, 2**34, 2**35, 2**40):
        found.append((seconds, attempt(os.utime, "opendir/new", ns=(seconds * 10**9, seconds * 10**9 + 7)),
                      os.stat("opendir/new").st_mtime_ns))
    return found


@case
def times_follow_changes():
    """What changes a file or a directory makes its mtime new, and what does not, does not."""
    if os.getuid() == 0:
        os.utime("opendir", (5, 5))
    store("opendir/new", b"x")
    found = []

    def after(name, change, *args):
        os.utime("opendir/new", (9, 9))
        result = attempt(change, *args)
        found.append((change.__name__, str(args)[:40], result if result is None else str(result)[:20], mtime(name)[1]))
    after("opendir/new", os.truncate, "opendir/new", 1)
    after("opendir/new", os.truncate, "opendir/new", 5)
    after("opendir/new", os.chmod, "opendir/new", 0o600)
    after("opendir/new", os.link, "opendir/new", "opendir/other")
    after("opendir/new", os.rename, "opendir/other", "opendir/third")
    after("opendir/new", os.unlink, "opendir/third")
    after("opendir/new", os.setxattr, "opendir/new", "user.a", b"1")
    after("opendir/new", store, "opendir/new", b"")
    after("opendir/new", store, "opendir/new", b"data")
    after("opendir", os.mkdir, "opendir/sub")
    return found + [mtime("opendir")[1]]


@case_everywhere
def xattrs():
    found = []
    for name in NAMES:
        for attribute in ("user.a", "trusted.a", "security.a", "system.a", "nothing", "user.", "user.overlay.opaque",
                          "user.fuseoverlayfs.opaque", "trusted.overlay.opaque", "user.containers.override_stat"):
            found.append((name, attribute, attempt(os.setxattr, name, attribute, b"value"),
                          attempt(os.getxattr, name, attribute)))
        found.append((name, attempt(lambda path: sorted(os.listxattr(path)), name)))
        found.append((name, attempt(os.removexattr, name, "user.a"), attempt(os.removexattr, name, "user.a"),
                      attempt(os.removexattr, name, "trusted.a"),
                      attempt(lambda path: sorted(os.listxattr(path)), name)))
    for attribute in ("user.a", "trusted.a"):
        found.append(attempt(os.setxattr, "link", attribute, b"1", follow_symlinks=False))
        found.append(attempt(os.listxattr, "link", follow_symlinks=False))
    return found


@case
def xattr_flags_and_sizes():
    store("opendir/new", b"")
    path = "opendir/new"
    found = [attempt(os.setxattr, path, "user.a", b"1", os.XATTR_REPLACE),
             attempt(os.setxattr, path, "user.a", b"1", os.XATTR_CREATE),
             attempt(os.setxattr, path, "user.a", b"22", os.XATTR_CREATE),
             attempt(os.setxattr, path, "user.a", b"22", os.XATTR_REPLACE), attempt(os.getxattr, path, "user.a"),
             attempt(os.setxattr, path, "user.empty", b""), attempt(os.getxattr, path, "user.empty"),
             attempt(os.setxattr, path, "user." + "n" * 250, b"1"),
             attempt(os.setxattr, path, "user." + "n" * 251, b"1"),
             attempt(setxattr, path, "user.big", b"x" * 65537, 65537),
             attempt(os.setxattr, path, "user.mid", b"x" * 2000), attempt(os.setxattr, path, b"user.\xff\n", b"\0\xff"),
             attempt(os.getxattr, path, b"user.\xff\n"), attempt(getxattr_size, path, "user.mid", 0),
             attempt(getxattr_size, path, "user.mid", 10), attempt(getxattr_size, path, "user.mid", 2000),
             attempt(listxattr_size, path, 0), attempt(listxattr_size, path, 3)]
    return found + [sorted(map(os.fsencode, os.listxattr(path)))]


@case_everywhere
def acls():
    found = []
    for name in ("file", "private", "rootfile", "dir", "rootdir", ".", "link", "fifo", "dangling"):
        for attribute in ("system.posix_acl_access", "system.posix_acl_default"):
            found.append((name, attribute, attempt(os.setxattr, name, attribute, acl_for(OTHER, 7)), look(name),
                          attempt(os.getxattr, name, attribute)))
    found += [(attempt(os.chmod, "file", 0o604), look("file"), attempt(os.getxattr, "file", "system.posix_acl_access"))]
    minimal = acl((1, 6, -1), (4, 4, -1), (32, 0, -1))
    found += [attempt(os.setxattr, "file", "system.posix_acl_access", minimal),
              attempt(os.getxattr, "file", "system.posix_acl_access"), look("file"),
              attempt(os.removexattr, "private", "system.posix_acl_access"), look("private"),
              attempt(os.removexattr, "private", "system.posix_acl_access"),
              attempt(os.removexattr, "dir", "system.posix_acl_default"), sorted(os.listxattr("dir"))]
    return found


@case
def acls_that_are_wrong():
    values = (b"", b"\x02\0\0\0", b"\x03\0\0\0", acl((1, 7, -1)),
              acl((2, 7, 5), (1, 7, -1), (4, 7, -1), (16, 7, -1), (32, 7, -1)),
              acl((1, 7, -1), (2, 7, 5), (4, 7, -1), (32, 7, -1)), acl((1, 9, -1), (4, 7, -1), (32, 7, -1)), b"x" * 7)
    return [(number, attempt(os.setxattr, name, attribute, value), look(name)) for number, value in enumerate(values)
            for name in ("file", "dir") for attribute in ("system.posix_acl_access", "system.posix_acl_default")]


@case
def acl_is_honoured():
    """root gives "other" what the mode does not; each caller then tries."""
    if os.getuid() == 0:
        os.setxattr("private", "system.posix_acl_access", acl_for(OTHER, 6, base=(6, 0, 0)))
        os.setxattr("closed", "system.posix_acl_access", acl_for(OTHER, 5, base=(7, 0, 0)))
    return [attempt(opened, "private", os.O_RDWR), attempt(os.listdir, "closed"),
            attempt(os.stat, "closed/child") == "EACCES"]


@case_everywhere
def acls_are_inherited():
    found = []
    default = acl_for(OTHER, 6, mask=7, base=(7, 5, 0))
    found.append(attempt(os.setxattr, "opendir", "system.posix_acl_default", default))
    for mask in (0, 0o077):
        os.umask(mask)
        for name, make in (("f", lambda path: opened(path, os.O_CREAT | os.O_WRONLY, 0o664)), ("d", os.mkdir),
                           ("p", os.mkfifo), ("n", os.mknod), ("s", lambda path: os.symlink("x", path))):
            path = f"opendir/{name}{mask}"
            found += [path, attempt(make, path), look(path),
                      attempt(lambda where: {a: os.getxattr(where, a, follow_symlinks=False)
                                             for a in os.listxattr(where, follow_symlinks=False)}, path)]
    os.umask(0o022)
    found += [attempt(os.mkdir, "opendir/d0/deep"), look("opendir/d0/deep"), attempt(os.listxattr, "opendir/d0/deep"),
              attempt(opened, "opendir", os.O_TMPFILE | os.O_RDWR, 0o666, seen)]
    return found


@case
def file_flags():
    """chattr +a, +i (root only); each flag is taken away again."""
    def all_flags_of(fd):
        return struct.unpack("i", fcntl.ioctl(fd, 0x80086601, b"\0" * 4))[0]

    def flags_of(fd):
        return all_flags_of(fd) & 0x7f

    def change(fd, value):
        fcntl.ioctl(fd, 0x40086602, struct.pack("i", all_flags_of(fd) & ~0x70 | value))
    fd = os.open("file", os.O_RDONLY)
    found = [attempt(flags_of, fd)]
    for value in (0x20, 0x10, 0x40):
        found += [value, attempt(change, fd, value), attempt(flags_of, fd), attempt(opened, "file", os.O_WRONLY),
                  attempt(opened, "file", os.O_WRONLY | os.O_APPEND, 0, lambda out: os.write(out, b"more")),
                  attempt(os.chmod, "file", 0o640), attempt(os.link, "file", "linked"), attempt(os.unlink, "linked"),
                  attempt(os.rename, "file", "file2"), attempt(os.truncate, "file", 1)]
        attempt(change, fd, 0)
        attempt(os.rename, "file2", "file")
    os.close(fd)
    return found


@case
def types_of_everything():
    return [(name, stat.filemode(os.lstat(name).st_mode)) for name in sorted(os.listdir("."))]
