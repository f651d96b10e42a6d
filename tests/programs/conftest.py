"""The images of real programs, and runs that are ended after the test."""

import functools
import os
import pathlib
import subprocess
import tempfile

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


@pytest.fixture(scope="session")
def images():
    """A store of images for all tests, each of which has a state directory of its own: they are unpacked once."""
    with tempfile.TemporaryDirectory(prefix="rofuse-test-images.", dir=os.environ.get("ROFUSE_TEST_DIR", "/var/tmp")) as store:
        yield store


@pytest.fixture
def reference():
    """reference("nginx") is that of an image; the test is skipped where it is not to be had."""
    def of(name):
        found, why_not = image(name)
        if found is None:
            pytest.skip(why_not)
        return found

    return of


@pytest.fixture
def run(scratch, images, reference):
    """run("nginx", …) starts a program of an image (see program_run.Run)."""
    started = []
    (scratch / "state").mkdir()
    (scratch / "state" / "images").symlink_to(images)

    def start(name, **kwargs):
        started.append(program_run.Run(scratch, reference(name), **kwargs))
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
