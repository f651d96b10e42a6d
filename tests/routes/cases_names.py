"""Cases of names: create, make, link, remove, rename; and the paths that lead there."""

import os
import socket
import stat

from route_table import attempt, case, case_everywhere, content, look, opened, seen
from syscalls import RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT, rename2

W, RW, CREAT, EXCL, TRUNC = os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_EXCL, os.O_TRUNC


def with_umask(mask, function, *args):
    old = os.umask(mask)
    try:
        return attempt(function, *args)
    finally:
        os.umask(old)


@case_everywhere
def create():
    return [attempt(opened, "new", W | CREAT, 0o666, seen), look("new"), look(".")]


@case_everywhere
def create_modes():
    """Every mode with every umask: who owns it, what is left of the mode, what a default ACL makes of it."""
    found = []
    for mask in (0, 0o022, 0o077, 0o777):
        for mode in (0o666, 0o777, 0o7777, 0o2755, 0):
            name = f"new-{mask:o}-{mode:o}"
            found.append((name, with_umask(mask, opened, name, W | CREAT, mode), look(name)))
    return found


@case
def create_in_a_setgid_directory_of_all():
    """All may create here; the setgid bit of a new file stays for members of the directory's group only."""
    found = []
    os.umask(0)
    for mode in (0o2777, 0o2767, 0o6755, 0o644):
        for name, make in (("f", lambda path, mode: opened(path, W | CREAT, mode)), ("d", os.mkdir), ("p", os.mkfifo),
                           ("n", lambda path, mode: os.mknod(path, stat.S_IFREG | mode))):
            path = f"sgiddir/{name}{mode:o}"
            found.append((path, attempt(make, path, mode), look(path)))
        found.append((mode, attempt(opened, "sgiddir", os.O_TMPFILE | W, mode, seen)))
    return found


@case_everywhere
def create_unreadable_and_write():
    """A new file's mode does not bind the descriptor that made it."""
    def write_and_read(fd):
        os.write(fd, b"data")
        return os.pread(fd, 10, 0)
    return [attempt(opened, "new", RW | CREAT, 0, write_and_read), look("new"), attempt(opened, "new", os.O_RDONLY)]


@case_everywhere
def create_existing():
    return [(name, flags, attempt(opened, name, flags)) for flags in
            (W | CREAT, W | CREAT | EXCL, os.O_RDONLY | CREAT, W | CREAT | TRUNC)
            for name in ("file", "private", "readonly", "rootfile", "open", "link", "dangling2", "dir", "loop",
                         "fifo/x")]


@case_everywhere
def create_through_links():
    return [attempt(opened, "dangling", W | CREAT | EXCL), attempt(opened, "dangling", W | CREAT | os.O_NOFOLLOW),
            attempt(opened, "dangling", W | CREAT, 0o666, seen), look("missing"),
            attempt(opened, "loop", W | CREAT), attempt(opened, "dirlink/new", W | CREAT), look("dir/new")]


@case_everywhere
def create_in_odd_places():
    names = ["gone/new", "file/new", "new/", ".", "..", "", "x" * 256, "x" * 255, "./new2", "dir/../new3", "dir//new4",
             "rootdir/new", "opendir/new", "closed/new", "link/new", "loop/new", "/".join(["dir/.."] * 600) + "/new5"]
    return [(name[:20], attempt(opened, name, W | CREAT)) for name in names]


@case_everywhere
def create_odd_names():
    names = [b"\xff\xfe", b"new\nline", b" ", b"...", b"-", b".wh.name", b".wh..wh..opq", b"back\\slash",
             b".fuse_hidden1", b"\x01", b"\xff" * 255]
    return [(name, attempt(opened, name, W | CREAT), look(name)) for name in names] + [sorted(os.listdir(b"."))]


@case
def open_flags():
    flags = (os.O_RDONLY, W, RW, W | os.O_APPEND, os.O_DIRECTORY, os.O_NOFOLLOW, os.O_PATH, W | os.O_DIRECTORY,
             os.O_RDONLY | TRUNC, W | TRUNC, 3)
    names = ("file", "private", "readonly", "rootfile", "open", "link", "dangling", "dir", "closed", "dirlink", "loop",
             "socket", "missing", "file/", "dir/", "link/", "dirlink/", "closed/child", "file/child")
    return [(name, flag, attempt(opened, name, flag)) for name in names for flag in flags]


@case
def open_directory_for_writing():
    return [attempt(opened, name, flags) for name in ("dir", ".", "dirlink", "dir/") for flags in
            (W, RW, W | CREAT, CREAT, W | CREAT | EXCL, CREAT | os.O_DIRECTORY, TRUNC)]


@case_everywhere
def mkdir_modes():
    found = []
    for mask in (0, 0o022, 0o077):
        for mode in (0o777, 0o755, 0o7777, 0o2700, 0):
            name = f"new-{mask:o}-{mode:o}"
            found.append((name, with_umask(mask, os.mkdir, name, mode), look(name)))
    return found + [look(".")]


