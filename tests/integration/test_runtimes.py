"""A mount as the root of real runtimes: a shell runs, /tmp and /data work, /etc does not, the log knows who tried."""

import functools
import itertools
import os
import pathlib
import re
import shutil
import stat
import subprocess
import tempfile
import time

import busybox_image
import pytest
import rofuse_test
import runtimes

_serial = itertools.count()

DIRECTORY = os.environ.get("ROFUSE_TEST_DIR", "/var/tmp")

# The shell itself opens the files (no child), so $$ is the process that the log must name. Then it waits.
SCRIPT = r"""
exec 2>&1
echo "uid $(id -u) pid $$"
echo one >/tmp/file && cat /tmp/file
echo two >/data/file-$(id -u) && cat /data/file-$(id -u)
echo three >/etc/forbidden
echo "write to /etc: status $?"
test -e /etc/hidden || echo "hidden is hidden"
echo waiting
read -r line
echo "went on"
"""


@pytest.fixture(scope="session")
def image():
    """The layers, and the same as a plain directory that nothing but this session uses."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="rofuse-runtimes.", dir=DIRECTORY))
    directory.chmod(0o755)
    try:
        yield busybox_image.make(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Shell:
    """A running container: reads what it says up to "waiting", lets it go on, reads the rest."""

    def __init__(self, argv):
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C"}
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, cwd="/", env=environment)
        self.output = ""
        for line in iter(self.process.stdout.readline, b""):
            self.output += line.decode(errors="replace")
            if line.strip() == b"waiting":
                break

    def go_on(self, timeout=60):
        """Returns the exit status; everything it said is in output then."""
        rest, _ = self.process.communicate(b"go\n", timeout=timeout)
        self.output += rest.decode(errors="replace")
        return self.process.returncode

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@functools.cache
def works_without_rofuse(program, uid, layers, readonly=False):
    """Runs the shell on a plain directory; returns None or why this machine cannot."""
    # podman goes on cleaning up its own for a moment.
    with tempfile.TemporaryDirectory(prefix="rofuse-plain.", dir=DIRECTORY, ignore_cleanup_errors=True) as directory:
        scratch = pathlib.Path(directory)
        scratch.chmod(0o755)
        root = busybox_image.copy_flat(layers, scratch / "root")
        for name in ("tmp", "data"):
            (root / name).mkdir(exist_ok=True)
            (root / name).chmod(0o1777)
        options = {"readonly": True} if readonly else {}
        shell = Shell(runtimes.PROGRAMS[program](root, uid, SCRIPT, scratch, unique("plain"), **options))
        try:
            status = shell.go_on()
        finally:
            shell.end()
            rofuse_test.unmount_below(scratch)
        if status == 0 and "went on" in shell.output:
            return None
        return f"{program} does not start on this machine, without rofuse either: {shell.output.strip()[-400:]}"


def unique(word):
    return f"rofuse-{word}-{os.getpid()}-{next(_serial)}"


def need(program, uid, layers, readonly=False):
    if runtimes.missing(program):
        pytest.skip(f"{program} is not installed")
    reason = works_without_rofuse(program, uid, tuple(layers), readonly)
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture
def start(scratch):
    """start(program, mount, uid) runs the script in the mount; ended after the test whatever happens."""
    shells = []

    def run(program, mount, uid, **options):
        shells.append(Shell(runtimes.PROGRAMS[program](mount.point, uid, SCRIPT, scratch, unique("test"), **options)))
        return shells[-1]

    yield run
    for shell in shells:
        shell.end()


@pytest.fixture
def data(scratch):
    directory = scratch / "data"
    directory.mkdir()
    directory.chmod(0o1777)
    return directory


@pytest.mark.parametrize("uid", [0, busybox_image.USER], ids=["root", "user"])
@pytest.mark.parametrize("program", runtimes.PROGRAMS)
def test_shell(rofuse, start, image, data, program, uid):
    need(program, uid, image)
    mount = rofuse(layers=image, tmpfs=["/tmp"], volume=[f"{data}:/data"])
    shell = start(program, mount, uid)
    said = re.search(r"uid (\d+) pid (\d+)", shell.output)
    assert said, shell.output
    assert int(said[1]) == uid
    assert "one\ntwo\n" in shell.output
    assert "/etc/forbidden: Read-only file system" in shell.output
    assert "write to /etc: status 1" in shell.output
    assert "hidden is hidden" in shell.output
    assert shell.output.endswith("waiting\n")

    records = [r for r in mount.records(at_least=1) if r["path"] == "/etc/forbidden"]
    assert len(records) == 1, mount.events()
    process = records[0]["process"]
    assert (records[0]["operation"], records[0]["errno"], records[0]["why"]) == ("create", "EROFS", "not-declared")
    assert (process["uid"], process["gid"], process["comm"]) == (uid, uid, "sh")
    assert process["pid_inside"] == int(said[2])
    assert (process["exe"], process["cwd"]) == ("/bin/busybox", "/")  # as the process itself would say
    # Who started it is none of the container, whatever the runtime is called; its own init may be one.
    outside = [parent["outside"] for parent in process["parents"] if "outside" in parent]
    assert outside == sorted(outside) and outside[-1] is True and outside.count(False) <= 1, process["parents"]
    # The process is still there: it is the one that the log says, and it has that number in its own namespace.
    status = pathlib.Path(f"/proc/{process['pid']}/status").read_text()
    assert re.search(r"^NSpid:.*\t(\d+)$", status, re.MULTILINE)[1] == said[2]
    assert os.stat(f"/proc/{process['pid']}/root/etc/passwd").st_dev == os.stat(mount.path("/etc/passwd")).st_dev

    assert shell.go_on() == 0, shell.output
    assert (data / f"file-{uid}").read_text() == "two\n"
    assert (data / f"file-{uid}").stat().st_uid == uid
    assert not mount.path("/etc/forbidden").exists()


@pytest.mark.parametrize("program", runtimes.READONLY)
def test_readonly_bind_of_a_runtime_is_told(rofuse, start, image, data, program):
    """"readonly": true makes the kernel answer by itself: nothing can be written, and the log says why it is silent."""
    need(program, 0, image, readonly=True)
    mount = rofuse(layers=image, tmpfs=["/tmp"], volume=[f"{data}:/data"])
    shell = start(program, mount, 0, readonly=True)
    assert shell.output.endswith("waiting\n"), shell.output
    for path in ("/tmp/file", "/data/file-0", "/etc/forbidden"):
        assert f"{path}: Read-only file system" in shell.output
    deadline = time.monotonic() + 60
    notices = []
    while not notices and time.monotonic() < deadline:
        notices = [e for e in mount.events() if e["event"] == "notice" and "read-only for the kernel" in str(e)]
        time.sleep(0.1)
    assert len(notices) == 1, mount.events()
    assert not [r for r in mount.records() if r["path"] == "/etc/forbidden"]
    assert shell.go_on() == 0, shell.output
    assert not list(data.iterdir())


def test_places_of_runtimes_exist(rofuse, image):
    mount = rofuse(layers=image)
    for layer in image:
        assert not [place for place in busybox_image.PLACES if os.path.lexists(f"{layer}{place}")], "must be missing"
    types = {stat.S_IFDIR: "d", stat.S_IFREG: "f"}
    kinds = {place: types.get(stat.S_IFMT(mount.path(place).lstat().st_mode)) for place in busybox_image.PLACES}
    assert kinds == busybox_image.PLACES
    for place, kind in busybox_image.PLACES.items():
        parent, name = os.path.split(str(mount.path(place)))
        assert name in os.listdir(parent)
        assert kind == "d" or mount.path(place).read_bytes() == b""


def test_places_can_be_mounted_over(rofuse, scratch, image):
    """As runtimes do it: a bind of a file over a file, of a directory over a directory."""
    mount = rofuse(layers=image)
    directory, file = scratch / "directory", scratch / "file"
    directory.mkdir()
    (directory / "mark").touch()
    file.write_text("nameserver 192.0.2.1\n")
    for place, kind in busybox_image.PLACES.items():
        source = directory if kind == "d" else file
        subprocess.run(["mount", "--bind", str(source), str(mount.path(place))], check=True)
        path = mount.path(place)
        seen = (path / "mark").exists() if kind == "d" else path.read_text() == file.read_text()
        subprocess.run(["umount", str(mount.path(place))], check=True)
        assert seen, place
