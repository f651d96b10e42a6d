"""The denial log as tests read it: barriers instead of waiting, the schema, callers of every kind."""

import base64
import ctypes
import errno
import functools
import itertools
import json
import os
import pathlib
import pickle
import select
import signal
import time
import traceback

import jsonschema
import pytest
import rofuse_test

SCHEMA_PATH = rofuse_test.ROOT / "src" / "log" / "log.schema.json"

libc = ctypes.CDLL(None, use_errno=True)

_serial = itertools.count()


@functools.cache
def validator():
    schema = json.loads(SCHEMA_PATH.read_text()) if SCHEMA_PATH.exists() else {}
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


def validate(event):
    """Fails with the line and what is wrong with it, unless the event is as src/log/log.schema.json says."""
    problems = [f"{'/'.join(map(str, p.absolute_path))}: {p.message}" for p in validator().iter_errors(event)]
    assert not problems, f"{json.dumps(event)}\nis not what the schema says: {problems}"


def parse_lines(data):
    """The events of some bytes of a log: whole lines only, each a JSON object."""
    assert not data or data.endswith(b"\n"), f"the log ends within a line: {data[-200:]!r}"
    events = []
    for line in data.split(b"\n")[:-1]:
        assert line.startswith(b"{"), f"no JSON object: {line[:200]!r}"
        events.append(json.loads(line.decode("utf-8")))
    return events


def accounted(events):
    """How many denied calls the events speak for: each record, what was folded into one, and what was dropped."""
    total = 0
    for event in events:
        if event["event"] == "denied":
            total += 1
        elif event["event"] == "folded":
            total += event["count"] - 1  # the first of a window was a record of its own
        elif event["event"] == "dropped":
            total += event["dropped"]
    return total


def text_of(record, key="path"):
    """The exact bytes of a path (or target, comm, …) in a record or a process."""
    encoded = record.get(key + "_bytes")
    if encoded is not None:
        return base64.b64decode(encoded, validate=True)
    return None if record.get(key) is None else record[key].encode("utf-8")


class Log:
    """Reads the log of a mount in pieces: everything that was denied before take() is called, exactly."""

    def __init__(self, mount):
        self.mount = mount
        self.offset = 0

    def read(self):
        """The whole lines since the last call, validated; does not wait."""
        if not self.mount.log_path.exists():
            return []
        with open(self.mount.log_path, "rb") as log:
            log.seek(self.offset)
            data = log.read()
        data = data[: data.rfind(b"\n") + 1]
        self.offset += len(data)
        events = parse_lines(data)
        for event in events[:2000]:
            validate(event)
        return events

    def wait(self, condition, seconds=60):
        """Reads until condition(events so far) holds; returns the events since the last call."""
        events, deadline = [], time.monotonic() + seconds
        while True:
            events += self.read()
            if condition(events):
                return events
            assert time.monotonic() < deadline, f"not in the log after {seconds} s; there is {events[-3:]}"
            assert self.mount.process.poll() is None, f"the daemon has ended: {self.mount.output()}"
            time.sleep(0.005)

    def take_events(self, seconds=60):
        """
        All events that came before now, in the order of the log.

        A denial of our own is the barrier: the log keeps the order, so what is not before it is not there. Where the
        queue is full the barrier can be dropped; then another one is tried.
        """
        events, mine, deadline = [], set(), time.monotonic() + seconds
        while True:
            name = f"/.barrier-{os.getpid()}-{next(_serial)}"
            mine.add(name)
            try:
                os.mkdir(self.mount.path(name))
            except OSError as error:
                assert error.errno == errno.EROFS, error
            else:
                raise AssertionError("a directory could be made outside of all routes")
            retry = time.monotonic() + 2
            while time.monotonic() < retry:
                events += self.read()
                if any(event.get("path") in mine for event in events):
                    return [event for event in events if event.get("path") not in mine]
                time.sleep(0.005)
            assert time.monotonic() < deadline, "no record of the barrier; the daemon said " + self.mount.output()

    def take(self):
        """The records (folding off) that came before now; anything else in the log, but notices, is a failure."""
        events = [event for event in self.take_events() if event["event"] != "notice"]
        assert all(event["event"] == "denied" for event in events), events
        return events

    def one(self):
        """The one record since the last call."""
        records = self.take()
        assert len(records) == 1, f"{len(records)} records instead of one: " + "\n".join(map(json.dumps, records))
        return records[0]


