"""Cases of what is in files: reading, writing, appending, sizes, holes, copying, O_DIRECT."""

import ctypes
import fcntl
import mmap
import os
import resource
import signal
import threading

from route_table import (attempt, case_everywhere, case_where_all_may_create, content, in_child, look, name_of, opened,
                         seen, store)
from syscalls import COLLAPSE_RANGE, INSERT_RANGE, KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE, fallocate, libc, syncfs

W, RW, CREAT, TRUNC, APPEND, PAGE = os.O_WRONLY, os.O_RDWR, os.O_CREAT, os.O_TRUNC, os.O_APPEND, 4096


def new(name="new", flags=RW | CREAT, mode=0o644):
    return os.open(name, flags, mode)


@case_where_all_may_create
def write_and_read():
    fd = new()
    found = [os.write(fd, b"0123456789"), os.pwrite(fd, b"AB", 4), os.pread(fd, 20, 0), os.lseek(fd, 0, os.SEEK_CUR),
             os.pwrite(fd, b"far", 100000), seen(fd), os.pread(fd, 8, 50000), os.lseek(fd, -3, os.SEEK_END),
             os.read(fd, 10), os.writev(fd, [b"a", b"bb", b"ccc"]), seen(fd), os.pread(fd, 10, 1 << 40),
             attempt(os.lseek, fd, -1, os.SEEK_SET)]
    os.close(fd)
    return found + [content("new"), attempt(opened, "new", W, 0, lambda fd: os.read(fd, 1)),
                    attempt(opened, "new", os.O_RDONLY, 0, lambda fd: os.write(fd, b"x"))]


@case_where_all_may_create
def write_large():
    """Pieces that are larger than one request, not aligned."""
    data = bytes(range(256)) * 12345
    fd = new()
    found = [os.write(fd, data), os.pwrite(fd, data, 1234567)]
    os.close(fd)
    read = content("new")
    return found + [len(read), read[:1234567] == data[:1234567], read[1234567:] == data]


@case_where_all_may_create
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
    return found + [attempt(opened, "file", W | APPEND, 0, lambda fd: os.write(fd, b"appended")), content("file")]


@case_where_all_may_create
def appending_by_many():
    """Two processes append; nothing is lost and no line is torn."""
    def run(letter):
        fd = new(flags=W | CREAT | APPEND)
        for _ in range(200):
            os.write(fd, letter * 30 + b"\n")
        os.close(fd)
    other = threading.Thread(target=in_child, args=(lambda: run(b"c"),))
    other.start()
    run(b"p")
    other.join()
    lines = content("new").split(b"\n")
    os.unlink("new")  # the order of the lines is chance
    return sorted({line: lines.count(line) for line in lines}.items())


@case_everywhere
def truncating():
    found = [(name, size, attempt(os.truncate, name, size)) for name in
             ("file", "private", "readonly", "rootfile", "open", "suid", "link", "dangling", "dir", "fifo", "missing",
              "socket")
             for size in (5, 100, -1)]
    found += [attempt(os.truncate, "file", 1 << 62), look("file"), attempt(os.truncate, "file", 2),
              attempt(opened, "file", os.O_RDONLY, 0, lambda fd: os.ftruncate(fd, 3))]
    return found + [look("file"), attempt(content, "file")]


@case_where_all_may_create
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


