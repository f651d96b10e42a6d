"""
The table of operations: what each case finds, how it is run, and what is looked at afterwards.

A case is a function that works in the current directory, a fresh one with the files of prepare(), as one of CALLERS,
and returns what programs would see: values, or the names of errors. Two runs, one in a route and one in a bare
directory of the same file system kind, must return the same and leave the same behind.
"""

import errno
import os
import socket
import stat
import struct

OWNER, OTHER, GROUP = 1001, 1002, 3000
CALLERS = {"root": (0, 0, ()), "owner": (OWNER, OWNER, ()), "other": (OTHER, OTHER, (GROUP,))}

# What the directory is: the owner's; one with setgid for a group that "other" is in; sticky; one with ACLs for "other".
FLAVOURS = ("own", "setgid", "sticky", "acl")

PREPARED = 1_000_000_000  # the mtime of all that was prepared; times that a case sets lie before it

cases = {}  # name → (function, flavours)


def case(function, flavours=("own",)):
    """Decorator: adds a case that needs one flavour of directory only."""
    name = function.__name__.replace("_", "-")
    assert name not in cases, name
    cases[name] = (function, flavours)
    return function


def case_where_all_may_create(function):
    """Decorator: adds a case that makes files and is about what comes then."""
    return case(function, ("sticky",))


def case_everywhere(function):
    """Decorator: adds a case that is run in every flavour of directory."""
    return case(function, FLAVOURS)


