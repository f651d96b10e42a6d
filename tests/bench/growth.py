"""How costs grow: with layers, entries of a directory, files, mounts and callers.

A series is one cost of one subject at several sizes. Its exponent is the slope of cost against size, both as logarithms:
0 = the size does not matter, 1 = linear, more = worse than linear.
"""

import math
import pathlib
import shutil
import statistics
import subprocess

import report
import rofuse_test
from workload import clock, drop_caches
from workloads_read import STAT_FORMAT, lines as output_lines
from workloads_write import resident

RUNS = 3
SPREAD_FILES = 6000
SHARING_MOUNTS = 10


def slope(points):
    """The least squares slope of log(cost) against log(size); None with fewer than two sizes or a cost that is not above 0."""
    points = [(math.log(size), math.log(cost)) for size, cost in points if size > 0 and cost and cost > 0]
    if len({x for x, _ in points}) < 2:
        return None
    return statistics.linear_regression(*zip(*points)).slope


class Probe:
    """A mount of one subject for the time of a measurement."""

    def __init__(self, inputs, subject, stack, place):
        self.ops_program, self.subject, self.place = inputs.operations(), subject, place
        self.stack = inputs.stack(stack)
        self.place.mkdir()
        self.mounted = None

    def __enter__(self):
        self.mounted = self.subject.mount(self.stack, self.place / "mount")
        return self

    def __exit__(self, *_):
        self.mounted.end()
        rofuse_test.unmount_below(self.place)
        shutil.rmtree(self.place, ignore_errors=True)

    def time(self, *args, callers=1, cold=False):
        """Milliseconds and the answer."""
        if cold:
            drop_caches()
            subprocess.run([self.ops_program], capture_output=True, check=False)
        took, _, answer = _ops(self.ops_program, self.mounted.point, callers, args)
        return took / 1e6, answer

    def lists(self, name):
        return self.stack.lists[name]


def _ops(program, cwd, callers, args):
    done = subprocess.run([str(word) for word in (program, "-j", callers, *args)], cwd=cwd, capture_output=True,
                                      text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip()[-300:])
    took, operations, answer = done.stdout.split()
    return int(took), int(operations), answer


class Growth:
    """All series. add() takes a cost; the answer of every subject at one size must be the first one's."""

    def __init__(self, inputs, subjects, scratch, say):
        self.inputs, self.subjects, self.scratch, self.say = inputs, subjects, scratch, say
        self.series = {}
        self.answers = {}

    def add(self, item, cost, unit, subject, size, value, answer=None):
        one = self.series.setdefault((item, cost, subject.name), {
            "item": item, "cost": cost, "unit": unit, "subject": subject.name, "points": [], "problems": []})
        if answer is not None and self.answers.setdefault((item, cost, size), answer) != answer:
            one["problems"].append(f"wrong answer at {size}")
            return
        one["points"].append((size, value))

    def probe(self, subject, stack):
        return Probe(self.inputs, subject, stack, self.scratch / "probe")

    def each(self, item, sizes):
        """Sizes and subjects; what fails for one subject at one size is told in its series."""
        for size in sizes:
            for subject in self.subjects:
                self.say(f"growth: {item}, {size}: {subject.name}")
                yield size, subject

    def result(self):
        for one in self.series.values():
            one["exponent"] = slope(one["points"])
        return list(self.series.values())


