"""Listings of directories: kept by the kernel, true all the same."""

import array
import ctypes
import fcntl
import itertools
import os
import shutil
import subprocess
import threading

import pytest
from denial_log import call

FS_IOC_GETFLAGS = 0x80086601
NAME = "a-name-of-some-length-"


@pytest.fixture
def shared(rofuse, scratch):
    """shared("ext4" | "tmpfs"): a volume's directory as the mount shows it, and as the host has it."""
    def make(kind):
        source = scratch / "source"
        source.mkdir()
        if kind == "tmpfs":
            subprocess.run(["mount", "-t", "tmpfs", "none", source], check=True)
        mount = rofuse(volume=[f"{source}:/b"])
        return mount.path("b"), source
    return make


def numbered(count):
    return {f"{NAME}{i}" for i in range(count)}


def fill(directory, count):
    directory.mkdir(exist_ok=True)
    for name in numbered(count):
        os.close(os.open(directory / name, os.O_WRONLY | os.O_CREAT, 0o644))


@pytest.mark.parametrize("kind", ["ext4", "tmpfs"])
def test_what_the_host_changes_is_listed(shared, kind):
    """Many changes within one tick of the clock that mtime has: each listing begins after one and shows it."""
    seen, source = shared(kind)
    wrong = 0
    for i in range(2000):
        (source / f"new{i}").touch()
        wrong += f"new{i}" not in os.listdir(seen)
        if i % 2:
            os.unlink(source / f"new{i - 1}")
            wrong += f"new{i - 1}" in os.listdir(seen)
        if i % 5 == 0:
            os.rename(source / f"new{i}", source / f"moved{i}")
            names = os.listdir(seen)
            wrong += f"new{i}" in names or f"moved{i}" not in names
            os.rename(source / f"moved{i}", source / f"new{i}")
        if i % 100 == 99:
            for name in os.listdir(source):
                os.unlink(source / name)
            wrong += os.listdir(seen) != []
    assert wrong == 0


@pytest.mark.parametrize("kind", ["ext4", "tmpfs"])
def test_what_the_host_changes_is_listed_beside_other_readers(shared, kind):
    """The kernel's copy is made by whoever reads; none may be left that is older than the end of a change."""
    seen, source = shared(kind)
    fill(source, 300)
    stop = threading.Event()
    script = f"import os\nwhile True: os.listdir({str(seen)!r})"
    readers = [subprocess.Popen(["/usr/bin/python3", "-c", script]) for _ in range(3)]
    wrong = 0
    try:
        for i in range(1000):
            (source / "extra").touch()
            wrong += "extra" not in os.listdir(seen)
            os.unlink(source / "extra")
            wrong += "extra" in os.listdir(seen)
    finally:
        stop.set()
        for reader in readers:
            reader.kill()
            reader.wait()
    assert wrong == 0


class Directory:
    """opendir(3) and its family."""

    libc = ctypes.CDLL(None, use_errno=True)
    libc.fdopendir.restype = ctypes.c_void_p
    libc.readdir.restype = ctypes.c_void_p
    libc.telldir.restype = ctypes.c_long

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.dir = ctypes.c_void_p(self.libc.fdopendir(self.fd))

    def next(self):
        entry = self.libc.readdir(self.dir)
        return os.fsdecode(ctypes.string_at(entry + 19)) if entry else None

    def rest(self):
        return [name for name in iter(self.next, None) if name not in (".", "..")]

    def tell(self):
        return self.libc.telldir(self.dir)

    def seek(self, position):
        self.libc.seekdir(self.dir, ctypes.c_long(position))

    def rewind(self):
        self.libc.rewinddir(self.dir)

    def close(self):
        self.libc.closedir(self.dir)


@pytest.mark.parametrize("kind", ["ext4", "tmpfs"])
def test_rewinding_shows_what_the_host_has_changed(shared, kind):
    """Through a descriptor that stays open nothing is looked up: no news of the directory comes with a name."""
    seen, source = shared(kind)
    directory = Directory(seen)
    wrong = 0
    for _ in range(2000):
        os.mknod(source / "new", 0o100644)
        directory.rewind()
        wrong += directory.rest() != ["new"]
        os.unlink(source / "new")
        directory.rewind()
        wrong += directory.rest() != []
    directory.close()
    assert wrong == 0


