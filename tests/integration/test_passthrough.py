"""Files that the kernel serves by itself: that it does, and that no order of opening fails or shows wrong content."""

import contextlib
import ctypes
import hashlib
import itertools
import mmap
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest
import rofuse_test
from denial_log import Log, call
from served import LARGE, disk, features, files, need_passthrough, overlay, status

PAGE = 4096
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
SMALL = 10_000
PYTHON = os.path.realpath("/usr/bin/python3")


@pytest.fixture
def layer(scratch):
    """An image: a large and a small file of random bytes, a large program."""
    layer = scratch / "image"
    layer.mkdir()
    (layer / "large").write_bytes(os.urandom(LARGE + 123))
    (layer / "small").write_bytes(os.urandom(SMALL))
    shutil.copy(PYTHON, layer / "program")
    return layer


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_program(path):
    done = subprocess.run([path, "-I", "-c", "print(6 * 7)"], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "42\n", done


@pytest.mark.parametrize("option", ["auto", "off"])
def test_image_is_right(rofuse, layer, option):
    mount = rofuse(layers=[layer], extra=[f"--passthrough={option}"])
    before = files(mount)
    for name in ("large", "small"):
        assert sha256(mount.path(name)) == sha256(layer / name)
        with open(mount.path(name), "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapping:
            assert hashlib.sha256(mapping).hexdigest() == sha256(layer / name)
    run_program(mount.path("program"))
    after = files(mount)
    if option == "off":
        assert after["passthrough"] == 0 and after["daemon"] >= 5
        assert not features(mount)["passthrough"]
        return
    need_passthrough(mount)
    assert after["passthrough"] - before["passthrough"] == 3  # read, mapped, run
    assert after["daemon"] - before["daemon"] == 2
    assert after["small"] - before["small"] == 2
    assert after["refused"] == 0


def test_large_files_cost_no_reads(rofuse, layer):
    mount = rofuse(layers=[layer])
    need_passthrough(mount)
    with open(mount.path("large"), "rb", buffering=0) as file:
        before = status(mount)["requests"]["read"]
        for _ in range(3):
            file.seek(0)
            assert file.read() == (layer / "large").read_bytes()
        assert status(mount)["requests"]["read"] == before


class Mapping:
    """mmap(2) without the duplicate of the descriptor that Python keeps: nothing is open but what the test has open."""

    def __init__(self, fd, prot):
        self.address = libc.mmap(None, PAGE, prot, mmap.MAP_SHARED, fd, 0)
        assert self.address != ctypes.c_void_p(-1).value, os.strerror(ctypes.get_errno())
        self.page = (ctypes.c_char * PAGE).from_address(self.address)

    def close(self):
        libc.munmap(ctypes.c_void_p(self.address), PAGE)


class Opened:
    """A file that is open in one of many ways; reads and writes its first page."""

    WAYS = {"read": os.O_RDONLY, "write": os.O_WRONLY, "both": os.O_RDWR, "append": os.O_WRONLY | os.O_APPEND,
            "direct": os.O_RDONLY | os.O_DIRECT, "direct both": os.O_RDWR | os.O_DIRECT, "map": os.O_RDWR,
            "map and close": os.O_RDWR, "map to read": os.O_RDONLY}
    READING = ("read", "direct", "map to read")

    def __init__(self, path, way):
        self.way, self.flags, self.mapping = way, self.WAYS[way], None
        self.fd = os.open(path, self.flags)
        if way.startswith("map"):
            self.mapping = Mapping(self.fd, mmap.PROT_READ | (mmap.PROT_WRITE if way != "map to read" else 0))
        if way == "map and close":
            os.close(self.fd)
            self.fd = -1

    def read(self):
        if self.mapping is not None:
            return self.mapping.page[:]
        if self.flags & os.O_ACCMODE == os.O_WRONLY:
            return None
        with mmap.mmap(-1, PAGE) as buffer:
            assert os.preadv(self.fd, [buffer], 0) == PAGE
            return buffer[:]

    def write(self, content):
        """False where this way cannot write at an offset."""
        if self.way in self.READING or self.flags & os.O_APPEND:
            return False
        if self.mapping is not None:
            self.mapping.page[:] = content
            return True
        with mmap.mmap(-1, PAGE) as buffer:
            buffer[:] = content
            assert os.pwritev(self.fd, [buffer], 0) == PAGE
        return True

    def close(self):
        if self.mapping is not None:
            self.mapping.close()
        if self.fd >= 0:
            os.close(self.fd)


def open_all(path, ways):
    opened = []
    try:
        for way in ways:
            opened.append(Opened(path, way))
    except OSError as error:
        for one in opened:
            one.close()
        raise AssertionError(f"{way} after {ways}: {error}") from error
    return opened


@pytest.mark.parametrize("option", ["auto", "off"])
def test_image_in_every_order(rofuse, layer, option):
    mount = rofuse(layers=[layer], extra=[f"--passthrough={option}"])
    for name, ways in itertools.product(("large", "small"), itertools.permutations(Opened.READING)):
        expected = (layer / name).read_bytes()[:PAGE]
        opened = open_all(mount.path(name), ways)
        assert [one.read() for one in opened] == [expected] * 3, (name, ways)
        for one in opened:
            one.close()
    for way in Opened.READING:
        opened = open_all(mount.path("program"), [way])
        run_program(mount.path("program"))
        opened[0].close()
        run_program(mount.path("program"))


def places(rofuse, scratch, **options):
    """A mount with a route of each kind, and the path of each in it."""
    (scratch / "bind").mkdir()
    mount = rofuse(tmpfs=["/roomy:size=256m,exec", "/tight:size=8m,exec"], volume=["v:/v", f"{scratch / 'bind'}:/b"],
                   **options)
    return mount, [mount.path(name) for name in ("roomy", "tight", "v", "b")]


@pytest.mark.slow
@pytest.mark.parametrize("option", ["auto", "off"])
def test_route_in_every_order(rofuse, scratch, option):
    """Whoever opens a file, in whatever order: no error, and each sees what another has just written."""
    mount, where = places(rofuse, scratch, extra=[f"--passthrough={option}"])
    version = itertools.count()
    wrong = []
    for place in where:
        path = place / "file"
        path.write_bytes(b"\0" * PAGE)
        for ways in itertools.permutations(Opened.WAYS, 3):
            opened = open_all(path, ways)
            for writer in opened:
                content = next(version).to_bytes(8, "little") * (PAGE // 8)
                if not writer.write(content):
                    continue
                for reader in opened:
                    seen = reader.read()
                    if seen not in (None, content):
                        wrong.append(f"{place.name}: {ways}: {reader.way} does not see what {writer.way} wrote")
            for one in opened:
                one.close()
    unknown = [line for line in wrong if not is_known(line)]
    assert not unknown, f"{len(unknown)}:\n" + "\n".join(unknown[:40])


def is_known(line):
    """A mapping made by passthrough is of the backing file alone: the kernel closes our file though the mapping stays
    (vma_set_file). Who then opens with O_DIRECT is served by the daemon, and whoever joins him maps cached pages."""
    return "('map and close', 'direct" in line and line.endswith("map and close does not see what map wrote")


@pytest.mark.parametrize("kind", ["image", "roomy", "v"])
def test_many_open_and_close_one_file(rofuse, scratch, layer, kind):
    """The way that a file is served changes at the last close; nobody may come between."""
    mount, _ = places(rofuse, scratch, layers=[layer])
    path = mount.path("large") if kind == "image" else mount.path(kind) / "file"
    if kind != "image":
        path.write_bytes(b"x" * PAGE)
    expected, failed, stop = path.read_bytes()[:PAGE], [], time.monotonic() + 3
    reading = [os.O_RDONLY, os.O_RDONLY | os.O_DIRECT]
    flags = reading if kind == "image" else reading + [os.O_RDWR, os.O_RDWR | os.O_DIRECT]

    def hammer(number):
        buffer = mmap.mmap(-1, PAGE)
        opens = 0
        try:
            while time.monotonic() < stop and not failed:
                fd = os.open(path, flags[(number + opens) % len(flags)])
                assert os.preadv(fd, [buffer], 0) == PAGE and buffer[:] == expected
                os.close(fd)
                opens += 1
        except (OSError, AssertionError) as error:
            failed.append(error)

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    # All have been closed: the first to come decides again.
    before = files(mount)["passthrough"]

    def is_passed_through():
        path.read_bytes()
        return files(mount)["passthrough"] > before
    if features(mount)["passthrough"]:
        rofuse_test.wait_until(is_passed_through, "a file by passthrough")


def test_nearly_full_place(rofuse):
    """Who fills a place is named, so the daemon writes there; reading is the kernel's all the same."""
    mount = rofuse(tmpfs=["/tight:size=20m", "/roomy:size=200m"])
    need_passthrough(mount)
    log = Log(mount)
    before = files(mount)
    mount.path("/roomy/file").write_bytes(b"x")
    middle = files(mount)
    assert (middle["passthrough"] - before["passthrough"], middle["nearly_full"] - before["nearly_full"]) == (1, 0)
    mount.path("/tight/file").write_bytes(b"x")
    after = files(mount)
    assert (after["passthrough"] - middle["passthrough"], after["nearly_full"] - middle["nearly_full"]) == (0, 1)
    assert mount.path("/tight/file").read_bytes() == b"x"
    assert files(mount)["passthrough"] == after["passthrough"] + 1

    def fill():
        with open(mount.path("/tight/big"), "wb", buffering=0) as file:
            while True:
                file.write(b"x" * (1 << 20))

    assert call(fill, uid=1000).name == "ENOSPC"
    record = log.one()
    assert (record["operation"], record["path"], record["why"]) == ("write", "/tight/big", "no-space")
    assert record["process"]["uid"] == 1000 and record["process"]["exe"] == PYTHON
    # Room again: and it is the kernel's.
    os.unlink(mount.path("/tight/big"))
    with open(mount.path("/roomy/fill"), "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 180 << 20)
    before = files(mount)["nearly_full"]
    mount.path("/roomy/other").write_bytes(b"y")
    assert files(mount)["nearly_full"] == before + 1
    os.unlink(mount.path("/roomy/fill"))
    before = files(mount)["passthrough"]

    def is_passed_through():
        mount.path("/roomy/file").write_bytes(b"z")
        return files(mount)["passthrough"] > before
    # close(2) does not wait for the daemon to hear of it.
    rofuse_test.wait_until(is_passed_through, "a file by passthrough")


@pytest.mark.parametrize("flags", ["O_WRONLY", "O_RDWR", "O_RDONLY|O_TRUNC", "O_WRONLY|O_APPEND"])
def test_writing_a_large_file_of_the_image_is_logged(rofuse, layer, flags):
    """Though the kernel serves it to others just now."""
    mount = rofuse(layers=[layer])
    log = Log(mount)
    value = 0
    for word in flags.split("|"):
        value |= getattr(os, word)
    with open(mount.path("large"), "rb") as reader:
        before = reader.read(100)
        for uid in (0, 1000):
            os.chmod(layer / "large", 0o666)
            outcome = call(lambda: os.open(mount.path("large"), value), uid=uid)
            if outcome.name != "EROFS":  # the mode that the mount has is the one it began with
                assert (uid, outcome.name) == (1000, "EACCES")
            record = log.one()
            assert (record["operation"], record["path"]) == ("open", "/large")
            assert record["process"]["uid"] == uid
        reader.seek(0)
        assert reader.read(100) == before
    assert sha256(mount.path("large")) == sha256(layer / "large")


def inodes(path):
    space = os.statvfs(path)
    return space.f_files - space.f_ffree


def blocks(path):
    space = os.statvfs(path)
    return space.f_blocks - space.f_bfree


def leave_nothing(directory, where, *args):
    """Calls where(directory, *args); what it makes and removes must be gone from the backing file system."""
    before = inodes(directory), blocks(directory)
    where(directory, *args)
    rofuse_test.wait_until(lambda: (inodes(directory), blocks(directory)) == before,
                           f"{where.__name__}: {before} is again what is used, not {inodes(directory), blocks(directory)}")


def removed_file(directory, flags):
    path = directory / "file"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
    with mmap.mmap(-1, 1 << 20) as buffer:
        os.writev(fd, [buffer])
    other = os.open(path, os.O_RDONLY)
    os.unlink(path)
    os.fsync(fd)
    assert os.fstat(fd).st_size == 1 << 20
    os.close(fd)
    assert len(os.read(other, 100)) == 100
    os.close(other)


def removed_file_that_is_mapped(directory):
    path = directory / "file"
    path.write_bytes(b"x" * PAGE)
    opened = Opened(path, "map and close")
    os.unlink(path)
    opened.write(b"y" * PAGE)
    assert opened.read() == b"y" * PAGE
    opened.close()


def removed_directory(directory):
    path = directory / "dir"
    path.mkdir()
    os.listdir(path)
    (path / "file").write_text("x")
    os.unlink(path / "file")
    path.rmdir()


def removed_directory_that_is_used(directory):
    """Somebody is still in it, and asks."""
    path = directory / "dir"
    path.mkdir()
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    path.rmdir()
    os.fstat(fd)
    os.listdir(fd)
    for call_ in (lambda: os.stat("name", dir_fd=fd), lambda: os.mkdir("name", dir_fd=fd)):
        with pytest.raises(FileNotFoundError):
            call_()
    os.close(fd)


def removed_directories_half_read(directory):
    """Readers that stop before the end leave their place behind."""
    for number in range(5):
        path = directory / f"dir{number}"
        path.mkdir()
        for i in range(3000):
            (path / f"a-name-of-some-length-{i}").touch()
        scan = os.scandir(path)
        for _ in range(1500):
            next(scan)
        scan.close()
        for i in range(3000):
            os.unlink(path / f"a-name-of-some-length-{i}")
        path.rmdir()


def replaced_directory(directory):
    one, two = directory / "one", directory / "two"
    one.mkdir()
    two.mkdir()
    (one / "file").write_text("x")
    os.listdir(two)
    os.unlink(one / "file")
    os.rename(one, two)
    assert os.listdir(two) == []
    two.rmdir()


@pytest.mark.parametrize("kind", ["tmpfs", "volume"])
def test_what_is_removed_is_gone(rofuse, scratch, kind):
    """Neither a backing file that the kernel was given nor what the daemon keeps for speed holds it."""
    if kind == "tmpfs":
        mount = rofuse(tmpfs=["/r:size=100m"])
        directory = mount.path("r")
    else:
        (scratch / "state").symlink_to(disk(scratch / "disk"))
        mount = rofuse(volume=["v:/r"])
        directory = mount.path("r")
        # The last of the daemon's own files there; it comes when the mount answers already.
        rofuse_test.wait_until((mount.state / "run" / f"{mount.point.name}.sock").exists, "the control socket")
    for flags in (0, os.O_DIRECT):
        leave_nothing(directory, removed_file, flags)
    for case in (removed_file_that_is_mapped, removed_directory, removed_directory_that_is_used, replaced_directory,
                 removed_directories_half_read):
        leave_nothing(directory, case)


def test_layers_and_volume_on_an_overlay(rofuse, scratch, layer):
    """As in a container: the kernel serves files that lie on an overlayfs of its own."""
    merged = overlay(scratch, "under", layer)
    (scratch / "empty").mkdir()
    place = overlay(scratch, "place", scratch / "empty")
    mount = rofuse(layers=[merged], volume=[f"{place}:/v"])
    need_passthrough(mount)
    before = files(mount)
    assert sha256(mount.path("large")) == sha256(layer / "large")
    run_program(mount.path("program"))
    mount.path("/v/file").write_bytes(b"x" * 5000)
    assert (place / "file").read_bytes() == b"x" * 5000
    after = files(mount)
    assert (after["passthrough"] - before["passthrough"], after["refused"]) == (3, 0)


def test_overlay_over_the_mount(rofuse, scratch, layer):
    mount = rofuse(layers=[layer])
    before = sha256(layer / "large")
    merged = overlay(scratch, "over", mount.point)
    try:
        assert sha256(merged / "large") == before
        run_program(merged / "program")
        with open(merged / "large", "r+b") as file:
            file.write(b"changed")
        assert (merged / "large").read_bytes()[:7] == b"changed"
        assert sha256(mount.path("large")) == before == sha256(layer / "large")
    finally:
        subprocess.run(["umount", merged], check=True)


def test_daemon_is_killed(rofuse, scratch, layer):
    """What was written is there, mapped or not; nobody waits for ever; the next mount serves all again."""
    mount = rofuse(layers=[layer], volume=["v:/v"])
    content = os.urandom(200_000)
    file = open(mount.path("/v/file"), "w+b", buffering=0)
    file.write(content)
    opened = Opened(mount.path("/v/file"), "map")
    large = open(mount.path("large"), "rb", buffering=0)
    large.read(10)
    by_kernel = features(mount)["passthrough"]
    if not by_kernel:  # what is in our pages is the daemon's to write, and is lost with it
        opened.write(b"m" * PAGE)
        os.fsync(opened.fd)
    mount.kill()
    script = "import os, sys\nfor call in (lambda: os.pread(0, 10, 500000), lambda: os.stat('.')):\n" \
             "    try: call()\n    except OSError: pass\nprint('over')"
    done = subprocess.run([sys.executable, "-c", script], stdin=large, capture_output=True, text=True, timeout=60,
                          cwd="/", check=False)
    assert done.stdout == "over\n", done.stderr
    if by_kernel:
        opened.write(b"m" * PAGE)
    for one in (opened, file, large):
        with contextlib.suppress(OSError):  # close(2) would tell the daemon
            one.close()
    rofuse_test.unmount_below(mount.point)
    mount.start()
    assert mount.path("/v/file").read_bytes() == b"m" * PAGE + content[PAGE:]
    assert sha256(mount.path("large")) == sha256(layer / "large")
