"""A flood of denials, a full disk, a stuck reader: no file operation waits, memory stays, the log accounts for all."""

import fcntl
import os
import pathlib
import re
import select
import signal
import subprocess
import threading
import time

import pytest
from denial_log import Log, accounted, call, parse_lines, validate
import rofuse_test

SOURCE = rofuse_test.ROOT / "tests" / "lib" / "flood.c"


@pytest.fixture
def layer(scratch):
    path = scratch / "layer"
    (path / "etc").mkdir(parents=True)
    for number in range(200):
        (path / "etc" / f"file{number}").write_bytes(b"%d" % number * 1000)
    return path


@pytest.fixture(scope="session")
def flood_program(tmp_path_factory):
    program = tmp_path_factory.mktemp("flood") / "flood"
    subprocess.run(["cc", "-std=gnu17", "-O2", "-pthread", "-o", program, SOURCE], check=True)
    return program


def slow_build():
    """A sanitizer's daemon: fewer calls, more memory (AddressSanitizer keeps 256 MiB of what was freed)."""
    data = pathlib.Path(rofuse_test.BINARY).read_bytes()
    return b"__asan_init" in data or b"__tsan_init" in data


def rss(pid):
    """Resident memory in KiB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M)[1])


def denied_mkdirs(path, times):
    """The same refused mkdir again and again; every one must be refused at once, whatever the log does."""
    def work():
        denied = 0
        for _ in range(times):
            try:
                os.mkdir(path)
            except OSError as error:
                assert error.errno == 30
                denied += 1
        return denied

    outcome = call(work)
    assert outcome.errno == 0 and outcome.value == times
    return times


def others_work(mount, rounds):
    """Reads in the image and writes in the route; the time of each operation in seconds."""
    def work():
        took = []
        for number in range(rounds):
            begin = time.monotonic()
            data = mount.path(f"/etc/file{number % 200}").read_bytes()
            assert data == b"%d" % (number % 200) * 1000
            took.append(time.monotonic() - begin)
            begin = time.monotonic()
            path = mount.path(f"/data/file{number}")
            path.write_bytes(b"x" * 5000)
            os.rename(path, mount.path("/data/last"))
            took.append(time.monotonic() - begin)
        return took

    outcome = call(work, seconds=300)
    assert outcome.errno == 0, outcome
    return outcome.value


def wait_for_account(log, total, seconds=120):
    """Reads the log until it accounts for all denied calls; returns the events."""
    events, count, deadline = [], 0, time.monotonic() + seconds
    while count < total:
        new = log.read()
        events += new
        count += accounted(new)
        assert time.monotonic() < deadline, f"the log accounts for {count} of {total} denied calls"
        time.sleep(0.05)
    time.sleep(0.3)  # nothing more may come
    events += log.read()
    assert accounted(events) == total
    return events


@pytest.mark.parametrize("fold, names, total", [
    ("off", "distinct", 10_000), (1, "same", 20_000),
    pytest.param("off", "same", 10_000, marks=pytest.mark.slow),
    pytest.param(1, "distinct", 10_000, marks=pytest.mark.slow),
    pytest.param("off", "distinct", 60_000, marks=pytest.mark.slow),
    pytest.param(1, "same", 200_000, marks=pytest.mark.slow)])
def test_flood(fold, names, total, rofuse, layer, flood_program, record_property):
    processes, threads = 2, 4
    calls = (min(total, 10_000) if slow_build() else total) // (processes * threads)
    log = Log(rofuse(layers=[layer], volume=["v:/data"], fold=fold))
    others_work(log.mount, 20)
    denied_mkdirs(log.mount.path("/etc/warm"), 100)
    before = rss(log.mount.process.pid)
    # It goes on until the other process is done, however long that may take.
    flood = subprocess.Popen([flood_program, log.mount.path("/etc"), str(processes), str(threads), str(calls), names, "until-told"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    begin = time.monotonic()
    peak = [before]

    def watch():
        while flood.poll() is None:
            peak[0] = max(peak[0], rss(log.mount.process.pid))
            time.sleep(0.02)

    watcher = threading.Thread(target=watch)
    try:
        assert flood.stdout.readline() == "started\n"
        watcher.start()
        took = others_work(log.mount, 20)
        assert flood.poll() is None, "the flood was over before the other process was: nothing was tested"
        flood.stdin.close()
        denied = int(flood.stdout.read())
        assert flood.wait() == 0
        seconds = time.monotonic() - begin
        watcher.join()
    finally:
        flood.kill()
        flood.wait()
    assert denied >= processes * threads * calls
    events = wait_for_account(log, denied + 100)
    kinds = {kind: sum(event["event"] == kind for event in events) for kind in ("denied", "folded", "dropped")}
    record_property("rate", denied / seconds)
    print(f"{denied} denials in {seconds:.2f} s ({denied / seconds:.0f}/s), log {kinds}, resident {before} -> "
          f"{peak[0]} KiB; another process: {len(took)} operations, slowest {max(took) * 1000:.1f} ms, median "
          f"{sorted(took)[len(took) // 2] * 1000:.2f} ms")
    assert peak[0] - before < (512 if slow_build() else 64) << 10, f"{before} KiB before, {peak[0]} KiB in the flood"
    if fold == "off":
        assert kinds["folded"] == 0
    elif names == "same":
        assert kinds["folded"] >= 1 and kinds["denied"] < 1000
    after = rss(log.mount.process.pid)
    assert after - before < (512 if slow_build() else 64) << 10


def start_with_log(rofuse, destination, log_path=None, **kwargs):
    """A mount whose log goes elsewhere than to the usual file."""
    mount = rofuse(start=False, **kwargs)
    mount.args[mount.args.index("--log") + 1] = destination
    if log_path:
        mount.log_path = log_path
    return mount


def test_full_disk(rofuse, scratch, layer):
    """The log's file system is full: operations go on; with room again the log does, and says what was lost."""
    small = scratch / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small], check=True)
    mount = start_with_log(rofuse, f"file:{small}/log.jsonl", small / "log.jsonl", layers=[layer], volume=["v:/data"])
    mount.start()
    log = Log(mount)
    total = 0
    while not is_full(small):
        total += denied_mkdirs(mount.path("/etc/new"), 20)
        assert total < 100_000
    total += denied_mkdirs(mount.path("/etc/new"), 12_000)  # more than the queues hold
    others_work(mount, 20)
    subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
    total += denied_mkdirs(mount.path("/etc/after"), 3)
    events = wait_for_account(log, total)
    dropped = [event for event in events if event["event"] == "dropped"]
    # By the log; what the queue lost meanwhile has no cause but that.
    assert "ENOSPC" in [event.get("errno") for event in dropped], dropped
    denied_mkdirs(mount.path("/etc/on"), 5)
    assert [event["path"] for event in log.take()] == ["/etc/on"] * 5


