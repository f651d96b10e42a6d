"""Cases of what is in files: reading, writing, holes, mappings, locks, files without names."""

import ctypes
import fcntl
import mmap
import os
import resource
import select
import signal
import socket
import struct
import threading

from route_table import attempt, case, case_everywhere, content, look, name_of, opened, seen, store
from syscalls import (COLLAPSE_RANGE, INSERT_RANGE, KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE, fallocate, libc, link_fd,
                      link_fd_directly, syncfs)

W, RW, CREAT, EXCL, TRUNC, APPEND = os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND
PAGE = 4096


def new(name="new", flags=RW | CREAT, mode=0o644):
    return os.open(name, flags, mode)


def in_child(function):
    """What a forked process gets from function(): locks belong to processes."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, str(attempt(function)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        result = stream.read().decode()
    os.waitpid(pid, 0)
    return result


@case
def write_and_read():
    fd = new()
    found = [os.write(fd, b"0123456789"), os.pwrite(fd, b"AB", 4), os.pread(fd, 20, 0), os.lseek(fd, 0, os.SEEK_CUR),
             os.pwrite(fd, b"far", 100000), seen(fd), os.pread(fd, 8, 50000), os.lseek(fd, -3, os.SEEK_END), os.read(fd, 10),
             os.writev(fd, [b"a", b"bb", b"ccc"]), seen(fd), os.pread(fd, 10, 1 << 40), attempt(os.lseek, fd, -1, os.SEEK_SET)]
    os.close(fd)
    return found + [content("new"), attempt(opened, "new", W, 0, lambda fd: os.read(fd, 1)),
                    attempt(opened, "new", os.O_RDONLY, 0, lambda fd: os.write(fd, b"x"))]


@case
def write_large():
    """Pieces that are larger than one request, not aligned."""
    data = bytes(range(256)) * 12345
    fd = new()
    found = [os.write(fd, data), os.pwrite(fd, data, 1234567)]
    os.close(fd)
    read = content("new")
    return found + [len(read), read[:1234567] == data[:1234567], read[1234567:] == data]


@case
def appending():
    first, second = new(flags=RW | CREAT | APPEND), new(flags=RW | APPEND)
    for number in range(20):
        os.write(first, b"a%d " % number)
        os.write(second, b"b%d " % number)
    found = [os.pwrite(first, b"end", 0), os.lseek(first, 0, os.SEEK_CUR), content("new")]
    fcntl.fcntl(first, fcntl.F_SETFL, 0)
    found += [os.pwrite(first, b"START", 0), fcntl.fcntl(first, fcntl.F_GETFL) & APPEND, content("new")]
    fcntl.fcntl(first, fcntl.F_SETFL, APPEND)
    found += [os.write(first, b"again"), content("new")]
    with open("file", "ab") as file:
        file.write(b"appended")
    return found + [content("file")]


@case
def appending_by_many():
    """Two processes append; nothing is lost and no line is torn."""
    def run(letter):
        fd = new(flags=W | CREAT | APPEND)
        for _ in range(200):
            os.write(fd, letter * 30 + b"\n")
        os.close(fd)
    pid = os.fork()
    if pid == 0:
        run(b"c")
        os._exit(0)
    run(b"p")
    os.waitpid(pid, 0)
    lines = content("new").split(b"\n")
    return sorted({line: lines.count(line) for line in lines}.items())


@case_everywhere
def truncating():
    found = [(name, size, attempt(os.truncate, name, size)) for name in
             ("file", "private", "readonly", "rootfile", "open", "suid", "link", "dangling", "dir", "fifo", "missing", "socket")
             for size in (5, 100, -1)]
    found += [attempt(os.truncate, "file", 1 << 62), attempt(opened, "file", os.O_RDONLY, 0, lambda fd: os.ftruncate(fd, 3))]
    return found + [look("file"), attempt(content, "file")]


@case
def truncating_what_is_open():
    fd = new()
    os.write(fd, b"0123456789")
    os.ftruncate(fd, 4)
    found = [seen(fd), os.pread(fd, 20, 0), os.write(fd, b"!"), os.pread(fd, 20, 0)]
    os.truncate("new", 0)
    found += [seen(fd), os.pread(fd, 20, 0)]
    os.ftruncate(fd, 9000)
    found += [seen(fd), os.pread(fd, 4, 8996)]
    opened("new", W | TRUNC)
    found += [seen(fd), look("new")]
    os.close(fd)
    return found


@case
def limits():
    """A limit of the file size: EFBIG and SIGXFSZ; offsets that no file has."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    fd = new()
    found = [attempt(os.pwrite, fd, b"x", (1 << 63) - 2), attempt(os.pwrite, fd, b"x", 1 << 50), attempt(os.ftruncate, fd, 1 << 50)]
    os.ftruncate(fd, 0)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10000, old[1]))
    found += [attempt(os.pwrite, fd, b"x" * 100, 9950), attempt(os.pwrite, fd, b"x", 10000), attempt(os.ftruncate, fd, 20000),
              attempt(fallocate, fd, 0, 0, 20000), seen(fd)["size"]]
    resource.setrlimit(resource.RLIMIT_FSIZE, old)
    os.close(fd)
    return found


