"""How a mount ends: signals, busy mounts, kill -9, loops; nothing is left behind, the volume's data are."""

import errno
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from denial_log import Log, call, fingerprint
import rofuse_test

PYTHON = "/usr/bin/python3"
STATE_OPTION = "--state-dir"


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    (path / "etc").mkdir(parents=True)
    (path / "etc" / "file").write_text("from the image\n")
    return path


def wait_until(condition, seconds=60, what="it"):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not after {seconds} s"
        time.sleep(0.01)


def mounted(point):
    """Whether something is mounted there; does not ask the mount itself, which may be dead."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        return any(line.split()[4] == str(point) for line in table)


def left_in_state(mount):
    """What a mount that is gone has left in the run directory, but the lock that all mounts share."""
    return [path for path in (mount.state / "run").rglob("*") if path.name != ".lock"]


def processes_naming(path):
    """Processes (but this one) whose command line has the path."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(path) in words:
                found.append((int(entry.name), words))
    return found


def command(mount, *words, **kwargs):
    """rofuse WORDS… --state-dir of the mount's, as a person calls it."""
    return subprocess.Popen([rofuse_test.BINARY, words[0], STATE_OPTION, mount.state, *words[1:]],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


# Holds the mount: cwd and an open file in the volume, does what it is told, line by line.
HOLDER = """
import os, sys
os.chdir(sys.argv[1])
held = open("held", "a+")
for line in sys.stdin:
    word = line.strip()
    try:
        if word == "write":
            held.write("more\\n"); held.flush(); os.fsync(held.fileno())
            open("new", "w").write("made later")
            os.rename("new", "renamed")
        elif word == "read":
            held.seek(0); assert held.read().startswith("more")
            assert open("renamed").read() == "made later"
            assert open("../etc/file").read() == "from the image\\n"
        elif word == "deny":
            try:
                os.mkdir("../etc/new")
                raise AssertionError("mkdir worked")
            except OSError as error:
                assert error.errno == 30
        print("ok", word, flush=True)
    except BaseException as error:
        print("failed", word, repr(error), flush=True)
"""


class Holder:
    def __init__(self, mount, where="/data"):
        self.process = subprocess.Popen([PYTHON, "-c", HOLDER, mount.path(where)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, cwd="/")
        self.do("begin")

    def do(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == f"ok {word}\n"

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()


@pytest.fixture
def holder():
    made = []

    def make(mount, **kwargs):
        made.append(Holder(mount, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.process.kill()
        one.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_unmount(number, rofuse, layer):
    mount = rofuse(layers=[layer], tmpfs=["/tmp"], volume=["v:/data"])
    mount.path("/data/file").write_text("kept")
    mount.path("/tmp/file").write_text("lost")
    call(lambda: os.mkdir(mount.path("/etc/new")))
    mount.process.send_signal(number)
    assert mount.process.wait(30) == 0
    assert not mounted(mount.point)
    assert os.listdir(mount.point) == []
    assert left_in_state(mount) == []
    assert not processes_naming(mount.point)
    assert len([event for event in mount.events() if event["event"] == "denied"]) == 1, "flushed before the end"
    again = rofuse(layers=[layer], tmpfs=["/tmp"], volume=["v:/data"], point=mount.point)
    assert again.path("/data/file").read_text() == "kept"
    assert os.listdir(again.path("/tmp")) == []


def test_busy_mount_is_unmounted_lazily(rofuse, layer, holder):
    """Gone from the tree; who is in it goes on reading, writing and being refused; then the daemon ends."""
    mount = rofuse(layers=[layer], volume=["v:/data"])
    one = holder(mount)
    one.do("write")
    mount.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not mounted(mount.point), what="the mount to be gone")
    for _ in range(3):
        one.do("write")
        one.do("read")
        one.do("deny")
    assert mount.process.poll() is None
    mount.process.send_signal(signal.SIGTERM)  # a second one is no reason to take the files away
    one.do("read")
    assert mount.process.poll() is None
    one.end()
    assert mount.process.wait(30) == 0
    assert len([event for event in mount.events() if event["event"] == "denied"]) == 3
    assert left_in_state(mount) == []
    again = rofuse(layers=[layer], volume=["v:/data"], point=mount.point)
    assert again.path("/data/held").read_text() == "more\n" * 4


def test_umount_names_who_is_in_the_way(rofuse, layer, holder):
    mount = rofuse(layers=[layer], volume=["v:/data"])
    one = holder(mount)
    umount = command(mount, "umount", mount.point)
    try:
        said = ""
        wait_until(lambda: not mounted(mount.point) or umount.poll() is not None, what="the mount to be gone")
        assert umount.poll() is None, umount.communicate()
        one.do("write")
        assert umount.poll() is None, "it waits for the daemon's end"
        one.end()
        said = umount.communicate(timeout=60)
        assert umount.returncode == 0, said
        assert str(one.process.pid) in said[1] and "python3" in said[1], said
        assert mount.process.wait(30) == 0
    finally:
        umount.kill()
        umount.wait()


def test_umount_of_an_idle_mount(rofuse, layer):
    mount = rofuse(layers=[layer], volume=["v:/data"])
    umount = command(mount, "umount", mount.point)
    said = umount.communicate(timeout=60)
    assert (umount.returncode, said) == (0, ("", ""))
    assert mount.process.wait(30) == 0
    assert not mounted(mount.point) and left_in_state(mount) == []
    umount = command(mount, "umount", mount.point)
    said = umount.communicate(timeout=60)
    assert umount.returncode == 1 and len(said[1].splitlines()) == 1 and str(mount.point) in said[1], said


def test_umount_by_others(rofuse, layer):
    """umount(8) and fusermount3 end the daemon as well, cleanly."""
    for words in (["umount"], ["umount", "-l"], ["fusermount3", "-u"]):
        if not shutil.which(words[0]):
            continue
        mount = rofuse(layers=[layer], volume=["v:/data"])
        subprocess.run([*words, mount.point], check=True)
        assert mount.process.wait(30) == 0
        assert left_in_state(mount) == []


def test_after_kill_9(rofuse, layer):
    """The mount is dead: rofuse umount clears it, and a new mount at the same place has the volume's data."""
    for clear in (True, False):  # and without umount: the new mount clears what is dead by itself
        mount = rofuse(layers=[layer], tmpfs=["/tmp"], volume=["v:/data"])
        point = mount.point
        mount.path(f"/data/file{clear}").write_text("kept")
        held = os.open(mount.path("/data"), os.O_RDONLY)
        mount.kill()
        with pytest.raises(OSError):
            os.listdir(mount.point)
        os.close(held)
        if clear:
            umount = command(mount, "umount", point)
            said = umount.communicate(timeout=60)
            assert umount.returncode == 0, said
            assert not mounted(point)
            assert left_in_state(mount) == []
        again = rofuse(layers=[layer], tmpfs=["/tmp"], volume=["v:/data"], point=point)
        assert again.path(f"/data/file{clear}").read_text() == "kept"
        assert os.listdir(again.path("/tmp")) == []
        assert again.end() == 0
        assert left_in_state(again) == []


def test_killed_during_a_write(rofuse, layer):
    """The writer gets an error, not a hang; what write(2) said was written is there, whole and in order."""
    mount = rofuse(layers=[layer], volume=["v:/data"])
    code = """
import os, sys
out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
text, written, told = b"".join(b"%09d\\n" % number for number in range(1 << 17)), 0, False
try:
    while True:
        written += os.write(out, text[written % len(text):][:10000])
        if written > 500_000 and not told:
            told = True
            print("started", flush=True)
except OSError as error:
    print(written, error.errno, flush=True)
"""
    writer = subprocess.Popen([PYTHON, "-c", code, mount.path("/data/file")], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout.readline() == "started\n"
        mount.kill()
        written, error = map(int, writer.communicate(timeout=60)[0].split())
    finally:
        writer.kill()
        writer.wait()
    assert errno.errorcode[error] in ("ECONNABORTED", "ENOTCONN", "EIO")
    rofuse_test.unmount_below(mount.point)
    again = rofuse(layers=[layer], volume=["v:/data"], point=mount.point)
    data = again.path("/data/file").read_bytes()
    assert written <= len(data) <= written + 10000, "what was acknowledged, and at most the write under way"
    text = b"".join(b"%09d\n" % number for number in range(1 << 17))
    assert data == (text * (len(data) // len(text) + 1))[:len(data)]


def test_layers_on_a_read_only_mount(rofuse, scratch, layer):
    """The layer cannot be written by anybody, and is on a file system of its own."""
    other = scratch / "other"
    other.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", other], check=True)
    (other / "opt").mkdir()
    (other / "opt" / "file").write_text("on a tmpfs\n")
    subprocess.run(["mount", "-o", "remount,ro", other], check=True)
    bind = scratch / "bind"
    bind.mkdir()
    subprocess.run(["mount", "--bind", layer, bind], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", bind], check=True)
    log = Log(rofuse(layers=[bind, other], tmpfs=["/tmp"]))
    assert log.mount.path("/etc/file").read_text() == "from the image\n"
    assert log.mount.path("/opt/file").read_text() == "on a tmpfs\n"
    log.mount.path("/tmp/file").write_text("x")
    for name in ("etc", "opt"):
        assert call(lambda name=name: os.mkdir(log.mount.path(name) / "new")).name == "EROFS"
        assert log.one()["why"] == "not-declared"
    assert log.mount.end() == 0


def test_many_mounts_leave_nothing(scratch, layer):
    """Everything lies on a file system that can only be unmounted when no descriptor and no process is left on it."""
    disk = scratch / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", disk], check=True)
    shutil.copytree(layer, disk / "layer")
    point = disk / "point"
    point.mkdir()
    for number in range(25):
        result = subprocess.run([rofuse_test.BINARY, "mount", STATE_OPTION, disk / "state", "--layer", disk / "layer",
                                 "--tmpfs", "/tmp", "--volume", "v:/data", "--volume", f"{disk}/bind:/bind",
                                 "--log", f"file:{disk}/log", point], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result
        assert mounted(point), "the command returns when the mount answers"
        assert (point / "etc" / "file").read_text() == "from the image\n"
        (point / "data" / f"file{number}").write_text("x")
        with pytest.raises(OSError):
            (point / "etc" / "new").mkdir()
        result = subprocess.run([rofuse_test.BINARY, "umount", STATE_OPTION, disk / "state", point],
                                capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, "")
        assert not mounted(point)
    assert not processes_naming(disk)
    assert len(list((disk / "state").rglob("file*"))) == 25
    result = subprocess.run(["umount", disk], capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"something still uses the file system: {result.stderr}"


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

    assert call(lambda: work(0, 300)).value
    settled = descriptors(mount)
    assert call(lambda: work(300, 300)).value
    assert call(lambda: work(600, 300)).value
    assert descriptors(mount) <= settled + 8
    assert settled < 512


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


def test_valgrind(rofuse, layer, scratch):
    """A short life under valgrind: no leak, no bad access."""
    binary = pathlib.Path(rofuse_test.BINARY).read_bytes()
    if b"__asan_init" in binary or b"__tsan_init" in binary:
        pytest.skip("a sanitizer's build looks for itself")
    if not shutil.which("valgrind"):
        pytest.skip("valgrind is not installed")
    report = scratch / "valgrind.txt"
    mount = rofuse(layers=[layer], volume=["v:/data", f"{scratch}/bind:/bind"],
                   prefix=["valgrind", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect",
                           "--show-leak-kinds=definite,indirect", "--error-exitcode=9", f"--log-file={report}"])
    for place in ("/data", "/bind"):
        assert stress_one(mount, place) > 0
    status = mount.end(timeout=120)
    assert status == 0, report.read_text(errors="replace")


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
    for change in (lambda: os.mkdir(mount.path("/etc/new")), lambda: os.unlink(mount.path("/etc/file")),
                   lambda: os.rename(mount.path("/etc/file"), at / "x")):
        outcome = call(change)
        denied += outcome.name == "EROFS"
        outcome = call(change, uid=1000)
        denied += outcome.name == "EROFS"
    os.unlink(at / "symlink")
    os.unlink(at / "link")
    os.unlink(at / "dir" / "file")
    os.rmdir(at / "dir")
    return denied