@pytest.fixture(params=["image", "merged", "tmpfs", "volume", "bind"])
def place(request, rofuse, scratch):
    """place(count): a directory with so many files, in each kind of place; (path in the mount, whether it can be written)."""
    def make(count):
        lower, upper = scratch / "lower", scratch / "upper"
        lower.mkdir()
        upper.mkdir()
        (scratch / "bound").mkdir()
        if request.param in ("image", "merged"):
            fill(lower / "dir", count)
        if request.param == "merged":
            (upper / "dir").mkdir()
        else:
            upper.rmdir()
        layers = [lower] + ([upper] if request.param == "merged" else [])
        mount = rofuse(layers=layers, tmpfs=["/tmpfs"], volume=["v:/volume", f"{scratch / 'bound'}:/bind"])
        if request.param in ("image", "merged"):
            return mount.path("dir"), False
        fill(mount.path(request.param) / "dir", count)
        return mount.path(request.param) / "dir", True
    return make


def test_positions(place):
    path, writable = place(3000)
    directory = Directory(path)
    first = directory.rest()
    assert sorted(first) == sorted(numbered(3000))
    directory.rewind()
    assert directory.rest() == first
    directory.rewind()
    marks = []
    for i in itertools.count():
        position = directory.tell()
        name = directory.next()
        if name is None:
            break
        if i % 97 == 0:
            marks.append((position, name))
    for position, name in reversed(marks):
        directory.seek(position)
        assert directory.next() == name
    # From the middle to the end.
    directory.seek(marks[10][0])
    assert directory.next() == marks[10][1]
    rest = directory.rest()
    assert first[-len(rest):] == rest
    if writable:
        (path / "one-more").touch()
        directory.rewind()
        assert sorted(directory.rest()) == sorted(numbered(3000) | {"one-more"})
        os.unlink(path / "one-more")
        directory.rewind()
        assert sorted(directory.rest()) == sorted(numbered(3000))
    directory.close()


def test_readers_that_stop_half_way(place):
    path, _ = place(2000)
    expected = numbered(2000)
    scans = [os.scandir(path) for _ in range(40)]
    halves = [[next(scan).name for _ in range(1000)] for scan in scans]
    assert set(os.listdir(path)) == expected
    for scan, half in list(zip(scans, halves))[::2]:
        names = half + [entry.name for entry in scan]
        assert len(names) == 2000 and set(names) == expected
    for scan in scans:
        scan.close()
    assert set(os.listdir(path)) == expected


