"""How a mount's files are served: what `rofuse status` says of it, and what the machine can do."""

import json
import os
import pathlib
import subprocess

import pytest
import rofuse_test

LARGE = 1 << 20  # of a file of the image that the kernel is given; small ones are not


def status(mount):
    done = subprocess.run([rofuse_test.BINARY, "status", "--json", "--state-dir", mount.state, mount.point], check=True,
                          capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)["mounts"][0]


def files(mount):
    """Counters of opened files."""
    return status(mount)["files"]


def features(mount):
    return status(mount)["features"]


def _kernel():
    return tuple(int(word) for word in os.uname().release.split("-")[0].split(".")[:2])


def need_passthrough(mount):
    """Skips the test where the library or the kernel is too old, or root is none of the host's; fails where none of that
    is so and there is no passthrough all the same."""
    said = features(mount)
    if said["passthrough"]:
        return
    version = tuple(int(word) for word in said["libfuse"].split(".")[:2])
    if version < (3, 17):
        pytest.skip(f"libfuse {said['libfuse']} has no passthrough")
    if _kernel() < (6, 9):
        pytest.skip("Linux before 6.9 has no passthrough")
    if pathlib.Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]:
        pytest.skip("no root of the initial user namespace")
    raise AssertionError(f"passthrough should be there: {said}")


def disk(at, size="256m", words=()):
    """A new ext4 at a directory; where loop devices cannot be had, the test is skipped."""
    at.mkdir()
    image = at.with_name(at.name + ".img")
    subprocess.run(["truncate", "-s", size, image], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", *words, image], check=True)
    done = subprocess.run(["mount", "-o", "loop", image, at], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no loop device here: {done.stderr}")
    return at


def overlay(scratch, name, lower):
    """A writable kernel overlayfs over a directory."""
    points = [scratch / f"{name}.{part}" for part in ("upper", "work", "merged")]
    for point in points:
        point.mkdir()
    subprocess.run(["mount", "-t", "overlay", "-o", "lowerdir={},upperdir={},workdir={}".format(lower, *points[:2]),
                    "overlay", points[2]], check=True)
    return points[2]
