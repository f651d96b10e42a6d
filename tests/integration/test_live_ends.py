"""The end of a mount while its routes are being changed, and changes that take long: nothing hangs, nothing is left half done."""

import contextlib
import inspect
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess

import pytest

from control import Control
import live_commands
import rofuse_test

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to see where a thread waits")


N_FILES = 2000


def threads_in(pid, place):
    """How many threads of a process wait in the kernel in such a place."""
    found = 0
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            found += place in (task / "stack").read_text()
    return found


def start(pieces, code, *words):
    """A python program that says a line when it begins."""
    process = subprocess.Popen(["/usr/bin/python3", "-c", code, *map(str, words)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    pieces.callback(process.wait, 60)
    pieces.callback(process.kill)
    assert process.stdout.readline() == "ready\n"
    return process


STOP = "import contextlib, os, signal, time\n" + inspect.getsource(rofuse_test.stop_process)
ASKS = "import os, sys; print('ready', flush=True); os.stat(sys.argv[1])"
MAKES = STOP + """
import sys
os.chdir(sys.argv[1])
print('ready', flush=True)
input()
os.stat('.')
os.listxattr('.')
os.access('.', os.W_OK)
stop_process(int(sys.argv[2]))
os.mkdir('new')
"""


def abort(mount, scratch):
    """As an administrator does it."""
    control = scratch / "connections"
    control.mkdir()
    subprocess.run(["mount", "-t", "fusectl", "none", control], check=True)
    table = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    number = next(line.split()[2].split(":")[1] for line in table if line.split()[4] == str(mount.point))
    (control / number / "abort").write_text("1")
    subprocess.run(["umount", control], check=True)


@pytest.fixture
def caught(rofuse, scratch):
    """A mount whose daemon, changing a route, waits for a directory's lock that a client holds, who waits for the daemon."""
    disks = [rofuse(tmpfs=["/disk"]) for _ in range(2)]
    mount = rofuse(tmpfs=["/disk/data"], volume=[f"{disks[0].path('disk')}:/disk", f"{disks[1].path('disk')}:/other"])
    mount.path("disk/data/file").write_text("")
    with contextlib.ExitStack() as pieces:
        for disk in disks:
            pieces.callback(disk.go_on)
        client = start(pieces, MAKES, mount.path("disk"), disks[0].process.pid)
        disks[1].stop()
        start(pieces, ASKS, mount.path("other/x"))
        rofuse_test.wait_until(lambda: threads_in(mount.process.pid, "request_wait_answer"), "a request that waits")
        control = pieces.enter_context(Control(mount))
        control.send(b'{"v":1,"do":"route.rm","args":{"targets":["/disk/data"],"force":true}}\n')
        # The tree has changed; the daemon waits for the request to the second disk, and gives it up.
        rofuse_test.wait_until(lambda: threads_in(mount.process.pid, "clock_nanosleep"), "the change")
        client.stdin.write("\n")
        client.stdin.flush()
        rofuse_test.wait_until(lambda: threads_in(mount.process.pid, "fuse_reverse_inval_entry"), "a notice that waits")
        mount.disks = disks
        yield mount, client


@pytest.mark.slow
@pytest.mark.skipif(b"__tsan_init" in pathlib.Path(rofuse_test.BINARY).read_bytes(), reason="ThreadSanitizer allows one table of descriptors")
def test_killed_while_a_notice_waits(caught):
    mount, client = caught
    mount.process.kill()
    assert mount.process.wait(60) is not None
    assert client.wait(60) == 1


@pytest.mark.slow
@pytest.mark.parametrize("words", [["umount", "-l"], ["fusermount3", "-u", "-z"], ["abort"], ["kill"]], ids=lambda words: words[0])
def test_ended_while_a_notice_waits(caught, scratch, words):
    mount, client, disks = *caught, caught[0].disks
    if words == ["abort"]:
        abort(mount, scratch)
        assert client.wait(60) == 1
    elif words == ["kill"]:
        mount.process.terminate()
    else:
        subprocess.run([*words, mount.point], check=True)
    if words != ["abort"]:
        # Served until the last user is gone, who waits for the disk.
        rofuse_test.wait_until(lambda: not rofuse_test.is_mounted(mount.point), "the unmount")
    for disk in disks:
        disk.go_on()
    assert mount.process.wait(60) == 0
    assert client.wait(60) == (1 if words == ["abort"] else 0)


def command(mount, *words):
    return [rofuse_test.BINARY, *words, "--state-dir", str(mount.state), str(mount.point)]


def begin_to_fill(mount, disk):
    """A command that adds routes and waits in the middle of a fill for the disk, which is stopped."""
    halfway = mount.state / "volumes/z/_data.filling"
    for _ in range(20):
        adding = subprocess.Popen(command(mount, "route", "add", "--tmpfs", "/new/place", "-v", "z:/z"), stderr=subprocess.PIPE)
        rofuse_test.wait_until(lambda adding=adding: (halfway / "inner/1").exists() or adding.poll() is not None, "a fill")
        disk.stop()
        rofuse_test.wait_until(lambda adding=adding: threads_in(mount.process.pid, "request_wait_answer") or adding.poll() is not None,
                               "a fill that waits")
        if halfway.exists():
            return adding
        disk.go_on()
        assert adding.wait(60) == 0
        adding.stderr.close()
        live_commands.remove(mount, "/new/place", "/z")
        shutil.rmtree(mount.state / "volumes/z")
    raise AssertionError("every fill was too quick")


@pytest.fixture
def filling(rofuse):
    """A mount, the disk that its image lies on, and a command that adds routes, in the middle of a fill from the disk."""
    disk = rofuse(tmpfs=["/disk"])
    layer = disk.path("disk")
    (layer / "z/inner").mkdir(parents=True)
    (layer / "z/first").write_text("the image's")
    for number in range(N_FILES):
        os.link(layer / "z/first", layer / f"z/inner/{number}")
    mount = rofuse(layers=[layer])
    try:
        with begin_to_fill(mount, disk) as adding:
            yield mount, disk, adding
            adding.kill()
    finally:
        if disk.process.poll() is None:
            disk.go_on()


def ask(mount, *words):
    return subprocess.run(command(mount, *words), check=True, capture_output=True, text=True, timeout=60).stdout


def test_others_are_answered_while_a_place_is_filled(filling):
    mount, disk, adding = filling
    assert json.loads(ask(mount, "status", "--json"))["mounts"][0]["name"] == mount.point.name
    assert "queue" in json.loads(ask(mount, "status", "--json"))["mounts"][0]
    assert ask(mount, "log") == ""
    assert " /z " not in ask(mount, "route", "ls")
    assert json.loads(ask(mount, "facts", "--json"))["facts"] == []
    with Control(mount) as control:
        assert control.result("learn.diff")["learning"] is False
    disk.go_on()
    assert adding.wait(60) == 0
    assert mount.path("z/inner/7").read_text() == "the image's"
    mount.path("new/place/file").write_text("")


def test_a_fill_that_is_given_up_leaves_nothing(filling):
    mount, disk, adding = filling
    before = len(os.listdir(f"/proc/{mount.process.pid}/fd"))
    adding.send_signal(signal.SIGINT)
    adding.wait(60)
    disk.go_on()
    # Another change waits for it.
    subprocess.run(command(mount, "route", "add", "--tmpfs", "/z/inner"), check=True, timeout=60)
    assert [route["target"] for route in json.loads(ask(mount, "route", "ls", "--json"))["routes"]] == ["/z/inner"]
    assert not mount.path("new/place").exists()
    assert set(os.listdir(mount.path("z"))) == {"first", "inner"}
    volumes = mount.state / "volumes"
    assert os.listdir(volumes) == ["z"] and os.listdir(volumes / "z/_data") == []
    assert not (volumes / "z/_data.filling").exists()
    assert len(os.listdir(f"/proc/{mount.process.pid}/fd")) < before + 20


def test_what_is_mounted_during_a_fill_stays(filling):
    mount, disk, adding = filling
    place = mount.path("z/inner")
    # It waits for the disk as well, for one answer where the fill needs thousands.
    mounting = subprocess.Popen(["mount", "-t", "tmpfs", "none", place])
    try:
        disk.go_on()
        assert mounting.wait(60) == 0
        (place / "mine").write_text("mine")
        assert adding.wait(60) == 0
        assert os.listdir(place) == ["mine"]
        assert set(os.listdir(mount.path("z"))) == {"first", "inner"}
    finally:
        subprocess.run(["umount", place], check=True)
    assert len(os.listdir(place)) == N_FILES


def n_connections(mount):
    """How many sockets the daemon has."""
    found = 0
    for fd in pathlib.Path(f"/proc/{mount.process.pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            found += os.readlink(fd).startswith("socket:")
    return found


def test_a_change_that_nobody_waits_for_any_more_is_not_made(filling):
    """It does not wait for another change either, which may take hours."""
    mount, disk, adding = filling
    before = n_connections(mount)
    with contextlib.ExitStack() as given_up:
        for request in ("learn.on", "learn.off", "route.rm"):
            control = given_up.enter_context(Control(mount))
            assert control.result("route.ls")["routes"][0]["target"] == "/new/place"
            args = {"targets": ["/new/place"]} if request == "route.rm" else {}
            control.send(json.dumps({"v": 1, "do": request, "args": args}).encode() + b"\n")
        rofuse_test.wait_until(lambda: n_connections(mount) == before + 3, "the connections")
    rofuse_test.wait_until(lambda: n_connections(mount) == before, "the end of what was given up")
    disk.go_on()
    assert adding.wait(60) == 0
    with Control(mount) as control:
        assert control.result("learn.diff")["learning"] is False
    assert [route["target"] for route in json.loads(ask(mount, "route", "ls", "--json"))["routes"]] == ["/new/place", "/z"]


@pytest.fixture
def no_thread_leaks(monkeypatch):
    """Threads that nobody can wait for are no fault where a command hangs."""
    monkeypatch.setenv("TSAN_OPTIONS", os.environ.get("TSAN_OPTIONS", "") + " report_thread_leaks=0")


def test_the_daemon_ends_while_a_place_is_filled(no_thread_leaks, filling):
    mount, disk, adding = filling
    mount.process.terminate()
    assert adding.wait(60) == 1
    assert b"closed the connection" in adding.stderr.read()
    rofuse_test.wait_until(lambda: not list((mount.state / "run").glob(f"{mount.point.name}.*")), "the end")
    assert not rofuse_test.is_mounted(mount.point)
    # What the disk has begun to answer no process can leave before.
    disk.go_on()
    assert mount.process.wait(60) == 0
    # What was begun is not taken for a volume's content.
    mount.start()
    assert ask(mount, "route", "add", "-v", "z:/z") == ""
    assert len(os.listdir(mount.path("z/inner"))) == N_FILES


def test_why_while_its_route_is_removed(rofuse):
    """What is being explained is there until that is done."""
    disk = rofuse(tmpfs=["/disk"])
    mount = rofuse(volume=[f"{disk.path('disk')}:/data"])
    # What is known of the directory does not hold any more: it is asked for.
    (disk.path("disk") / "new").write_text("")
    disk.stop()
    try:
        with Control(mount) as asking, Control(mount) as changing:
            asking.send(b'{"v":1,"do":"why","args":{"path":"/data/x"}}\n')
            rofuse_test.wait_until(lambda: threads_in(mount.process.pid, "request_wait_answer"), "an answer that waits")
            changing.send(b'{"v":1,"do":"route.rm","args":{"targets":["/data"],"force":true}}\n')
            rofuse_test.wait_until(lambda: threads_in(mount.process.pid, "clock_nanosleep") or
                                   select.select([changing.socket], [], [], 0)[0], "the change")
            disk.go_on()
            assert asking.line()["result"]["verdicts"]
            assert changing.line()["ok"]
            assert not asking.result("why", path="/data/x")["layers"]
    finally:
        disk.go_on()
