"""Somebody mounts the tree read-only for the kernel as well: the log would stay empty, so it says that this is so."""

import json
import os
import subprocess
import time

from denial_log import Log, validate
import namespace
import pytest
import rofuse_test


@pytest.fixture
def mount(rofuse, scratch):
    (scratch / "layer" / "etc").mkdir(parents=True)
    yield rofuse(layers=[scratch / "layer"], tmpfs=["/tmp"])
    rofuse_test.unmount_below(scratch)  # the binds too, or the daemon goes on for them


def notices(mount):
    found = [event for event in mount.events() if event["event"] == "notice"]
    for event in found:
        validate(event)
    return [event["message"] for event in found]


def wait_for_notices(mount, number):
    deadline = time.monotonic() + 60
    while len(notices(mount)) < number:
        assert time.monotonic() < deadline, f"{notices(mount)} instead of {number} notices after 60 s"
        assert mount.process.poll() is None, mount.output()
        time.sleep(0.02)
    return notices(mount)


def status_words(mount, *words):
    return [rofuse_test.BINARY, "status", "--state-dir", mount.state, *words, mount.point]


def read_only_at(mount):
    result = subprocess.run(status_words(mount, "--json"), capture_output=True, text=True, check=True)
    return json.loads(result.stdout)["mounts"][0]["read_only_at"]


def bind_read_only(source, target):
    target.mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", source, target], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", target], check=True)


def test_a_read_only_bind(mount, scratch):
    """As docker sets it up; told once, and again when it is put there again; not for a bind that may be written."""
    subprocess.run(["mount", "--bind", mount.point, mount.point], check=True)
    bind_read_only(mount.point, scratch / "a b")
    (message,) = wait_for_notices(mount, 1)
    assert message.startswith(f'/ of this mount is read-only for the kernel at "{scratch}/a b": ')
    with pytest.raises(OSError, match="Read-only"):
        os.mkdir(scratch / "a b" / "etc" / "x")
    assert Log(mount).take_events() == [event for event in mount.events() if event["event"] == "notice"]
    assert read_only_at(mount) == [f'"{scratch}/a b"']
    shown = subprocess.run(status_words(mount), capture_output=True, text=True, check=True).stdout
    assert f'  readonly "{scratch}/a b"\n' in shown
    bind_read_only(mount.path("/etc"), scratch / "etc")
    second = wait_for_notices(mount, 2)[1]
    assert second.startswith(f"/etc of this mount is read-only for the kernel at {scratch}/etc: ")
    subprocess.run(["umount", scratch / "a b"], check=True)
    rofuse_test.wait_until(lambda: read_only_at(mount) == [f"{scratch}/etc"], "the end of the bind in the status")
    bind_read_only(mount.point, scratch / "c")  # so that a look without "a b" has been
    assert f"{scratch}/c:" in wait_for_notices(mount, 3)[2]
    bind_read_only(mount.point, scratch / "a b")
    assert f"{scratch}/a b" in wait_for_notices(mount, 4)[3]
    for point in (scratch / "a b", scratch / "c", scratch / "etc", mount.point):
        subprocess.run(["umount", point], check=True)
    assert len(notices(mount)) == 4
    # They are printed when the log has them.
    rofuse_test.wait_until(lambda: mount.output().count("read-only for the kernel") >= 4, "the printed ones")
    assert mount.output().count("read-only for the kernel") == 4


def test_the_mount_itself(mount):
    subprocess.run(["mount", "-o", "remount,bind,ro", mount.point], check=True)
    (message,) = wait_for_notices(mount, 1)
    assert f"read-only for the kernel at {mount.point}: " in message
    subprocess.run(["mount", "-o", "remount,bind,rw", mount.point], check=True)
    assert [event["operation"] for event in Log(mount).take_events() if event["event"] == "denied"] == []


def test_in_another_mount_namespace(mount):
    """As a runtime does it: the mount becomes the root of a namespace and is made read-only there."""
    script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'
    with namespace.hold(mount.scratch, script, [mount.point]) as holder:
        (message,) = wait_for_notices(mount, 1)
        assert f"read-only for the kernel at {mount.point} as process {holder.pid} (" in message
    assert mount.end() == 0, "the look at the namespace must not have kept it alive"


def test_many_of_them(mount, scratch):
    """Not a flood of notices: some at a time, all in the end, and denials are logged meanwhile."""
    for number in range(12):
        bind_read_only(mount.point, scratch / f"bind{number}")
    with pytest.raises(OSError, match="Read-only"):
        os.mkdir(mount.path("/etc/x"))
    messages = wait_for_notices(mount, 12)
    assert {message.split(": ")[0].rpartition("/")[2] for message in messages} == {f"bind{n}" for n in range(12)}
    assert len(messages) == 12
    assert [event["path"] for event in mount.events() if event["event"] == "denied"] == ["/etc/x"]


def test_nothing_to_say(mount, scratch):
    """Binds that may be written, and read-only binds of other file systems, are nobody's business."""
    (scratch / "host").mkdir()
    bind_read_only(scratch / "host", scratch / "other")
    (scratch / "bind").mkdir()
    subprocess.run(["mount", "--bind", mount.point, scratch / "bind"], check=True)
    bind_read_only(mount.point, scratch / "marker")  # told after a look at all of them
    (message,) = wait_for_notices(mount, 1)
    assert f"{scratch}/marker: " in message
