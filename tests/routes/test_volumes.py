"""Volumes: where they are, what keeps their data, subpaths and names."""

import contextlib
import fcntl
import os
import re
import sys
import threading

import pytest

from denial_log import call
from route_helpers import image, refused, store
import rofuse_test

sys.path.insert(0, str(rofuse_test.ROOT / "tests" / "union"))
import compare  # noqa: E402


def test_a_named_volume_lies_in_the_store(rofuse):
    mount = rofuse(volume=["my.vol-1_x:/data"])
    mount.path("data/file").write_text("content")
    data = store(mount, "my.vol-1_x")
    assert (data / "file").read_text() == "content"
    (data / "from outside").write_text("seen at once")
    assert mount.path("data/from outside").read_text() == "seen at once"
    (data / "from outside").write_text("changed, and longer than before")
    assert mount.path("data/from outside").read_text() == "changed, and longer than before"
    (data / "file").unlink()
    assert not mount.path("data/file").exists()
    assert sorted(os.listdir(mount.path("data"))) == ["from outside"]


def test_data_outlive_the_mount(rofuse):
    mount = rofuse(volume=["v:/data"])
    os.makedirs(mount.path("data/a/b"))
    mount.path("data/a/b/file").write_text("kept")
    os.chown(mount.path("data/a"), 1001, 1002)
    os.setxattr(mount.path("data/a"), "user.k", b"v")
    before = compare.walk(mount.path("data"))
    assert mount.end() == 0
    again = rofuse(volume=["v:/elsewhere/data"])
    assert compare.differences(before, compare.walk(again.path("elsewhere/data"))) == []


def test_data_outlive_kill(rofuse):
    mount = rofuse(volume=["v:/data"])
    fd = os.open(mount.path("data/file"), os.O_WRONLY | os.O_CREAT)
    os.write(fd, b"what write(2) had taken is there")
    mount.kill()
    with pytest.raises(OSError, match="not connected"):
        os.stat(mount.path("data"))
    with contextlib.suppress(OSError):  # without passthrough the daemon would be told of it
        os.close(fd)
    rofuse_test.unmount_below(mount.point)
    again = rofuse(volume=["v:/data"])
    assert again.path("data/file").read_text() == "what write(2) had taken is there"
    again.path("data/file").write_text("and it can be changed")
    assert (store(again, "v") / "file").read_text() == "and it can be changed"


def test_an_anonymous_volume_is_each_mounts_own(scratch, rofuse):
    layer = image(scratch, data__file="from the image")
    first = rofuse(layers=[layer], volume=["/data"])
    second = rofuse(layers=[layer], volume=["/data"])
    first.path("data/file").write_text("first")
    assert second.path("data/file").read_text() == "from the image"
    names = os.listdir(store(first))
    assert len(names) == 2 and all(re.fullmatch("[0-9a-f]{64}", name) for name in names), names
    assert {(store(first, name) / "file").read_text() for name in names} == {"first", "from the image"}


def test_one_volume_at_two_targets(rofuse):
    mount = rofuse(volume=["v:/one", "v:/two"])
    mount.path("one/file").write_text("x")
    assert mount.path("two/file").read_text() == "x"
    os.rename(mount.path("two/file"), mount.path("two/moved"))
    assert os.listdir(mount.path("one")) == ["moved"]
    with open(mount.path("one/moved"), "a", encoding="ascii") as file:
        file.write("yz")
    assert os.stat(mount.path("two/moved")).st_size == 3
    assert mount.path("two/moved").read_text() == "xyz"


def test_one_volume_in_two_mounts(rofuse):
    first, second = rofuse(volume=["v:/data"]), rofuse(volume=["v:/data"])
    for number in range(20):
        first.path("data/file").write_text(f"number {number}")
        assert second.path("data/file").read_text() == f"number {number}"
        os.rename(second.path("data/file"), second.path(f"data/{number}"))
        assert not first.path("data/file").exists()
        assert first.path(f"data/{number}").read_text() == f"number {number}"
    assert sorted(os.listdir(first.path("data"))) == sorted(map(str, range(20)))


