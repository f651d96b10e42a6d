"""Denials inside routes: no room, no execution, and the boundaries between them."""

import errno
import os

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
