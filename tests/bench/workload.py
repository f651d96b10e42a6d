"""What a workload is, and what it uses to do its work on one subject in one round."""

import dataclasses
import hashlib
import json
import pathlib
import subprocess
import time
import typing

# Only the second and later runs on a mount are warm; of so many the median counts.
WARM_RUNS = 3


@dataclasses.dataclass(frozen=True)
class Phase:
    """One figure of a workload. target: the ratio to reach; peer: what the best FUSE peer reached elsewhere, as text."""
    name: str
    target: float | None = None
    peer: str = ""
    unit: str = "ms"


@dataclasses.dataclass(frozen=True)
class Workload:
    """kind: "read" and "mount" (every subject that serves layers), "refused" (those that refuse every change), "route"
    (those that have a writable place). run(trial) does the work and records a value for each phase."""
    name: str
    kind: str
    stack: str
    phases: tuple
    run: typing.Callable
    about: str

    @property
    def reference(self):
        return "tmpfs" if self.kind == "route" else "overlay"

    def takes(self, subject):
        """Why a subject is left out, or None."""
        if self.kind == "route":
            return None if subject.routes else "has no place that may be written"
        if subject.only_routes:
            return "differs in routes alone"
        if not subject.readable:
            return "has no layers"
        if self.kind == "refused" and not subject.refuses:
            return "does not refuse all changes by itself"
        return None


@dataclasses.dataclass
class Value:
    """One measurement. answer: what all subjects must agree on. counts: what the daemon counted, see Mounted.counters()."""
    value: float
    operations: int = 1
    answer: str = ""
    counts: dict = dataclasses.field(default_factory=dict)


class Trial:
    """One workload on one subject in one round."""

    def __init__(self, inputs, workload, subject, place, round_number):
        self.inputs, self.workload, self.subject, self.place = inputs, workload, subject, place
        # Answers are read completely once; later rounds look at the sums that the operations give.
        self.thorough = round_number == 0
        self.stack = inputs.stack(workload.stack)
        self.ops_program = inputs.operations()
        self.mounted = None
        self.values = {}
        self.answers = {}

    def mount(self):
        self.mounted = self.subject.mount(self.stack, self.place / "mount", writable=self.workload.kind == "route")

    def end(self):
        if self.mounted:
            self.mounted.end()
            self.mounted = None

    @property
    def point(self):
        return self.mounted.point

    @property
    def writable(self):
        return self.mounted.writable

    def list(self, name):
        return self.stack.lists[name]

    def ops(self, *args, callers=1, cwd=None):
        """Runs the operations; returns (nanoseconds, operations, answer)."""
        words = [self.ops_program, "-j", callers, *args]
        done = subprocess.run([str(word) for word in words], cwd=cwd or self.point, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-300:] or f"ops: status {done.returncode}")
        took, operations, answer = done.stdout.split()[-3:]
        return int(took), int(operations), answer

    def timed(self, phase, *args, cold=False, runs=1, tool=None, callers=1, cwd=None):
        """Runs the operations and records the time in ms, the median of some runs.

        tool: a program of the host that is used; dropping the caches drops its pages as well, and reading them from the disk
        again is not what is measured.
        """
        before = self.mounted.counters()
        if cold:
            drop_caches()
            for program in (self.ops_program, tool) if tool else (self.ops_program,):
                subprocess.run([program, "--version"], capture_output=True, stdin=subprocess.DEVNULL, check=False)
        results = [self.ops(*args, callers=callers, cwd=cwd) for _ in range(runs)]
        counts = difference(before, self.mounted.counters(), runs)
        took, operations, answer = sorted(results)[len(results) // 2]
        if any(result[1:] != results[0][1:] for result in results):
            answer = "differs from run to run"
        self.values[phase] = Value(took / 1e6, operations, answer, counts)

    def record(self, phase, value, answer="", operations=1):
        self.values[phase] = Value(value, operations, answer)

    def check(self, what, answer):
        """A thorough answer, beside those of the measurements; all subjects must agree on it."""
        self.answers[what] = answer

    def check_lines(self, what, words, cwd=None):
        """The sorted lines that a program of the host says."""
        if self.thorough:
            done = subprocess.run([str(word) for word in words], cwd=cwd or self.point, stdin=subprocess.DEVNULL,
                                  capture_output=True, check=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
            self.check(what, digest(b"\n".join(sorted(done.stdout.split(b"\n")))))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def file_digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def difference(before, after, runs=1):
    """What was counted between two readings of the counters, for each run; kinds that did not occur are left out."""
    found = {}
    for group, counters in after.items():
        counts = {kind: (number - before.get(group, {}).get(kind, 0)) / runs for kind, number in counters.items()}
        found[group] = {kind: round(count, 1) for kind, count in counts.items() if count}
    return found


def drop_caches():
    subprocess.run(["sync"], check=True)
    pathlib.Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


def clock(function):
    """Seconds that a call takes, and what it returns."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def stable(value):
    return json.dumps(value, sort_keys=True)