def test_removing_while_listing(place):
    path, writable = place(5000)
    if not writable:
        pytest.skip("nothing is removed there")
    directory = Directory(path)
    removed = set()
    for name in iter(directory.next, None):
        if name in (".", ".."):
            continue
        assert name not in removed, "told twice"
        os.unlink(path / name)
        removed.add(name)
    assert removed == numbered(5000)
    directory.close()
    path.rmdir()
    path.mkdir()
    fill(path, 5000)
    done = subprocess.run(["rm", "-rf", path], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert not path.exists() and path.name not in os.listdir(path.parent)


def test_directory_replaced_by_another(place):
    path, writable = place(50)
    if not writable:
        pytest.skip("nothing is replaced there")
    old = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    assert len(os.listdir(path)) == 50
    os.rename(path, path.with_name("moved"))
    path.mkdir()
    (path / "other").touch()
    assert os.listdir(path) == ["other"]
    assert set(os.listdir(old)) == numbered(50)
    assert set(os.listdir(path.with_name("moved"))) == numbered(50)
    shutil.rmtree(path.with_name("moved"))
    assert os.listdir(old) == []
    assert os.listdir(path) == ["other"]
    os.close(old)


def test_directory_replaced_by_the_host(shared):
    seen, source = shared("ext4")
    fill(source / "dir", 50)
    assert len(os.listdir(seen / "dir")) == 50
    for i in range(200):
        os.rename(source / "dir", source / f"old{i}")
        (source / "dir").mkdir()
        (source / "dir" / f"of{i}").touch()
        assert os.listdir(seen / "dir") == [f"of{i}"]
        assert f"old{i}" in os.listdir(seen)
        assert (seen / "dir" / f"of{i}").exists()


@pytest.mark.slow
def test_many_entries(rofuse, scratch):
    """100,000 in the image, merged with another layer, and in a route."""
    count = 100_000
    for name in ("lower", "upper"):
        (scratch / name / "big").mkdir(parents=True)
    for i in range(count):
        os.mknod(scratch / "lower" / "big" / f"{i}", 0o100644)
    (scratch / "upper" / "big" / ".wh.7").touch()
    (scratch / "upper" / "big" / "extra").touch()
    mount = rofuse(layers=[scratch / "lower", scratch / "upper"], volume=[f"{scratch / 'lower' / 'big'}:/b"])
    expected = {str(i) for i in range(count)}
    for _ in range(2):
        assert set(os.listdir(mount.path("b"))) == expected
        names = os.listdir(mount.path("big"))
        assert len(names) == count and set(names) == expected - {"7"} | {"extra"}
    assert not mount.path("/big/7").exists()
    assert mount.path("/big/99999").exists() and mount.path("/b/7").exists()


def test_fsync_of_a_directory(place):
    path, _ = place(3)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.fdatasync(fd)
    os.close(fd)


def flags_of(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        value = array.array("L", [0])
        fcntl.ioctl(fd, FS_IOC_GETFLAGS, value)
        return value[0]
    finally:
        os.close(fd)


def test_flags_of_a_directory(rofuse, scratch):
    layer, source = scratch / "layer", scratch / "source"
    (layer / "dir").mkdir(parents=True)
    (source / "dir").mkdir(parents=True)
    if subprocess.run(["chattr", "+d", layer / "dir", source / "dir"], check=False, capture_output=True).returncode != 0:
        pytest.skip("the test directory's file system has no such flag")
    mount = rofuse(layers=[layer], volume=[f"{source}:/b"])
    for path, below in ((mount.path("dir"), layer / "dir"), (mount.path("/b/dir"), source / "dir"),
                        (mount.path("b"), source)):
        assert flags_of(path) == flags_of(below)
    assert flags_of(mount.path("dir")) != flags_of(mount.path("b"))


def test_closed_directory_is_not_listed(rofuse, scratch):
    """There is no open of a directory that the daemon would see; the kernel checks by itself, the listing kept or not."""
    layer = scratch / "layer"
    (layer / "closed").mkdir(parents=True)
    (layer / "closed" / "secret").touch()
    (layer / "closed").chmod(0o700)
    mount = rofuse(layers=[layer], volume=["v:/v"])
    (mount.path("/v/closed")).mkdir(mode=0o700)
    for path in (mount.path("/closed"), mount.path("/v/closed")):
        for _ in range(2):
            os.listdir(path)
            assert call(lambda path=path: os.listdir(path), uid=1000).name == "EACCES"
    # Opened while it was allowed: goes on, as on any file system.
    path = mount.path("/v/closed")
    (path / "file").touch()
    path.chmod(0o755)

    def keep():
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        subprocess.run(["true"], check=True)
        return os.listdir(fd)
    assert call(keep, uid=1000).value == ["file"]


@pytest.mark.parametrize("target", ["/proc/mounts", "../proc/self/mounts", "nowhere"])
def test_a_link_of_the_images_at_mtab_is_not_followed(rofuse, scratch, target):
    """What is made for runtimes is made at that name, or not at all; never where a link of the image leads."""
    layer = scratch / "linked"
    (layer / "etc").mkdir(parents=True)
    (layer / "proc").mkdir()
    (layer / "etc/mtab").symlink_to(target)
    mount = rofuse(layers=[layer])
    assert os.listdir(mount.path("/proc")) == [] and os.readlink(mount.path("/etc/mtab")) == target
    assert sorted(os.listdir(mount.path("/etc"))) == ["hostname", "hosts", "mtab", "resolv.conf"]
