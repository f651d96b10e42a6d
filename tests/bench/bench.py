"""The benchmark's command line; scripts/bench calls it when all that is needed is there."""

import argparse
import fnmatch
import json
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lib"))

import growth  # noqa: E402
import inputs as bench_inputs  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402
import subjects as bench_subjects  # noqa: E402
import workloads_read  # noqa: E402
import workloads_write  # noqa: E402

WORKLOADS = workloads_read.WORKLOADS + workloads_write.WORKLOADS
EXAMPLES = """examples:
  scripts/bench                                       everything: an hour or more
  scripts/bench --quick                               two rounds
  scripts/bench -w 'python*' -w 'git*' -s 'rofuse*'   some workloads, rofuse and the references
  scripts/bench --json run.json | tee run.txt
  scripts/bench --growth --svg growth.svg             cost against layers, entries, files, mounts, callers

-w and -s may be repeated and take * and ?. The references are always measured. Inputs are made once, below
/var/cache/rofuse/bench (ROFUSE_BENCH_CACHE), some 4 GiB; mounts are made in /var/tmp (ROFUSE_TEST_DIR).
There is no limit that a figure could fail: the exit status is 0 unless the benchmark itself did not work.
"""


def arguments(words):
    parser = argparse.ArgumentParser(prog="scripts/bench", epilog=EXAMPLES,
                                     description="Compares rofuse with kernel overlayfs and with other FUSE file systems.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-w", "--workload", action="append", metavar="GLOB", help="only these workloads")
    parser.add_argument("-s", "--subject", action="append", metavar="GLOB", help="only these subjects")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of every workload (default 5)")
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--details", action="store_true", help="the spread of every subject, not of rofuse alone")
    parser.add_argument("--growth", action="store_true", help="measure growth instead of the workloads")
    parser.add_argument("--large", action="store_true", help="growth up to 1,000,000 files and entries")
    parser.add_argument("--json", metavar="FILE", help="write all figures to a file")
    parser.add_argument("--svg", metavar="FILE", help="draw the growth")
    parser.add_argument("--rofuse", metavar="BINARY", help="default: build/release/rofuse",
                        default=os.environ.get("ROFUSE", str(ROOT / "build" / "release" / "rofuse")))
    parser.add_argument("--list", action="store_true", help="show workloads and subjects")
    given = parser.parse_args(words)
    if given.svg and not given.growth:
        parser.error("--svg needs --growth")
    given.rounds = given.rounds or (2 if given.quick else 5)
    if given.rounds < 1:
        parser.error("--rounds must be at least 1")
    given.rofuse = os.path.abspath(given.rofuse)
    return given


def chosen(items, globs, what, kept=()):
    """The items that one of the patterns means, and those that are always there."""
    if not globs:
        return items
    for pattern in globs:
        if not any(fnmatch.fnmatch(item.name, pattern) for item in items):
            raise SystemExit(f"bench: no {what} is named {pattern}; see --list")
    return [item for item in items if item.name in kept or any(fnmatch.fnmatch(item.name, glob) for glob in globs)]


def show(workloads, subjects):
    print("workloads:")
    print("\n".join(f"  {line}" for line in report.table([[w.name, w.about] for w in workloads])))
    print("subjects:")
    for subject in subjects:
        reason = subject.why_not()
        print(f"  {subject.name}" + (f" ({reason})" if reason else ""))


def progress():
    """Says what is going on, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda text: None
    return lambda text: print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main(words):
    given = arguments(words)
    references = bench_subjects.REFERENCE, bench_subjects.ROUTES_REFERENCE
    subjects = chosen(bench_subjects.all_subjects(given.rofuse), given.subject, "subject", references)
    workloads = chosen(WORKLOADS, given.workload, "workload")
    if given.list:
        show(workloads, subjects)
        return 0
    if os.geteuid() != 0:
        raise SystemExit("bench: needs root: it mounts, and drops the kernel's caches")
    say = progress()
    absent = {subject.name: reason for subject in subjects if (reason := subject.why_not())}
    subjects = [subject for subject in subjects if subject.name not in absent]
    date = report.now()
    result = {"schema": "rofuse.bench/1", "machine": None, "rounds": given.rounds, "absent": absent, "figures": [],
              "skipped": [], "growth": []}
    with run.Scratch() as scratch:
        made = bench_inputs.Inputs(bench_inputs.cache_directory(), say)
        if given.growth:
            result["growth"] = growth.run(made, subjects, given.large, scratch, say)
        else:
            result["figures"], result["skipped"] = run.run(made, workloads, subjects, given.rounds, scratch, say)
    say("")
    result["machine"] = report.machine(subjects, date)
    lines = report.text(result, [subject.name for subject in subjects], given.details) + growth.lines(result["growth"])
    print("\n".join(lines))
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if given.svg:
        pathlib.Path(given.svg).write_text(plot.draw(result["growth"], result["machine"]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        sys.exit(130)
