"""Runs workloads on subjects, interleaved, and judges the answers."""

import ctypes
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile

import rofuse_test
from workload import Trial

CLONE_NEWNS = 0x20000
PR_SET_CHILD_SUBREAPER = 36


class Scratch:
    """A directory on a disk file system in a mount namespace of the benchmark's own; nothing of it stays, whatever happens."""

    def __enter__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) != 0:
            raise PermissionError(ctypes.get_errno(), "a mount namespace of its own; root is needed")
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        # SIGINT as well: a shell's background job ignores it otherwise, and would not be ended by it.
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, _interrupt)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="rofuse-bench.", dir=os.environ.get("ROFUSE_TEST_DIR", "/var/tmp")))
        self.path.chmod(0o755)
        return self.path

    def __exit__(self, *_):
        # A second ^C must not leave half of it.
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
        rofuse_test.unmount_below(self.path)
        shutil.rmtree(self.path, ignore_errors=True)


def _interrupt(number, _frame):
    raise KeyboardInterrupt(signal.Signals(number).name)


def run_trial(inputs, workload, subject, place, round_number):
    """One workload on one subject; returns the trial, and what went wrong or None."""
    place.mkdir()
    trial = Trial(inputs, workload, subject, place, round_number)
    try:
        trial.mount()
        workload.run(trial)
        return trial, None
    except (OSError, RuntimeError, subprocess.SubprocessError, ValueError) as error:
        return trial, str(error) or type(error).__name__
    finally:
        trial.end()
        rofuse_test.unmount_below(place)
        shutil.rmtree(place, ignore_errors=True)


def run(inputs, workloads, subjects, rounds, scratch, say):
    """All rounds of all workloads; returns (figures, skipped)."""
    figures, skipped = [], []
    for workload in workloads:
        taking = []
        for subject in subjects:
            reason = workload.takes(subject)
            if reason is None:
                taking.append(subject)
            elif subject.name != "tmpfs":
                skipped.append({"workload": workload.name, "subject": subject.name, "reason": reason})
        outcomes = {subject.name: [] for subject in taking}
        # Not counted: makes what is not in the cache yet, and the disk of a virtual machine is slow only the first time.
        say(f"{workload.name}: once before")
        run_trial(inputs, workload, next(s for s in taking if s.name == workload.reference), scratch / "trial", -1)
        for number in range(rounds):
            # Every other round backwards: who comes second finds what the first one left, such as a warm disk.
            for subject in taking if number % 2 == 0 else reversed(taking):
                say(f"{workload.name}, round {number + 1} of {rounds}: {subject.name}")
                outcomes[subject.name].append(run_trial(inputs, workload, subject, scratch / "trial", number))
        figures += judge(workload, outcomes)
    return figures, skipped


def judge(workload, outcomes):
    """A figure for each phase and subject. outcomes: by subject, a list of (trial, problem), one for each round.

    A measurement with an answer other than the reference's is not counted; nor is any of a subject's in this workload when one
    of the thorough answers differs.
    """
    reference = outcomes[workload.reference]
    figures = []
    for name, rounds in outcomes.items():
        thorough = []
        for (trial, problem), (other, _) in zip(rounds, reference):
            if problem:
                thorough.append(problem)
            thorough += [f"wrong answer: {what}" for what, answer in trial.answers.items()
                         if other.answers.get(what) != answer]
        for phase in workload.phases:
            figures.append(figure(workload, phase, name, rounds, reference, thorough))
    return figures


def figure(workload, phase, subject, rounds, reference, problems):
    problems = list(problems)
    measured = []
    for (trial, _), (other, _) in zip(rounds, reference):
        value, base = trial.values.get(phase.name), other.values.get(phase.name)
        if value is None:
            continue
        if base is None or (value.answer, value.operations) != (base.answer, base.operations):
            problems.append(f"wrong answer: {phase.name}" if base else "the reference has no answer")
        elif not problems:
            measured.append({"value": value.value, "ratio": value.value / base.value if base.value else None,
                             "operations": value.operations, "counts": value.counts})
    ratios = [one["ratio"] for one in measured if one["ratio"] is not None]
    return {
        "workload": workload.name, "phase": phase.name, "subject": subject, "reference": workload.reference,
        "unit": phase.unit, "target": phase.target, "peer": phase.peer,
        "value": statistics.median(one["value"] for one in measured) if measured else None,
        "ratio": spread(ratios),
        "operations": measured[0]["operations"] if measured else None,
        "requests": median_counts([one["counts"].get("requests") for one in measured]),
        "files": median_counts([one["counts"].get("files") for one in measured]),
        "rounds": [{"value": one["value"], "ratio": one["ratio"]} for one in measured],
        "problems": sorted(set(problems)),
    }


def spread(ratios):
    """Median and range of the ratios of paired runs."""
    if not ratios:
        return None
    return {"median": statistics.median(ratios), "min": min(ratios), "max": max(ratios)}


def median_counts(rounds):
    """By kind, the median over the rounds; None where the daemon does not count."""
    rounds = [one for one in rounds if one is not None]
    if not rounds:
        return None
    kinds = {kind for one in rounds for kind in one}
    medians = {kind: statistics.median(one.get(kind, 0) for one in rounds) for kind in sorted(kinds)}
    return {kind: count for kind, count in medians.items() if count}
