"""Routes and learn mode that come and go under a kernel which cannot expire a name (before Linux 6.2): nothing is detached.

The program is another build that takes the kernel not to have it (tests/CMakeLists.txt).
"""

import os
import pathlib

import pytest

import live_commands
import namespace
import rofuse_test
import test_live_routes as live

BINARY = pathlib.Path(rofuse_test.BINARY).parent / "tests" / "lib" / "rofuse_linux_6_1"

pytestmark = pytest.mark.skipif(not BINARY.exists(), reason="not built")

layer = live.layer
source = live.source
mount = live.mount


@pytest.fixture(autouse=True)
def old_kernel(monkeypatch):
    monkeypatch.setattr(rofuse_test, "BINARY", str(BINARY))


@pytest.mark.parametrize("kind", ["tmpfs", "volume", "bind"])
def test_what_is_in_use_goes_on(mount, source, kind):
    live.test_what_is_in_use_goes_on(mount, source, kind)


def test_routes_in_routes(mount):
    live.test_nested_both_ways(mount)


def test_targets_that_are_missing(mount):
    live.test_a_target_that_is_missing(mount)


@live.ROOT_ONLY
def test_what_is_mounted_stays(mount):
    deep = mount.path("app/data/sub/deep")
    with namespace.hold(mount.scratch, 'mount -t tmpfs t "$1" && echo mounted > "$1/in"', (deep,)) as holder:
        inside = pathlib.Path(f"/proc/{holder.pid}/root{deep}/in")
        assert inside.read_text() == "mounted\n"
        for target in ("/app/data", "/app", "/app/data/sub"):
            assert "cannot expire a name (Linux 6.2 can); unmount it first" in live_commands.add(mount, "--tmpfs", target, status=1)
        assert "cannot expire a name (Linux 6.2 can)" in live_commands.command_of(mount, "learn", "on", status=1)
        # Beside it, above it where nothing is hidden, and on it.
        places = ["/app/data/empty", "/app/new/place", "/run/lock", "/etc", "/app/data/sub/deep"]
        for target in places:
            live_commands.add(mount, "--tmpfs", target)
            assert inside.read_text() == "mounted\n"
            (mount.path(target) / "file").write_text("x")
        assert "would be detached by this kernel" in live_commands.remove(mount, "--force", places.pop(), status=1)
        for target in places:
            live_commands.remove(mount, target)
            assert inside.read_text() == "mounted\n"
    live_commands.remove(mount, "/app/data/sub/deep")
    assert (deep / "file").read_text() == "deep in the image"
    assert live_commands.command_of(mount, "learn", "on") == "learn mode is on\n"
    assert set(os.listdir(mount.path("app/data"))) == live_commands.IMAGE
