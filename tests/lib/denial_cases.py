"""Every kind of operation that changes a tree, as a table: what to do, and what its record must say."""

import fcntl
import os
import socket
import stat
import struct

from denial_log import rename2

FS_IOC_SETFLAGS = 0x40086602
FS_IOC_FSSETXATTR = 0x401C5820
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2


class Case:
    """
    name: of the test; run(at): does the operation below the host path at; operation, path, target, flags, mode: of the
    record, paths relative to the place; mode with its type bits only where the type matters; by_modes: a user whom the
    mode bits refuse gets EROFS for it in a place that is not declared.
    """

    def __init__(self, name, run, operation, path, target=None, flags=None, mode=None, by_modes=True):
        self.name, self.run, self.operation, self.path, self.target = name, run, operation, path, target
        self.flags, self.mode, self.by_modes = flags, mode, by_modes

    def __repr__(self):
        return self.name


def opening(name, flags, mode=0o640):
    def run(at):
        os.close(os.open(f"{at}/{name}", flags, mode))

    return run


def bind_socket(at):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.bind(f"{at}/new")


def set_flags(at):
    fd = os.open(f"{at}/file", os.O_RDONLY)
    try:
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("l", 0x40))
    finally:
        os.close(fd)


def set_project(at):
    """FS_IOC_FSSETXATTR, what `chattr -p` does: struct fsxattr with a project id."""
    fd = os.open(f"{at}/file", os.O_RDONLY)
    try:
        fcntl.ioctl(fd, FS_IOC_FSSETXATTR, struct.pack("5I8x", 0, 0, 0, 7, 0))
    finally:
        os.close(fd)


def reopen(at):
    """A descriptor for reading opened again for writing, by way of /proc."""
    fd = os.open(f"{at}/file", os.O_RDONLY)
    try:
        os.close(os.open(f"/proc/self/fd/{fd}", os.O_WRONLY))
    finally:
        os.close(fd)


