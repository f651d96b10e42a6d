"""Helpers for tests on real mounts: start a daemon in the foreground, wait until it answers, read its log, end it."""

import contextlib
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("ROFUSE", str(ROOT / "build" / "dev" / "rofuse"))

# What a healthy daemon never says; looked for even when the test passed.
SUSPICIOUS = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|[Aa]ssertion|CRITICAL|\*\* |\bfuse: ")

_serial = itertools.count()


def unmount_below(path):
    """Detaches every mount at or below path, the deepest first."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        points = [line.split()[4].encode("utf-8", "surrogateescape").decode("unicode_escape") for line in table]
    for point in sorted((p for p in points if (p + "/").startswith(str(path) + "/")), key=len, reverse=True):
        subprocess.run(["umount", "-l", point], check=False, capture_output=True)


def wait_until(condition, what):
    """Waits for a condition, at most a minute; what: its name, for the failure."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not after 60 s"
        time.sleep(0.01)


def is_mounted(point):
    """Whether something is mounted at a point. Asks the table, not the mount, which may be dead or stopped."""
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        return any(line.split()[4] == str(point) for line in table)


def stop_process(pid):
    """
    SIGSTOP, until every thread stands. kill(2) returns when one of them has been told; on a busy machine the others serve on
    for a while. For a program that goes on without this module: it uses no file but those of /proc.
    """
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 60
    running = True
    while running:
        assert time.monotonic() < deadline, f"process {pid} does not stop"
        running = False
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/task/{task}/stat", "rb") as stat:
                running = running or stat.read().rpartition(b") ")[2][:1] not in (b"T", b"Z", b"X")