def map_of(fd):
    """Where there are data and where there are holes, by SEEK_DATA and SEEK_HOLE."""
    found, at = [], 0
    while True:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            return found + [name_of(error)]
        at = os.lseek(fd, start, os.SEEK_HOLE)
        found.append((start, at))


@case
def holes():
    fd = new()
    os.pwrite(fd, b"d" * PAGE, 0)
    os.pwrite(fd, b"d" * PAGE, 64 * PAGE)
    os.ftruncate(fd, 128 * PAGE)
    os.fsync(fd)
    found = [map_of(fd), seen(fd)["size"], attempt(os.lseek, fd, 128 * PAGE, os.SEEK_DATA), attempt(os.lseek, fd, -1, os.SEEK_HOLE)]
    os.close(fd)
    return found


@case
def allocating():
    fd = new()
    os.write(fd, b"d" * (8 * PAGE))
    found = []
    for mode, offset, length in ((0, 0, 16 * PAGE), (KEEP_SIZE, 0, 32 * PAGE), (PUNCH_HOLE | KEEP_SIZE, PAGE, PAGE),
                                 (PUNCH_HOLE | KEEP_SIZE, 3 * PAGE + 10, 100), (PUNCH_HOLE, 0, PAGE), (ZERO_RANGE, 5 * PAGE, PAGE),
                                 (ZERO_RANGE | KEEP_SIZE, 15 * PAGE, 4 * PAGE), (0, -1, 5), (0, 0, 0), (0, 0, -5), (0x1000, 0, PAGE),
                                 (PUNCH_HOLE | KEEP_SIZE, 100 * PAGE, PAGE)):
        found.append((mode, offset, length, attempt(fallocate, fd, mode, offset, length), seen(fd)["size"]))
    os.fsync(fd)
    data = os.pread(fd, 20 * PAGE, 0)
    found += [data.count(b"d"), data.count(b"\0"), data[3 * PAGE:3 * PAGE + 200].count(b"\0"), os.stat(fd).st_blocks > 0]
    os.close(fd)
    found += [attempt(opened, "file", os.O_RDONLY, 0, lambda fd: fallocate(fd, 0, 0, 100)),
              attempt(opened, "dir", os.O_RDONLY, 0, lambda fd: fallocate(fd, 0, 0, 100))]
    return found


@case
def hole_gives_back_space():
    fd = new()
    os.write(fd, b"d" * (64 * PAGE))
    os.fsync(fd)
    before = os.stat(fd).st_blocks
    fallocate(fd, PUNCH_HOLE | KEEP_SIZE, 0, 32 * PAGE)
    os.fsync(fd)
    after = os.stat(fd).st_blocks
    os.close(fd)
    return [before >= 512, before - after >= 240, seen("new")["size"]]


