"""Set-user-ID and set-group-ID bits and capabilities of a file that is changed: afterwards as in a bare directory.

A table of users, modes, changes and of when the bits are set: before the file is opened, or while it is open, by somebody
in the mount or by the host in a volume's directory.
"""

import itertools
import mmap
import os
import stat
import struct
import subprocess
import threading

import pytest
from denial_log import call
from served import features
from syscalls import KEEP_SIZE, PUNCH_HOLE, fallocate

OWNER, OTHER, GROUP = 1001, 1002, 3000
CALLERS = {"root": (0, 0, ()), "owner": (OWNER, OWNER, (GROUP,)), "owner outside": (OWNER, OWNER, ()),
           "member": (OTHER, OTHER, (GROUP,)), "stranger": (OTHER, OTHER, ())}
MODES = (0o4755, 0o2755, 0o2745, 0o6777, 0o4777, 0o2777, 0o2767, 0o6666)
CAPABILITY = "security.capability"
NET_RAW = struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0)
CONTENT = b"the content of a program\n" * 400
WHEN = ("before", "mount", "host")


def map_and_write(fd):
    with mmap.mmap(fd, 4096) as mapping:
        mapping[:5] = b"MAPPED"[:5]
        mapping.flush()


def copy_into(fd):
    with open("/proc/self/exe", "rb") as source, open("source", "rb") as near:
        del source
        os.copy_file_range(near.fileno(), fd, 10, 0, 0)


def send_into(fd):
    with open("source", "rb") as near:
        os.sendfile(fd, near.fileno(), 0, 10)


# Name: (flags of the open, what is done with the descriptor and the name).
CHANGES = {
    "write": (os.O_WRONLY, lambda fd, name: os.write(fd, b"W")),
    "pwrite": (os.O_RDWR, lambda fd, name: os.pwrite(fd, b"P", 100)),
    "append": (os.O_WRONLY | os.O_APPEND, lambda fd, name: os.write(fd, b"A")),
    "large write": (os.O_WRONLY, lambda fd, name: os.write(fd, b"L" * 300_000)),
    "ftruncate": (os.O_WRONLY, lambda fd, name: os.ftruncate(fd, 5)),
    "ftruncate up": (os.O_WRONLY, lambda fd, name: os.ftruncate(fd, 50_000)),
    "fallocate": (os.O_WRONLY, lambda fd, name: fallocate(fd, 0, 0, 50_000)),
    "punch": (os.O_WRONLY, lambda fd, name: fallocate(fd, KEEP_SIZE | PUNCH_HOLE, 0, 4096)),
    "copy_file_range": (os.O_WRONLY, lambda fd, name: copy_into(fd)),
    "sendfile": (os.O_WRONLY, lambda fd, name: send_into(fd)),
    "mmap": (os.O_RDWR, lambda fd, name: map_and_write(fd)),
    "truncate": (None, lambda fd, name: os.truncate(name, 7)),
    "O_TRUNC": (None, lambda fd, name: os.close(os.open(name, os.O_WRONLY | os.O_TRUNC))),
    "O_TRUNC and write": (os.O_WRONLY | os.O_TRUNC, lambda fd, name: os.write(fd, b"T")),
    "chown of nothing": (None, lambda fd, name: os.chown(name, -1, -1)),
    "chown to himself": (None, lambda fd, name: os.chown(name, os.getuid(), -1)),
    "chown to a group": (None, lambda fd, name: os.chown(name, -1, GROUP)),
    "fchown": (os.O_RDONLY, lambda fd, name: os.fchown(fd, -1, -1)),
}


def make(path, mode, uid):
    path.write_bytes(CONTENT)
    os.chown(path, uid, GROUP)
    set_bits(path, mode)


def set_bits(path, mode):
    """mode: a number; or "capability"."""
    if mode == "capability":
        os.chmod(path, 0o777)
        os.setxattr(path, CAPABILITY, NET_RAW)
    else:
        os.chmod(path, mode)


class Setter(threading.Thread):
    """Sets bits as root when the process that has the file open asks for it."""

    def __init__(self, where):
        super().__init__(daemon=True)
        self.where = where
        self.requests, self.answers = os.pipe(), os.pipe()
        self.start()

    def run(self):
        with os.fdopen(self.requests[0], encoding="ascii") as requests:
            for line in requests:
                name, mode = line.rstrip("\n").split("\t")
                set_bits(self.where / name, mode if mode == "capability" else int(mode))
                os.write(self.answers[1], b"x")

    def ask(self, name, mode):
        os.write(self.requests[1], f"{name}\t{mode}\n".encode())
        assert os.read(self.answers[0], 1) == b"x"

    def end(self):
        os.close(self.requests[1])
        self.join()
        os.close(self.answers[0])
        os.close(self.answers[1])


def one(name, change, mode, setter):
    """What the change returns, as the name of an error or "ok"."""
    flags, action = CHANGES[change]
    fd = None
    try:
        if flags is not None:
            fd = os.open(name, flags)
        if setter is not None and fd is not None:
            setter.ask(name, mode)
        action(fd, name)
        return "ok"
    except OSError as error:
        return os.strerror(error.errno)
    finally:
        if fd is not None:
            os.close(fd)


def cases():
    return [(change, mode, uid) for change in CHANGES for mode in MODES + ("capability",) for uid in (0, OWNER)]


def name_of(case):
    return "-".join(str(word).replace(" ", "_") for word in case)


