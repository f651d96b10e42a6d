"""Native routes: every end of a mount takes them along, in the right order, and nothing else."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest
import rofuse_test

from native_helpers import ROUTES, places, run, table, umount
from route_helpers import image


@contextlib.contextmanager
def busy_in(path):
    """A process whose working directory is there."""
    with subprocess.Popen(["sleep", "600"], cwd=path) as process:
        try:
            rofuse_test.wait_for_program(process.pid, "sleep")
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("way", ["umount", "SIGTERM"])
def test_links_of_a_volume_lead_nowhere(scratch, native, way):
    """Who may write in a route puts a link to the host where the way to a native mount was."""
    victim = scratch / "victim"
    (victim / "b").mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", victim / "b"], check=True)
    mount = native(volume=["v:/data", "w:/data/a/b:native"])
    os.rename(mount.path("/data/a"), mount.path("/data/old"))
    mount.path("/data/a").symlink_to(victim)
    if way == "umount":
        result = umount(mount)
        assert result.returncode == 0, result.stderr
        mount.process.wait(60)
    else:
        mount.end()
    assert table(mount.point) == []
    assert rofuse_test.is_mounted(victim / "b")


def traced_unmounts(argv):
    """What a program unmounts, in order: (last name, lazily)."""
    result = subprocess.run(["strace", "-f", "-qq", "-e", "trace=umount2", *map(str, argv)], capture_output=True, text=True,
                            check=False)
    found = re.findall(r'umount2\("([^"]*)", ([A-Z_|]*)\) += 0', result.stderr)
    return [(os.path.basename(path), "MNT_DETACH" in how) for path, how in found]


def test_order_of_umount(native):
    mount = native(tmpfs=["/b", "/a"], volume=["v:/a/deep/er", "w:/a/deep"], extra=ROUTES)
    unmounted = traced_unmounts([rofuse_test.BINARY, "umount", "--state-dir", mount.state, mount.point])
    assert unmounted == [("b", False), ("er", False), ("deep", False), ("a", False), (mount.point.name, False)]
    assert mount.process.wait(60) == 0


@pytest.mark.parametrize("way", ["SIGTERM", "umount -R", "umount -l", "umount by name", "background"])
def test_every_end_takes_all(scratch, native, way):
    """And the daemon ends at once, as nothing holds the mount."""
    options = {"tmpfs": ["/a", "/b"], "volume": ["v:/a/deep"], "extra": ROUTES}
    mount = native(**options)
    assert len(places(mount)) == 3
    if way == "SIGTERM":
        mount.process.send_signal(signal.SIGTERM)
    elif way == "umount by name":
        assert run("umount", "--state-dir", mount.state, mount.point.name).returncode == 0
    else:
        if way == "background":  # as `rofuse mount` starts it for people
            assert mount.end() == 0
            mount.args.remove("--foreground")
            assert subprocess.run(mount.args, check=False).returncode == 0
            assert len(places(mount)) == 3
        command = ["umount", "-l"] if way == "umount -l" else ["umount", "-R"]
        subprocess.run([*command, mount.point], check=True)
    assert mount.process.wait(60) == 0
    assert table(mount.point) == []
    assert "in use" not in mount.output()


def test_plain_umount_is_refused_by_the_kernel(native):
    mount = native(tmpfs=["/a"], extra=ROUTES)
    assert subprocess.run(["umount", mount.point], check=False, capture_output=True).returncode != 0
    assert places(mount) == ["/a"]


@pytest.mark.parametrize("where", ["/a", "/a/deep", "/etc"])
@pytest.mark.parametrize("way", ["umount", "SIGTERM"])
def test_busy_is_detached(scratch, native, way, where):
    """In a native mount, in a nested one, in the FUSE mount: all of it is gone from its place, and who uses it is said."""
    mount = native(layers=[image(scratch, etc__x="x")], tmpfs=["/a", "/b"], volume=["v:/a/deep"], extra=ROUTES)
    with busy_in(mount.path(where)) as process:
        if way == "umount":
            with subprocess.Popen([rofuse_test.BINARY, "umount", "--state-dir", mount.state, mount.point],
                                  stderr=subprocess.PIPE, text=True) as command:
                rofuse_test.wait_until(lambda: not table(mount.point), "the mount is detached")
                process.kill()
                said = command.stderr.read()
            assert command.returncode == 0
            assert "is mounted below" not in said
            assert f"in the way: pid {process.pid} (sleep): working directory {where}\n" in said
        else:
            mount.process.send_signal(signal.SIGTERM)
            rofuse_test.wait_until(lambda: not table(mount.point), "the mount is detached")
            if where == "/etc":
                assert mount.process.poll() is None
            assert os.path.exists(f"/proc/{process.pid}/cwd/.")
            process.kill()
        assert mount.process.wait(60) == 0
    assert table(mount.point) == []


def test_who_keeps_the_fuse_mount_gets_the_route_there(scratch, native):
    """The route is in the tree as well: a root that was detached goes on, served by the daemon."""
    mount = native(tmpfs=["/a"], extra=ROUTES)
    mount.path("/a/file").write_text("mine")
    with subprocess.Popen(["sleep", "600"], cwd=mount.point) as process:
        mount.process.send_signal(signal.SIGTERM)
        rofuse_test.wait_until(lambda: not table(mount.point), "the mount is detached")
        root = pathlib.Path(f"/proc/{process.pid}/cwd")
        assert (root / "a/file").read_text() == "mine"
        (root / "a/more").write_text("still writable")
        process.kill()
    assert mount.process.wait(60) == 0


def test_mounted_over_by_others(scratch, native):
    """What others mounted in and over a native mount goes as well, and the source of it is not touched."""
    other = scratch / "other"
    other.mkdir()
    for way in ("umount", "SIGTERM"):
        mount = native(tmpfs=["/a", "/b"], extra=ROUTES)
        mount.path("/a/sub").mkdir()
        for place in ("/a/sub", "/b"):
            subprocess.run(["mount", "--bind", other, mount.path(place)], check=True)
        subprocess.run(["mount", "--rbind", mount.point, mount.point], check=True)
        if way == "umount":
            assert umount(mount).returncode == 0
        else:
            mount.process.send_signal(signal.SIGTERM)
        assert mount.process.wait(60) == 0
        assert table(mount.point) == []
    (other / "file").touch()


@pytest.mark.parametrize("wait", [0, 2], ids=["at once", "later"])
@pytest.mark.parametrize("busy", [False, True])
def test_killed_daemon(native, busy, wait):
    """SIGKILL: the mounts stay; `rofuse umount` takes all of it, also when the kernel has forgotten the way to them."""
    mount = native(tmpfs=["/a", "/b"], volume=["v:/a/deep"], extra=ROUTES)
    mount.path("/a/file").write_text("x")
    with busy_in(mount.path("/a")) if busy else contextlib.nullcontext() as process:
        mount.kill()
        time.sleep(wait)
        assert places(mount) == ["/a", "/a/deep", "/b"]
        result = umount(mount)
        assert result.returncode == 0, result.stderr
        user = f"rofuse: in the way: pid {process.pid} (sleep): working directory /a\n" if busy else ""
        assert result.stderr == (f"rofuse: {mount.point} is in use; it is detached now\n{user}" if busy else "")
        assert table(mount.point) == []
    assert run("status", "--state-dir", mount.state).stdout == "no mounts\n"


def test_killed_daemon_in_fuse(native):
    """The way to the native mount leads through a route whose attributes only the dead daemon could tell."""
    mount = native(volume=["v:/data", "w:/data/a/b:native"])
    mount.kill()
    result = umount(mount)
    assert result.returncode == 0, result.stderr
    assert table(mount.point) == []


def test_killed_daemon_and_mounted_again(native, scratch):
    options = {"tmpfs": ["/a"], "volume": ["v:/a/deep"], "extra": ROUTES, "point": scratch / "point"}
    mount = native(**options)
    mount.kill()
    again = native(**options)
    assert [entry.place for entry in table(again.point)] == ["/", "/a", "/a/deep"]


def test_stopped_daemon(native):
    """A daemon that does not answer makes nobody wait, though the way to a native mount leads through it."""
    mount = native(volume=["v:/data", "w:/data/a/b:native"])
    mount.stop()
    with subprocess.Popen([rofuse_test.BINARY, "umount", "--state-dir", mount.state, mount.point],
                          stderr=subprocess.DEVNULL) as command:
        try:
            rofuse_test.wait_until(lambda: not table(mount.point), "the mount is gone")
        finally:
            mount.go_on()
        assert command.wait(60) == 0
    assert mount.process.wait(60) == 0


def test_without_its_state(native):
    """rofuse umount that does not know which routes are native."""
    mount = native(tmpfs=["/a"], extra=ROUTES)
    assert run("umount", "--state-dir", mount.state / "other", mount.point).returncode == 0
    assert table(mount.point) == []


@pytest.mark.parametrize("way", ["umount", "SIGTERM"])
def test_mounts_of_the_source_are_no_use(scratch, native, way):
    """A bind brings them along; they end with it, and nobody is said to use the mount."""
    source = scratch / "source"
    (source / "a b").mkdir(parents=True)
    for _ in range(2):  # one over the other
        subprocess.run(["mount", "-t", "tmpfs", "none", source / "a b"], check=True)
    (source / "a b/c").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", source / "a b/c"], check=True)
    mount = native(volume=[f"{source}:/bind"], extra=ROUTES)
    assert len(places(mount)) == 4
    if way == "umount":
        result = umount(mount)
        assert (result.returncode, result.stderr) == (0, "")
        assert mount.process.wait(60) == 0
    else:
        assert mount.end() == 0
    assert "in use" not in mount.output() and not [event for event in mount.events() if event["event"] == "notice"]
    assert table(mount.point) == []
    assert len(table(source)) == 3
