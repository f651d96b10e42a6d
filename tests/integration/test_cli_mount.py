"""The commands at work: background and foreground, where logs and state go, status, what kill -9 leaves."""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import time

from denial_log import parse_lines, validate
import namespace
import pytest
import rofuse_test
from rofuse_test import has_ended, is_mounted, wait_until

NOBODY = 65534


@pytest.fixture
def place(scratch):
    (scratch / "layer" / "etc").mkdir(parents=True)
    (scratch / "mnt").mkdir()
    return scratch


def run(*words, **kwargs):
    """rofuse WORDS… to its end."""
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "check": False, "timeout": 120}
    return subprocess.run([rofuse_test.BINARY, *map(str, words)], **{**options, **kwargs})


def mount_words(place, *words):
    return ["mount", "--state-dir", place / "state", "--layer", place / "layer", *words, place / "mnt"]


def status(place, *words):
    result = run("status", "--json", "--state-dir", place / "state", *words)
    assert (result.returncode, result.stderr) == (0, ""), result
    answer = json.loads(result.stdout)
    assert answer["schema"] == "rofuse.status/1"
    return answer["mounts"]


def status_with_sizes(place):
    """Who asks the mount for them is given two seconds, in which it may find no processor on a busy machine."""
    deadline = time.monotonic() + 60
    while True:
        mounts = status(place)
        if all(route["statvfs"] for mount in mounts for route in mount["routes"]):
            return mounts
        assert time.monotonic() < deadline, mounts


def deny(place):
    with pytest.raises(OSError, match="Read-only file system"):
        (place / "mnt" / "etc" / "denied").mkdir()


def umount(place):
    result = run("umount", "--state-dir", place / "state", place / "mnt")
    assert result.returncode == 0, result
    assert not is_mounted(place / "mnt")


def operations(path):
    """What a JSON log says was denied; every line as the schema has it."""
    events = parse_lines(path.read_bytes())
    for event in events:
        validate(event)
    return [event["operation"] for event in events if event["event"] == "denied"]


def test_background(place):
    """The command returns when the mount answers, keeps nothing of the starter's, and logs to a file of its own."""
    result = run(*mount_words(place, "--tmpfs", "/tmp"))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    (place / "mnt" / "tmp" / "a").write_text("works at once")
    deny(place)
    (one,) = status(place, place / "mnt")
    pid = one["pid"]
    assert one["state"] == "alive" and one["name"] == "mnt" and one["mountpoint"] == str(place / "mnt")
    assert os.readlink(f"/proc/{pid}/cwd") == "/" and os.getsid(pid) == pid
    assert [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)] == ["/dev/null"] * 3
    umount(place)
    assert has_ended(pid)
    if not os.path.exists("/run/systemd/journal/socket"):
        assert one["logs"] == [{"destination": f"file:{place}/state/log/mnt.log", "format": "json"}]
        assert operations(place / "state" / "log" / "mnt.log") == ["mkdir"]
        assert stat.S_IMODE((place / "state" / "log" / "mnt.log").stat().st_mode) == 0o640
    assert status(place) == []
    assert list((place / "state" / "run").glob("*.json")) == []


