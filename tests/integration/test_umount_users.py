"""umount of a mount that is in use: who is in the way is named, whatever those processes do, and umount waits."""

import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import time

from denial_log import call
import namespace
import pytest
import rofuse_test
from rofuse_test import is_mounted, wait_until

PYTHON = "/usr/bin/python3"

# Maps a file of the mount and closes it (Python's own mmap keeps a descriptor): only the mapping holds the mount.
MAPPER = """
import ctypes, mmap, os, sys, time
libc = ctypes.CDLL(None)
fd = os.open(sys.argv[1], os.O_RDWR)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
assert libc.mmap(None, 4096, mmap.PROT_READ, mmap.MAP_SHARED, fd, 0) != ctypes.c_void_p(-1).value
os.close(fd)
print("ready", flush=True)
time.sleep(600)
"""

# Maps a page of a file on another file system and, when its daemon is stopped, something else in its place: the kernel
# writes the page back with the memory lock held, and whoever reads this process's /proc/PID/maps waits as well.
TRAP = """
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
fd = os.open(sys.argv[1], os.O_RDWR)
page = libc.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED, fd, 0)
ctypes.memset(page, 65, 1)
print("ready", flush=True)
sys.stdin.readline()
ctypes.memset(page, 66, 1)  # again: somebody's sync may have written it back in between
libc.mmap(page, 4096, mmap.PROT_READ, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x10, -1, 0)
"""


@pytest.fixture
def layer(scratch):
    (scratch / "layer" / "etc").mkdir(parents=True)
    return scratch / "layer"


@pytest.fixture
def start():
    """Starts processes; all are ended after the test."""
    made = []

    def make(*args, **kwargs):
        made.append(subprocess.Popen(args, **kwargs))
        return made[-1]

    yield make
    for process in made:
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()


@pytest.fixture
def umount(start):
    """rofuse umount WORD, begun."""
    return lambda mount, word: start(rofuse_test.BINARY, "umount", "--state-dir", mount.state, word, text=True,
                                     stderr=subprocess.PIPE)


def read_until_waiting(process):
    """What umount says until it waits for the daemon's end."""
    lines = []
    while not lines or "waiting until" not in lines[-1]:
        lines.append(process.stderr.readline())
        assert lines[-1], lines
    assert all(line.startswith("rofuse: ") for line in lines), lines
    return "".join(lines)


def test_everybody_is_named(rofuse, layer, start, umount):
    """Working directory, open file, root, mapped file; Ctrl-C ends the wait and not the daemon."""
    mount = rofuse(layers=[layer], tmpfs=["/tmp:exec"], extra=["--name", "busy"])
    inside = mount.path("/tmp")
    (inside / "page").write_bytes(bytes(4096))
    subprocess.run(["cp", "/bin/sleep", inside / "program"], check=True)
    cwd = start("sleep", "600", cwd=inside)
    opener = "import sys, time\nheld = open(sys.argv[1], 'w')\nprint('ready', flush=True)\ntime.sleep(600)"
    file = start(PYTHON, "-c", opener, inside / "held", stdout=subprocess.PIPE)
    mapped = start(PYTHON, "-c", MAPPER, inside / "page", stdout=subprocess.PIPE)
    for process in (file, mapped):
        assert process.stdout.readline() == b"ready\n"
    program = start(inside / "program", "600", cwd="/")
    rofuse_test.wait_for_program(cwd.pid, "sleep")
    rofuse_test.wait_for_program(program.pid, "program")
    first = umount(mount, "busy")
    said = read_until_waiting(first)
    assert not is_mounted(mount.point)
    assert f"pid {cwd.pid} (sleep): working directory /tmp\n" in said
    assert f"pid {file.pid} (python3): open file /tmp/held\n" in said
    assert f"pid {mapped.pid} (python3): mapped file /tmp/page\n" in said
    assert f"pid {program.pid} (program): runs /tmp/program\n" in said
    mine = [line for line in said.splitlines() if "mount namespace" not in line]  # one of a test beside this one
    assert sum("in the way" in line for line in mine) == 4, said
    assert f"pid {mount.process.pid}" in said.splitlines()[-1]
    first.send_signal(signal.SIGINT)
    rest = first.communicate(timeout=60)[1]
    assert first.returncode == 0 and str(mount.process.pid) in rest and len(rest.splitlines()) == 1, rest
    assert mount.process.poll() is None
    shown = subprocess.run([rofuse_test.BINARY, "status", "--state-dir", mount.state, "busy"], capture_output=True,
                           text=True, check=True).stdout
    assert re.search(r"^  state +detached$", shown, re.MULTILINE), shown
    # Asked for again, by name, it still says who; then the last one goes.
    again = umount(mount, "busy")
    assert f"pid {cwd.pid}" in read_until_waiting(again)
    for process in (cwd, file, mapped, program):
        assert again.poll() is None and mount.process.poll() is None
        process.kill()
        process.wait()
    again.communicate(timeout=60)
    assert again.returncode == 0 and mount.process.wait(60) == 0