def set_capability(at):
    """cap_net_raw+ep, revision 2 (linux/capability.h)."""
    os.setxattr(f"{at}/file", "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))


def fchmod(at):
    fd = os.open(f"{at}/file", os.O_RDONLY)
    try:
        os.fchmod(fd, 0o600)
    finally:
        os.close(fd)


def lutimes(at):
    os.utime(f"{at}/link", ns=(1, 1), follow_symlinks=False)


def lsetxattr_trusted(at):
    os.setxattr(f"{at}/link", "trusted.a", b"1", follow_symlinks=False)


def set_acl(at):
    """An access ACL: user::rw-, user:2000:rw-, group::r--, mask::rw-, other::r--."""
    entries = [(1, 6, -1), (2, 6, 2000), (4, 4, -1), (16, 6, -1), (32, 4, -1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    os.setxattr(f"{at}/file", "system.posix_acl_access", acl)


def chown_path(at, name, follow):
    os.chown(f"{at}/{name}", 5, 6, follow_symlinks=follow)


CASES = [
    Case("open-wronly", opening("file", os.O_WRONLY), "open", "file", flags={"O_WRONLY"}, by_modes=False),
    Case("open-rdwr", opening("file", os.O_RDWR), "open", "file", flags={"O_RDWR"}, by_modes=False),
    Case("open-append", opening("file", os.O_WRONLY | os.O_APPEND), "open", "file", flags={"O_WRONLY", "O_APPEND"},
         by_modes=False),
    Case("open-trunc", opening("file", os.O_WRONLY | os.O_TRUNC), "open", "file", flags={"O_WRONLY", "O_TRUNC"}),
    Case("open-rdonly-trunc", opening("file", os.O_RDONLY | os.O_TRUNC), "open", "file", flags={"O_TRUNC"}),
    Case("open-creat-of-existing", opening("file", os.O_WRONLY | os.O_CREAT), "open", "file", flags={"O_WRONLY"},
         by_modes=False),
    Case("open-through-link", opening("link", os.O_WRONLY), "open", "file", flags={"O_WRONLY"}, by_modes=False),
    Case("open-again", reopen, "open", "file", flags={"O_WRONLY"}, by_modes=False),
    Case("create", opening("new", os.O_WRONLY | os.O_CREAT), "create", "new",
         flags={"O_WRONLY", "O_CREAT"}, mode=0o640),
    Case("create-excl", opening("new", os.O_RDWR | os.O_CREAT | os.O_EXCL), "create", "new",
         flags={"O_RDWR", "O_CREAT", "O_EXCL"}, mode=0o640),
    Case("create-rdonly", opening("new", os.O_RDONLY | os.O_CREAT), "create", "new", flags={"O_CREAT"}, mode=0o640),
    Case("create-below", opening("dir/sub/new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "create", "dir/sub/new",
         flags={"O_WRONLY", "O_CREAT", "O_TRUNC"}, mode=0o640),
    Case("tmpfile", opening("dir", os.O_RDWR | os.O_TMPFILE), "tmpfile", "dir",
         flags={"O_RDWR", "O_TMPFILE"}, mode=0o640),
    Case("mkdir", lambda at: os.mkdir(f"{at}/new", 0o751), "mkdir", "new", mode=0o751),
    Case("mkdir-below", lambda at: os.mkdir(f"{at}/dir/sub/new", 0o700), "mkdir", "dir/sub/new", mode=0o700),
    Case("mkfifo", lambda at: os.mkfifo(f"{at}/new", 0o604), "mknod", "new", mode=stat.S_IFIFO | 0o604),
    Case("mknod-regular", lambda at: os.mknod(f"{at}/new", stat.S_IFREG | 0o600), "mknod", "new",
         mode=stat.S_IFREG | 0o600),
    Case("mknod-device", lambda at: os.mknod(f"{at}/new", stat.S_IFCHR | 0o620, os.makedev(1, 3)), "mknod", "new",
         mode=stat.S_IFCHR | 0o620),
    Case("bind", bind_socket, "mknod", "new", mode=stat.S_IFSOCK | 0o777),
    Case("symlink", lambda at: os.symlink("../over/there", f"{at}/new"), "symlink", "new", target="../over/there"),
    Case("link", lambda at: os.link(f"{at}/shared", f"{at}/new"), "link", "new", target="shared"),
    Case("unlink", lambda at: os.unlink(f"{at}/file"), "unlink", "file"),
    Case("unlink-symlink", lambda at: os.unlink(f"{at}/link"), "unlink", "link"),
    Case("rmdir", lambda at: os.rmdir(f"{at}/empty"), "rmdir", "empty"),
    Case("rmdir-full", lambda at: os.rmdir(f"{at}/dir"), "rmdir", "dir"),
    Case("rename", lambda at: os.rename(f"{at}/file", f"{at}/new"), "rename", "file", target="new"),
    Case("rename-over", lambda at: os.rename(f"{at}/file", f"{at}/dir/child"), "rename", "file", target="dir/child"),
    Case("rename-dir", lambda at: os.rename(f"{at}/dir", f"{at}/new"), "rename", "dir", target="new"),
    Case("rename-noreplace", lambda at: rename2(f"{at}/file", f"{at}/new", RENAME_NOREPLACE), "rename", "file",
         target="new"),
    Case("rename-exchange", lambda at: rename2(f"{at}/file", f"{at}/empty", RENAME_EXCHANGE), "rename", "file",
         target="empty"),
    Case("truncate", lambda at: os.truncate(f"{at}/file", 3), "truncate", "file", by_modes=False),
    Case("chmod", lambda at: os.chmod(f"{at}/file", 0o4755), "chmod", "file", mode=0o4755, by_modes=False),
    Case("chmod-dir", lambda at: os.chmod(f"{at}/dir", 0o1777), "chmod", "dir", mode=0o1777, by_modes=False),
    Case("fchmod", fchmod, "chmod", "file", mode=0o600, by_modes=False),
    Case("chown", lambda at: chown_path(at, "file", True), "chown", "file", by_modes=False),
    Case("lchown", lambda at: chown_path(at, "link", False), "chown", "link", by_modes=False),
    Case("utimes-now", lambda at: os.utime(f"{at}/file"), "utimes", "file"),
    Case("utimes-set", lambda at: os.utime(f"{at}/file", (1, 2)), "utimes", "file", by_modes=False),
    Case("lutimes", lutimes, "utimes", "link", by_modes=False),
    Case("setxattr", lambda at: os.setxattr(f"{at}/file", "user.new", b"value"), "setxattr", "file"),
    Case("setxattr-dir", lambda at: os.setxattr(f"{at}/dir", "user.new", b"value"), "setxattr", "dir"),
    Case("lsetxattr", lsetxattr_trusted, "setxattr", "link", by_modes=False),
    Case("setxattr-acl", set_acl, "setxattr", "file", by_modes=False),
    Case("removexattr", lambda at: os.removexattr(f"{at}/file", "user.a"), "removexattr", "file"),
    Case("setxattr-capability", set_capability, "setxattr", "file", by_modes=False),
    Case("setproject", set_project, "setflags", "file", by_modes=False),
    Case("setflags", set_flags, "setflags", "file", by_modes=False),
]


def tree(at):
    """The tree that the cases are about, owned by root, not writable for others (but for `shared`)."""
    os.makedirs(f"{at}/dir/sub")
    os.mkdir(f"{at}/empty")
    for name in ("file", "dir/child", "shared"):
        with open(f"{at}/{name}", "w", encoding="utf-8") as stream:
            stream.write(f"this is {name}\n")
    os.chmod(f"{at}/shared", 0o666)
    os.setxattr(f"{at}/file", "user.a", b"1")
    os.symlink("file", f"{at}/link")