def is_full(path):
    return os.statvfs(path).f_bfree == 0


def lost_by_log(mount, destination):
    """What the status says."""
    shown = subprocess.run([rofuse_test.BINARY, "status", "--state-dir", mount.state, mount.point], check=True,
                           capture_output=True, text=True, timeout=60).stdout
    found = re.search(rf"^  denied .*; (\d+) not in {re.escape(destination)}$", shown, re.MULTILINE)
    return int(found[1]) if found else 0


def test_full_disk_and_partial_lines(rofuse, scratch, layer):
    """A line that did not fit is not left half-written: what the file holds, in the end, are whole lines."""
    small = scratch / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", small], check=True)
    mount = start_with_log(rofuse, f"file:{small}/log.jsonl", small / "log.jsonl", layers=[layer])
    mount.start()
    total = 0
    while not is_full(small):
        total += denied_mkdirs(mount.path(f"/etc/{'n' * (1 + total % 97)}"), 7)
        assert total < 10_000
    total += denied_mkdirs(mount.path("/etc/more"), 50)
    # The status says so meanwhile. (The last page of the file may have had room for a few lines.)
    deadline = time.monotonic() + 60
    while not 40 <= lost_by_log(mount, f"file:{small}/log.jsonl") <= total:
        assert time.monotonic() < deadline
    subprocess.run(["mount", "-o", "remount,size=1m", small], check=True)
    total += denied_mkdirs(mount.path("/etc/after"), 1)
    assert wait_for_account(Log(mount), total)


def drain(fd, into):
    """Reads a pipe to its end."""
    os.set_blocking(fd, True)
    while True:
        data = os.read(fd, 65536)
        if not data:
            return
        into.append(data)


