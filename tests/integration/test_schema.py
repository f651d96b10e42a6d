"""Every line of the log, of whatever event, is as src/log/log.schema.json says; and the schema says no more than that."""

import ctypes
import copy
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time

from denial_log import Log, call, check, libc, parse_lines, rename2, set_comm
import jsonschema
import pytest
import rofuse_test

SCHEMA = json.loads((rofuse_test.ROOT / "src" / "log" / "log.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

FS_IOC_SETFLAGS = 0x40086602


def assert_valid(event):
    problems = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in VALIDATOR.iter_errors(event)]
    assert not problems, f"{json.dumps(event)}: {problems}"


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    (path / "etc" / "empty").mkdir(parents=True)
    (path / "etc" / "file").write_text("x")
    (path / "data").mkdir()
    os.symlink("file", path / "etc" / "link")
    for name in (b"\xff\xfe", b"new\nline", "grüße".encode(), b"back\\slash"):
        with open(os.path.join(os.fsencode(path), b"etc", name), "wb"):
            pass
    return path


def set_flags(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        check(libc.ioctl(fd, FS_IOC_SETFLAGS, ctypes.byref(ctypes.c_long(0x10))))
    finally:
        os.close(fd)


def bind_socket(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)


def fill(path):
    with open(path, "wb", buffering=0) as stream:
        while True:
            stream.write(bytes(65536))


def denials(etc, data, small):
    """Calls that are refused, one or more of each kind; etc is the image's, data a read-only route, small fills up."""
    for name in (b"file", b"\xff\xfe", b"new\nline", "grüße".encode(), b"back\\slash"):
        path = os.path.join(etc, name)
        yield lambda path=path: os.open(path, os.O_WRONLY)
        yield lambda path=path: os.open(path, os.O_RDWR | os.O_TRUNC | os.O_APPEND | os.O_SYNC)
        yield lambda path=path: os.unlink(path)
        yield lambda path=path: os.rename(path, path + b"\xf0")
        yield lambda path=path: os.link(path, path + b".link")
        yield lambda path=path: os.symlink(path, path + b".symlink")
        yield lambda path=path: os.chmod(path, 0o4755)
    for place in (etc, data):
        new = os.path.join(place, b"new")
        yield lambda new=new: os.mkdir(new)
        yield lambda new=new: os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        yield lambda place=place: os.open(place, os.O_TMPFILE | os.O_RDWR)
        yield lambda new=new: os.mkfifo(new)
        yield lambda new=new: os.mknod(new, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        yield lambda new=new: bind_socket(os.fsdecode(new))
        yield lambda new=new: os.symlink("/x y", new)
        yield lambda place=place: os.chown(place, 1, 1)
        yield lambda place=place: os.utime(place)
        yield lambda place=place: os.setxattr(place, "user.x", b"y")
        yield lambda place=place: set_flags(place)
    file = os.path.join(etc, b"file")
    yield lambda: os.removexattr(file, "user.none")
    yield lambda: os.truncate(file, 5)
    yield lambda: os.rmdir(os.path.join(etc, b"empty"))
    yield lambda: rename2(file, os.path.join(etc, b"link"), 2)
    yield lambda: fill(small)


@pytest.fixture
def mount(rofuse, scratch, layer):
    return rofuse(layers=[layer], tmpfs=["/small:size=64k"], volume=["v:/data:ro"])


def all_denials(mount):
    paths = [os.fsencode(mount.path(word)) for word in ("/etc", "/data", "/small/file")]
    for action in denials(*paths):
        for uid in (0, 2000):
            outcome = call(action, uid=uid)
            assert outcome.errno != 0, "it was not refused"


def test_every_kind_of_denial(mount):
    log = Log(mount)
    all_denials(mount)
    events = log.take()
    for event in events:
        assert_valid(event)
    assert {event["operation"] for event in events} >= {
        "open", "create", "tmpfile", "mkdir", "mknod", "symlink", "link", "unlink", "rmdir", "rename", "truncate",
        "chmod", "chown", "utimes", "setxattr", "write"}
    assert {event["why"] for event in events} >= {"not-declared", "declared-read-only", "no-space"}
    assert {tuple(sorted(event["held_by"])) for event in events} >= {("directory", "layer"), ("kind", "route")}
    assert any("path_bytes" in event for event in events) and any("target_bytes" in event for event in events)


def test_odd_processes(mount):
    """Names that are not UTF-8, a removed executable, no arguments, many groups, a pid namespace."""
    log = Log(mount)
    path = os.fsencode(mount.path("/etc/new"))
    call(lambda: (set_comm(b"\xff\xfe comm"), os.mkdir(path)))
    call(lambda: os.mkdir(path), groups=range(5000, 5400))
    odd = os.path.join(os.fsencode(mount.scratch), b"odd \xff")
    subprocess.run(["cp", "/bin/mkdir", odd], check=True)
    subprocess.run([odd, b"-m", b"700", path, path + b"\xfe"], check=False, capture_output=True)
    process = subprocess.Popen(["sh", "-c", 'exec 3<"$1"; rm "$1"; exec /proc/self/fd/3 "$2"', "sh", odd, path],
                               stderr=subprocess.DEVNULL)
    process.wait()
    subprocess.run(["unshare", "--pid", "--fork", "mkdir", path], check=False, capture_output=True)
    subprocess.run(["/usr/bin/python3", "-c", "import os, sys; os.mkdir(sys.argv[1])", path, *["x" * 1000] * 30],
                   check=False, capture_output=True)
    events = log.take()
    for event in events:
        assert_valid(event)
    processes = [event["process"] for event in events]
    assert len(processes) == 7
    assert any("comm_bytes" in one for one in processes) and any("exe_bytes" in one for one in processes)
    assert any("args_bytes" in one for one in processes) and any("exe_deleted" in one for one in processes)
    assert any("args_truncated" in one for one in processes) and any("groups_truncated" in one for one in processes)
    assert any(one["pid_inside"] != one["pid"] for one in processes)


def wait_for(path, condition):
    deadline = time.monotonic() + 60
    while True:
        data = path.read_bytes()
        events = parse_lines(data[:data.rfind(b"\n") + 1])
        if condition(events):
            return events
        assert time.monotonic() < deadline, events[-3:]
        time.sleep(0.02)


def test_folded_dropped_and_notice(rofuse, scratch, layer):
    """The log's disk fills up and is emptied; the same fact comes again and again; the file cannot be opened anew."""
    logs = scratch / "logs"
    logs.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", logs], check=True)
    mount = rofuse(layers=[layer], fold=1, extra=["--log", f"file:{logs}/log"])
    path = logs / "log"

    def refused(number):
        for turn in range(number):
            with pytest.raises(OSError, match="Read-only"):
                os.mkdir(mount.path(f"/etc/{turn}"))

    for _ in range(3):
        refused(1)
    wait_for(path, lambda events: any(event["event"] == "folded" for event in events))
    (logs / "filler").write_bytes(bytes(32768))
    refused(200)
    (logs / "filler").unlink()
    # What was lost is told with the next record. So few that the disk does not fill up again.
    for turn in range(300):
        if turn % 10 == 0:
            with pytest.raises(OSError, match="Read-only"):
                os.mkdir(mount.path(f"/etc/more-{turn}"))
        if any(event["event"] == "dropped" for event in parse_lines(read_lines(path))):
            break
        time.sleep(0.1)
    seen = {event["event"] for event in parse_lines(read_lines(path))}
    (logs / "log").rename(logs / "old")
    (logs / "log").mkdir()
    mount.process.send_signal(signal.SIGHUP)
    events = wait_for(logs / "old", lambda events: any(event["event"] == "notice" for event in events))
    assert mount.end() == 0
    for event in events + mount.events():
        assert_valid(event)
    assert seen | {event["event"] for event in events + mount.events()} == {"denied", "folded", "dropped", "notice"}


def read_lines(path):
    data = path.read_bytes()
    return data[:data.rfind(b"\n") + 1].lstrip(b"\0")


def objects(value, where=()):
    """Every object in an event, with the keys that lead to it."""
    if isinstance(value, dict):
        yield where
        for key, inner in value.items():
            yield from objects(inner, (*where, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from objects(inner, (*where, number))


def follow(value, where):
    for key in where:
        value = value[key]
    return value


OPTIONAL = {"path_bytes", "target_bytes", "name_unknown", "directory_bytes", "route_bytes", "comm_bytes", "exe_bytes",
            "exe_deleted", "args_bytes", "args_truncated", "cwd_bytes", "groups_truncated", "cgroup_bytes",
            "outside"}


@pytest.mark.once
def test_the_schema_is_strict(mount):
    """A key too many, a key missing, a word that is unknown, anywhere in an event: refused."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    all_denials(mount)
    head = {"schema": "rofuse.log/1", "time": "2024-11-24T00:00:00.000000000Z", "mount": "m"}
    samples = Log(mount).take()[::7]
    samples += [{**head, "event": "dropped", "dropped": 1}, {**head, "event": "notice", "message": "x"}]
    for sample in samples:
        assert_valid(sample)
        for where in objects(sample):
            changed = copy.deepcopy(sample)
            follow(changed, where)["unknown_key"] = 1
            assert not VALIDATOR.is_valid(changed), (where, "unknown key")
            for key in follow(sample, where):
                changed = copy.deepcopy(sample)
                del follow(changed, where)[key]
                assert VALIDATOR.is_valid(changed) == (key in OPTIONAL), (where, key, "missing")
                changed = copy.deepcopy(sample)
                follow(changed, where)[key] = {"no": "such"}
                assert not VALIDATOR.is_valid(changed), (where, key, "of another type")
        for key, word in [("operation", "delete"), ("why", "because"), ("event", "other"), ("errno", "erofs"),
                          ("schema", "rofuse.log/2"), ("time", "2024-11-24T00:00:00Z"), ("count", 2), ("mode", "0o755"),
                          ("flags", ["WRONLY"]), ("mount", "a b"), ("path", "relative"), ("dropped", 0)]:
            if key in sample:
                assert not VALIDATOR.is_valid({**sample, key: word}), (key, word)


@pytest.mark.once
def test_the_words_are_those_of_the_program():
    """What the schema lists and what fs/ can say."""
    source = (rofuse_test.ROOT / "fs" / "record.c").read_text()
    names = dict(re.findall(r'\[(DENIAL_[A-Z_]+)\] = "([^"]+)"', source))
    properties = SCHEMA["$defs"]["denial"]["properties"]
    assert set(properties["operation"]["enum"]) | set(properties["why"]["enum"]) == set(names.values())
    assert len(names) == len(properties["operation"]["enum"]) + len(properties["why"]["enum"])