def test_a_mount_below(rofuse, layer, umount, scratch):
    """What is mounted below is in the way, is named and is detached with it."""
    mount = rofuse(layers=[layer], tmpfs=["/tmp"])
    (scratch / "host").mkdir()
    subprocess.run(["mount", "--bind", scratch / "host", mount.path("/tmp")], check=True)
    process = umount(mount, mount.point)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 0
    assert f"in the way: {mount.path('/tmp')} is mounted below\n" in said
    assert not is_mounted(mount.point) and not is_mounted(mount.path("/tmp"))
    assert mount.process.wait(60) == 0


def test_another_mount_namespace(rofuse, layer, scratch, umount):
    """Not busy here, yet alive: whoever has a copy of the mount is named, and the daemon waits for them."""
    mount = rofuse(layers=[layer], tmpfs=["/tmp"])
    with namespace.hold(scratch) as holder:
        process = umount(mount, mount.point)
        said = read_until_waiting(process)
        assert f"pid {holder.pid} (sleep): in a mount namespace which has it at {mount.point}\n" in said, said
        assert not is_mounted(mount.point) and mount.process.poll() is None
    process.communicate(timeout=60)
    assert process.returncode == 0 and mount.process.wait(60) == 0


def test_sigterm_with_another_mount_namespace(rofuse, layer, scratch):
    """The daemon says why it does not end."""
    mount = rofuse(layers=[layer], tmpfs=["/tmp"])
    with namespace.hold(scratch):
        mount.process.send_signal(signal.SIGTERM)
        wait_until(lambda: any("another mount namespace" in event.get("message", "") for event in mount.events()),
                   "the notice")
        # It is printed when the log has it.
        wait_until(lambda: f"rofuse umount {mount.point.name}" in mount.output(), "the line")
        assert "another mount namespace" in mount.output()
        assert not is_mounted(mount.point) and mount.process.poll() is None
    assert mount.process.wait(60) == 0


@pytest.mark.parametrize("how", ["umount", "SIGTERM"])
def test_a_bind_over_itself(how, rofuse, layer, umount):
    """Runtimes bind a root over itself: both go."""
    mount = rofuse(layers=[layer], tmpfs=["/tmp"])
    for _ in range(2):
        subprocess.run(["mount", "--bind", mount.point, mount.point], check=True)
    if how == "umount":
        process = umount(mount, mount.point)
        assert process.communicate(timeout=60)[1] == "" and process.returncode == 0
    else:
        mount.process.send_signal(signal.SIGTERM)
    assert mount.process.wait(60) == 0
    assert not is_mounted(mount.point)


def test_a_bind_elsewhere(rofuse, layer, umount, scratch):
    """It keeps the mount alive; umount says where it is."""
    mount = rofuse(layers=[layer])
    (scratch / "a bind").mkdir()
    subprocess.run(["mount", "--bind", mount.path("/etc"), scratch / "a bind"], check=True)
    process = umount(mount, mount.point)
    assert f'in the way: it is mounted at "{scratch}/a bind" as well\n' in read_until_waiting(process)
    assert not is_mounted(mount.point) and "hosts" in os.listdir(scratch / "a bind")
    subprocess.run(["umount", scratch / "a bind"], check=True)
    process.communicate(timeout=60)
    assert process.returncode == 0 and mount.process.wait(60) == 0