def test_a_fifo_that_nobody_reads(rofuse, scratch, layer):
    fifo = scratch / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    mount = start_with_log(rofuse, f"file:{fifo}", layers=[layer], volume=["v:/data"])
    mount.start()
    total = denied_mkdirs(mount.path("/etc/new"), 12_000)
    others_work(mount, 50)
    pieces = []
    draining = threading.Thread(target=drain, args=(reader, pieces))
    draining.start()
    tries = 0
    while accounted(events_of(pieces)) < total:  # the reader is back: the rest comes, and the count of what did not
        time.sleep(0.05)
        tries += 1
        assert tries < 1200, f"{accounted(events_of(pieces))} of {total}"
    total += denied_mkdirs(mount.path("/etc/after"), 1)
    assert mount.end() == 0
    draining.join(60)
    assert not draining.is_alive(), "the daemon ended but the fifo is still open for writing"
    os.close(reader)
    events = events_of(pieces)
    for event in events[:100] + events[-100:]:
        validate(event)
    assert accounted(events) == total
    assert sum(event["event"] == "dropped" for event in events) >= 1


def events_of(pieces):
    data = b"".join(pieces)
    return parse_lines(data[: data.rfind(b"\n") + 1])


def test_a_pipe_on_stderr_that_nobody_reads(rofuse, scratch, layer):
    """--log -: the terminal is stuck; operations go on, and so does the other log."""
    mount = rofuse(start=False, layers=[layer], volume=["v:/data"], extra=["--log", "-"])
    reader, writer = os.pipe()
    fcntl.fcntl(writer, 1031, 4096)  # F_SETPIPE_SZ
    with open(mount.output_path, "ab"):
        mount.process = subprocess.Popen(mount.args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=writer)
    os.close(writer)
    deadline = time.monotonic() + 60
    while not os.path.ismount(mount.point):
        assert mount.process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    log = Log(mount)
    total = denied_mkdirs(mount.path("/etc/new"), 6000)
    others_work(mount, 50)
    wait_for_account(log, total)
    select.select([reader], [], [], 0)
    begin = time.monotonic()
    assert mount.end(timeout=60) == 0, "a stuck sink must not keep the daemon from ending"
    print(f"ended with a stuck sink in {time.monotonic() - begin:.1f} s")
    os.close(reader)


def test_a_reader_that_goes_away(rofuse, scratch, layer):
    """The reader of the pipe has died: no SIGPIPE for the daemon, no operation waits."""
    fifo = scratch / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    mount = start_with_log(rofuse, f"file:{fifo}", layers=[layer], volume=["v:/data"])
    mount.start()
    denied_mkdirs(mount.path("/etc/new"), 10)
    os.close(reader)
    denied_mkdirs(mount.path("/etc/new"), 10)
    others_work(mount, 10)
    assert mount.process.poll() is None
    assert mount.end() == 0


def test_rotation(rofuse, scratch, layer):
    """The log is renamed and SIGHUP sent, as logrotate does: a new file, nothing lost, nothing twice."""
    log = Log(rofuse(layers=[layer]))
    seen, total = [], 0
    for number in range(5):
        total += denied_mkdirs(log.mount.path(f"/etc/{number}"), 20)
        seen += log.take()
        old = scratch / f"old{number}"
        os.rename(log.mount.log_path, old)
        log.mount.process.send_signal(signal.SIGHUP)
        tries = 0
        while not log.mount.log_path.exists():
            tries += 1
            assert tries < 1200, "SIGHUP makes no new file"
            time.sleep(0.05)
        log.offset = 0
        size = old.stat().st_size
        total += denied_mkdirs(log.mount.path(f"/etc/after{number}"), 1)
        assert log.one()["path"] == f"/etc/after{number}"
        seen.append(None)
        assert old.stat().st_size == size
    assert len(seen) == total


def test_rotation_in_a_flood(rofuse, scratch, layer, flood_program):
    log = Log(rofuse(layers=[layer]))
    flood = subprocess.Popen([flood_program, log.mount.path("/etc"), "2", "1", "5000", "distinct", "until-told"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    olds = []
    while flood.poll() is None:
        if log.mount.log_path.exists():
            olds.append(scratch / f"old{len(olds)}")
            os.rename(log.mount.log_path, olds[-1])
            log.mount.process.send_signal(signal.SIGHUP)
        if len(olds) > 1:
            flood.stdin.close()
        time.sleep(0.02)
    started, denied = flood.stdout.read().split()
    assert started == "started" and int(denied) >= 10_000
    assert log.mount.end() == 0
    events = []
    for path in olds + [log.mount.log_path]:
        if path.exists():
            events += parse_lines(path.read_bytes())
    assert accounted(events) == int(denied)
