"""In a route everything works as on the backing file system: the table, on both, as three users."""

import itertools
import subprocess

import pytest

import cases_attributes  # noqa: F401  (fills the table)
import cases_content  # noqa: F401
import cases_names  # noqa: F401
import cases_open_files  # noqa: F401
import cases_sharing  # noqa: F401
from denial_log import call
import route_table

TMPFS_SIZE = "size=64m,nr_inodes=100000"

# Differences that are there for a reason: the kinds where they are, the beginning of the line, the kernel function.
KNOWN = [
    ({"volume", "bind"}, "sticky/ranges-that-move: ",
     "fuse_file_fallocate() knows KEEP_SIZE, PUNCH_HOLE and ZERO_RANGE and answers EOPNOTSUPP to others by itself"),
    ({"tmpfs", "volume", "bind"}, "sticky/appending: ",
     "fuse_passthrough_open() opens the backing file with the flags of open(2): taking O_APPEND away later changes nothing"),
]


def is_known(kind, line):
    return any(kind in kinds and line.startswith(start) for kinds, start, _ in KNOWN)


class Side:
    """One of the two directories: where programs see it, where it is prepared, where it is stored (None: nowhere)."""

    def __init__(self, seen, prepared, stored=None):
        self.seen, self.prepared, self.stored = seen, prepared, stored


@pytest.fixture
def disk(scratch):
    """An ext4 of its own: made, synced and removed sooner than a part of a busy one. State and volumes lie there."""
    image, point = scratch / "disk.img", scratch / "disk"
    with open(image, "wb") as file:
        file.truncate(1 << 30)
    point.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", "-b", "4096", "-N", "100000", image], check=True)
    # Where loop devices cannot be had, a directory of whatever file system is there has to do.
    subprocess.run(["mount", "-o", "loop", image, point], check=False, capture_output=True)
    (point / "state").mkdir()
    (scratch / "state").symlink_to(point / "state")
    return point


def bare(disk, kind):
    """A directory of the same file system kind, mounted nodev as all of a rofuse mount is."""
    where = disk / "bare"
    where.mkdir()
    if kind == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"nodev,nosuid,{TMPFS_SIZE}", "none", where], check=True)
    else:
        subprocess.run(["mount", "--bind", where, where], check=True)
        subprocess.run(["mount", "-o", "remount,bind,nodev", where], check=True)
    return Side(where, where)


def in_route(disk, rofuse, kind):
    if kind == "tmpfs":
        mount = rofuse(tmpfs=[f"/data:exec,{TMPFS_SIZE}"])
        return Side(mount.path("data"), mount.path("data"))
    if kind == "volume":
        mount = rofuse(volume=["table:/data"])
        return Side(mount.path("data"), mount.path("data"), mount.state / "volumes" / "table" / "_data")
    source = disk / "source"
    source.mkdir()
    mount = rofuse(volume=[f"{source}:/data"])
    # Prepared behind the mount's back: what others change in a bind is seen at once.
    return Side(mount.path("data"), source, source)


def run(side, caller, names):
    """(results, pictures) of all cases."""
    route_table.prepare_all(f"{side.prepared}/t", names)
    uid, gid, groups = route_table.CALLERS[caller]
    results = call(lambda: route_table.run_all(f"{side.seen}/t", names), uid, gid, groups, umask=0o022).value
    pictures = {key: route_table.picture(f"{side.seen}/t/{key[0]}/{key[1]}") for key in results}
    return results, pictures


# Each kind and each caller once; the others are run with the preset dev alone.
PAIRS = [("volume", "other"), ("bind", "owner"), ("tmpfs", "root")]
OTHER_PAIRS = [pair for pair in itertools.product(["volume", "bind", "tmpfs"], route_table.CALLERS) if pair not in PAIRS]


@pytest.mark.parametrize("kind, caller", PAIRS + [pytest.param(*pair, marks=pytest.mark.slow) for pair in OTHER_PAIRS])
def test_same_as_the_bare_directory(disk, rofuse, kind, caller):
    names = list(route_table.cases)
    right, right_pictures = run(bare(disk, kind), caller, names)
    side = in_route(disk, rofuse, kind)
    found, pictures = run(side, caller, names)
    assert len(right) == len(found) == sum(len(flavours) for _, flavours in route_table.cases.values())
    lines = []
    for key, expected in right.items():
        name = "/".join(key)
        lines += route_table.differences(name, expected, found[key])
        lines += route_table.differences(name, right_pictures[key], pictures[key], "left behind")
        if side.stored is not None:
            stored = route_table.picture(f"{side.stored}/t/{name}")
            lines += route_table.differences(name, stored, pictures[key], "mount and store: left behind")
    unknown = [line for line in lines if not is_known(kind, line)]
    assert not unknown, f"{len(unknown)} differences:\n" + "\n".join(unknown[:60])
