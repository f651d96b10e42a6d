"""The journal, and logs that are in the way: what they say, and that they keep nobody from ending."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys

from denial_log import parse_lines, validate
import pytest
import rofuse_test
from rofuse_test import is_mounted, wait_end, wait_until

# Runs in a mount namespace of its own in which /run is empty: a journal that hands on what it gets, one JSON a line,
# and runs the commands that it reads, line by line.
JOURNAL = r"""
import json, os, socket, struct, subprocess, sys, threading
os.makedirs("/run/systemd/journal")
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.bind("/run/systemd/journal/socket")
def fields(data):
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        key, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack("<Q", data[:8])
            value, data = data[8:8 + length], data[9 + length:]
        found.setdefault(key.decode(), []).append(value.decode("latin-1"))
    return found
def say(what):
    os.write(1, (json.dumps(what) + "\n").encode())  # two threads: a line is one write
def receive():
    while True:
        say(fields(sock.recv(1 << 20)))
threading.Thread(target=receive, daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    done = subprocess.run(json.loads(line), capture_output=True, text=True)
    say([done.returncode, done.stdout, done.stderr])
"""


class Journal:
    def __init__(self, scratch):
        self.scratch = scratch
        # No other test's mount is to be kept alive by the copies that the namespace begins with.
        script = ('for p in $(findmnt -rn -t fuse.rofuse -o TARGET); do umount -l "$p"; done; '
                  'mount -t tmpfs none /run && exec "$0" -c "$1"')
        self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", script, sys.executable, JOURNAL], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == "ready\n"
        self.entries = []

    def run(self, *words):
        self.process.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        self.process.stdin.flush()
        while True:
            answer = json.loads(self.process.stdout.readline())
            if isinstance(answer, list):
                return answer
            self.entries.append(answer)

    def rofuse(self, command, *words):
        return self.run(rofuse_test.BINARY, command, "--state-dir", self.scratch / "state", *words)

    def wait_for(self, condition):
        while not any(condition(entry) for entry in self.entries):
            answer = json.loads(self.process.stdout.readline())
            assert isinstance(answer, dict)
            self.entries.append(answer)

    def end(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.stdout.close()
        self.process.wait()


@pytest.fixture
def journal(scratch):
    (scratch / "layer" / "etc").mkdir(parents=True)
    (scratch / "mnt").mkdir()
    made = Journal(scratch)
    yield made
    made.run("umount", "-l", scratch / "mnt")
    made.end()


@pytest.mark.parametrize("words", [[], ["--log", "journald"]], ids=["default", "asked for"])
def test_journald(words, journal):
    """Where there is a journal it is the default in the background; each record with its fields, bytes as they are."""
    point = journal.scratch / "mnt"
    status, out, err = journal.rofuse("mount", "--layer", journal.scratch / "layer", "--log-fold", "1", *words, point)
    assert (status, out, err) == (0, "", "")
    status, out, _ = journal.rofuse("status", "--json")
    assert json.loads(out)["mounts"][0]["logs"] == [{"destination": "journald", "format": "json"}]
    assert not (journal.scratch / "state" / "log").exists()
    journal.run("sh", "-c", 'mkdir "$1/etc/a" "$1/etc/$(printf "\\377\\nb")" "$1/etc/a"', "sh", point)
    journal.wait_for(lambda entry: entry.get("ROFUSE_EVENT") == ["folded"])
    status, _, err = journal.rofuse("umount", point)
    assert (status, err) == (0, "")
    assert [entry["ROFUSE_EVENT"][0] for entry in journal.entries] == ["denied", "denied", "folded"]
    first, odd, folded = journal.entries
    assert first["ROFUSE_PATH"] == ["/etc/a"] and odd["ROFUSE_PATH"] == ["/etc/\xff\nb"]
    for entry in journal.entries:
        record = json.loads(entry["ROFUSE_RECORD"][0])
        validate(record)
        assert entry["SYSLOG_IDENTIFIER"] == ["rofuse"] and entry["PRIORITY"] == ["4"]
        assert entry["ROFUSE_MOUNT"] == ["mnt"] == [record["mount"]]
        for key in ("operation", "errno", "why"):
            assert entry[f"ROFUSE_{key.upper()}"] == [record[key]]
        for key in ("pid", "tid", "pid_inside", "uid", "gid", "comm", "exe"):
            assert entry[f"ROFUSE_{key.upper()}"] == [str(record["process"][key])]
        assert entry["ROFUSE_LAYER"] == [str(journal.scratch / "layer")]
        assert entry["ROFUSE_COUNT"] == [str(record["count"])]
        assert entry["MESSAGE"][0].startswith("mkdir /etc/") and entry["MESSAGE"][0].count("\n") == 0
    assert folded["MESSAGE"][0].split(" times")[0].endswith(", 2")


def test_a_journal_that_is_away(journal):
    """How many denials it lacks, and why, is told once it is there again."""
    point, socket = journal.scratch / "mnt", "/run/systemd/journal/socket"
    assert journal.rofuse("mount", "--layer", journal.scratch / "layer", "--log-fold", "off", "--log", "journald", point) == [0, "", ""]
    journal.run("mv", socket, f"{socket}.away")
    journal.run("mkdir", point / "etc/a", point / "etc/b")
    wait_until(lambda: json.loads(journal.rofuse("status", "--json")[1])["mounts"][0]["queue"]["logs"][0]["dropped"] == 2, "the loss")
    journal.run("mv", f"{socket}.away", socket)
    journal.run("mkdir", point / "etc/c")
    journal.wait_for(lambda entry: entry.get("ROFUSE_PATH") == ["/etc/c"])
    lost = journal.entries[0]
    assert (lost["ROFUSE_EVENT"], lost["ROFUSE_DROPPED"], lost["ROFUSE_ERRNO"]) == (["dropped"], ["2"], ["ENOENT"])
    assert lost["MESSAGE"] == ["2 denials are not in this log: it could not be written (ENOENT)"]
    record = json.loads(lost["ROFUSE_RECORD"][0])
    validate(record)
    assert (record["dropped"], record["errno"]) == (2, "ENOENT")


def mount_words(scratch, *words):
    (scratch / "layer" / "etc").mkdir(parents=True, exist_ok=True)
    (scratch / "mnt").mkdir(exist_ok=True)
    return [rofuse_test.BINARY, "mount", "--foreground", "--state-dir", str(scratch / "state"), "--layer",
            str(scratch / "layer"), *map(str, words), str(scratch / "mnt")]


def test_a_pipe_that_does_not_wait(scratch):
    """Whoever shares stderr has made it non-blocking: no record is lost when the reader is slow."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    words = mount_words(scratch, "--log", "-", "--log-format", "json", "--log-fold", "off")
    with subprocess.Popen(words, stderr=writer, stdout=subprocess.DEVNULL) as process:
        os.close(writer)
        try:
            wait_until(lambda: is_mounted(scratch / "mnt"), "the mount")
            for number in range(50):
                with pytest.raises(OSError, match="Read-only"):
                    os.mkdir(scratch / "mnt" / "etc" / f"new{number}")
            data = b""
            while data.count(b"\n") < 50:
                data += os.read(reader, 65536)
        finally:
            process.send_signal(signal.SIGTERM)
        with os.fdopen(reader, "rb") as stream:
            data += stream.read()
        assert process.wait(60) == 0
    assert [event["path"] for event in parse_lines(data)] == [f"/etc/new{number}" for number in range(50)]


def fill(writer):
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    try:
        while True:
            os.write(writer, b"x")
    except BlockingIOError:
        os.set_blocking(writer, True)


@pytest.mark.parametrize("log", ["-", "file"])
def test_a_stuck_terminal_keeps_nobody(log, scratch):
    """stderr takes nothing any more; the mount is in use when SIGTERM comes, which is worth a line: it ends anyway."""
    reader, writer = os.pipe()
    words = mount_words(scratch, "--tmpfs", "/tmp", "--log", "-" if log == "-" else f"file:{scratch}/log")
    with subprocess.Popen(words, stderr=writer, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: is_mounted(scratch / "mnt"), "the mount")
            with open(scratch / "mnt" / "tmp" / "held", "w", encoding="ascii"):
                fill(writer)
                with pytest.raises(OSError, match="Read-only"):
                    os.mkdir(scratch / "mnt" / "etc" / "new")
                for _ in range(2):
                    process.send_signal(signal.SIGTERM)
                    wait_until(lambda: not is_mounted(scratch / "mnt"), "the unmount")
                assert process.poll() is None
            assert wait_end(process, scratch) == 0
        finally:
            process.kill()
            os.close(reader)
            os.close(writer)
    if log == "file":
        # A notice does not wait in the queue of the denials: either can be first.
        events = [json.loads(line) for line in (scratch / "log").read_text().splitlines()]
        assert {event["event"] for event in events} == {"denied", "notice"}
        assert any("in use" in event.get("message", "") for event in events)


def test_a_connection_that_ends_over_requests_is_no_news(scratch):
    """
    The last files are closed after `umount -l`: their releases are handed over while the connection ends, which the kernel
    tells as ECONNABORTED (one time in five with so many). Nothing is printed, as nobody may be there to take it.
    """
    words = mount_words(scratch, "--tmpfs", "/tmp", "--log", f"file:{scratch}/log")
    for _ in range(60):
        with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: is_mounted(scratch / "mnt"), "the mount")
                with contextlib.ExitStack() as held:
                    for number in range(64):
                        held.enter_context(open(scratch / "mnt" / "tmp" / f"held{number}", "wb"))
                    subprocess.run(["umount", "-l", scratch / "mnt"], check=True, timeout=60)
                assert wait_end(process, scratch) == 0
            finally:
                process.kill()
            assert process.stderr.read() == b""


def test_the_starter_goes_away(scratch):
    """The log of a background mount is the starter's stderr, whose reader goes: it serves on, and ends well."""
    words = mount_words(scratch, "--log", "-", "--log-format", "json")
    words.remove("--foreground")
    reader, writer = os.pipe()
    assert subprocess.run(words, stderr=writer, stdin=subprocess.DEVNULL, check=False, timeout=60).returncode == 0
    os.close(writer)
    with pytest.raises(OSError, match="Read-only"):
        os.mkdir(scratch / "mnt" / "etc" / "new")
    with os.fdopen(reader, "rb", buffering=0) as stream:
        assert json.loads(stream.readline())["path"] == "/etc/new"
    for number in range(3):
        with pytest.raises(OSError, match="Read-only"):
            os.mkdir(scratch / "mnt" / "etc" / f"new{number}")
    done = subprocess.run([rofuse_test.BINARY, "umount", "--state-dir", str(scratch / "state"), str(scratch / "mnt")],
                          capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