@case_everywhere
def mkdir_in_odd_places():
    names = ["file", "dir", "dangling", "loop", "gone/new", "file/new", "new/", "new2//", ".", "..", "./", "x" * 256,
             "x" * 255, "rootdir/new", "opendir/new", "link", "missing/", ""]
    return [(name[:20], attempt(os.mkdir, name)) for name in names] + [sorted(os.listdir("."))]


@case_everywhere
def mkdir_deep():
    os.makedirs("new/a/b/c/d")
    opened("new/a/b/c/d/file", W | CREAT)
    return [look("new/a/b"), look("new/a/b/c/d/file")]


@case_everywhere
def rmdir():
    names = ["dir", "empty/", "rootdir", "opendir", "file", "link", "dirlink", "dirlink/", "missing", ".", "..",
             "dir/.", "dir/..", "closed/child", "x" * 256, "fifo"]
    return [(name[:20], attempt(os.rmdir, name)) for name in names] + [look("."), sorted(os.listdir("."))]


@case_everywhere
def unlink():
    names = ["file/", "file", "file", "private", "readonly", "rootfile", "open", "link", "dangling", "loop", "dirlink/",
             "dirlink", "hard", "fifo", "socket", "dir", "dir/", "dir/child", "rootdir/child", "closed/child", ".",
             "..", "missing", "x" * 256, ""]
    found = [(name[:20], attempt(os.unlink, name)) for name in names]
    return found + [look("shared"), look("."), sorted(os.listdir("."))]


@case_everywhere
def symlink():
    found = []
    for target, name in (("file", "new"), ("nowhere", "file"), ("x", "dangling"), ("", "empty-target"),
                         ("t" * 4095, "long"), ("t" * 4096, "too-long"), ("x", "dir/new"), ("x", "gone/new"),
                         ("x", "slash/"), ("x", "file/new"), (b"\xff\n", "bytes"), ("x", "n" * 256),
                         ("x", "rootdir/new"), ("t" * 100, "mid")):
        found.append((name[:20], attempt(os.symlink, target, name), look(name), attempt(os.readlink, name)))
    return found + [attempt(os.readlink, "file"), attempt(os.readlink, "dir"), attempt(os.readlink, "missing")]


@case_everywhere
def link():
    found = []
    for old, new in (("shared", "new"), ("file", "dir/new"), ("rootfile", "new2"), ("private", "new3"),
                     ("open", "new4"), ("suid", "new5"), ("dir", "new6"), ("missing", "new7"), ("file", "hard"),
                     ("file", "gone/x"), ("file", "file/x"), ("file/", "new8"), ("fifo", "new9"), ("socket", "new10"),
                     ("file", "n" * 256), ("closed/child", "new11"), ("file", "slash/"), ("readonly", "opendir/x"),
                     ("file", "file")):
        found.append((old, new[:20], attempt(os.link, old, new), look(new)))
    for follow in (True, False):
        found.append(attempt(os.link, "link", f"by-link-{follow}", follow_symlinks=follow))
        found.append(look(f"by-link-{follow}"))
    return found + [look("shared"), look("hard"), look("file")]


@case
def link_and_write():
    """One file under two names: what is written by one is read by the other, and both count the same."""
    os.link("file", "second")
    with open("second", "ab") as file:
        file.write(b"more")
    before = [content("file"), look("file"), look("second")]
    os.unlink("file")
    return before + [look("second"), content("second")]


@case_everywhere
def mknod():
    found = []
    for name, mode, device in (("fifo2", stat.S_IFIFO | 0o666, 0), ("regular", stat.S_IFREG | 0o4666, 0),
                               ("plain", 0o600, 0), ("sock", stat.S_IFSOCK | 0o777, 0),
                               ("char", stat.S_IFCHR | 0o666, os.makedev(1, 3)),
                               ("block", stat.S_IFBLK | 0o600, os.makedev(8, 1)), ("whiteout", stat.S_IFCHR, 0),
                               ("dirtype", stat.S_IFDIR | 0o755, 0), ("file", stat.S_IFIFO, 0),
                               ("gone/x", stat.S_IFIFO, 0), ("large", stat.S_IFCHR | 0o600, os.makedev(4095, 1048575))):
        found.append((name, attempt(os.mknod, name, mode, device), look(name)))
    return found + [attempt(opened, "char", os.O_RDONLY)]


@case_everywhere
def bind_socket():
    def bind(name):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(name)
    return [(name, attempt(bind, name), look(name))
            for name in ("new", "file", "socket", "dangling", "dir/new", "gone/new")]


@case_everywhere
def rename():
    found = []
    for old, new in (("file", "new"), ("new", "rootfile"), ("missing", "x"), ("private", "dir/in"),
                     ("dir/child", "out"), ("rootdir/child", "stolen"), ("link", "link2"), ("dangling", "readonly"),
                     ("fifo", "socket"), ("open", "x" * 256), ("open", "gone/x"), ("open", "suid/x"), ("suid", "suid"),
                     ("hard", "shared"), ("open", "moved/"), ("open/", "moved")):
        found.append((old, new[:20], attempt(os.rename, old, new)))
    return found + [look("shared"), look("."), sorted(os.listdir("."))]


