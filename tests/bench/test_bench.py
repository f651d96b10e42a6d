"""The benchmark's own arithmetic, and one small workload from end to end. Nothing here depends on how fast anything is."""

import json
import math
import os
import signal
import subprocess
import sys
import types
import xml.etree.ElementTree

import pytest

import bench
import growth
import inputs as bench_inputs
import plot
import report
import rofuse_test
import run
import subjects
from workload import Phase, Value, Workload, difference

pytestmark = pytest.mark.once

HERE = os.path.dirname(os.path.abspath(__file__))
MACHINE = {"date": "2026-01-01", "cpu": "<a & b>", "cores": 2, "memory_gib": 4, "kernel": "6.18", "libfuse": "3.14",
           "subjects": {"rofuse": "0"}}


def trials(values, answer="a", operations=10, thorough=None, counts=None):
    """What the rounds of one subject said, in the phase "warm"."""
    return [(types.SimpleNamespace(values={"warm": Value(value, operations, answer, counts or {})}, answers=thorough or {}), None)
            for value in values]


WORKLOAD = Workload("walk", "read", "small", (Phase("warm", 1.5, "4"),), None, "")


def judged(**outcomes):
    return {one["subject"]: one for one in run.judge(WORKLOAD, outcomes)}


def test_ratios_are_those_of_the_same_round():
    """The machine was slow in the second round; the ratio does not see it, as both were."""
    found = judged(overlay=trials([10, 40, 10]), rofuse=trials([20, 80, 30]))["rofuse"]
    assert found["ratio"] == {"median": 2, "min": 2, "max": 3}
    assert found["value"] == 30
    assert [one["ratio"] for one in found["rounds"]] == [2, 2, 3]


@pytest.mark.parametrize("wrong", [{"answer": "b"}, {"operations": 9}, {"thorough": {"content": "2"}}])
def test_wrong_answers_do_not_count(wrong):
    found = judged(overlay=trials([10, 10], thorough={"content": "1"}),
                   rofuse=trials([5, 5], **{"thorough": {"content": "1"}, **wrong}))
    assert found["overlay"]["value"] == 10 and not found["overlay"]["problems"]
    assert found["rofuse"]["value"] is None and found["rofuse"]["ratio"] is None
    assert "wrong answer" in found["rofuse"]["problems"][0]
    assert report.cell(found["rofuse"]) == "WRONG"


def test_one_wrong_round_is_left_out_and_told():
    found = judged(overlay=trials([10, 10]), rofuse=trials([20]) + trials([1], answer="b"))["rofuse"]
    assert found["problems"] == ["wrong answer: warm"]
    assert found["value"] in (None, 20)


def test_a_failure_is_told():
    found = judged(overlay=trials([10]), rofuse=[(types.SimpleNamespace(values={}, answers={}), "it broke")])["rofuse"]
    assert found["problems"] == ["it broke"] and report.cell(found) == "failed"


def test_requests_are_differences():
    before, after = {"requests": {"lookup": 10, "open": 1}}, {"requests": {"lookup": 30, "open": 1, "read": 4}}
    assert difference(before, after, runs=2) == {"requests": {"lookup": 10, "read": 2}}
    assert difference({}, {}) == {}
    counts = {"requests": {"lookup": 3, "read": 1}, "files": {"passthrough": 2}}
    found = judged(overlay=trials([10]), rofuse=trials([10, 10], counts=counts))["rofuse"]
    assert found["requests"] == {"lookup": 3, "read": 1}
    assert report.requests(found["requests"], found["files"]) == "4 (lookup 3, read 1); files passthrough 2"
    assert judged(overlay=trials([10]))["overlay"]["requests"] is None


def test_slopes():
    assert math.isclose(growth.slope([(1, 5), (10, 50), (100, 500)]), 1)
    assert math.isclose(growth.slope([(10, 3), (100, 300)]), 2)
    assert abs(growth.slope([(1, 7), (8, 7)])) < 1e-12
    assert growth.slope([(1, 7)]) is None
    assert growth.slope([(1, 0), (2, 0)]) is None


