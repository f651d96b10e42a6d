"""Cases of open files: without a name, removed, replaced, moved while they are open."""

import os

from route_table import attempt, case, case_everywhere, case_where_all_may_create, content, look, opened, seen, store
from syscalls import fallocate, link_fd, link_fd_directly

W, RW, CREAT, EXCL = os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_EXCL


def new(name="new", flags=RW | CREAT, mode=0o644):
    return os.open(name, flags, mode)


@case_everywhere
def files_without_name():
    def write(fd):
        os.write(fd, b"without a name")
        found = [seen(fd), os.pread(fd, 100, 3), attempt(link_fd, fd, "named"), seen(fd), look("named"),
                 attempt(link_fd, fd, "named"), attempt(link_fd, fd, "named2"), attempt(os.fchmod, fd, 0o600),
                 attempt(os.fsync, fd)]
        os.write(fd, b", more")
        return found + [attempt(content, "named"), look("named2")]
    found = [attempt(opened, ".", os.O_TMPFILE | RW, 0o666, write)]
    found += [attempt(opened, ".", os.O_TMPFILE | W | EXCL, 0o644, lambda fd: [seen(fd), attempt(link_fd, fd, "excl")])]
    found += [attempt(opened, ".", os.O_TMPFILE | RW, 0o644, lambda fd: attempt(link_fd_directly, fd, "direct"))]
    found += [(name, attempt(opened, name, os.O_TMPFILE | RW, 0o4777, seen)) for name in
              ("dir", "rootdir", "opendir", "closed", "file", "missing", "dirlink")]
    found += [attempt(opened, ".", os.O_TMPFILE | os.O_RDONLY), look("."), sorted(os.listdir("."))]
    return found


@case_where_all_may_create
def file_without_name_has_attributes():
    def use(fd):
        os.setxattr(f"/proc/self/fd/{fd}", "user.a", b"1")
        os.fchmod(fd, 0o751)
        os.ftruncate(fd, 7000)
        os.utime(fd, (5, 5))
        link_fd(fd, "named")
        return [os.getxattr(fd, "user.a"), os.stat(fd).st_mtime, seen(fd)]
    return [attempt(opened, ".", os.O_TMPFILE | RW, 0o666, use), look("named"), attempt(os.getxattr, "named", "user.a")]


@case_where_all_may_create
def unlinked_while_open():
    fd = new()
    os.write(fd, b"content")
    os.unlink("new")
    found = [seen(fd), os.pread(fd, 20, 0), os.pwrite(fd, b"CON", 0), os.pread(fd, 20, 0), attempt(os.ftruncate, fd, 5),
             seen(fd), attempt(os.fchmod, fd, 0o640), attempt(os.utime, fd, (7, 7)), seen(fd), os.stat(fd).st_mtime,
             attempt(os.fsync, fd), attempt(os.setxattr, fd, "user.a", b"1"), attempt(os.getxattr, fd, "user.a"),
             attempt(link_fd, fd, "again"), attempt(fallocate, fd, 0, 0, 8192), seen(fd),
             attempt(opened, f"/proc/self/fd/{fd}", RW, 0, lambda fd: os.read(fd, 5))]
    again = new()  # the same name, another file
    os.write(again, b"other")
    found += [os.fstat(again).st_ino != os.fstat(fd).st_ino, os.pread(fd, 5, 0), content("new")]
    os.close(again)
    os.close(fd)
    return found


@case
def one_of_two_names_unlinked_while_open():
    fd = os.open("shared", RW)
    os.unlink("shared")
    os.pwrite(fd, b"changed", 0)
    found = [seen(fd), look("hard"), content("hard")]
    os.fchmod(fd, 0o604)
    os.rename("hard", "harder")
    os.pwrite(fd, b"Twice", 0)
    found += [seen(fd), look("harder"), content("harder")]
    os.close(fd)
    return found


@case_where_all_may_create
def replaced_while_open():
    store("file2", b"what was there before")
    fd = os.open("file2", RW)
    store("newer", b"the new file")
    os.rename("newer", "file2")
    found = [seen(fd), os.pread(fd, 10, 0), content("file2"), os.pwrite(fd, b"old", 0), content("file2"),
             attempt(os.fchmod, fd, 0o600), look("file2")]
    os.rename("file2", "opendir/away")
    os.close(fd)
    return found + [content("opendir/away")]


@case_where_all_may_create
def moved_while_open():
    os.makedirs("tree/a/b")
    fd = new("tree/a/b/file")
    os.rename("tree/a", "opendir/a")
    os.write(fd, b"written after the move")
    os.fchmod(fd, 0o600)
    os.rename("opendir/a/b/file", "opendir/file")
    os.write(fd, b", twice")
    found = [seen(fd), content("opendir/file"), sorted(os.listdir("opendir/a/b"))]
    os.close(fd)
    return found


@case
def removed_directory_that_is_open():
    fd = os.open("empty", os.O_RDONLY)
    os.rmdir("empty")
    found = [seen(fd), attempt(os.listdir, fd), attempt(os.open, "x", W | CREAT, dir_fd=fd),
             attempt(os.stat, "x", dir_fd=fd)]
    os.mkdir("empty")
    found += [attempt(os.open, "x", W | CREAT, dir_fd=fd), os.listdir("empty")]
    os.close(fd)
    return found


@case_where_all_may_create
def mode_taken_away_while_open():
    fd = new()
    os.fchmod(fd, 0)
    found = [os.write(fd, b"still"), os.pread(fd, 10, 0), attempt(os.ftruncate, fd, 3),
             attempt(opened, "new", os.O_RDONLY), attempt(opened, f"/proc/self/fd/{fd}", W), seen(fd)]
    os.close(fd)
    return found