@case_where_all_may_create
def limits():
    """A limit of the file size: EFBIG and SIGXFSZ; offsets that no file has."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    fd = new()
    found = [attempt(os.pwrite, fd, b"x", (1 << 63) - 2), attempt(os.pwrite, fd, b"x", 1 << 50),
             attempt(os.ftruncate, fd, 1 << 50)]
    os.ftruncate(fd, 0)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10000, old[1]))
    found += [attempt(os.pwrite, fd, b"x" * 100, 9950), attempt(os.pwrite, fd, b"x", 10000),
              attempt(os.ftruncate, fd, 20000), attempt(fallocate, fd, 0, 0, 20000), seen(fd)["size"]]
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


@case_where_all_may_create
def holes():
    fd = new()
    os.pwrite(fd, b"d" * PAGE, 0)
    os.pwrite(fd, b"d" * PAGE, 64 * PAGE)
    os.ftruncate(fd, 128 * PAGE)
    os.fsync(fd)
    found = [map_of(fd), seen(fd)["size"], attempt(os.lseek, fd, 128 * PAGE, os.SEEK_DATA),
             attempt(os.lseek, fd, -1, os.SEEK_HOLE)]
    os.close(fd)
    return found


@case_where_all_may_create
def allocating():
    fd = new()
    os.write(fd, b"d" * (8 * PAGE))
    found = []
    for mode, offset, length in ((0, 0, 16 * PAGE), (KEEP_SIZE, 0, 32 * PAGE), (PUNCH_HOLE | KEEP_SIZE, PAGE, PAGE),
                                 (PUNCH_HOLE | KEEP_SIZE, 3 * PAGE + 10, 100), (PUNCH_HOLE, 0, PAGE),
                                 (ZERO_RANGE, 5 * PAGE, PAGE), (ZERO_RANGE | KEEP_SIZE, 15 * PAGE, 4 * PAGE),
                                 (0, -1, 5), (0, 0, 0), (0, 0, -5), (0x1000, 0, PAGE),
                                 (PUNCH_HOLE | KEEP_SIZE, 100 * PAGE, PAGE)):
        found.append((mode, offset, length, attempt(fallocate, fd, mode, offset, length), seen(fd)["size"]))
    os.fsync(fd)
    data = os.pread(fd, 20 * PAGE, 0)
    found += [data.count(b"d"), data.count(b"\0"), data[3 * PAGE:3 * PAGE + 200].count(b"\0"),
              os.stat(fd).st_blocks > 0]
    os.close(fd)
    found += [attempt(opened, "file", os.O_RDONLY, 0, lambda fd: fallocate(fd, 0, 0, 100)),
              attempt(opened, "dir", os.O_RDONLY, 0, lambda fd: fallocate(fd, 0, 0, 100))]
    return found


@case_where_all_may_create
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


@case_where_all_may_create
def ranges_that_move():
    fd = new()
    os.write(fd, b"a" * PAGE + b"b" * PAGE + b"c" * PAGE)
    found = [attempt(fallocate, fd, COLLAPSE_RANGE, PAGE, PAGE), attempt(fallocate, fd, INSERT_RANGE, 0, PAGE),
             seen(fd)["size"], os.pread(fd, 4 * PAGE, 0)]
    os.close(fd)
    return found


@case_where_all_may_create
def copying_ranges():
    store("from", b"0123456789" * 1000)
    source, target = os.open("from", os.O_RDONLY), new("to")
    found = [os.copy_file_range(source, target, 100, 5, 7), os.pread(target, 200, 0),
             os.copy_file_range(source, target, 20000), seen(target)["size"],
             os.copy_file_range(source, target, 10, 10000, 0), os.copy_file_range(source, target, 0, 0, 0),
             attempt(os.copy_file_range, target, source, 10, 0, 0)]
    append = os.open("to", W | APPEND)
    found.append(attempt(os.copy_file_range, source, append, 10, 0))
    found.append(attempt(os.copy_file_range, target, target, 100, 0, 50))
    found.append(attempt(os.copy_file_range, target, target, 100, 0, 1000))
    for fd in (source, target, append):
        os.close(fd)
    return found + [content("to")[:2000]]


@case_where_all_may_create
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


@case_where_all_may_create
def direct_io():
    buffer = mmap.mmap(-1, 4 * PAGE)
    buffer.write(b"d" * (4 * PAGE))
    fd = new(flags=RW | CREAT | os.O_DIRECT)
    found = [attempt(os.write, fd, buffer), seen(fd)["size"], attempt(os.pwritev, fd, [buffer], 8 * PAGE),
             seen(fd)["size"], attempt(os.preadv, fd, [buffer], 4 * PAGE), buffer[:10],
             attempt(os.preadv, fd, [buffer], 100 * PAGE)]
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


@case_where_all_may_create
def direct_io_unaligned():
    fd = new(flags=RW | CREAT | os.O_DIRECT)
    found = [attempt(os.write, fd, b"seven b"), attempt(os.pwrite, fd, b"x" * PAGE, 3)]
    os.close(fd)
    return found


@case_where_all_may_create
def syncing():
    fd = new(flags=RW | CREAT | os.O_SYNC)
    found = [os.write(fd, b"data"), attempt(os.fsync, fd), attempt(os.fdatasync, fd), attempt(syncfs, fd),
             attempt(libc.sync_file_range, fd, 0, 0, 7), attempt(os.posix_fadvise, fd, 0, 0, os.POSIX_FADV_DONTNEED)]
    os.close(fd)
    directory = os.open("dir", os.O_RDONLY)
    found += [attempt(os.fsync, directory), attempt(os.fdatasync, directory), attempt(opened, "fifo", RW, 0, os.fsync)]
    os.close(directory)
    return found


@case_where_all_may_create
def reading_at_the_end():
    fd = new()
    buffer = ctypes.create_string_buffer(10)
    found = [os.read(fd, 10), os.pread(fd, 10, 1 << 30), os.readv(fd, [buffer])]
    os.write(fd, b"x")
    found += [os.read(fd, 10), os.pread(fd, 10, 0), os.pread(fd, 0, 0),
              attempt(os.read, os.open("dir", os.O_RDONLY), 10)]
    os.close(fd)
    return found
