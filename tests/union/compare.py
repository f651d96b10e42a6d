"""What is in a tree, entry by entry, and how two trees differ."""

import ctypes
import errno
import os
import stat
import struct

libc = ctypes.CDLL(None, use_errno=True)
SYS_GETDENTS64 = 217 if os.uname().machine == "x86_64" else 61


class Entry:
    """Everything of one name that a program can see, but ctime and atime."""

    def __init__(self, path):
        st = os.lstat(path)
        self.identity = (st.st_dev, st.st_ino)
        self.facts = {
            "mode": oct(st.st_mode), "uid": st.st_uid, "gid": st.st_gid, "mtime": st.st_mtime_ns, "nlink": st.st_nlink,
            "xattrs": attributes(path),
        }
        kind = stat.S_IFMT(st.st_mode)
        if kind != stat.S_IFDIR:
            self.facts["size"] = st.st_size
        if kind in (stat.S_IFCHR, stat.S_IFBLK):
            self.facts["rdev"] = st.st_rdev
        if kind == stat.S_IFLNK:
            self.facts["target"] = os.readlink(path)
        if kind == stat.S_IFREG:
            with open(path, "rb") as file:
                self.facts["content"] = file.read()
        self.is_dir = kind == stat.S_IFDIR
        self.names = None


def attributes(path):
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}


def list_directory(path):
    """{name: (d_ino, type)} as readdir tells it, "." and ".." too."""
    found = {}
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name, number, kind, _ in read_entries(fd):
            assert name not in found, f"{path!r}: {name!r} is listed twice"
            found[name] = (number, kind)
    finally:
        os.close(fd)
    return found


def read_entries(fd, size=32768, one_call=False):
    """The entries of getdents64(2): (name, d_ino, d_type, d_off)."""
    buffer = ctypes.create_string_buffer(size)
    while True:
        length = libc.syscall(SYS_GETDENTS64, fd, buffer, size)
        if length < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        at = 0
        while at < length:
            number, offset, record, kind = struct.unpack_from("<QqHB", buffer, at)
            name = buffer[at + 19:at + record].split(b"\0", 1)[0]
            yield name, number, kind, offset
            at += record
        if length == 0 or one_call:
            return


def check_listing(path, listing, own):
    """readdir's numbers and types are stat's; returns what disagrees."""
    problems = []
    up = os.lstat(os.path.join(path, b".."))
    for name, (number, kind) in listing.items():
        st = own if name == b"." else up if name == b".." else os.lstat(os.path.join(path, name))
        # Above the root of a mount lies another file system.
        if number != st.st_ino and not (name == b".." and up.st_dev != own.st_dev):
            problems.append(f"{path!r}: readdir says that {name!r} is {number:#x}, stat {st.st_ino:#x}")
        if kind << 12 != stat.S_IFMT(st.st_mode):
            problems.append(f"{path!r}: readdir says that {name!r} is of type {kind}, stat {st.st_mode:o}")
    return problems


def walk(top, numbers=False, problems=None, overlayfs=False):
    """
    {relative path: Entry}, from the root down, each directory listed before its entries are looked at.

    overlayfs lists the whiteouts of a directory that is in one layer only (it hands the listing through), though they
    cannot be looked up: with overlayfs=True these names are left out.
    """
    found, todo = {}, [b""]
    top = os.fsencode(top)
    while todo:
        relative = todo.pop()
        path = os.path.join(top, relative) if relative else top
        entry = found[relative] = Entry(path)
        if not entry.is_dir:
            continue
        listing = list_directory(path)
        if numbers:
            problems += check_listing(path, listing, os.lstat(path))
        entry.names = sorted(name for name in listing if name not in (b".", b".."))
        if overlayfs:
            entry.names = [name for name in entry.names if os.path.lexists(os.path.join(path, name))]
        todo += [os.path.join(relative, name) for name in entry.names]
    return found


def visit(top, paths, chance, absent=()):
    """As walk(), but each path is looked up by its full name, in random order; absent: paths that must not be found."""
    found, top, problems = {}, os.fsencode(top), []
    todo = [(path, True) for path in paths] + [(path, False) for path in absent]
    chance.shuffle(todo)
    for relative, expected in todo:
        path = os.path.join(top, relative) if relative else top
        try:
            entry = Entry(path)
        except OSError as error:
            if expected or error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
                problems.append(f"{relative!r}: {error.strerror}")
            continue
        if not expected:
            problems.append(f"{relative!r}: found by look-up, mode {entry.facts['mode']}; it should be hidden")
            continue
        found[relative] = entry
    for relative, entry in found.items():
        if entry.is_dir:
            entry.names = sorted(set(os.listdir(os.path.join(top, relative) if relative else top)))
    return found, problems


def groups(tree):
    """The sets of names that are the same file."""
    by_identity = {}
    for path, entry in tree.items():
        by_identity.setdefault(entry.identity, set()).add(path)
    return {frozenset(paths) for paths in by_identity.values() if len(paths) > 1}


def differences(expected, found):
    """How a tree differs from the one that is right; empty where it does not."""
    lines = []
    for path in sorted(set(expected) | set(found)):
        if path not in found:
            lines.append(f"{path!r}: is missing, should be {expected[path].facts['mode']}")
            continue
        if path not in expected:
            lines.append(f"{path!r}: is there ({found[path].facts['mode']}) and should not")
            continue
        right, seen = expected[path], found[path]
        for key in sorted(set(right.facts) | set(seen.facts)):
            if right.facts.get(key) != seen.facts.get(key):
                has, should = short(seen.facts.get(key)), short(right.facts.get(key))
                lines.append(f"{path!r}: {key} is {has}, should be {should}")
        if right.names != seen.names:
            missing = set(right.names or ()) - set(seen.names or ())
            extra = set(seen.names or ()) - set(right.names or ())
            lines.append(f"{path!r}: listing lacks {sorted(missing)}, has {sorted(extra)} too much")
    if set(expected) == set(found):
        wrong, right = groups(found) - groups(expected), groups(expected) - groups(found)
        lines += [f"one file under the names {sorted(names)}, but should not be" for names in wrong]
        lines += [f"several files, should be one: {sorted(names)}" for names in right]
    return lines


def short(value):
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}… ({len(text)} characters)"