@case
def ranges_that_move():
    fd = new()
    os.write(fd, b"a" * PAGE + b"b" * PAGE + b"c" * PAGE)
    found = [attempt(fallocate, fd, COLLAPSE_RANGE, PAGE, PAGE), attempt(fallocate, fd, INSERT_RANGE, 0, PAGE), seen(fd)["size"],
             os.pread(fd, 4 * PAGE, 0)]
    os.close(fd)
    return found


@case
def copying_ranges():
    store("from", b"0123456789" * 1000)
    source, target = os.open("from", os.O_RDONLY), new("to")
    found = [os.copy_file_range(source, target, 100, 5, 7), os.pread(target, 200, 0), os.copy_file_range(source, target, 20000),
             seen(target)["size"], os.copy_file_range(source, target, 10, 10000, 0), os.copy_file_range(source, target, 0, 0, 0),
             attempt(os.copy_file_range, target, source, 10, 0, 0)]
    append = os.open("to", W | APPEND)
    found.append(attempt(os.copy_file_range, source, append, 10, 0))
    found.append(attempt(os.copy_file_range, target, target, 100, 0, 50))
    found.append(attempt(os.copy_file_range, target, target, 100, 0, 1000))
    for fd in (source, target, append):
        os.close(fd)
    return found + [content("to")[:2000]]


@case
def copying_from_elsewhere():
    """From a file outside the route: the kernel copies by itself, or says EXDEV, in the same way."""
    source, target = os.memfd_create("source"), new()
    os.write(source, b"0123456789")
    found = [attempt(os.sendfile, target, source, 0, 10)]
    reader, writer = os.pipe()
    os.write(writer, b"piped")
    found.append(attempt(os.splice, reader, target, 5, None, 20))
    for fd in (source, target, reader, writer):
        os.close(fd)
    return found + [content("new")]


@case_everywhere
def files_without_name():
    def write(fd):
        os.write(fd, b"without a name")
        found = [seen(fd), os.pread(fd, 100, 3), attempt(link_fd, fd, "named"), seen(fd), look("named"),
                 attempt(link_fd, fd, "named"), attempt(link_fd, fd, "named2"), attempt(os.fchmod, fd, 0o600), attempt(os.fsync, fd)]
        os.write(fd, b", more")
        return found + [attempt(content, "named"), look("named2")]
    found = [attempt(opened, ".", os.O_TMPFILE | RW, 0o666, write)]
    found += [attempt(opened, ".", os.O_TMPFILE | W | EXCL, 0o644, lambda fd: [seen(fd), attempt(link_fd, fd, "excl")])]
    found += [attempt(opened, ".", os.O_TMPFILE | RW, 0o644, lambda fd: attempt(link_fd_directly, fd, "direct"))]
    found += [(name, attempt(opened, name, os.O_TMPFILE | RW, 0o4777, seen)) for name in
              ("dir", "rootdir", "opendir", "closed", "file", "missing", "dirlink")]
    found += [attempt(opened, ".", os.O_TMPFILE | os.O_RDONLY), look("."), sorted(os.listdir("."))]
    return found


@case
def file_without_name_has_attributes():
    def use(fd):
        os.setxattr(f"/proc/self/fd/{fd}", "user.a", b"1")
        os.utime(fd, (5, 5))
        os.fchmod(fd, 0o751)
        os.ftruncate(fd, 7000)
        link_fd(fd, "named")
        return [os.getxattr(fd, "user.a"), os.stat(fd).st_mtime, seen(fd)]
    return [attempt(opened, ".", os.O_TMPFILE | RW, 0o666, use), look("named"), attempt(os.getxattr, "named", "user.a")]