@case_everywhere
def rename_directories():
    found = []
    for old, new in (("dir", "moved"), ("moved", "moved/below"), ("moved", "empty"), ("empty", "rootdir"),
                     ("rootdir", "opendir"), ("file", "closed"), ("closed", "file"), ("opendir", "opendir/"),
                     (".", "x"), ("..", "x"), ("closed", "."), ("dirlink", "dirlink2"), ("dirlink2/", "y"),
                     ("closed/", "closed2/")):
        found.append((old, new, attempt(os.rename, old, new)))
    return found + [look("."), sorted(os.listdir("."))]


@case_everywhere
def rename_directory_of_another():
    """Moving a directory elsewhere changes its "..", which takes write permission on it."""
    return [attempt(os.rename, "dir", "opendir/dir"), attempt(os.rename, "rootdir", "opendir/rootdir"),
            attempt(os.rename, "closed", "renamed"), look("."), look("opendir")]


@case_everywhere
def rename_flags():
    found = []
    for old, new, flags in (("file", "private", RENAME_NOREPLACE), ("file", "new", RENAME_NOREPLACE),
                            ("new", "new", RENAME_NOREPLACE), ("missing", "x", RENAME_NOREPLACE),
                            ("dir", "dirlink", RENAME_NOREPLACE), ("private", "readonly", RENAME_EXCHANGE),
                            ("private", "dir", RENAME_EXCHANGE), ("rootfile", "dir/child", RENAME_EXCHANGE),
                            ("open", "missing", RENAME_EXCHANGE), ("open", "open", RENAME_EXCHANGE),
                            ("link", "empty", RENAME_EXCHANGE), ("rootdir", "rootdir/child", RENAME_EXCHANGE),
                            ("open", "x", RENAME_EXCHANGE | RENAME_NOREPLACE), ("open", "x", 0x80)):
        found.append((old, new, flags, attempt(rename2, old, new, flags)))
    return found + [look("."), sorted(os.listdir(".")), look("dir"), look("private")]


@case_everywhere
def rename_whiteout():
    return [attempt(rename2, "open", "moved", RENAME_WHITEOUT), sorted(os.listdir("."))]


@case
def rename_of_links_of_one_file():
    """Both names stay: rename(2) does nothing."""
    return [attempt(os.rename, "shared", "hard"), look("shared"), look("hard"),
            attempt(rename2, "shared", "hard", RENAME_EXCHANGE)]


@case
def rename_swaps_what_is_read():
    """After an exchange each name has the other's content, also through what was open."""
    fd = os.open("shared", os.O_RDONLY)
    found = [attempt(rename2, "shared", "script", RENAME_EXCHANGE), content("shared"), content("script"),
             os.read(fd, 100)]
    found += [attempt(rename2, "dir", "opendir", RENAME_EXCHANGE), attempt(os.listdir, "dir"),
              attempt(os.listdir, "opendir")]
    os.close(fd)
    return found


@case
def paths():
    """Slashes, dots, loops, lengths."""
    names = ["file/", "dir/", "link/", "dirlink/", "fifo/", "socket/", "dangling/", "./file", "dir/./child",
             "dir/../file", "dir/child/..", "file/..", "//file", "dir//child", "missing/..", "loop", "loop/x",
             "dirlink/child", "dirlink/../file", "x" * 255, "x" * 256, "dir/" * 1000 + "x", "./" * 2040 + "file",
             "./" * 2048 + "file", "", "rootdir/child", "closed/child", "closed", "closed/.", "File", "FILE", "file\n"]
    return [(name[:24], look(name), attempt(seen, name, True)) for name in names]


@case_everywhere
def access():
    names = ("file", "private", "readonly", "rootfile", "open", "suid", "script", "link", "dir", "empty", "rootdir",
             "closed", "closed/child", "fifo", "socket", ".", "missing")
    return [(name, [attempt(os.access, name, mode) for mode in (os.F_OK, os.R_OK, os.W_OK, os.X_OK)]) for name in names]


@case_everywhere
def removed_while_it_is_the_current_directory():
    os.mkdir("going")
    os.chdir("going")
    found = [attempt(os.rmdir, "../going"), attempt(os.listdir, "."), attempt(opened, "new", W | CREAT),
             attempt(os.mkdir, "new"), attempt(seen, "..", True), attempt(opened, ".", os.O_RDONLY, 0, seen)]
    return found


@case
def directory_listing_follows_changes():
    found = [sorted(os.listdir("opendir"))]
    for number in range(50):
        opened(f"opendir/{number}", W | CREAT)
    found.append(sorted(os.listdir("opendir")))
    for number in range(0, 50, 2):
        os.unlink(f"opendir/{number}")
    with os.scandir("opendir") as entries:
        found.append(sorted((entry.name, entry.is_file(), entry.inode() == entry.stat().st_ino) for entry in entries))
    os.rename("opendir/1", "opendir/renamed")
    return found + [sorted(os.listdir("opendir")), look("opendir")]
