"""What is in a file that several have open: whoever reads sees what was written before, whoever serves it."""

import hashlib
import mmap
import os
import random
import sqlite3
import subprocess
import sys
import time

import pytest
from denial_log import Log, call
from served import LARGE, features

LARGE_TEXT = os.urandom(LARGE + 77)


@pytest.fixture(params=["auto", "off"])
def mounted(request, rofuse, scratch):
    """A mount with a large file in the image and a route of each kind."""
    layer = scratch / "image"
    layer.mkdir()
    (layer / "large").write_bytes(LARGE_TEXT)
    (scratch / "bound").mkdir()
    return rofuse(layers=[layer], tmpfs=["/tmpfs:size=200m", "/tight:size=16m"],
                  volume=["v:/volume", f"{scratch / 'bound'}:/bind"], extra=[f"--passthrough={request.param}"])


@pytest.fixture(params=["tmpfs", "tight", "volume", "bind"])
def place(request, mounted):
    return mounted.path(request.param)


def test_one_writes_and_another_reads(place):
    writer = os.open(place / "file", os.O_RDWR | os.O_CREAT, 0o644)
    reader = os.open(place / "file", os.O_RDONLY)
    expected = bytearray()
    chance = random.Random(7)
    for number in range(300):
        offset = chance.randrange(0, 200_000)
        data = bytes([number % 251]) * chance.choice((1, 100, 4096, 5000, 70_000))
        os.pwrite(writer, data, offset)
        if len(expected) < offset + len(data):
            expected.extend(bytes(offset + len(data) - len(expected)))
        expected[offset:offset + len(data)] = data
        assert os.pread(reader, len(data) + 10, max(offset - 5, 0)) == expected[max(offset - 5, 0):][:len(data) + 10]
        assert os.fstat(reader).st_size == os.stat(place / "file").st_size == len(expected)
        if number % 50 == 17:
            size = chance.randrange(1, len(expected))
            os.ftruncate(writer, size)
            del expected[size:]
            assert os.pread(reader, 300_000, 0) == expected
    os.close(writer)
    assert os.pread(reader, 300_000, 0) == expected == (place / "file").read_bytes()
    os.close(reader)


def test_mapping_against_read_and_write(place):
    fd = os.open(place / "file", os.O_RDWR | os.O_CREAT, 0o644)
    os.ftruncate(fd, 3 * 4096)
    other = os.open(place / "file", os.O_RDWR)
    with mmap.mmap(fd, 3 * 4096) as mapping:
        for number in range(200):
            at = number * 61 % (3 * 4096 - 8)
            mapping[at:at + 4] = number.to_bytes(4, "little")
            assert os.pread(other, 4, at) == number.to_bytes(4, "little")
            os.pwrite(other, (~number & 0xffffffff).to_bytes(4, "little"), at)
            assert mapping[at:at + 4] == (~number & 0xffffffff).to_bytes(4, "little")
        mapping[:4] = b"last"
    os.close(fd)
    assert os.pread(other, 4, 0) == b"last"
    os.close(other)
    assert (place / "file").read_bytes()[:4] == b"last"


def test_times_after_a_mapping_was_written(place):
    """mtime is new once pages were written; stat(2) must not tell what was so before."""
    path = place / "file"
    path.write_bytes(bytes(4096))
    fd = os.open(path, os.O_RDWR)
    os.utime(path, (1, 1))
    assert os.stat(path).st_mtime == 1
    with mmap.mmap(fd, 4096) as mapping:
        mapping[:4] = b"text"
        mapping.flush()
        os.fsync(fd)
    os.close(fd)
    assert os.stat(path).st_mtime > 1