@pytest.fixture
def mount(rofuse):
    """As rofuse(…), but gives the Log; every line of every log is validated in the end, when all is flushed."""
    logs = []

    def make(**kwargs):
        logs.append(Log(rofuse(**kwargs)))
        return logs[-1]

    yield make
    for log in logs:
        log.mount.end()
        for event in log.mount.events():
            validate(event)


class Outcome:
    """What a caller got: its pid, the errno of the call (0 = it worked), the value it returned."""

    def __init__(self, pid, number, value):
        self.pid, self.errno, self.value = pid, number, value

    @property
    def name(self):
        return errno.errorcode.get(self.errno, str(self.errno)) if self.errno else "OK"

    def __repr__(self):
        return f"<{self.name} {self.value!r}>"


def become(uid=0, gid=None, groups=(), umask=0):
    """Takes the identity for good; capabilities go with the uid."""
    os.umask(umask)
    os.setgroups(list(groups))
    os.setgid(uid if gid is None else gid)
    os.setuid(uid)


def call(function, uid=0, gid=None, groups=(), umask=0, seconds=120):
    """Runs function() in a forked process as the given user and returns its Outcome."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(seconds)  # never a process that is left behind; SIGALRM shows as a failed test
            os.close(reader)
            become(uid, gid, groups, umask)
            try:
                result = (0, function())
            except OSError as error:
                result = (error.errno, None)
        except BaseException:  # pylint: disable=broad-except
            result = (-1, traceback.format_exc())
        try:
            pickle.dumps(result)
        except Exception:  # pylint: disable=broad-except
            result = (result[0], repr(result[1]))
        with os.fdopen(writer, "wb") as stream:
            stream.write(pickle.dumps(result))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        if not select.select([stream], [], [], seconds + 5)[0]:  # not even SIGALRM ends it
            os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"the caller hangs in the kernel: {pathlib.Path(f'/proc/{pid}/wchan').read_text()}")
        data = stream.read()
    _, status = os.waitpid(pid, 0)
    assert data, f"the caller ended with status {status:#x} (SIGALRM: it hung for {seconds} s)"
    number, value = pickle.loads(data)
    assert number >= 0, value
    return Outcome(pid, number, value)


def check(result):
    """A libc call's result: raises OSError where it is -1."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def rename2(old, new, flags):
    check(libc.renameat2(-100, os.fsencode(old), -100, os.fsencode(new), flags))


def set_comm(name):
    check(libc.prctl(15, ctypes.c_char_p(name), 0, 0, 0))


def works(log):
    """A mount of a layer with /etc/file and a volume at /data answers another process: a read, a write, a denial."""
    def run():
        assert log.mount.path("/etc/file").read_text() == "from the image\n"
        log.mount.path("/data/works").write_text("x")
        os.unlink(log.mount.path("/data/works"))
        os.mkdir(log.mount.path("/etc/still"))

    outcome = call(run, seconds=30)
    assert outcome.name == "EROFS"
    return outcome.pid


def fingerprint(directory):
    """Names, contents and metadata (times too, but atime) below a directory, to see that nothing was touched."""
    found = []
    directory = os.fsencode(directory)
    for where, directories, files in os.walk(directory):
        directories.sort()
        for name in sorted(files + directories) + [b"."]:
            path = os.path.join(where, name)
            st = os.lstat(path)
            found.append((path, st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_ino, st.st_mtime_ns,
                          st.st_ctime_ns))
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as stream:
                    found.append(stream.read())
    return found