def has_ended(pid):
    """No process any more, or one that only waits to be reaped: its first thread can be a zombie while others still end."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
            is_zombie = stream.read().rpartition(")")[2].split()[0] == "Z"
        return is_zombie and len(os.listdir(f"/proc/{pid}/task")) <= 1
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_for_program(pid, name):
    """Until a process that has been started has the name of its program, which it gets a moment after its descriptors."""
    wait_until(lambda: pathlib.Path(f"/proc/{pid}/comm").read_text() == f"{name}\n", f"the program {name}")


def who_keeps(process, place):
    """Why a daemon may not end: where its threads wait, and which processes still see a mount at the place."""
    lines = [f"process {process.pid} does not end"]
    for task in pathlib.Path(f"/proc/{process.pid}/task").glob("*"):
        try:
            name = (task / "comm").read_text().strip()
            lines.append(f"thread {name}: {(task / 'wchan').read_text()}, {(task / 'syscall').read_text().strip()}")
        except OSError:
            continue
    for table in pathlib.Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            seen = [line for line in table.read_text().splitlines() if str(place) in line]
            words = (table.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        lines += [f"{table.parent.name} {words[:80]}: {line}" for line in seen]
    return "\n".join(lines)


def wait_end(process, place, timeout=60):
    """The exit status of a daemon that was told to end; where it does not, the failure says what keeps it."""
    try:
        return process.wait(timeout)
    except subprocess.TimeoutExpired as expired:
        raise AssertionError(who_keeps(process, place)) from expired


class Mount:
    """One rofuse mount, by `rofuse mount --foreground` in a process of its own.

    layers: directories, first = bottom; a missing list means one empty layer.
    tmpfs, volume, mount: values of --tmpfs, --volume, --mount.
    fold: value of --log-fold (default off: one record per denied call).
    """

    def __init__(self, scratch, layers=None, tmpfs=(), volume=(), mount=(), fold="off", extra=(), start=True,
                 prefix=(), point=None):
        self.scratch = pathlib.Path(scratch)
        number = next(_serial)
        self.point = pathlib.Path(point) if point else self.scratch / f"mnt{number}"
        self.state = self.scratch / "state"
        self.log_path = self.scratch / f"log{number}.jsonl"
        self.output_path = self.scratch / f"daemon{number}.out"
        self.point.mkdir(exist_ok=True, parents=True)
        if layers is None:
            empty = self.scratch / f"empty{number}"
            empty.mkdir()
            layers = [empty]
        self.args = list(prefix) + [BINARY, "mount", "--foreground", "--state-dir", str(self.state), "--log",
                                    f"file:{self.log_path}", "--log-format", "json", "--log-fold", str(fold)]
        for option, values in (("--layer", layers), ("--tmpfs", tmpfs), ("--volume", volume), ("--mount", mount)):
            for value in values:
                self.args += [option, str(value)]
        self.args += list(extra) + [str(self.point)]
        self.process = None
        if start:
            self.start()

    def start(self):
        with open(self.output_path, "ab") as output:
            self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + 60
        # In this order: what is left of a dead daemon looks like a mount, and may go between two looks.
        while not self._answers() or not os.path.ismount(self.point):
            if self.process.poll() is not None:
                raise RuntimeError(f"rofuse ended with {self.process.returncode}: {self.output()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"no mount after 60 s: {self.output()}")
            time.sleep(0.01)
        # The mount answers a moment before its daemon listens to commands.
        while not self._is_published() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)

    def _is_published(self):
        """Whether its state says that it is ready; the socket is there by then."""
        for path in (self.state / "run").glob("*.json"):
            try:
                state = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if state["mountpoint"] == str(self.point) and state["ready"]:
                return True
        return False

    def _answers(self):
        try:
            os.statvfs(self.point)
            return True
        except OSError:
            return False

    def output(self):
        return self.output_path.read_text(errors="replace")

    def path(self, inside):
        """The host's path of a path inside the mount."""
        return self.point / str(inside).lstrip("/")

    def events(self):
        """Every line of the log so far, parsed."""
        if not self.log_path.exists():
            return []
        lines = self.log_path.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1]]

    def _socket(self):
        """The path of its daemon's control socket; None where no state tells it."""
        for path in (self.state / "run").glob("*.json"):
            with contextlib.suppress(OSError, ValueError):
                if json.loads(path.read_text(encoding="utf-8"))["mountpoint"] == str(self.point):
                    return path.with_suffix(".sock")
        return None

    def _n_told(self):
        """How many records the daemon has: what was refused before it is asked is among them. 0 where it does not answer."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as control:
            control.settimeout(60)
            path = self._socket()
            if path is None:
                return 0
            control.connect(str(path))
            control.sendall(b'{"v":1,"do":"log"}\n')
            number = 0
            with control.makefile("rb") as stream:
                for line in stream:
                    answer = json.loads(line)
                    number += "operation" in answer.get("event", ())
                    if "end" in answer:
                        break
            return number
        return 0

    def records(self, at_least=0):
        """The denial records of all that was refused by now, at least so many; it waits for them for a minute."""
        wanted = max(at_least, self._n_told())
        deadline = time.monotonic() + 60
        while True:
            is_last = self.process.poll() is not None or time.monotonic() > deadline
            found = [event for event in self.events() if "operation" in event]
            if is_last or len(found) >= wanted:
                return found
            time.sleep(0.01)

    def kill(self):
        """kill -9 of the daemon; the mount point is left dead."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """The daemon does nothing any more, until go_on()."""
        stop_process(self.process.pid)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def end(self, timeout=120):
        """Ends the daemon with SIGTERM (unmounting) and returns its exit status. It gives each log half a minute for what
        is queued."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                wait_end(self.process, self.point, timeout)
            except AssertionError:
                unmount_below(self.point)
                self.process.kill()
                self.process.wait()
                raise
        unmount_below(self.point)
        return self.process.returncode

    def check_daemon_output(self):
        if self.output_path.exists():
            match = SUSPICIOUS.search(self.output())
            assert not match, f"the daemon said: {self.output()}"


def overlay(scratch, layers, name="overlay", upper=False, options=""):
    """The reference: kernel overlayfs over the layers (first = bottom), then a read-only bind of it, as docker sets up.

    upper=True adds an empty upper directory (docker's containers have one); returns the read-only bind's path.
    """
    scratch = pathlib.Path(scratch)
    raw, bind = scratch / f"{name}.raw", scratch / name
    raw.mkdir()
    bind.mkdir()
    lower = ":".join(str(layer).replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,") for layer in reversed(layers))
    words = [f"lowerdir={lower}"] + ([options] if options else [])
    if upper:
        (scratch / f"{name}.upper").mkdir()
        (scratch / f"{name}.work").mkdir()
        words += [f"upperdir={scratch}/{name}.upper", f"workdir={scratch}/{name}.work"]
    subprocess.run(["mount", "-t", "overlay", "-o", ",".join(words), "overlay", str(raw)], check=True)
    subprocess.run(["mount", "--bind", str(raw), str(bind)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(bind)], check=True)
    return bind