@case
def direct_io():
    buffer = mmap.mmap(-1, 4 * PAGE)
    buffer.write(b"d" * (4 * PAGE))
    fd = new(flags=RW | CREAT | os.O_DIRECT)
    found = [attempt(os.write, fd, buffer), seen(fd)["size"], attempt(os.pwritev, fd, [buffer], 8 * PAGE), seen(fd)["size"],
             attempt(os.preadv, fd, [buffer], 4 * PAGE), buffer[:10], attempt(os.preadv, fd, [buffer], 100 * PAGE)]
    with open("new", "rb") as cached:
        found.append(cached.read(10))
    os.pwritev(fd, [memoryview(buffer)[:PAGE]], 0)
    found.append(content("new")[:20])
    os.close(fd)
    fd = os.open("new", os.O_RDONLY)
    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_DIRECT)
    found += [os.preadv(fd, [buffer], PAGE), buffer[:4], fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT]
    os.close(fd)
    return found


@case
def direct_io_unaligned():
    fd = new(flags=RW | CREAT | os.O_DIRECT)
    found = [attempt(os.write, fd, b"seven b"), attempt(os.pwrite, fd, b"x" * PAGE, 3)]
    os.close(fd)
    return found


@case
def syncing():
    fd = new(flags=RW | CREAT | os.O_SYNC)
    found = [os.write(fd, b"data"), attempt(os.fsync, fd), attempt(os.fdatasync, fd), attempt(syncfs, fd),
             attempt(libc.sync_file_range, fd, 0, 0, 7), attempt(os.posix_fadvise, fd, 0, 0, os.POSIX_FADV_DONTNEED)]
    os.close(fd)
    directory = os.open("dir", os.O_RDONLY)
    found += [attempt(os.fsync, directory), attempt(os.fdatasync, directory), attempt(opened, "fifo", RW, 0, os.fsync)]
    os.close(directory)
    return found


@case
def unlinked_while_open():
    fd = new()
    os.write(fd, b"content")
    os.unlink("new")
    found = [seen(fd), os.pread(fd, 20, 0), os.pwrite(fd, b"CON", 0), os.pread(fd, 20, 0), attempt(os.ftruncate, fd, 5), seen(fd),
             attempt(os.fchmod, fd, 0o640), attempt(os.utime, fd, (7, 7)), seen(fd), os.stat(fd).st_mtime, attempt(os.fsync, fd),
             attempt(os.setxattr, fd, "user.a", b"1"), attempt(os.getxattr, fd, "user.a"), attempt(link_fd, fd, "again"),
             attempt(fallocate, fd, 0, 0, 8192), seen(fd), attempt(opened, f"/proc/self/fd/{fd}", RW, 0, lambda fd: os.read(fd, 5))]
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


@case
def replaced_while_open():
    fd = os.open("file", RW)
    store("newer", b"the new file")
    os.rename("newer", "file")
    found = [seen(fd), os.pread(fd, 10, 0), content("file"), os.pwrite(fd, b"old", 0), content("file"), attempt(os.fchmod, fd, 0o600),
             look("file")]
    os.rename("file", "dir/away")
    os.close(fd)
    return found + [content("dir/away")]


@case
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
    found = [seen(fd), attempt(os.listdir, fd), attempt(os.open, "x", W | CREAT, dir_fd=fd), attempt(os.stat, "x", dir_fd=fd)]
    os.mkdir("empty")
    found += [attempt(os.open, "x", W | CREAT, dir_fd=fd), os.listdir("empty")]
    os.close(fd)
    return found


@case
def mode_taken_away_while_open():
    fd = new()
    os.fchmod(fd, 0)
    found = [os.write(fd, b"still"), os.pread(fd, 10, 0), attempt(os.ftruncate, fd, 3), attempt(opened, "new", os.O_RDONLY),
             attempt(opened, f"/proc/self/fd/{fd}", W), seen(fd)]
    os.close(fd)
    return found


