"""Denials inside routes: no room, no execution, and the boundaries between them."""

import errno
import os
import shutil
import subprocess

import pytest
from denial_log import call, mount  # noqa: F401


def test_noexec(mount):
    """docker's --tmpfs is noexec: execve is refused and told; with exec it runs; reading it is nobody's denial."""
    log = mount(tmpfs=["/tmp", "/run:exec"])
    for place in ("/tmp", "/run"):
        program = log.mount.path(place) / "program"
        program.write_text("#!/bin/sh\nexit 5\n")
        program.chmod(0o755)
        program.read_text()

        def run(program=program):
            if os.fork() == 0:
                try:
                    os.execv(program, ["program", "argument"])
                except OSError as error:
                    os._exit(100 + error.errno)
            return os.waitstatus_to_exitcode(os.wait()[1])

        outcome = call(run, uid=1000)
        if place == "/run":
            assert outcome.value == 5
            assert log.take() == []
            continue
        assert outcome.value == 100 + errno.EACCES
        record = log.one()
        assert (record["operation"], record["path"], record["why"]) == ("exec", "/tmp/program", "declared-noexec")
        assert record["errno"] == "EACCES"
        assert record["held_by"] == {"route": "/tmp", "kind": "tmpfs"}
        assert record["process"]["uid"] == 1000


def fill(path, size=4096):
    """Writes until it is refused; raises that."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        while True:
            os.write(fd, b"x" * size)
    finally:
        os.close(fd)


def test_no_space(mount):
    log = mount(tmpfs=["/tmp:size=64k", "/few:nr_inodes=3,size=1m", "/two:size=64k"])
    held_by = {"route": "/tmp", "kind": "tmpfs"}
    assert call(lambda: fill(log.mount.path("/tmp/full")), uid=1000).name == "ENOSPC"
    record = log.one()
    assert (record["operation"], record["path"], record["why"]) == ("write", "/tmp/full", "no-space")
    assert (record["errno"], record["errno_number"]) == ("ENOSPC", errno.ENOSPC)
    assert record["held_by"] == held_by
    assert record["process"]["uid"] == 1000

    def allocate():
        fd = os.open(log.mount.path("/tmp/big"), os.O_RDWR | os.O_CREAT, 0o600)
        os.posix_fallocate(fd, 0, 1 << 20)

    os.truncate(log.mount.path("/tmp/full"), 0)
    assert call(allocate, uid=1000).name == "ENOSPC"
    record = log.one()
    assert (record["operation"], record["path"], record["why"]) == ("fallocate", "/tmp/big", "no-space")

    def copy():
        source = os.open(log.mount.path("/two/source"), os.O_RDONLY)
        target = os.open(log.mount.path("/two/target"), os.O_WRONLY | os.O_CREAT, 0o600)
        for number in range(64):
            os.copy_file_range(source, target, 4096, 0, 4096 * number)

    log.mount.path("/two/source").write_bytes(b"y" * 4096)
    assert call(copy).name == "ENOSPC"
    record = log.one()
    assert (record["path"], record["why"], record["errno"]) == ("/two/target", "no-space", "ENOSPC")
    assert record["operation"] in ("copy", "write")

    def create():
        for number in range(4):
            os.close(os.open(log.mount.path(f"/few/file{number}"), os.O_WRONLY | os.O_CREAT, 0o600))

    assert call(create).name == "ENOSPC"
    record = log.one()
    assert (record["operation"], record["why"]) == ("create", "no-space")
    assert record["path"].startswith("/few/file")
    for name, run in (("mkdir", lambda: os.mkdir(log.mount.path("/few/new"))),
                      ("symlink", lambda: os.symlink("x", log.mount.path("/few/new"))),
                      ("mknod", lambda: os.mkfifo(log.mount.path("/few/new")))):
        assert call(run).name == "ENOSPC"
        record = log.one()
        assert (record["operation"], record["path"], record["why"]) == (name, "/few/new", "no-space")
        assert record["held_by"] == {"route": "/few", "kind": "tmpfs"}


def test_boundaries_are_no_denials_of_a_route(mount):
    """EXDEV between routes and EBUSY of a route's root are answers, and the route goes on working."""
    log = mount(tmpfs=["/tmp", "/data"])
    log.mount.path("/tmp/file").write_text("x")
    assert call(lambda: os.rename(log.mount.path("/tmp/file"), log.mount.path("/data/file"))).name == "EXDEV"
    assert call(lambda: os.link(log.mount.path("/tmp/file"), log.mount.path("/data/file"))).name == "EXDEV"
    assert call(lambda: os.rmdir(log.mount.path("/data"))).name in ("EBUSY", "EROFS")
    for record in log.take():
        assert record["path"] in ("/data",), record
    assert log.mount.path("/tmp/file").read_text() == "x"


