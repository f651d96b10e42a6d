"""What every test needs: the path of the binary, a scratch directory on a real file system, clean-up of mounts."""

import ctypes
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))

import rofuse_test  # noqa: E402

CLONE_NEWNS = 0x20000

# ThreadSanitizer cannot see into GLib's slices; plain malloc is the same to everybody else.
os.environ.setdefault("G_SLICE", "always-malloc")


def pytest_configure():
    """A mount namespace for each worker: a namespace that a test makes has a copy of every mount it sees, and would keep the
    daemons of the tests that run beside it alive."""
    if os.geteuid() == 0 and ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0:
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def pytest_collection_modifyitems(items):
    """The slow ones evenly among the others, none at the end: a worker of xdist gets tests that follow each other, and who
    begins a slow one last is waited for. Where a whole file is slow, its tests stay together."""
    slow = [item for item in items if any(mark.name == "slow" for mark in item.own_markers)]
    spread = [item for item in items if item not in slow]
    for number, item in enumerate(slow):
        spread.insert(number * len(items) * 3 // 4 // len(slow), item)
    items[:] = spread


def pytest_report_header():
    return f"rofuse: {rofuse_test.BINARY}, kernel {os.uname().release}"


@pytest.fixture
def scratch():
    """A new directory on a disk file system (ROFUSE_TEST_DIR, default /var/tmp), removed with all mounts below it."""
    base = os.environ.get("ROFUSE_TEST_DIR", "/var/tmp")
    path = pathlib.Path(tempfile.mkdtemp(prefix="rofuse-test.", dir=base))
    path.chmod(0o755)
    yield path
    rofuse_test.unmount_below(path)
    subprocess.run(["chattr", "-R", "-i", "-a", str(path)], check=False, capture_output=True)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def rofuse(scratch):
    """Makes mounts: rofuse(layers=[…], tmpfs=["/tmp"], …) returns a rofuse_test.Mount; all are ended after the test."""
    made = []

    def make(**kwargs):
        mount = rofuse_test.Mount(scratch, **kwargs)
        made.append(mount)
        return mount

    yield make
    for mount in reversed(made):
        mount.end()
    for mount in made:
        mount.check_daemon_output()