def test_two_processes_append(place):
    script = "import os, sys\nfd = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)\n" \
             "for i in range(3000): os.write(fd, f'{sys.argv[2]} {i:05}\\n'.encode())"
    (place / "log").touch()
    writers = [subprocess.Popen([sys.executable, "-c", script, place / "log", name]) for name in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    lines = (place / "log").read_text().splitlines()
    for name in "abc":
        assert [line for line in lines if line[0] == name] == [f"{name} {i:05}" for i in range(3000)]
    assert len(lines) == 9000


def test_truncating_under_readers(place):
    path = place / "file"
    path.write_bytes(b"x" * 300_000)
    reader = os.open(path, os.O_RDONLY)
    assert len(os.pread(reader, 400_000, 0)) == 300_000
    os.truncate(path, 10)
    assert os.pread(reader, 100, 0) == b"x" * 10
    os.close(os.open(path, os.O_WRONLY | os.O_TRUNC))
    assert os.pread(reader, 100, 0) == b""
    with open(path, "r+b") as file:
        os.posix_fallocate(file.fileno(), 0, 20_000)
        assert os.pread(reader, 30_000, 0) == bytes(20_000)
        file.write(b"y" * 10)
        file.flush()
        assert os.pread(reader, 11, 0) == b"y" * 10 + b"\0"
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC))
    assert os.fstat(reader).st_size == 0
    os.close(reader)


def copy(source, target, size):
    done = 0
    while done < size:
        step = os.copy_file_range(source, target, min(size - done, 100_000), done, done)
        assert step > 0
        done += step


def test_copy_file_range(mounted, place):
    source = os.open(mounted.path("large"), os.O_RDONLY)
    target = os.open(place / "copy", os.O_RDWR | os.O_CREAT, 0o644)
    copy(source, target, len(LARGE_TEXT))
    assert os.pread(target, len(LARGE_TEXT) + 1, 0) == LARGE_TEXT
    again = os.open(place / "again", os.O_RDWR | os.O_CREAT, 0o644)
    os.pwrite(target, b"changed", 5000)
    copy(target, again, len(LARGE_TEXT))
    expected = LARGE_TEXT[:5000] + b"changed" + LARGE_TEXT[5007:]
    assert os.pread(again, len(LARGE_TEXT) + 1, 0) == expected
    # Over what somebody has read before.
    copy(source, again, len(LARGE_TEXT))
    assert os.pread(again, len(LARGE_TEXT) + 1, 0) == LARGE_TEXT
    with pytest.raises(OSError):
        os.copy_file_range(again, source, 10)
    for fd in (source, target, again):
        os.close(fd)
    assert hashlib.sha256(mounted.path("large").read_bytes()).digest() == hashlib.sha256(LARGE_TEXT).digest()


def test_stdio(place):
    """A program writes line after line with the C library, another follows."""
    script = "i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo line $i; done"
    with open(place / "out", "wb") as out, subprocess.Popen(["awk", "{print; if (NR % 7 == 0) fflush()}"], stdout=out,
                                                            stdin=subprocess.PIPE, text=True) as awk:
        lines = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
        follower = open(place / "out", encoding="ascii")
        seen = ""
        for line in lines.splitlines(True):
            awk.stdin.write(line)
            awk.stdin.flush()
            seen += follower.read()
            assert lines.startswith(seen)
        awk.stdin.close()
        assert awk.wait() == 0
        seen += follower.read()
        follower.close()
    assert seen == lines


WRITER = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
base.execute(f"PRAGMA journal_mode={sys.argv[2]}")
base.execute("PRAGMA synchronous=FULL")
base.execute("CREATE TABLE IF NOT EXISTS t (number INTEGER PRIMARY KEY, text BLOB)")
number = base.execute("SELECT coalesce(max(number), 0) FROM t").fetchone()[0]
while True:
    number += 1
    base.execute("BEGIN")
    base.execute("INSERT INTO t VALUES (?, randomblob(?))", (number, number % 7000))
    if number % 5 == 0:
        base.execute("UPDATE t SET text = randomblob(length(text)) WHERE number % 9 = ?", (number % 9,))
    base.execute("COMMIT")
    print(number, flush=True)