def is_in_mmap(pid):
    return pathlib.Path(f"/proc/{pid}/syscall").read_text().split()[0] == "9"


def test_a_process_whose_memory_is_locked(rofuse, layer, start, umount):
    """One that nobody can look at does not make umount wait, and does not hide those that come after it."""
    other = rofuse(tmpfs=["/slow"], extra=["--passthrough", "off"])  # the kernel's own pages would be no trap
    other.path("/slow/page").write_bytes(b"y" * 4096)
    mount = rofuse(layers=[layer], tmpfs=["/tmp"])
    mount.path("/tmp/page").write_bytes(bytes(4096))
    trap = start(PYTHON, "-c", TRAP, other.path("/slow/page"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert trap.stdout.readline() == b"ready\n"
    mapped = start(PYTHON, "-c", MAPPER, mount.path("/tmp/page"), stdout=subprocess.PIPE)
    assert mapped.stdout.readline() == b"ready\n"
    if mapped.pid < trap.pid:
        pytest.skip("the pids have wrapped: the trap would come after what it is to hide")
    other.stop()
    try:
        trap.stdin.write(b"go\n")
        trap.stdin.flush()
        deadline = time.monotonic() + 60
        while not (closed := is_in_mmap(trap.pid)) and time.monotonic() < deadline:
            time.sleep(0.01)
        if not closed:
            pytest.skip("the trap did not close: perhaps the page was written back before")
        process = umount(mount, mount.point)
        said = read_until_waiting(process)
        reader = start("cat", f"/proc/{trap.pid}/maps", stdout=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            reader.wait(0.5)  # the trap has held
    finally:
        other.go_on()
    assert f"pid {mapped.pid} (python3): mapped file /tmp/page\n" in said, said
    mapped.kill()
    process.communicate(timeout=60)
    assert process.returncode == 0 and mount.process.wait(60) == 0


def test_only_its_owner_may(rofuse, layer):
    """Another user's umount is refused with one line; the mount stays."""
    mount = rofuse(layers=[layer])
    program = shutil.copy(rofuse_test.BINARY, mount.scratch / "program")  # the checkout may be root's alone

    def try_it():
        result = subprocess.run([program, "umount", str(mount.point)], capture_output=True, text=True,
                                check=False, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
        return result.returncode, result.stderr

    status, said = call(try_it, uid=65534).value
    assert status == 1 and said.startswith(f"rofuse: cannot unmount {mount.point}: ") and said.count("\n") == 1, said
    assert "only root" in said
    assert is_mounted(mount.point) and mount.process.poll() is None


def test_from_inside(rofuse, layer):
    """umount does not wait for itself."""
    mount = rofuse(layers=[layer])
    done = subprocess.run([rofuse_test.BINARY, "umount", "--state-dir", str(mount.state), "."], cwd=mount.point,
                          capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert mount.process.wait(60) == 0


def test_a_daemon_that_takes_its_time_is_no_riddle(rofuse):
    """Where nobody uses the mount, nobody is said to be waited for."""
    # What gets its device's number next, in another test, say, is told from it by the name.
    mount = rofuse(extra=["--name", f"slow-{os.getpid()}"])
    mount.stop()
    with subprocess.Popen([rofuse_test.BINARY, "umount", "--state-dir", mount.state, mount.point],
                          stderr=subprocess.PIPE, text=True) as process:
        try:
            rofuse_test.wait_until(lambda: not rofuse_test.is_mounted(mount.point), "the unmount")
            said = select.select([process.stderr], [], [], 1.5)[0]
            assert said == [] or process.stderr.readline() == ""
        finally:
            mount.go_on()
        assert (process.stderr.read(), process.wait(60)) == ("", 0)