def typical(function, *args, **kwargs):
    """The median of some runs of what returns (value, answer)."""
    return sorted(function(*args, **kwargs) for _ in range(RUNS))[RUNS // 2]


def layers(growth, sizes):
    find = output_lines("find", "tree", "-type", "f", "-printf", STAT_FORMAT)
    for size, subject in growth.each("layers", sizes):
        with growth.probe(subject, f"spread-{SPREAD_FILES}-{size}") as probe:
            growth.add("layers", "walk cold", "ms", subject, size, *probe.time(*find, cold=True))
            growth.add("layers", "walk warm", "ms", subject, size, *typical(probe.time, *find))
            growth.add("layers", "misses", "ms", subject, size, *probe.time("missing", probe.lists("missing")))


def entries(growth, sizes):
    for size, subject in growth.each("entries", sizes):
        with growth.probe(subject, f"wide-{size}") as probe:
            listing = output_lines("ls", "-lU", "tree")
            growth.add("entries", "ls -lU cold", "ms", subject, size, *probe.time(*listing, cold=True))
            growth.add("entries", "ls -lU warm", "ms", subject, size, *typical(probe.time, *listing))
            growth.add("entries", "stat", "ms", subject, size, *typical(probe.time, "stat", probe.lists("names")))


def files(growth, sizes):
    for size, subject in growth.each("files", sizes):
        seconds, probe = clock(growth.probe(subject, f"files-{size}").__enter__)
        try:
            growth.add("files", "mount", "ms", subject, size, seconds * 1000)
            before = resident(probe.mounted.daemon)
            walk = ("walk", "tree", 10 ** 9)
            growth.add("files", "walk cold", "ms", subject, size, *probe.time(*walk, cold=True))
            growth.add("files", "walk warm", "ms", subject, size, *typical(probe.time, *walk))
            if probe.mounted.daemon:
                grown = resident(probe.mounted.daemon) - before
                growth.add("files", "memory", "MiB", subject, size, grown)
                growth.add("files", "memory per million", "MiB", subject, size, grown / size * 1e6)
        finally:
            probe.__exit__()


def mounts(growth, sizes):
    """The daemons' memory; and how often files that all mounts have read are in the page cache, for ten mounts at most."""
    stack, ops = growth.inputs.stack("data"), growth.inputs.operations()
    for size, subject in growth.each("mounts", sizes):
        if subject.kernel and size > SHARING_MOUNTS:
            continue
        made = []
        try:
            for number in range(size):
                made.append(subject.mount(stack, growth.scratch / f"many{number}"))
            for mounted in made:
                _ops(ops, mounted.point, 1, ("walk", "deep", 10 ** 9))
            if not subject.kernel:
                growth.add("mounts", "memory of all", "MiB", subject, size, sum(resident(one.daemon) for one in made))
                growth.add("mounts", "of it private", "MiB", subject, size, sum(private(one.daemon) for one in made))
            if size <= SHARING_MOUNTS:
                for mounted in made:
                    _ops(ops, mounted.point, 1, ("stat", stack.lists["files"]))
                drop_caches()
                before = page_cache()
                for mounted in made:
                    _ops(ops, mounted.point, 1, ("open-read", stack.lists["files"]))
                growth.add("mounts", "copies in the page cache", "", subject, size,
                           (page_cache() - before) / (len(stack.paths("files")) * 4096 / 1048576))
        finally:
            for mounted in made:
                mounted.end()


def private(pid):
    """Memory of a process that it shares with no other, in MiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Private_")) / 1024


def page_cache():
    info = dict(line.split(":") for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return int(info["Cached"].split()[0]) / 1024


def callers(growth, sizes):
    """Every caller does the same, so that the work grows with their number: with enough cores the exponent is 0."""
    for size, subject in growth.each("callers", sizes):
        with growth.probe(subject, "data") as probe:
            for cost, words in (("stat", ("stat", probe.lists("files"))), ("open-read", ("open-read", probe.lists("files")))):
                probe.time(*words)
                growth.add("callers", f"{cost} warm", "ms", subject, size, *typical(probe.time, *words, callers=size))
            probe.mounted.end()
        with growth.probe(subject, "data") as probe:
            growth.add("callers", "stat first", "ms", subject, size,
                       *probe.time("stat", probe.lists("files"), callers=size))


def run(inputs, subjects, large, scratch, say):
    """Every item at every size; returns the series."""
    growth = Growth(inputs, [subject for subject in subjects if subject.readable and not subject.only_routes], scratch, say)
    layers(growth, (1, 10, 50, 120))
    entries(growth, (1000, 10000, 100000) + ((1000000,) if large else ()))
    files(growth, (10000, 100000) + ((1000000,) if large else ()))
    mounts(growth, (1, 10, 100))
    callers(growth, (1, 2, 4, 8))
    return growth.result()


def lines(series):
    """The table: one line for each series, a column for each size."""
    out = ["Exponent: the slope of cost against size, both as logarithms; 1 is linear. Memory of a million files: 250 MiB at",
           "most are wanted. Callers each do the same work, so that two cores can do no better than 1 from two callers on.",
           ""] if series else []
    for item in dict.fromkeys(one["item"] for one in series):
        some = [one for one in series if one["item"] == item]
        sizes = sorted({size for one in some for size, _ in one["points"]})
        rows = [[item, "subject", *(f"{size:,}" for size in sizes), "exponent"]]
        for one in some:
            costs = dict(one["points"])
            exponent = "-" if one["exponent"] is None else f"{one['exponent']:.2f}"
            rows.append([f"{one['cost']} {one['unit']}".strip(), one["subject"],
                         *(report.number(costs.get(size)) for size in sizes),
                         exponent + ("; " + "; ".join(one["problems"]) if one["problems"] else "")])
        out += report.table(rows) + [""]
    return out