@case
def mappings():
    fd = new()
    os.ftruncate(fd, 3 * PAGE)
    with mmap.mmap(fd, 3 * PAGE) as shared, mmap.mmap(fd, 3 * PAGE) as second:
        shared[0:5] = b"hello"
        shared[2 * PAGE:2 * PAGE + 3] = b"end"
        found = [second[0:5], os.pread(fd, 5, 0)]
        shared.flush()
        os.pwrite(fd, b"WRITTEN", PAGE)
        found += [bytes(shared[PAGE:PAGE + 7]), content("new")[:5]]
        shared[10:14] = b"last"
    os.close(fd)
    found += [content("new").rstrip(b"\0"), look("new")]
    private = os.open("new", os.O_RDONLY)
    with mmap.mmap(private, PAGE, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as mapping:
        mapping[0:5] = b"JELLO"
        found += [bytes(mapping[0:5]), content("new")[:5]]
    found.append(attempt(mmap.mmap, private, PAGE, mmap.MAP_SHARED, mmap.PROT_WRITE))
    os.close(private)
    return found


@case
def mapping_outlives_its_descriptor_and_name():
    fd = new()
    os.ftruncate(fd, PAGE)
    os.link("new", "second")
    mapping = mmap.mmap(fd, PAGE)
    os.close(fd)
    os.unlink("new")
    mapping[0:4] = b"late"
    mapping.close()
    return [content("second")[:4], look("second")]


@case
def mapping_across_processes():
    fd = new()
    os.ftruncate(fd, PAGE)
    with mmap.mmap(fd, PAGE) as mapping:
        def write():
            with open("new", "r+b") as file, mmap.mmap(file.fileno(), PAGE) as own:
                own[0:5] = b"child"
        found = [in_child(write), bytes(mapping[0:5])]
    os.close(fd)
    return found + [content("new")[:5]]


@case
def whole_file_locks():
    first, second = os.open("file", os.O_RDONLY), os.open("file", os.O_RDONLY)
    found = [attempt(fcntl.flock, first, fcntl.LOCK_SH), attempt(fcntl.flock, second, fcntl.LOCK_SH | fcntl.LOCK_NB),
             attempt(fcntl.flock, second, fcntl.LOCK_EX | fcntl.LOCK_NB)]
    os.close(second)
    found.append(attempt(fcntl.flock, first, fcntl.LOCK_EX | fcntl.LOCK_NB))

    def other():
        return opened("file", os.O_RDONLY, 0, lambda fd: fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB))
    found += [in_child(other), attempt(fcntl.flock, first, fcntl.LOCK_UN), in_child(other),
              attempt(opened, "dir", os.O_RDONLY, 0, lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB))]
    os.close(first)
    return found


def range_lock(fd, kind, start, length, command=fcntl.F_SETLK):
    """fcntl(2) with a struct flock; returns what it holds afterwards, the pid as whether it is ours or our parent's."""
    answer = fcntl.fcntl(fd, command, struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0))
    kind, _, start, length, pid = struct.unpack("hhqqi4x", answer)
    return kind, start, length, {0: "none", os.getpid(): "own", os.getppid(): "parent"}.get(pid, "other")


@case
def range_locks():
    fd = new()
    found = [attempt(range_lock, fd, fcntl.F_WRLCK, 10, 10), attempt(range_lock, fd, fcntl.F_RDLCK, 100, 0)]

    def other():
        own = os.open("new", RW)
        return [attempt(range_lock, own, fcntl.F_WRLCK, 15, 1), attempt(range_lock, own, fcntl.F_WRLCK, 30, 5),
                attempt(range_lock, own, fcntl.F_RDLCK, 200, 5), attempt(range_lock, own, fcntl.F_WRLCK, 200, 5),
                attempt(range_lock, own, fcntl.F_WRLCK, 0, 0, fcntl.F_GETLK)]
    found += [in_child(other), attempt(range_lock, fd, fcntl.F_UNLCK, 0, 0), in_child(other),
              attempt(opened, "file", os.O_RDONLY, 0, lambda fd: range_lock(fd, fcntl.F_WRLCK, 0, 1))]
    range_lock(fd, fcntl.F_WRLCK, 0, 0)
    os.close(os.open("new", os.O_RDONLY))  # POSIX: closing any descriptor of the file gives all locks up
    found.append(in_child(other))
    os.close(fd)
    return found


