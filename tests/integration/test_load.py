"""The daemon under load: descriptors, random operations from many processes, one of everything."""

import errno
import os
import random
import signal
import sys
import time

import pytest
from denial_log import Log, call, fingerprint


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    (path / "etc").mkdir(parents=True)
    (path / "etc" / "file").write_text("from the image\n")
    return path


def descriptors(mount):
    return len(os.listdir(f"/proc/{mount.process.pid}/fd"))


def test_descriptors_do_not_grow(rofuse, scratch, layer):
    """Files opened and closed, directories listed, denied calls: the daemon's descriptors are bounded."""
    for number in range(100):
        (layer / f"dir{number}").mkdir()
        (layer / f"dir{number}" / "file").write_text("x")
    mount = rofuse(layers=[layer], volume=["v:/data"], tmpfs=["/tmp"])

    def work(first, count):
        for number in range(first, first + count):
            directory = mount.path(f"/data/{number}")
            directory.mkdir()
            (directory / "file").write_text("x")
            mount.path(f"/tmp/{number}").write_text("x")
            os.listdir(mount.path(f"/dir{number % 100}"))
            mount.path(f"/dir{number % 100}/file").read_text()
            try:
                os.mkdir(mount.path(f"/dir{number % 100}/new"))
            except OSError:
                pass
        return True

    # So many that what is kept for speed is full (session.c).
    assert call(lambda: work(0, 600)).value
    settled = descriptors(mount)
    assert call(lambda: work(600, 300)).value
    assert call(lambda: work(900, 300)).value
    assert descriptors(mount) <= settled + 8
    assert settled < 1100


def stress(mount, seed, operations):
    """A bounded number of random operations over the union, the routes and what is refused; returns the refusals."""
    chance = random.Random(seed)
    denied = 0
    # EPERM: a hard link to a directory.
    expected = {"ENOENT", "EEXIST", "EXDEV", "ENOTEMPTY", "ENOTDIR", "EISDIR", "EBUSY", "EPERM"}

    def attempt(function, *arguments):
        nonlocal denied
        try:
            function(*arguments)
        except OSError as error:
            if error.errno == 30:
                denied += 1
            elif errno.errorcode[error.errno] not in expected:
                raise

    for _ in range(operations):
        name, other = (f"n{chance.randrange(12)}" for _ in range(2))
        route = mount.path(chance.choice(["/data", "/tmp", "/data/inner"]))
        what = chance.randrange(12)
        if what == 0:
            attempt(lambda: (route / name).write_bytes(chance.randbytes(chance.randrange(20000))))
        elif what == 1:
            attempt(lambda: (route / name).read_bytes())
        elif what == 2:
            attempt(os.rename, route / name, mount.path("/data") / other)
        elif what == 3:
            attempt(os.link, route / name, route / other)
        elif what == 4:
            attempt(os.unlink, route / name)
        elif what == 5:
            attempt(os.mkdir, route / name)
        elif what == 6:
            attempt(os.rmdir, route / name)
        elif what == 7:
            attempt(os.listdir, route)
        elif what == 8:
            attempt(os.mkdir, mount.path("/etc") / name)
        elif what == 9:
            attempt(os.unlink, mount.path("/etc/file"))
        elif what == 10:
            attempt(lambda: mount.path("/etc/file").read_text())
        else:
            attempt(os.listdir, mount.path(f"/tree/{chance.randrange(30)}"))
    return denied


def test_concurrent_stress(rofuse, layer, capfd):
    """Union, routes and denials at once, from many processes; then everything is still in order (TSan reads along)."""
    for number in range(30):
        (layer / "tree" / str(number)).mkdir(parents=True)
        for name in range(10):
            (layer / "tree" / str(number) / str(name)).write_text("x")
    before = fingerprint(layer)
    log = Log(rofuse(layers=[layer], volume=["v:/data"], tmpfs=["/tmp", "/data/inner"]))
    seed = int(os.environ.get("ROFUSE_TEST_SEED", str(time.time_ns() % 1_000_000)))
    print(f"seed {seed}")
    readers, pids = [], []
    for number in range(8):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.alarm(400)
                os.write(writer, b"%d" % stress(log.mount, seed + number, 600))
                status = 0
            except BaseException as error:  # pylint: disable=broad-except
                sys.stderr.write(f"{error!r}\n")
            finally:
                os._exit(status)
        os.close(writer)
        readers.append(reader)
        pids.append(pid)
    statuses = [os.waitpid(pid, 0)[1] for pid in pids]
    told = [os.read(reader, 100) for reader in readers]
    for reader in readers:
        os.close(reader)
    assert statuses == [0] * 8, capfd.readouterr()
    assert sum(map(int, told)) == len(log.take())
    log.mount.path("/data/last").write_text("works")
    assert log.mount.end() == 0
    assert fingerprint(layer) == before


def test_one_of_everything(rofuse, layer, scratch):
    """A short life that ends with status 0: in a build with AddressSanitizer, with nothing left allocated."""
    mount = rofuse(layers=[layer], volume=["v:/data", f"{scratch}/bind:/bind"], tmpfs=["/tmp"])
    denied = sum(stress_one(mount, place) for place in ("/data", "/bind", "/tmp"))
    assert mount.end() == 0
    assert denied == sum(event["event"] == "denied" for event in mount.events())


def stress_one(mount, place):
    """One of everything, by hand: a short, deterministic scenario."""
    at = mount.path(place)
    (at / "file").write_text("x")
    assert (at / "file").read_text() == "x"
    os.mkdir(at / "dir")
    os.rename(at / "file", at / "dir" / "file")
    os.link(at / "dir" / "file", at / "link")
    os.symlink("link", at / "symlink")
    os.setxattr(at / "link", "user.a", b"1")
    assert os.listxattr(at / "link") == ["user.a"]
    os.listdir(at)
    os.statvfs(at)
    mount.path("/etc/file").read_text()
    denied = 0
    for change in (lambda: os.mkdir(mount.path("/etc/new")), lambda: os.unlink(mount.path("/etc/file"))):
        for uid in (0, 1000):
            assert call(change, uid=uid).name == "EROFS"
            denied += 1
    assert call(lambda: os.rename(mount.path("/etc/file"), at / "x")).name == "EXDEV"
    os.unlink(at / "symlink")
    os.unlink(at / "link")
    os.unlink(at / "dir" / "file")
    os.rmdir(at / "dir")
    return denied
