"""What tests of native routes have in common: what is mounted in a mount, and rofuse's other commands."""

import json
import pathlib
import subprocess

import rofuse_test

ROUTES = ("--routes", "native")
FLAGS = {"ro", "rw", "nosuid", "nodev", "noexec"}


class Entry:
    """A line of mountinfo: id, parent, point inside the mount, flags, type."""

    def __init__(self, fields, point):
        self.id, self.parent = int(fields[0]), int(fields[1])
        self.place = fields[4][len(str(point)):] or "/"
        self.flags = set(fields[5].split(",")) & FLAGS
        self.type = fields[fields.index("-") + 1]


def table(point, path="/proc/self/mountinfo"):
    """What is mounted at a point and below it, by place; where two lie on each other, as the kernel has them."""
    lines = [line.split() for line in pathlib.Path(path).read_text().splitlines()]
    return sorted((Entry(fields, point) for fields in lines if (fields[4] + "/").startswith(f"{point}/")),
                  key=lambda entry: entry.place)


def places(mount):
    """Where something is mounted inside the mount, sorted."""
    return [entry.place for entry in table(mount.point)[1:]]


def flags(mount, place):
    """The flags of what is on top at a place."""
    return [entry for entry in table(mount.point) if entry.place == place][-1].flags


def run(*args):
    return subprocess.run([rofuse_test.BINARY, *map(str, args)], capture_output=True, text=True, check=False, cwd="/")


def umount(mount):
    return run("umount", "--state-dir", mount.state, mount.point)


def status(mount):
    result = run("status", "--json", "--state-dir", mount.state, mount.point)
    return json.loads(result.stdout)["mounts"][0] if result.returncode == 0 else {"state": "none"}
