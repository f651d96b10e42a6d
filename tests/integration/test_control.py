"""The control socket: who may come, what is asked and answered, and that nobody can harm it or others by it."""

import contextlib
import json
import os
import pathlib
import socket
import stat
import subprocess
import time

import pytest
from control import Control
import rofuse_test


@pytest.fixture
def mount(rofuse):
    return rofuse()


def refuse(mount, name="file"):
    with pytest.raises(OSError):
        mount.path(name).touch()


def test_the_log_is_told_from_its_beginning(mount):
    for name in ("first", "second", "third"):
        refuse(mount, name)
    assert len(mount.records(at_least=3)) == 3
    with Control(mount) as control:
        assert control.result("log") == {"schema": "rofuse.log/1"}
        told = list(control.events())
        assert told == mount.events()
        # The connection can be used again.
        assert control.result("log")["schema"] == "rofuse.log/1"


def test_who_follows_the_log_gets_what_comes(mount):
    with Control(mount) as control:
        control.result("log", follow=True)
        for name in ("first", "second"):
            refuse(mount, name)
            assert next(control.events())["path"] == f"/{name}"


def test_of_a_killed_daemon_it_is_said_what_is_left_to_do(mount):
    mount.kill()
    for words in (["facts"], ["why", "/etc"], ["route", "ls"], ["learn", "diff"], ["advise"], ["audit"]):
        words.insert(2 if words[0] in ("route", "learn") else 1, mount.point)
        done = subprocess.run([rofuse_test.BINARY, *words, "--state-dir", mount.state], capture_output=True, text=True,
                              check=False, timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (f"rofuse: {mount.point} is not a rofuse mount any more, its daemon has ended; rofuse log "
                               "shows what it refused, rofuse umount takes away what is left\n")


@pytest.mark.parametrize("line, word", [
    (b"\n", "JSON"),
    (b"[]\n", "request"),
    (b"{\n", "JSON"),
    (b'{"v":1}\n', "request"),
    (b'{"v":1,"do":"log","args":[]}\n', "request"),
    (b'{"v":1,"do":"log","more":1}\n', "request"),
    (b'{"v":1,"v":1,"do":"log"}\n', "JSON"),
    (b'{"v":2,"do":"log"}\n', "version 2"),
    (b'{"v":1,"do":"nonsense"}\n', "nonsense is no command"),
    (b'{"v":1,"do":"\\u0000"}\n', "JSON"),
    (b"\xff\xfe\n", "JSON"),
    pytest.param(b"[" * 100000 + b"\n", "JSON", id="deep"),
])
def test_what_is_no_request_is_an_error_of_usage(mount, line, word):
    with Control(mount) as control:
        control.send(line)
        error = control.line()["error"]
        assert error["status"] == 2
        assert word in error["message"]
        assert control.result("log")


def test_a_request_that_is_too_long_ends_the_connection(mount):
    with Control(mount) as control:
        control.send(b" " * (300 << 10))
        assert "too long" in control.line()["error"]["message"]
        assert control.line() is None
    with Control(mount) as control:
        assert control.result("log")


def test_clients_that_hang_are_in_nobodys_way(mount):
    half = [Control(mount) for _ in range(10)]
    for control in half:
        control.send(b'{"v":1,')
    # They ask for more than a socket holds, and do not read it.
    deaf = [Control(mount) for _ in range(10)]
    for number in range(50):
        refuse(mount, f"{'n' * 200}{number}")
    for control in deaf:
        for _ in range(20):
            control.send(b'{"v":1,"do":"log"}\n')
    with Control(mount) as control:
        assert control.result("log")
    assert mount.end() == 0
    for control in half + deaf:
        control.close()


def test_there_are_only_so_many_connections(mount):
    controls = [Control(mount) for _ in range(40)]

    def answered(control):
        try:
            return control.ask("nonsense") is not None
        except (BrokenPipeError, ConnectionResetError):
            return False

    # One that is quiet makes room for a newcomer, and now and then he does not get it: until the last has come.
    for control in controls:
        answered(control)
    served = [control for control in controls if answered(control)]
    assert 24 <= len(served) <= 32
    for control in controls:
        control.close()

    def is_served():
        try:
            with Control(mount) as control:
                return control.ask("log") is not None
        except OSError:
            return False

    rofuse_test.wait_until(is_served, "a free connection")


@pytest.mark.parametrize("line", [b"", b'{"v":1,', b'{"v":1,"do":"log"}\n' * 1000], ids=["silent", "half", "deaf"])
def test_who_wants_nothing_makes_room(mount, line):
    for number in range(20):
        refuse(mount, f"{'n' * 200}{number}")
    controls = [Control(mount) for _ in range(32)]
    for control in controls:
        control.socket.settimeout(0)
        try:
            control.send(line)
        except BlockingIOError:
            pass

    def is_served():
        try:
            with Control(mount) as control:
                return control.ask("status") is not None
        except OSError:
            return False

    for _ in range(3):
        rofuse_test.wait_until(is_served, "an answer")
    for control in controls:
        control.close()


def test_followers_leave_places_to_those_who_ask(mount):
    with contextlib.ExitStack() as controls:
        followers = [controls.enter_context(Control(mount)) for _ in range(24)]
        for control in followers:
            control.result("log", follow=True)
        # Whoever is too many is told why, and may ask for something else.
        for _ in range(10):
            with Control(mount) as control:
                error = control.ask("log", follow=True)["error"]
                assert error["status"] == 1 and error["message"].startswith("24 clients follow this mount already (rofuse log --follow")
                assert control.result("status")
        for command in ("status", "route", "log"):
            words = [rofuse_test.BINARY, command, *(["ls"] if command == "route" else []), "--state-dir", mount.state, mount.point]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")
        refuse(mount)
        for control in followers:
            assert next(control.events())["path"] == "/file", "a follower keeps his place"
        followers[0].close()
        with Control(mount) as control:
            rofuse_test.wait_until(lambda: control.ask("log", follow=True)["ok"], "the place of who has gone")


@pytest.mark.parametrize("line", [
    b'{"v":2,"ok":true,"result":{"routes":[]}}',
    b'{"v":1,"ok":true}',
    b'{"v":1,"ok":false}',
    b'{"v":1,"ok":false,"error":"no"}',
    b'{"v":1,"ok":1,"result":{"routes":[]}}',
])
def test_the_answer_of_another_version(mount, line):
    """Of a daemon that was started before, or by another rofuse."""
    with Control(mount) as control:
        path = control.path
    path.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        words = [rofuse_test.BINARY, "route", "ls", "--state-dir", mount.state, mount.point]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asking:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as stream:
                assert json.loads(stream.readline())["v"] == 1
                connection.sendall(line + b"\n")
                assert asking.communicate(timeout=60) == ("", "rofuse: the daemon's answer is of another version\n")
            assert asking.returncode == 1


FLOOD = """
import socket, sys, threading, time
def flood():
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(sys.argv[1])
        threading.Thread(target=lambda: [None for _ in iter(lambda: control.recv(1 << 20), b"")], daemon=True).start()
        while True:
            control.sendall(sys.argv[2].encode() * 20)
for _ in range(16):
    threading.Thread(target=flood, daemon=True).start()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("command, args", [
    ("why", {"path": "/a/b/c"}), pytest.param("facts", {}, marks=pytest.mark.slow)])
def test_a_flood_of_requests_leaves_the_processor_to_the_mount(mount, command, args):
    for number in range(500):
        refuse(mount, f"file{number}")

    def used():
        words = pathlib.Path(f"/proc/{mount.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return sum(map(int, words[11:13])) / os.sysconf("SC_CLK_TCK")

    with Control(mount) as control:
        line = json.dumps({"v": 1, "do": command, "args": args}) + "\n"
        with subprocess.Popen(["/usr/bin/python3", "-c", FLOOD, control.path, line], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as flood:
            flood.stdout.readline()
            # What may be used at once is used before.
            start = used()
            assert control.result("route.ls") == {"routes": []}
            rofuse_test.wait_until(lambda: used() >= start + 0.2, "the first answers")
            before, since = used(), time.monotonic()
            time.sleep(1)
            share = (used() - before) / (time.monotonic() - since)
            assert control.result("status")
            flood.kill()
    assert share < 0.35


def test_followers_do_not_keep_the_daemon_from_ending(mount):
    control = Control(mount)
    control.result("log", follow=True)
    assert mount.end() == 0
    assert list(control.events()) == []
    assert not control.path.exists()
    control.close()


def test_the_socket_is_its_owners_alone(mount):
    with Control(mount) as control:
        path = control.path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # Even where somebody has opened the ways: what counts is who he is.
    for place in (path, path.parent, path.parent.parent, mount.scratch):
        os.chmod(place, 0o777)
    code = ("import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
            "try:\n    s.sendall(b'{\"v\":1,\"do\":\"log\"}\\n')\n    print(len(s.recv(1)))\n"
            "except (BrokenPipeError, ConnectionResetError):\n    print(0)\n")
    for user, answer in ((0, "1"), (65534, "0")):
        done = subprocess.run(["setpriv", f"--reuid={user}", "--clear-groups", "/usr/bin/python3", "-c", code, path],
                              capture_output=True, text=True, check=True)
        assert done.stdout.strip() == answer


def test_a_name_may_be_longer_than_an_address(rofuse):
    name = "n" * 128
    mount = rofuse(extra=["--name", name])
    path = mount.state / "run" / f"{name}.sock"
    rofuse_test.wait_until(path.exists, "the control socket")
    file = os.open(path, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(f"/proc/self/fd/{file}")
        sock.sendall(b'{"v":1,"do":"log"}\n')
        assert json.loads(sock.makefile().readline())["ok"]
    os.close(file)


def test_what_a_killed_daemon_left_is_taken_over(rofuse):
    mount = rofuse()
    with Control(mount) as control:
        path = control.path
    mount.kill()
    rofuse_test.unmount_below(mount.point)
    assert path.exists()
    mount.start()
    with Control(mount) as control:
        assert control.result("log")