def test_appending_through_two_mounts_and_from_outside(rofuse):
    """
    Nothing is lost, though each side has its own idea of where the end is.

    Between mounts a line can be torn: the kernel sends a write that crosses a page, as it counts, in two
    (fuse_fill_write_pages() stops at a page that is not up to date).
    """
    first, second = rofuse(volume=["v:/data"]), rofuse(volume=["v:/data"])
    paths = [first.path("data/log"), second.path("data/log"), store(first, "v") / "log"]
    paths[0].touch()

    def append(number):
        fd = os.open(paths[number], os.O_WRONLY | os.O_APPEND)
        for _ in range(400):
            os.write(fd, b"%d" % number * 50 + b"\n")
        os.close(fd)
    threads = [threading.Thread(target=call, args=(lambda number=number: append(number),)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    data = paths[2].read_bytes()
    assert [data.count(b"%d" % number) for number in range(3)] == [20000] * 3 and data.count(b"\n") == 1200
    assert len(data) == 61200
    assert paths[0].read_bytes() == paths[1].read_bytes() == paths[2].read_bytes()


@pytest.mark.xfail(strict=True,
                   reason="the kernel keeps the locks of a FUSE mount by itself unless the daemon takes them over "
                   "(FUSE_POSIX_LOCKS, FUSE_FLOCK_LOCKS): mounts that share a volume do not see each other's")
def test_locks_between_two_mounts(rofuse):
    first, second = rofuse(volume=["v:/data"]), rofuse(volume=["v:/data"])
    with open(first.path("data/file"), "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX)

        def lock(function):
            with open(second.path("data/file"), "r+", encoding="ascii") as other:
                function(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert call(lambda: lock(fcntl.flock)).name == "EAGAIN"
        assert call(lambda: lock(fcntl.lockf)).name == "EAGAIN"


def test_subpath(scratch, rofuse):
    first = rofuse(volume=["v:/data"])
    os.makedirs(first.path("data/sub/deep"))
    first.path("data/sub/deep/file").write_text("below")
    os.symlink("sub", first.path("data/link"))
    os.symlink("/etc", first.path("data/absolute"))
    os.symlink("../../..", first.path("data/sub/up"))
    first.end()
    where = "type=volume,source=v,target=/data,volume-subpath="
    mount = rofuse(mount=[where + "sub/deep"])
    assert os.listdir(mount.path("data")) == ["file"]
    mount.path("data/new").write_text("x")
    assert (store(mount, "v") / "sub" / "deep" / "new").read_text() == "x"
    single = rofuse(layers=[image(scratch, conf="image's")], mount=[
        "type=volume,source=v,target=/conf,volume-subpath=sub/deep/file"])
    assert single.path("conf").read_text() == "below"
    for path, why in (("../v", "leave"), ("sub/../../..", "leave"), ("/etc", "absolute"), ("link", "symbolic link"),
                      ("link/deep", "symbolic link"), ("absolute", "symbolic link"), ("sub/up", "symbolic link"),
                      ("missing", "missing"), ("sub/deep/file/x", "")):
        refused(rofuse, why, mount=[where + path])


def test_a_subpath_that_is_a_symlink_to_a_file(scratch, rofuse):
    """A file in the image at the target, a symbolic link in the volume: a link out of the volume is not served."""
    first = rofuse(volume=["v:/data"])
    first.path("data/file").write_text("x")
    os.symlink("file", first.path("data/inner"))
    os.symlink("/etc/passwd", first.path("data/outer"))
    os.mkfifo(first.path("data/fifo"))
    first.end()
    layer = image(scratch, conf="image's")
    for name in ("inner", "outer"):
        refused(rofuse, "symbolic link", layers=[layer],
                mount=[f"type=volume,source=v,target=/conf,volume-subpath={name}"])
    refused(rofuse, "neither a directory nor a file", layers=[layer],
            mount=["type=volume,source=v,target=/conf,volume-subpath=fifo"])


def test_a_subpath_is_not_filled(scratch, rofuse):
    layer = image(scratch, data__file="from the image")
    first = rofuse(volume=["v:/data"])
    first.path("data/sub").mkdir()
    first.end()
    mount = rofuse(layers=[layer], mount=["type=volume,source=v,target=/data,volume-subpath=sub"])
    assert os.listdir(mount.path("data")) == []


def test_names_that_would_leave_the_store(rofuse):
    for name in ("..", "a/b", "a/../b", "-x", "x" * 300):
        refused(rofuse, "name", mount=[f"type=volume,source={name},target=/data"])
        if name != "..":  # a bind in the short form
            refused(rofuse, "", volume=[f"{name}:/data"])


def test_a_store_with_symlinks_is_not_followed(scratch, rofuse):
    elsewhere = scratch / "elsewhere"
    elsewhere.mkdir()
    volumes = scratch / "state" / "volumes"
    volumes.mkdir(parents=True)
    (volumes / "v").symlink_to(elsewhere)
    refused(rofuse, "v", volume=["v:/data"])
    (volumes / "w").mkdir()
    (volumes / "w" / "_data").symlink_to(elsewhere)
    refused(rofuse, "w", volume=["w:/data"])
    assert os.listdir(elsewhere) == []
