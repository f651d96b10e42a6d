"""Cases of what processes share: mappings, locks, fifos, sockets, programs."""

import fcntl
import mmap
import os
import select
import socket
import struct
import threading

from route_table import (attempt, case, case_everywhere, case_where_all_may_create, content, in_child, look, opened,
                         store)

W, RW, CREAT, PAGE = os.O_WRONLY, os.O_RDWR, os.O_CREAT, 4096


def new(name="new", flags=RW | CREAT, mode=0o644):
    return os.open(name, flags, mode)


@case_where_all_may_create
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


@case_where_all_may_create
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


@case_where_all_may_create
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


@case_where_all_may_create
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


@case_where_all_may_create
def range_lock_is_waited_for():
    """A lock that another process gives up when it ends."""
    fd = new()
    reader, writer = os.pipe()

    def lock_and_write():
        range_lock(fd, fcntl.F_WRLCK, 0, 0)
        os.write(writer, b"x")
        select.select([], [], [], 0.05)
        os.write(fd, b"child")
    child = threading.Thread(target=in_child, args=(lock_and_write,))
    child.start()
    os.read(reader, 1)
    found = [attempt(range_lock, fd, fcntl.F_WRLCK, 0, 0, fcntl.F_SETLKW), content("new")]
    child.join()
    for end in (fd, reader, writer):
        os.close(end)
    return found


@case_where_all_may_create
def open_file_description_locks():
    first, second = new(), new()
    found = [attempt(range_lock, first, fcntl.F_WRLCK, 0, 10, 37), attempt(range_lock, second, fcntl.F_WRLCK, 5, 1, 37),
             attempt(range_lock, second, fcntl.F_WRLCK, 20, 1, 37)]
    os.close(first)
    found.append(attempt(range_lock, second, fcntl.F_WRLCK, 5, 1, 37))
    os.close(second)
    return found


@case_where_all_may_create
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


@case_where_all_may_create
def executing():
    def run(path):
        quiet = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, W, 0)]
        return os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn(path, [path], {}, file_actions=quiet), 0)[1])
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
    return {"bsize": st.f_bsize, "frsize": st.f_frsize, "blocks": st.f_blocks, "files": st.f_files,
            "namemax": st.f_namemax, "free": st.f_bavail <= st.f_bfree <= st.f_blocks,
            "of a file": os.statvfs("file").f_blocks == st.f_blocks}
