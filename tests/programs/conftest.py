"""The images of real programs, and runs that are ended after the test."""

import functools
import pathlib
import subprocess

import program_run
import pytest
import rofuse_test

SCRIPT = rofuse_test.ROOT / "scripts" / "program-image"
NOT_TO_BE_HAD = 77


@functools.cache
def image(name):
    """(reference, None), or (None, why it is not to be had here)."""
    done = subprocess.run([SCRIPT, name], capture_output=True, text=True, check=False)
    if done.returncode == NOT_TO_BE_HAD:
        return None, done.stderr.strip()
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), None


@pytest.fixture
def run(scratch):
    """run("nginx", …) starts a program of an image (see program_run.Run)."""
    started = []

    def start(name, **kwargs):
        reference, why_not = image(name)
        if reference is None:
            pytest.skip(why_not)
        started.append(program_run.Run(scratch, reference, **kwargs))
        return started[-1]

    yield start
    problems = []
    for program in reversed(started):
        try:
            program.end()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems
    # Nothing is left mounted.
    assert str(scratch) not in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
