"""How a mount ends: signals, busy mounts, kill -9, loops; nothing is left behind, the volume's data are."""

import errno
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest
from denial_log import Log, call
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
        self.process.wait(60)
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
    assert mount.process.wait(60) == 0
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
    assert mount.process.wait(60) == 0
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
        assert mount.process.wait(60) == 0
    finally:
        umount.kill()
        umount.wait()


def test_umount_of_an_idle_mount(rofuse, layer):
    mount = rofuse(layers=[layer], volume=["v:/data"])
    umount = command(mount, "umount", mount.point)
    said = umount.communicate(timeout=60)
    assert (umount.returncode, said) == (0, ("", ""))
    assert mount.process.wait(60) == 0
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
        # Until it has started, the daemon looks at the mount itself, which is in use for that moment.
        wait_until(lambda: any('"ready": true' in state.read_text() for state in (mount.state / "run").glob("*.json")))
        subprocess.run([*words, mount.point], check=True)
        assert mount.process.wait(60) == 0
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
            os.statvfs(mount.point)
        os.close(held)
        # As if it had been writing its state just then.
        (mount.state / "run" / f".{point.name}.new").write_text("{")
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
    mount = rofuse(layers=[layer], volume=["v:/data"], extra=["--passthrough", "off"])
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
        # On a busy machine it says after a while what it waits for.
        said = [line for line in result.stderr.splitlines() if "the daemon" not in line]
        assert (result.returncode, said) == (0, []), result
        assert not mounted(point)
    assert not processes_naming(disk)
    assert len(list((disk / "state").rglob("file*"))) == 25
    result = subprocess.run(["umount", disk], capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"something still uses the file system: {result.stderr}"


def test_io_error_of_a_layer(rofuse, scratch, layer):
    """The disk below a layer has lost a file's blocks: EIO, each time; what can be read is read."""
    image, disk = scratch / "disk.img", scratch / "disk"
    disk.mkdir()
    subprocess.run(["truncate", "-s", "64m", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, disk], check=False, capture_output=True).returncode != 0:
        pytest.skip("no loop devices here")
    (disk / "good").write_text("good")
    (disk / "bad").write_bytes(os.urandom(32 << 20))
    subprocess.run(["umount", disk], check=True)
    subprocess.run(["mount", "-o", "loop,ro", image, disk], check=True)
    mount = rofuse(layers=[layer, disk])
    size = mount.path("/bad").stat().st_size
    os.truncate(image, 24 << 20)

    def read():
        with open(mount.path("/bad"), "rb") as stream:
            return sum(len(piece) for piece in iter(lambda: stream.read(1 << 16), b""))

    for _ in range(2):
        outcome = call(read)
        assert outcome.name == "EIO", outcome
    assert size == 32 << 20 and mount.path("/bad").stat().st_size == size
    assert mount.path("/good").read_text() == "good"
    assert mount.path("/etc/file").read_text() == "from the image\n"