def acl(*entries):
    """The value of a system.posix_acl_* attribute; entries are (tag, permissions, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, perm, who & 0xffffffff)
                                           for tag, perm, who in entries)


def acl_for(user, permissions, mask=7, base=(7, 5, 5)):
    """user::, user:USER:, group::, mask::, other:: as numbers."""
    return acl((1, base[0], -1), (2, permissions, user), (4, base[1], -1), (16, mask, -1), (32, base[2], -1))


def name_of(error):
    return errno.errorcode.get(error.errno, str(error.errno))


def attempt(function, *args, **kwargs):
    """What a call returns ("ok" where it returns nothing), or the name of its error."""
    try:
        result = function(*args, **kwargs)
    except OSError as error:
        return name_of(error)
    return "ok" if result is None else result


def opened(path, flags, mode=0o666, then=None):
    """Opens, does something with the descriptor, closes."""
    fd = os.open(path, flags, mode)
    try:
        return then(fd) if then else None
    finally:
        os.close(fd)


def in_child(function):
    """What a forked process gets from function(), as text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, str(attempt(function)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        result = stream.read().decode()
    os.waitpid(pid, 0)
    return result


def seen(path, follow=False):
    """What stat(2) says, as far as it must be the same on both sides."""
    st = os.fstat(path) if isinstance(path, int) else os.stat(path, follow_symlinks=follow)
    facts = {"mode": oct(st.st_mode), "uid": st.st_uid, "gid": st.st_gid, "nlink": st.st_nlink}
    if not stat.S_ISDIR(st.st_mode):
        facts["size"] = st.st_size
    if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        facts["rdev"] = st.st_rdev
    return facts


def look(path):
    """seen(), or the name of the error."""
    return attempt(seen, path)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def store(path, data):
    with open(path, "wb") as file:
        file.write(data)


def make_file(path, uid, mode, data=b"content of the file\n"):
    store(path, data)
    os.chown(path, uid, uid)
    os.chmod(path, mode)


def prepare(at, flavour):
    """The files that a case finds; done by root."""
    os.mkdir(at)
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.chdir(at)
    try:
        make_file("file", OWNER, 0o644)
        make_file("private", OWNER, 0o600)
        make_file("readonly", OWNER, 0o444)
        make_file("rootfile", 0, 0o644)
        make_file("open", 0, 0o666)
        make_file("suid", OWNER, 0o6777)
        make_file("script", OWNER, 0o755, b"#!/bin/sh\nexit 7\n")
        make_file("shared", OWNER, 0o644)
        os.link("shared", "hard")
        os.symlink("file", "link")
        os.symlink("missing", "dangling")
        os.symlink("loop", "loop")
        os.symlink("dir", "dirlink")
        os.mkfifo("fifo", 0o644)
        os.chown("fifo", OWNER, OWNER)
        for name, uid, mode in (("dir", OWNER, 0o755), ("empty", OWNER, 0o755), ("rootdir", 0, 0o755),
                                ("opendir", 0, 0o777), ("closed", OWNER, 0o700)):
            os.mkdir(name)
            if name not in ("empty", "opendir"):
                make_file(f"{name}/child", OWNER, 0o644)
            os.chown(name, uid, uid)
            os.chmod(name, mode)
        os.mkdir("sgiddir")
        os.chown("sgiddir", 0, GROUP)
        os.chmod("sgiddir", 0o2777)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("socket")
        for name in os.listdir("."):
            os.utime(name, (PREPARED, PREPARED), follow_symlinks=False)
        if flavour == "own":
            os.chown(".", OWNER, OWNER)
        elif flavour == "setgid":
            os.chown(".", 0, GROUP)
            os.chmod(".", 0o2775)
        elif flavour == "sticky":
            os.chmod(".", 0o1777)
        else:
            os.chown(".", OWNER, OWNER)
            os.setxattr(".", "system.posix_acl_access", acl_for(OTHER, 7))
            os.setxattr(".", "system.posix_acl_default", acl_for(OTHER, 6, mask=6, base=(7, 5, 1)))
        os.utime(".", (PREPARED, PREPARED))
    finally:
        os.fchdir(here)
        os.close(here)


def picture(at):
    """What is left behind: {relative name: facts}."""
    found = {}
    for where, directories, files in os.walk(os.fsencode(at)):
        for name in [b""] + [name for name in directories + files if os.path.islink(os.path.join(where, name))
                             or name in files]:
            path = os.path.join(where, name) if name else where
            st = os.lstat(path)
            facts = seen(path)
            facts["mtime"] = st.st_mtime_ns if st.st_mtime < PREPARED + 1 else "now"
            facts["xattrs"] = {attribute: os.getxattr(path, attribute, follow_symlinks=False)
                               for attribute in os.listxattr(path, follow_symlinks=False)}
            if stat.S_ISREG(st.st_mode) and st.st_size < 1 << 20:
                facts["content"] = content(path)
            if stat.S_ISLNK(st.st_mode):
                facts["target"] = os.readlink(path)
            found[os.path.relpath(path, os.fsencode(at))] = facts
    return found


def run_all(base, names):
    """Runs cases in their directories, in the calling process; {(flavour, name): result}."""
    results = {}
    for flavour in FLAVOURS:
        for name in names:
            function, flavours = cases[name]
            if flavour not in flavours:
                continue
            os.chdir(f"{base}/{flavour}/{name}")
            mask = os.umask(0o022)
            results[flavour, name] = attempt(function)
            os.umask(mask)
    os.chdir("/")
    return results


def prepare_all(base, names):
    for flavour in FLAVOURS:
        os.makedirs(f"{base}/{flavour}")
        for name in names:
            if flavour in cases[name][1]:
                prepare(f"{base}/{flavour}/{name}", flavour)


def differences(name, right, found, path="result"):
    """Where two values differ, one line for each place."""
    if isinstance(right, dict) and isinstance(found, dict):
        lines = []
        for key in sorted(set(right) | set(found), key=str):
            lines += differences(name, right.get(key, "(absent)"), found.get(key, "(absent)"), f"{path}.{key}")
        return lines
    if isinstance(right, (list, tuple)) and isinstance(found, (list, tuple)) and len(right) == len(found):
        return [line for number, pair in enumerate(zip(right, found))
                for line in differences(name, *pair, f"{path}[{number}]")]
    if right != found:
        return [f"{name}: {path} is {repr(found)[:200]}, should be {repr(right)[:200]}"]
    return []
