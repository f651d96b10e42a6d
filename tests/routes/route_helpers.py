"""What tests of routes have in common."""

import itertools
import subprocess

import pytest

_serial = itertools.count()


def store(mount, name=None):
    """The store of volumes, or the data of one."""
    volumes = mount.state / "volumes"
    return volumes / name / "_data" if name else volumes


def image(scratch, **files):
    """A layer with the given files, "a__b" for a/b."""
    layer = scratch / f"image{next(_serial)}"
    for name, text in files.items():
        path = layer / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return layer


def refused(rofuse, match, **options):
    """The mount must fail, with one line that says why."""
    with pytest.raises(RuntimeError, match=match) as caught:
        rofuse(**options)
    said = str(caught.value).split(": ", 1)[1].strip()
    assert said.count("\n") == 0, said


def on_tmpfs(path, options="mode=755"):
    """A directory for much that nobody needs to keep: a tmpfs is made and removed at once."""
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", path], check=True)
    return path
