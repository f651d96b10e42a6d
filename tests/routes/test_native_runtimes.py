"""Native routes in the mount namespaces of others: what runtimes and binds see of them."""

import os
import re
import subprocess
import time

import busybox_image
import pytest
import rofuse_test
import runtimes

from native_helpers import ROUTES, table, umount

# What a program in a container sees of two native routes.
SCRIPT = r"""
exec 2>&1
cat /a/file
echo inside >/bind/from && echo "bind written"
echo x >/a/more && echo "tmpfs written"
stat -f -c "kind %T" /a /bind
echo x >/etc/forbidden || echo "refused"
echo waiting
"""


def run_in(program, mount, scratch, **options):
    if runtimes.missing(program):
        pytest.skip(f"{program} is not installed")
    name = f"rofuse-native-{os.getpid()}"
    argv = runtimes.PROGRAMS[program](mount.point, 0, SCRIPT, scratch, name, **options)
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd="/",
                            timeout=60, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C"})
    rofuse_test.unmount_below(scratch / "podman")
    if "waiting" not in result.stdout:
        pytest.skip(f"{program} does not start here: {result.stdout[-300:]}{result.stderr[-300:]}")
    return result.stdout


@pytest.fixture
def root(scratch, native):
    """An image that a runtime can start, with a native tmpfs and a native bind."""
    (scratch / "source").mkdir()
    mount = native(layers=busybox_image.make(scratch / "image"), tmpfs=["/a"], volume=[f"{scratch}/source:/bind"],
                   extra=ROUTES)
    mount.path("/a/file").write_text("from the host\n")
    return mount


def check_inside(mount, scratch, said):
    assert "from the host\nbind written\ntmpfs written\n" in said
    tmpfs, bind = re.findall(r"kind (\S+)", said)
    assert tmpfs == "tmpfs" and bind not in ("fuseblk", "fuse", "UNKNOWN")
    assert "refused\nwaiting" in said
    assert mount.path("/a/more").read_text() == "x\n"
    assert (scratch / "source/from").read_text() == "inside\n"


@pytest.mark.parametrize("program", runtimes.PROGRAMS)
def test_runtimes_see_them(scratch, root, program):
    """All of them take their root with what is mounted below it; and nothing holds the mounts afterwards."""
    check_inside(root, scratch, run_in(program, root, scratch))
    assert [record["path"] for record in root.records(at_least=1)] == ["/etc/forbidden"]
    result = umount(root)
    assert (result.returncode, result.stderr) == (0, "")
    assert root.process.wait(60) == 0
    assert table(root.point) == []


@pytest.mark.parametrize("program", runtimes.READONLY)
def test_runtimes_that_make_the_root_read_only(scratch, root, program):
    """That is not recursive: other than routes of the daemon's, native ones can still be written."""
    check_inside(root, scratch, run_in(program, root, scratch, readonly=True))


def test_plain_bind_has_the_routes_of_the_daemon(scratch, root):
    """mount --bind leaves out what is mounted below: the same files, through the daemon."""
    other = scratch / "other"
    other.mkdir()
    subprocess.run(["mount", "--bind", root.point, other], check=True)
    assert [entry.place for entry in table(other)] == ["/"]
    assert (other / "a/file").read_text() == "from the host\n"
    assert os.listdir(other / "a") == ["file"] and not (other / "a/new").exists()
    root.path("/a/new").write_text("past the daemon")
    root.path("/a/file").write_text("longer than it was")
    assert sorted(os.listdir(other / "a")) == ["file", "new"]
    assert [(other / "a" / name).read_text() for name in ("new", "file")] == ["past the daemon", "longer than it was"]
    (other / "a/more").write_text("x")
    assert root.path("/a/more").read_text() == "x"
    subprocess.run(["umount", other], check=True)


def test_readonly_watch_is_not_confused(scratch, native):
    """Read-only native mounts below the mount point are nobody's mistake."""
    mount = native(tmpfs=["/a:ro"], volume=["v:/v:ro"], extra=ROUTES)
    time.sleep(2)  # it looks at once, and a second after a change of the table
    assert not [event for event in mount.events() if event["event"] == "notice"]