@case
def range_lock_is_waited_for():
    """A lock that another process gives up when it ends."""
    fd = new()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        range_lock(fd, fcntl.F_WRLCK, 0, 0)
        os.write(writer, b"x")
        select.select([], [], [], 0.05)
        os.write(fd, b"child")
        os._exit(0)
    os.read(reader, 1)
    found = [attempt(range_lock, fd, fcntl.F_WRLCK, 0, 0, fcntl.F_SETLKW), content("new")]
    os.waitpid(pid, 0)
    for end in (fd, reader, writer):
        os.close(end)
    return found


@case
def open_file_description_locks():
    first, second = new(), new()
    found = [attempt(range_lock, first, fcntl.F_WRLCK, 0, 10, 37), attempt(range_lock, second, fcntl.F_WRLCK, 5, 1, 37),
             attempt(range_lock, second, fcntl.F_WRLCK, 20, 1, 37)]
    os.close(first)
    found.append(attempt(range_lock, second, fcntl.F_WRLCK, 5, 1, 37))
    os.close(second)
    return found


@case
def fifos():
    found = [attempt(opened, "fifo", W | os.O_NONBLOCK), attempt(opened, "fifo", os.O_RDONLY | os.O_NONBLOCK)]
    os.mkfifo("pipe", 0o600)

    def write():
        with open("pipe", "wb") as pipe:
            pipe.write(b"through the pipe")
    writer = threading.Thread(target=write)
    writer.start()
    with open("pipe", "rb") as pipe:
        found.append(pipe.read())
    writer.join()
    return found + [look("pipe")]


@case_everywhere
def sockets():
    def connect(name):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(name)
            client.send(b"hello")
    found = [(name, attempt(connect, name)) for name in ("socket", "file", "missing", "dir", "fifo")]
    with socket.socket(socket.AF_UNIX) as listener:
        bound = attempt(listener.bind, "opendir/server")
        listener.listen()
        found += [bound, attempt(connect, "opendir/server"), listener.accept()[0].recv(10), look("opendir/server")]
    os.rename("opendir/server", "opendir/moved")
    return found + [attempt(connect, "opendir/moved"), attempt(os.unlink, "opendir/moved")]


@case
def executing():
    def run(path):
        return os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(path, [path], {}), 0)[1])
    found = [(name, attempt(run, f"./{name}")) for name in ("script", "file", "dir", "fifo", "missing", "script/")]
    store("mine", b"#!/bin/sh\nexit 3\n")
    found.append(attempt(run, "./mine"))
    os.chmod("mine", 0o111)
    found.append(attempt(run, "./mine"))
    os.chmod("mine", 0o700)
    return found + [attempt(run, "./mine"), attempt(opened, "mine", W)]


@case
def statfs_of_the_route():
    st = os.statvfs(".")
    return {"bsize": st.f_bsize, "frsize": st.f_frsize, "blocks": st.f_blocks, "files": st.f_files, "namemax": st.f_namemax,
            "free": st.f_bavail <= st.f_bfree <= st.f_blocks, "of a file": os.statvfs("file").f_blocks == st.f_blocks}


@case
def reading_at_the_end():
    fd = new()
    buffer = ctypes.create_string_buffer(10)
    found = [os.read(fd, 10), os.pread(fd, 10, 1 << 30), os.readv(fd, [buffer])]
    os.write(fd, b"x")
    found += [os.read(fd, 10), os.pread(fd, 10, 0), os.pread(fd, 0, 0), attempt(os.read, os.open("dir", os.O_RDONLY), 10)]
    os.close(fd)
    return found