def shown(case):
    return tuple(oct(word) if word in MODES else word for word in case)


def run(seen, stored, caller, when):
    """{case: (outcome, mode, whether the capability is there, whether the content is)} in the directory SEEN."""
    setter = None if when == "before" else Setter(stored if when == "host" else seen)
    for change, mode, uid in cases():
        path = seen / name_of((change, mode, uid))
        make(path, mode if setter is None else 0o777, uid)
        if setter is not None:
            os.chmod(path, 0o777)
    (seen / "source").write_bytes(CONTENT[::-1])
    (seen / "source").chmod(0o644)

    def work():
        os.chdir(seen)
        return [one(name_of(case), case[0], case[1], setter) for case in cases()]
    uid, gid, groups = CALLERS[caller]
    outcomes = call(work, uid, gid, groups, umask=0o022).value
    if setter is not None:
        setter.end()
    found = {}
    for case, outcome in zip(cases(), outcomes):
        path = seen / name_of(case)
        # The mount's word after the store's: what is kept must be the same.
        modes = {oct(stat.S_IMODE(where.stat().st_mode)) for where in {stored / path.name, path}}
        assert len(modes) == 1, f"{case}: the mount and what is stored differ: {modes}"
        found[case] = (outcome, modes.pop(), CAPABILITY in os.listxattr(stored / path.name),
                       (stored / path.name).read_bytes() != CONTENT)
    return found


def is_known(case, when, expected, found, kills):
    """Differences that are there for a reason; in each nothing but more bits are gone than in a bare directory, or one is
    left that gives nothing to whoever runs the file. @kills: it is ours to take bits away."""
    outcome, mode, capability, changed = found
    if not kills and case[1] in (0o2745, 0o2767, 0o6666):
        # fuse_setattr() by itself does not know that a stranger's change takes the bit without group execution, too.
        unmoved = case[0] in ("fchown", "chown of nothing") and not changed
        if int(mode, 8) & ~0o2000 == int(expected[1], 8) & ~0o2000 and (outcome == expected[0] or unmoved):
            return changed == expected[3]
    if outcome != expected[0] or changed != expected[3]:
        return False
    if case[0] == "mmap" and case[1] == "capability":
        return mode == expected[1] and not capability  # fuse_writepages(): to the kernel a write of the daemon's
    # The kernel was given the file before bits were set, and writes as somebody of no group who may keep none.
    before, after = int(expected[1], 8), int(mode, 8)
    return when != "before" and after & ~before == 0 and before & ~after & ~0o6000 == 0 and capability == expected[2]


def bare(scratch, kind):
    where = scratch / "bare"
    where.mkdir()
    if kind == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "none", where], check=True)
    where.chmod(0o777)
    return where


@pytest.mark.parametrize("option", ["auto", "off"])
@pytest.mark.parametrize("kind,when", [("tmpfs", "before"), ("tmpfs", "mount"), ("bind", "before"), ("bind", "mount"),
                                       ("bind", "host")])
def test_same_as_the_bare_directory(rofuse, scratch, kind, when, option):
    where = bare(scratch, kind)
    if kind == "tmpfs":
        mount = rofuse(tmpfs=["/r:exec,suid,size=200m"], extra=[f"--passthrough={option}"])
        seen = stored = mount.path("r")
    else:
        stored = scratch / "source"
        stored.mkdir()
        mount = rofuse(volume=[f"{stored}:/r"], extra=[f"--passthrough={option}"])
        seen = mount.path("r")
    stored.chmod(0o777)
    kills = features(mount)["killpriv"]
    if option == "auto" and not features(mount)["passthrough"]:
        pytest.skip("no passthrough: the same as off")
    wrong = []
    for caller in CALLERS:
        right, found = run(where, where, caller, when), run(seen, stored, caller, when)
        for case, expected in right.items():
            if found[case] != expected and not is_known(case, when, expected, found[case], kills):
                wrong.append(f"{caller}: {shown(case)}: {found[case]}, should be {expected}")
            mode, changed = int(found[case][1], 8), found[case][3]
            # Whatever the bare directory does; a mapping is written without the kernel's looking at the mode.
            if caller != "root" and changed and case[0] != "mmap" and case[2] == 0 and mode & stat.S_ISUID:
                wrong.append(f"{caller}: {shown(case)}: changed, and set-user-ID of root")
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:400])


@pytest.mark.parametrize("option", ["auto", "off"])
def test_many_writers_and_one_who_sets_bits(rofuse, scratch, option):
    """In the mount and on the host: in the end nobody has written after the bits were set last, or they are gone."""
    source = scratch / "source"
    source.mkdir(mode=0o777)
    source.chmod(0o777)
    mount = rofuse(volume=[f"{source}:/r"], extra=[f"--passthrough={option}"])
    for number, place in itertools.product(range(30), (source, mount.path("r"))):
        path = mount.path("r") / f"file{number}-{place.name}"
        path.write_bytes(b"x")
        path.chmod(0o777)
        setter = Setter(place)

        def work(name=path.name, setter=setter):
            os.chdir(mount.path("r"))
            fd = os.open(name, os.O_WRONLY)
            for _ in range(3):
                os.write(fd, b"before")
            setter.ask(name, 0o4777)
            os.write(fd, b"after")
            os.close(fd)
        assert call(work, uid=OTHER).name == "OK"
        setter.end()
        assert stat.S_IMODE((source / path.name).stat().st_mode) == 0o777, place