def test_tables():
    assert report.table([["a", "bb", "1"], ["ccc", "d", "22"]]) == ["a    bb   1", "ccc  d   22"]
    assert [report.number(value) for value in (None, 0.456, 12.34, 1234.5)] == ["-", "0.46", "12.3", "1234"]
    figures = run.judge(WORKLOAD, {"overlay": trials([10]), "rofuse": trials([20]), "mergerfs": trials([70])})
    line = report.ratio_table(figures, ["overlay", "rofuse", "mergerfs"])[1].split()
    assert line == ["walk", "warm", "10.0", "ms", "1.50", "4", "2.00*", "7.00"]
    result = {"machine": MACHINE, "figures": figures, "rounds": 1, "absent": {"rofuse native": "why"}, "skipped": []}
    text = "\n".join(report.text(result, ["rofuse", "mergerfs"]))
    assert "rofuse native: why" in text and "Linux 6.18" in text
    json.dumps(figures)


def test_growth_is_shown_and_drawn():
    scratch = growth.Growth(None, [], None, None)
    for name, factor in ("overlay", 1), ("rofuse", 3):
        for size in 10, 100:
            scratch.add("files", "walk", "ms", types.SimpleNamespace(name=name), size, size * factor, "same")
    scratch.add("files", "walk", "ms", types.SimpleNamespace(name="rofuse"), 100, 1, "other")
    series = scratch.result()
    assert [round(one["exponent"], 6) for one in series] == [1, 1]
    lines = growth.lines(series)
    lines = lines[lines.index("") + 1:]
    assert lines[1].split() == ["walk", "ms", "overlay", "10.0", "100", "1.00"]
    assert "wrong answer at 100" in lines[2]
    tree = xml.etree.ElementTree.fromstring(plot.draw(series, MACHINE))
    assert len(tree.findall(".//{http://www.w3.org/2000/svg}circle")) == 4


def test_every_workload_has_a_place():
    """Each name once, so that -w and the JSON are clear; each phase once."""
    names = [workload.name for workload in bench.WORKLOADS]
    assert len(set(names)) == len(names)
    for workload in bench.WORKLOADS:
        assert len({phase.name for phase in workload.phases}) == len(workload.phases)
    with pytest.raises(SystemExit):
        bench.chosen(bench.WORKLOADS, ["nothing"], "workload")


class Liar(subjects.Overlay):
    """Shows another stack than it was given."""

    def __init__(self, other):
        super().__init__("liar")
        self.other = other

    def command(self, stack, place, writable, background):
        return super().command(self.other, place, writable, background)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_from_end_to_end(scratch):
    """Ten files, read; the reference, rofuse and one subject that shows wrong files."""
    made = bench_inputs.Inputs(scratch / "cache", lambda text: None)

    def read(trial):
        trial.timed("cold", "open-read", trial.list("names"), cold=True)
        trial.check_lines("names", ("find", "tree"))
        trial.timed("warm", "open-read", trial.list("names"), runs=3)

    workload = Workload("tiny", "read", "small", (Phase("cold"), Phase("warm")), read, "ten files")
    subprocess.run(["cp", "-a", made.stack("small").layers[0], scratch / "other"], check=True)
    (scratch / "other" / "tree" / "3").write_text("changed", encoding="ascii")
    other = bench_inputs.Stack("other", [scratch / "other"], [scratch / "other"], {})
    some = [subjects.Overlay("overlay"), subjects.Rofuse("rofuse", rofuse_test.BINARY), Liar(other)]
    figures, skipped = run.run(made, [workload], some, 2, scratch, lambda text: None)
    assert not skipped
    found = {(one["subject"], one["phase"]): one for one in figures}
    for name in "overlay", "rofuse":
        for phase in "cold", "warm":
            one = found[name, phase]
            assert not one["problems"] and one["operations"] == 10 and len(one["rounds"]) == 2, one
    assert found["liar", "warm"]["value"] is None and found["liar", "warm"]["problems"] == ["wrong answer: warm"]
    assert not (scratch / "trial").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_stays_behind(scratch, number):
    """A benchmark that is interrupted removes its directory and what is mounted there."""
    code = ("import run, subjects, time\n"
            "with run.Scratch() as path:\n"
            "    subjects.mount_tmpfs(path / 'mnt')\n"
            "    print(path, flush=True)\n"
            "    time.sleep(60)\n")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "ROFUSE_TEST_DIR": str(scratch), "PYTHONPATH":
                                    f"{HERE}:{HERE}/../lib"})
    with process:
        path = process.stdout.readline().strip()
        assert os.path.isdir(path)
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode != 0
    assert not os.path.exists(path)