def test_nosuid(mount):
    """A program whose set-user-ID bit would make its caller another user is refused and told; to its owner it runs."""
    log = mount(tmpfs=["/tmp:exec"])
    program = log.mount.path("/tmp/id")
    shutil.copy("/usr/bin/id", program)
    program.chmod(0o4755)

    def run():
        return subprocess.run([program, "-u"], check=True, capture_output=True).stdout

    assert call(run).value == b"0\n"
    assert log.take() == []
    assert call(run, uid=1000).name == "EACCES"
    record = log.one()
    assert (record["operation"], record["path"], record["why"]) == ("exec", "/tmp/id", "declared-nosuid")
    assert record["errno"] == "EACCES" and record["process"]["uid"] == 1000
    assert record["held_by"] == {"route": "/tmp", "kind": "tmpfs"}


def test_quota(mount, scratch):
    """EDQUOT of the backing file system is the caller's, and a record; root has no quota."""
    source = scratch / "quota"
    source.mkdir()
    result = subprocess.run(["mount", "-t", "tmpfs", "-o", "usrquota_block_hardlimit=64k,size=16m,mode=1777", "tmpfs",
                             source], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.skip(f"no tmpfs with quotas: {result.stderr.strip()}")
    log = mount(volume=[f"{source}:/data"])
    assert call(lambda: log.mount.path("/data/root").write_bytes(b"x" * 200_000)).errno == 0
    assert call(lambda: fill(log.mount.path("/data/full")), uid=1000).name == "EDQUOT"
    record = log.one()
    assert (record["operation"], record["path"], record["why"]) == ("write", "/data/full", "no-space")
    assert (record["errno"], record["errno_number"]) == ("EDQUOT", errno.EDQUOT)
    assert record["held_by"] == {"route": "/data", "kind": "bind"}
    assert record["process"]["uid"] == 1000


def test_a_nameless_file_in_a_removed_directory(mount, scratch):
    """ext4 says EPERM there, tmpfs nothing: the same as without us, and no record, as no permission is missing."""
    source = scratch / "source"
    source.mkdir()
    log = mount(volume=[f"{source}:/data"], tmpfs=["/tmp"])

    def tried(directory):
        directory.mkdir()
        standing = os.open(directory, os.O_RDONLY)
        try:
            directory.rmdir()
            return call(lambda: os.close(os.open(f"/proc/self/fd/{standing}", os.O_TMPFILE | os.O_RDWR))).name
        finally:
            os.close(standing)

    assert tried(log.mount.path("/data/gone")) == tried(source / "gone")
    tmpfs = scratch / "tmpfs"
    tmpfs.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", tmpfs], check=True)
    try:
        assert tried(log.mount.path("/tmp/gone")) == tried(tmpfs / "gone")
    finally:
        subprocess.run(["umount", tmpfs], check=True)
    assert log.take() == []


def test_immutable(mount, scratch):
    """EPERM of the backing file system: a file of a volume that the host has made immutable, or append-only."""
    source = scratch / "source"
    source.mkdir()
    for name, flag in (("fixed", "+i"), ("growing", "+a")):
        (source / name).write_text("x")
        if subprocess.run(["chattr", flag, source / name], check=False, capture_output=True).returncode != 0:
            pytest.skip("chattr does not work here")
    log = mount(volume=[f"{source}:/data"])
    fixed, growing = log.mount.path("/data/fixed"), log.mount.path("/data/growing")
    for operation, run in (("open", lambda: os.open(fixed, os.O_WRONLY)), ("unlink", lambda: os.unlink(fixed)),
                           ("chmod", lambda: os.chmod(fixed, 0o600)), ("truncate", lambda: os.truncate(fixed, 0)),
                           ("setxattr", lambda: os.setxattr(fixed, "user.a", b"1")),
                           ("open", lambda: os.open(growing, os.O_WRONLY)),
                           ("rename", lambda: os.rename(growing, log.mount.path("/data/new")))):
        assert call(run).name == "EPERM", operation
        record = log.one()
        assert (record["operation"], record["errno"], record["why"]) == (operation, "EPERM", "permission")
        assert record["path"] in ("/data/fixed", "/data/growing")
        assert record["held_by"] == {"route": "/data", "kind": "bind"}
    assert call(lambda: growing.open("a").write("more")).errno == 0
    assert log.take() == []