"""


def check_base(path, least):
    """The database is whole and has every number up to one that was committed."""
    base = sqlite3.connect(path, timeout=60)
    try:
        assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        numbers = [row[0] for row in base.execute("SELECT number FROM t ORDER BY number")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert least <= len(numbers) <= least + 1, "what was committed is not what is there"
        return base.execute("SELECT number, text FROM t ORDER BY number").fetchall()
    finally:
        base.close()


@pytest.mark.slow
@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_database_whose_writer_is_killed(mounted, journal):
    """And one that only reads beside it; in the end the host sees the same."""
    place, stored = mounted.path("volume"), mounted.state / "volumes" / "v" / "_data"
    chance = random.Random(3)
    committed = 0
    for _ in range(8):
        with subprocess.Popen([sys.executable, "-c", WRITER, place / "base", journal], stdout=subprocess.PIPE,
                              text=True) as writer:
            stop = time.monotonic() + chance.uniform(0.2, 0.8)
            while time.monotonic() < stop or committed == 0:
                line = writer.stdout.readline()
                assert line, "the writer has ended by itself"
                committed = int(line)
            writer.kill()
            for line in writer.stdout:
                committed = int(line) if line.endswith("\n") else committed
        rows = check_base(place / "base", committed)
        committed = len(rows)
    # One after the other: locks do not hold between the mount and the host.
    assert check_base(stored / "base", committed) == rows
    assert check_base(place / "base", committed) == rows


def test_log_that_is_synced(mounted):
    """What fsync(2) was done for is in the store, whoever is killed."""
    path, stored = mounted.path("/volume/log"), mounted.state / "volumes" / "v" / "_data" / "log"
    script = "import os, sys\nfd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)\n" \
             "for i in range(10**9):\n    os.write(fd, b'%09d\\n' % i)\n    os.fdatasync(fd)\n    print(i, flush=True)"
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True) as writer:
        for _ in range(100):
            last = int(writer.stdout.readline())
        mounted.kill()
        for line in writer.stdout:
            last = int(line) if line.endswith("\n") else last
        writer.kill()
    lines = stored.read_bytes().split(b"\n")
    assert lines[:last + 1] == [b"%09d" % i for i in range(last + 1)]


@pytest.mark.parametrize("routes", [True, False])
def test_chown_by_somebody_else(rofuse, scratch, routes):
    """A read-only mount says EROFS. Where something can be written, the kernel looks at the owner before it asks."""
    layer = scratch / "image"
    layer.mkdir()
    for name in ("plain", "suid"):
        (layer / name).write_text("x")
    (layer / "suid").chmod(0o4755)
    mount = rofuse(layers=[layer], tmpfs=["/t"] if routes else [])
    log = Log(mount)
    expected = "EROFS"
    if routes:
        library = tuple(int(word) for word in features(mount)["libfuse"].split(".")[:2])
        expected = "EPERM" if library >= (3, 17) else "EROFS"
    for name in ("plain", "suid"):
        for uid, gid in ((1000, -1), (-1, 1000), (0, 0)):
            outcome = call(lambda name=name, uid=uid, gid=gid: os.chown(mount.path(name), uid, gid), uid=1000)
            assert outcome.name == expected, (name, uid, gid)
            record = log.one()
            assert (record["operation"], record["path"], record["errno"]) == ("chown", f"/{name}", expected)
            assert record["process"]["pid"] == outcome.pid and record["process"]["uid"] == 1000
    # root is asked about in any case.
    assert call(lambda: os.chown(mount.path("plain"), 5, 5)).name == "EROFS"
    assert log.one()["errno"] == "EROFS"
    # Neither is a start of a program, nor a look at attributes, a chown.
    call(lambda: os.listxattr(mount.path("plain")), uid=1000)
    call(lambda: os.getxattr(mount.path("plain"), "security.capability"), uid=1000)
    assert log.take() == []