def test_relative_paths_and_an_inherited_descriptor(place):
    """Relative paths hold though the daemon goes to /, and nothing that the starter had open stays open."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    result = run("mount", "--state-dir", "state", "--layer", "layer", "--log", "file:log", "-v", "./host:/host", "mnt",
                 cwd=place, pass_fds=[writer])
    os.close(writer)
    assert result.returncode == 0, result
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == b""  # the end: the daemon does not hold the other one
    (place / "mnt" / "host" / "a").write_text("x")
    assert (place / "host" / "a").read_text() == "x"
    deny(place)
    umount(place)
    assert operations(place / "log") == ["mkdir"]


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_standard_descriptors(closed, place):
    command = [rofuse_test.BINARY, *map(str, mount_words(place))]
    result = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command], check=False, timeout=60)
    assert result.returncode == 0
    deny(place)
    umount(place)


def test_background_that_cannot(place):
    """The mount itself fails (no device to mount with): one line, status 1, nothing is left of it."""
    script = 'mount -t tmpfs none /dev && mknod -m 666 /dev/null c 1 3 && exec "$@" 2>&1'
    result = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", rofuse_test.BINARY,
                             *map(str, mount_words(place, "-v", "data:/data"))],
                            capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
    lines = result.stdout.splitlines()
    assert result.returncode == 1
    assert len(lines) == 1 and lines[0].startswith("rofuse: ") and "/dev/fuse" in lines[0], result.stdout
    assert not is_mounted(place / "mnt") and status(place) == []
    assert list((place / "state" / "run").glob("*.json")) == []


def test_foreground_logs_to_stderr_as_text(place):
    with subprocess.Popen([rofuse_test.BINARY, *map(str, mount_words(place, "--foreground"))], stderr=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: status(place) and status(place)[0]["state"] == "alive", "the mount")
            (one,) = status(place)
            deny(place)
        finally:
            process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)
    assert process.returncode == 0 and said[0] == ""
    assert one["logs"] == [{"destination": "-", "format": "text"}] and one["fold"] == 10
    assert re.fullmatch(rf"\d\d:\d\d:\d\d\.\d{{3}} mkdir /etc/denied EROFS \S+ pid {os.getpid()} uid 0: not-declared\n",
                        said[1]), said


def test_several_logs(place):
    """Each has every record; --log-format is for all of them."""
    logs = [place / "a", place / "b"]
    words = [word for log in logs for word in ("--log", f"file:{log}")]
    for form in ("json", "text"):
        command = mount_words(place, *words, "--log", "-", "--log-format", form, "--foreground")
        process = subprocess.Popen([rofuse_test.BINARY, *map(str, command)], stderr=subprocess.PIPE)
        try:
            wait_until(lambda: status(place) and status(place)[0]["state"] == "alive", "the mount")
            deny(place)
        finally:
            process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 0
        contents = [log.read_bytes() for log in logs]
        assert contents[0] == contents[1] == said and len(said.splitlines()) == 1
        assert said.startswith(b"{") == (form == "json")
        for log in logs:
            log.unlink()


def test_a_log_is_appended_to(place):
    (place / "log").write_text('{"what": "was there"}\n')
    for number in range(2):
        assert run(*mount_words(place, "--log", f"file:{place}/log")).returncode == 0
        deny(place)
        umount(place)
        assert len((place / "log").read_text().splitlines()) == number + 2


def test_sighup_reopens_the_file(place):
    assert run(*mount_words(place, "--log", f"file:{place}/log", "--log-fold", "off")).returncode == 0
    pid = status(place)[0]["pid"]
    deny(place)
    wait_until(lambda: (place / "log").stat().st_size > 0, "the first record")
    (place / "log").rename(place / "log.1")
    os.kill(pid, signal.SIGHUP)
    wait_until((place / "log").exists, "the new file")
    deny(place)
    wait_until(lambda: (place / "log").stat().st_size > 0, "the second record")
    # A place that cannot be had: the log goes on where it is, and says so.
    (place / "log").rename(place / "log.2")
    (place / "log").mkdir()
    os.kill(pid, signal.SIGHUP)
    wait_until(lambda: "cannot reopen" in (place / "log.2").read_text(), "the notice")
    deny(place)
    umount(place)
    assert [len(operations(place / name)) for name in ("log.1", "log.2")] == [1, 2]


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_readiness(kind, place):
    """sd_notify(3): READY=1 when the mount answers, STOPPING=1 before the end."""
    name = str(place / "notify") if kind == "path" else f"\0rofuse-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name)
        receiver.settimeout(60)
        environment = {**os.environ, "NOTIFY_SOCKET": name.replace("\0", "@")}
        with subprocess.Popen([rofuse_test.BINARY, *map(str, mount_words(place, "--foreground"))],
                              env=environment) as process:
            try:
                assert receiver.recv(100) == b"READY=1"
                assert is_mounted(place / "mnt") and os.listdir(place / "mnt")
            finally:
                process.send_signal(signal.SIGTERM)
            assert receiver.recv(100) == b"STOPPING=1"
            assert process.wait(60) == 0
        # Not from the background: whoever started it is told by the command's end.
        assert run(*mount_words(place), env=environment).returncode == 0
        umount(place)
        receiver.setblocking(False)
        with pytest.raises(BlockingIOError):
            assert receiver.recv(100) != b"READY=1"
            receiver.recv(100)


def test_status(place, rofuse):
    """Two mounts, as text and as JSON; one of them asked for by path, by another path, by name."""
    host = place / "host"
    host.mkdir()
    one = rofuse(layers=[place / "layer", host], tmpfs=["/tmp:size=64m,mode=0700,uid=5,nr_inodes=100"],
                 volume=["data:/data", f"{host}:/host:ro", "/anonymous"], extra=["--name", "one"])
    two = rofuse(layers=[place / "layer"], extra=["--name", "two", "--log", "-"], fold=30)
    (one.path("/tmp") / "file").write_bytes(bytes(1 << 20))
    mounts = status_with_sizes(place)
    assert [mount["name"] for mount in mounts] == ["one", "two"]
    assert mounts[0]["pid"] == one.process.pid and mounts[0]["layers"] == [str(place / "layer"), str(host)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", mounts[0]["since"])
    assert (mounts[0]["fold"], mounts[1]["fold"]) == (0, 30) and mounts[0]["limits"] == []
    assert mounts[0]["volume_dir"] == str(place / "state" / "volumes")
    routes = {route["target"]: route for route in mounts[0]["routes"]}
    name = routes["/anonymous"]["source"]
    assert re.fullmatch("[0-9a-f]{64}", name)
    assert {target: (route["kind"], route["source"], route["options"]) for target, route in routes.items()} == {
        "/tmp": ("tmpfs", None, "noexec,nosuid,nodev,size=64m,nr_inodes=100,mode=0700,uid=5"),
        "/data": ("volume", "data", ""), "/host": ("bind", str(host), "ro"), "/anonymous": ("volume", name, "")}
    assert routes["/tmp"]["statvfs"] == {"size": 64 << 20, "used": 1 << 20, "inodes": 100, "inodes_used": 2}
    assert all(route["statvfs"]["size"] > 0 for route in routes.values())
    assert mounts[1]["routes"] == []
    assert [log["destination"] for log in mounts[1]["logs"]] == [f"file:{two.log_path}", "-"]
    for word in (one.point, f"{one.point}/../{one.point.name}/", "one"):
        assert [mount["name"] for mount in status(place, word)] == ["one"]
    said = run("status", "--state-dir", place / "state").stdout
    head = rf"^{one.point}\n  name +one\n  state +alive\n  pid +{one.process.pid}, since "
    assert re.search(head, said, re.MULTILINE), said
    assert re.search(r"^ +/tmp +tmpfs +- +noexec,\S+ +64M +1\.0M$", said, re.MULTILINE), said
    assert re.search(rf"^ +/host +bind +{host} +ro ", said, re.MULTILINE), said
    assert "none: everything is read-only" in said and "folded over 30 s" in said
    assert run("status", "--state-dir", place / "nothing").stdout == "no mounts\n"


def test_status_of_a_place_without_end(place):
    """2^63 bytes, in pages, of which JSON has one less."""
    assert run(*mount_words(place, "--tmpfs", f"/t:size={2**63 - 1}")).returncode == 0
    shown = status_with_sizes(place)[0]["routes"][0]["statvfs"]
    assert (shown["size"], shown["used"]) == (2**63 - 1, 0)
    umount(place)


def test_status_of_a_stuck_daemon(place, rofuse):
    """It does not hang, and umount says whom it waits for."""
    mount = rofuse(layers=[place / "layer"], tmpfs=["/tmp"], extra=["--name", "stuck"])
    wait_until(lambda: status(place)[0]["state"] == "alive", "the end of the start")
    mount.stop()
    try:
        (one,) = status(place)
        assert one["state"] == "alive" and one["routes"][0]["statvfs"] is None
    finally:
        mount.go_on()
    assert mount.end() == 0


def outputs_of_who_asks(place):
    """Where the process that `status` sends to ask writes to; None: it was gone before that could be seen."""
    with subprocess.Popen([rofuse_test.BINARY, "status", "--json", "--state-dir", place / "state"],
                          stdout=subprocess.PIPE) as asking:
        children = pathlib.Path(f"/proc/{asking.pid}/task/{asking.pid}/children")
        wait_until(lambda: children.read_text() or has_ended(asking.pid), "the question")
        try:
            child = children.read_text().split()[0]
            while len(seen := outputs_of(child)) > 1:
                time.sleep(0.001)
        except (OSError, IndexError):
            seen = None
        asking.stdout.read()
    assert asking.returncode == 0
    return seen


def outputs_of(pid):
    return {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)}


def test_who_asks_a_stuck_daemon_has_no_output(place, rofuse):
    """A request that the daemon has read and not answered cannot be killed; `status | jq` must not wait for it."""
    mount = rofuse(layers=[place / "layer"], tmpfs=["/tmp"])
    wait_until(lambda: status(place)[0]["state"] == "alive", "the end of the start")
    mount.stop()
    try:
        # It is given up after two seconds, and on a busy machine may be gone before it is looked at.
        wait_until(lambda: outputs_of_who_asks(place) == {"/dev/null"}, "its output is nobody's")
    finally:
        mount.go_on()


def test_kill_9_in_the_background(place):
    """Seen as dead; umount clears it; and a new mount clears it by itself, whose name and volumes it takes over."""
    words = mount_words(place, "-v", "data:/data", "--name", "web")
    for clear_by_umount in (True, False, False):
        result = run(*words)
        assert result.returncode == 0, result
        (one,) = status(place)
        assert one["name"] == "web" and one["state"] == "alive"
        with open(place / "mnt" / "data" / "log", "a", encoding="ascii") as stream:
            stream.write("line\n")
        os.kill(one["pid"], signal.SIGKILL)
        wait_until(lambda: has_ended(one["pid"]), "the end")
        assert [mount["state"] for mount in status(place)] == ["dead"]
        with pytest.raises(OSError, match="not connected|connection abort"):
            os.listdir(place / "mnt")
        if clear_by_umount:
            umount(place)
            assert status(place) == [] and list((place / "state" / "run").glob("*.json")) == []
    result = run(*words)
    assert result.returncode == 0
    assert result.stderr.startswith("rofuse: unmounted the mount web of a dead daemon")
    assert result.stderr.count("\n") == 1
    assert (place / "mnt" / "data" / "log").read_text() == "line\n" * 3
    umount(place)


def test_an_interrupted_start(place):
    """SIGTERM for the command at some time before its end: either it has mounted and says so, or nothing is left."""
    for number in range(60):
        delay = number / 2000
        with subprocess.Popen([rofuse_test.BINARY, *map(str, mount_words(place, "-v", "data:/etc"))],
                              stderr=subprocess.DEVNULL) as process:
            time.sleep(delay)
            process.terminate()
            process.wait(60)
        if process.returncode == 0:
            umount(place)
        assert not is_mounted(place / "mnt") and status(place) == [], (delay, process.returncode)
        assert list((place / "state").rglob("*.json")) == [], (delay, process.returncode)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_copy(number, place):
    """The first copy of the image's content into a volume takes a while: interrupted, with one line, and undone."""
    many = place / "layer" / "many"
    many.mkdir()
    for index in range(12000):
        (many / str(index)).touch()
    words = mount_words(place, "-v", "data:/many")
    # A shell's background job, as this test perhaps is, is born with SIGINT ignored.
    with subprocess.Popen([rofuse_test.BINARY, *map(str, words)], stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)) as process:
        wait_until(lambda: [path for path in (place / "state").glob("volumes/data/*") if path.is_dir()], "the copy")
        # The daemon is the starter's child; asking for the status would take longer than the copy on a busy machine.
        pid = int(pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    if number == signal.SIGKILL:
        wait_until(lambda: has_ended(pid), "the daemon's end")
    else:
        assert (process.returncode, said) == (1, "rofuse: interrupted; nothing is mounted\n")
    assert has_ended(pid) and not is_mounted(place / "mnt") and status(place) == []
    assert run(*words).returncode == 0
    assert len(os.listdir(place / "mnt" / "many")) == 12000, "a volume that was half filled must be filled again"
    umount(place)


def status_line(pid, key):
    (line,) = [line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(key)]
    return line.removeprefix(key)


def stopped_in_the_copy(place, words):
    """A start that stands still in the middle of the first copy into /many, and its daemon's pid."""
    def copy():
        return list((place / "state").glob("volumes/*/_data.filling/sub/1*"))

    for _ in range(20):
        process = subprocess.Popen([rofuse_test.BINARY, *map(str, words)], stderr=subprocess.PIPE, text=True,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        wait_until(lambda process=process: copy() or process.poll() is not None or is_mounted(place / "mnt"), "the copy")
        if process.poll() is None:
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            pid = int(children[0]) if children else process.pid
            os.kill(pid, signal.SIGSTOP)
            wait_until(lambda pid=pid: status_line(pid, "State:").split()[0] in "TZ", "the stop")
            if copy() and not is_mounted(place / "mnt"):
                return process, pid
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: is_mounted(place / "mnt"), "the mount that was too quick")
        umount(place)
        process.communicate(timeout=60)
        for volume in (place / "state/volumes").iterdir():
            if volume.name != "old":
                shutil.rmtree(volume)
    raise AssertionError("every copy was too quick")


@pytest.mark.parametrize("more", [["--foreground", "--log", "-"], []], ids=["foreground", "background"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_copy_leaves_no_anonymous_volume(number, more, place):
    """Neither the one that is filled nor one that was; one with a name stays, and so does what was in it."""
    rest = run(*mount_words(place, "-v", "old:/o"))
    assert rest.returncode == 0, rest
    (place / "mnt/o/kept").touch()
    umount(place)
    many = place / "layer/many/sub"
    many.mkdir(parents=True)
    for index in range(6000):
        (many / str(index)).touch()
    words = mount_words(place, *more, "-v", "/a", "-v", "old:/b", "-v", "/many", "-v", "new:/c/d")
    process, pid = stopped_in_the_copy(place, words)
    process.send_signal(number)
    wait_until(lambda: int(status_line(pid, "ShdPnd:"), 16) & (1 << signal.SIGTERM - 1 | 1 << signal.SIGINT - 1), "the signal")
    os.kill(pid, signal.SIGCONT)
    said = process.communicate(timeout=60)[1]
    assert (process.returncode, said) == (1, "rofuse: interrupted; nothing is mounted\n")
    assert has_ended(pid) and not is_mounted(place / "mnt") and status(place) == []
    assert {path.name for path in (place / "state/volumes").iterdir()} == {"old"}
    assert (place / "state/volumes/old/_data/kept").exists()


# Commands in a mount namespace of their own in which /run and /var/lib are empty.
FRESH = 'mount -t tmpfs none /run && mount -t tmpfs none /var/lib && "$@" && find /run /var/lib -printf "%m %p\\n"'


# What lets a mount with the anonymous volume /a fail after that was made.
LATE_FAILURES = {
    "another route": (["--mount", "type=volume,source=named,target=/x/y,volume-subpath=none"], "true", "has no none"),
    "a nested route": (["--tmpfs", "/a/x", "-v", "/b:ro", "--mount", "type=tmpfs,target=/b/x"], "true", "the target cannot be had"),
    "the mount": ([], "mount --bind /dev/null /dev/fuse", "cannot be mounted"),
    "the control socket": ([], 'mkdir -p "$STATE/run/one.sock/x"', "the control socket"),
}


@pytest.mark.parametrize("words, before, said", LATE_FAILURES.values(), ids=LATE_FAILURES)
def test_a_mount_that_fails_leaves_no_anonymous_volume(words, before, said, place):
    """Nobody could come back to it. One with a name stays, and so does one that was there."""
    rest = run(*mount_words(place, "-v", "old:/o"))
    assert rest.returncode == 0, rest
    (place / "mnt/o/kept").touch()
    umount(place)
    words = mount_words(place, "--foreground", "--log", "-", "--name", "one", "-v", "/a", "-v", "named:/n", "-v", "old:/o", *words)
    result = subprocess.run(["unshare", "-m", "sh", "-c", f'{before} && exec "$@"', "sh", rofuse_test.BINARY, *map(str, words)],
                            env=os.environ | {"STATE": str(place / "state")}, capture_output=True, text=True, check=False, timeout=60)
    assert (result.returncode, said in result.stderr) == (1, True), result
    assert {path.name for path in (place / "state/volumes").iterdir()} == {"named", "old"}
    assert (place / "state/volumes/old/_data/kept").exists()
    assert not is_mounted(place / "mnt")


def test_places_of_root(place):
    script = ('cd / && "$1" mount --layer "$2/layer" -v data:/data --log "file:$2/log" "$2/mnt" && '
              'touch "$2/mnt/data/x" && "$1" status --json && find /run /var/lib -printf "%m %p\\n" && '
              '"$1" umount "$2/mnt"')
    result = subprocess.run(["unshare", "-m", "sh", "-c", FRESH, "sh", "sh", "-ec", script, "sh", rofuse_test.BINARY,
                             place], capture_output=True, text=True, check=False, timeout=60,
                            env={**os.environ, "XDG_DATA_HOME": str(place), "XDG_RUNTIME_DIR": str(place)})
    assert result.returncode == 0, result
    document, _, found = result.stdout.partition("\n}\n")
    assert json.loads(document + "}")["mounts"][0]["volume_dir"] == "/var/lib/rofuse/volumes"
    for line in ["700 /run/rofuse", "600 /run/rofuse/mnt.json", "644 /var/lib/rofuse/volumes/data/_data/x"]:
        assert line in found.splitlines(), found
    left = result.stdout[result.stdout.rindex("/run\n"):]
    assert "mnt.json" not in left and "volumes/data/_data/x" in left


@pytest.fixture
def as_nobody(place):
    """What to put before a command so that an ordinary user runs it where /dev/fuse is open to all, as it mostly is."""
    fusermount = shutil.which("fusermount3")
    if fusermount is None or not os.stat(fusermount).st_mode & stat.S_ISUID:
        pytest.skip("fusermount3 is missing or not set-user-ID: an ordinary user cannot mount")
    os.mknod(place / "fuse", stat.S_IFCHR | 0o666, os.makedev(10, 229))
    os.chmod(place / "fuse", 0o666)
    with namespace.hold(place, 'mount --bind "$1" /dev/fuse', [place / "fuse"]) as holder:
        enter = ["nsenter", "-m", "-t", str(holder.pid)]
        yield [*enter, "setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
        subprocess.run([*enter, "umount", "-l", place / "mnt"], check=False, capture_output=True)


@pytest.mark.parametrize("variables", ["XDG", "HOME"])
def test_places_of_others(variables, place, as_nobody):
    for name in ("mnt", "home", "data", "runtime"):
        (place / name).mkdir(exist_ok=True)
        os.chown(place / name, NOBODY, NOBODY)
    environment = {"HOME": str(place / "home"), "PATH": os.environ["PATH"]}
    if variables == "XDG":
        environment.update(XDG_DATA_HOME=str(place / "data"), XDG_RUNTIME_DIR=str(place / "runtime"))
        volumes, state = place / "data/rofuse/volumes", place / "runtime/rofuse"
    else:
        environment.update(XDG_DATA_HOME="relative", XDG_RUNTIME_DIR="")  # to be ignored, says the specification
        volumes, state = place / "home/.local/share/rofuse/volumes", place / "home/.local/share/rofuse/run"

    def run_as_nobody(*words):
        return subprocess.run([*as_nobody, rofuse_test.BINARY, *map(str, words)], stdin=subprocess.DEVNULL, check=False,
                              capture_output=True, text=True, timeout=60, env=environment, cwd="/")

    result = run_as_nobody("mount", "--layer", place / "layer", "-v", "data:/data", "--log", f"file:{place}/data/log",
                           place / "mnt")
    assert result.returncode == 0, result
    assert "not root" in result.stderr and all(line.startswith("rofuse: ") for line in result.stderr.splitlines())
    assert (volumes / "data" / "_data").is_dir() and (state / "mnt.json").exists()
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    (one,) = json.loads(run_as_nobody("status", "--json").stdout)["mounts"]
    assert one["state"] == "alive" and one["limits"] == [line[8:] for line in result.stderr.splitlines()]
    result = run_as_nobody("umount", "mnt")
    assert (result.returncode, result.stderr) == (0, ""), result
    assert json.loads(run_as_nobody("status", "--json").stdout)["mounts"] == [] and not (state / "mnt.json").exists()


def test_user_without_an_entry_or_home():
    """One line, no warnings of GLib's: 4242 is in no /etc/passwd, as in a container that runs under any number."""
    result = subprocess.run(["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups", rofuse_test.BINARY, "status"],
                            env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            check=False, timeout=60, cwd="/")
    assert result.returncode == 1 and "set HOME" in result.stderr and result.stderr.count("\n") == 1, result
