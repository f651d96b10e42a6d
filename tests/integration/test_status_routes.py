"""What `rofuse status` says of each declared place: what was written there, by whom, and what never was."""

import datetime
import os
import subprocess
import time
import sys

from control import Control
import pytest
import rofuse_test
from served import features, status


def route(mount, target):
    return next(item for item in status(mount)["routes"] if item["target"] == target)


def written(mount, target):
    return route(mount, target)["written"]


def text_of(mount):
    return subprocess.run([rofuse_test.BINARY, "status", "--state-dir", mount.state, mount.point], check=True,
                          capture_output=True, text=True, timeout=60).stdout


def run_python(code, *args):
    """Runs a program and returns its pid, after it has ended."""
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, args)])
    assert process.wait(60) == 0
    return process.pid


def test_bytes_of_the_daemon_are_exact(rofuse):
    """Without passthrough every byte comes to the daemon: written, appended, over one another, copied."""
    mount = rofuse(tmpfs=["/tmp"], volume=["data:/data"], extra=["--passthrough", "off"])
    path = mount.path("/tmp/file")
    path.write_bytes(b"x" * 100_000)
    assert written(mount, "/tmp")["files"] == 1
    assert written(mount, "/tmp")["bytes"] == 100_000
    with open(path, "r+b", buffering=0) as file:
        assert file.write(b"y" * 500) == 500
    assert (written(mount, "/tmp")["files"], written(mount, "/tmp")["bytes"]) == (2, 100_500)
    with open(path, "rb") as source, open(mount.path("/tmp/copy"), "wb") as target:
        assert os.copy_file_range(source.fileno(), target.fileno(), 70_000) == 70_000
    assert written(mount, "/tmp")["bytes"] == 170_500
    assert written(mount, "/tmp")["grown_bytes"] == 0
    assert written(mount, "/data") == {"changes": 0, "files": 0, "bytes": 0, "grown_bytes": 0, "last": None}


def test_bytes_by_passthrough_are_growth(rofuse):
    """What the kernel writes by itself is seen as growth when the file is closed; two who have it open count it once."""
    mount = rofuse(tmpfs=["/tmp"])
    if not features(mount)["passthrough"]:
        pytest.skip("no passthrough here")
    path = mount.path("/tmp/file")
    with open(path, "wb", buffering=0) as first, open(path, "r+b", buffering=0) as second:
        first.write(b"x" * 50_000)
        second.write(b"y" * 20_000)
    rofuse_test.wait_until(lambda: written(mount, "/tmp")["grown_bytes"] == 50_000, "the growth")
    assert written(mount, "/tmp")["bytes"] == 0 and written(mount, "/tmp")["files"] == 2
    with open(path, "ab", buffering=0) as file:
        file.write(b"z" * 7)
    rofuse_test.wait_until(lambda: written(mount, "/tmp")["grown_bytes"] == 50_007, "the growth of the file")
    with open(path, "rb") as file:
        assert len(file.read()) == 50_007
    with open(path, "wb", buffering=0) as file:
        file.write(b"z" * 10)
    rofuse_test.wait_until(lambda: written(mount, "/tmp")["grown_bytes"] == 50_017, "the growth of the emptied file")
    assert ">=" in text_of(mount)


def test_last_writer(rofuse):
    """The process, also one that has gone; what is changed without a file counts; a second later it is another one."""
    mount = rofuse(tmpfs=["/tmp", "/other"])
    assert route(mount, "/tmp")["last_writer"] is None
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    pid = run_python("import os, sys; os.mkdir(sys.argv[1])", mount.path("/tmp/made"))
    said = route(mount, "/tmp")
    writer = said["last_writer"]
    assert writer["pid"] == pid and writer["uid"] == 0
    assert os.path.basename(writer["exe"]) == os.path.basename(os.path.realpath(sys.executable))
    assert datetime.datetime.fromisoformat(writer["time"][:19] + "+00:00") >= before
    assert said["written"]["changes"] == 1 and said["written"]["files"] == 0 and said["written"]["last"] is not None
    assert not said["never_written"]
    assert route(mount, "/other")["never_written"] and route(mount, "/other")["last_writer"] is None

    def another():
        """Looks at writers are a second apart."""
        last = run_python("import os, sys; os.chmod(sys.argv[1], 0o700)", mount.path("/tmp/made"))
        return route(mount, "/tmp")["last_writer"]["pid"] == last
    rofuse_test.wait_until(another, "the next writer")


def test_name_of_a_writer(rofuse):
    """It is bytes, and chosen by the writer."""
    mount = rofuse(tmpfs=["/tmp"])
    pid = run_python("import ctypes, os, sys; ctypes.CDLL(None).prctl(15, b'\\x1b[2J a', 0, 0, 0); os.mkdir(sys.argv[1])",
                     mount.path("/tmp/made"))
    assert route(mount, "/tmp")["last_writer"]["comm"] == "\x1b[2J a"
    assert f'"\\x1b[2J a" ({pid})' in text_of(mount)


def test_never_written(rofuse, scratch):
    """Reading is no writing, and neither is what is refused; a read-only place has nothing to be said of."""
    (scratch / "bind").mkdir()
    (scratch / "bind/file").write_text("x")
    mount = rofuse(tmpfs=["/tmp", "/native:native"], mount=[f"type=bind,src={scratch}/bind,dst=/ro,readonly",
                                                            f"type=bind,src={scratch}/bind,dst=/rw"])
    assert mount.path("/rw/file").read_text() == "x"
    with pytest.raises(OSError):
        mount.path("/ro/file").write_text("y")
    mount.path("/native/file").write_text("x")
    said = {item["target"]: item["never_written"] for item in status(mount)["routes"]}
    assert said == {"/tmp": True, "/native": None, "/ro": None, "/rw": True}
    assert route(mount, "/native")["written"] is None
    mount.path("/rw/file").touch()
    assert route(mount, "/rw")["never_written"] is False
    lines = [line.split() for line in text_of(mount).splitlines()]
    assert ["/native", "native"] in lines and ["/ro", "-"] in lines and ["/tmp", "never"] in lines
    assert ["written", "TARGET", "FILES", "BYTES", "LAST", "BY"] in lines


def test_queue(rofuse, scratch):
    """Refused writes, and what was folded; each log has a line."""
    mount = rofuse(fold=600, extra=["--log", f"file:{scratch}/second.log"])
    for _ in range(5):
        with pytest.raises(OSError):
            mount.path("/new").mkdir()
    queue = status(mount)["queue"]
    assert (queue["denied"], queue["folded"], queue["dropped"]) == (5, 4, 0)
    assert [item["destination"] for item in queue["logs"]] == [f"file:{mount.log_path}", f"file:{scratch}/second.log"]
    assert all(item["dropped"] == 0 for item in queue["logs"])
    assert "\n  denied   5, 4 folded" in text_of(mount)


def test_classes(rofuse):
    """What was refused by what it meant: this process lives on, which is not yet certain."""
    mount = rofuse()
    for name in ("one", "two", "three"):
        with pytest.raises(OSError):
            mount.path(name).mkdir()
    rofuse_test.wait_until(lambda: sum((status(mount)["classes"] or {}).values()) == 3, "three")
    assert set(status(mount)["classes"]) == {"fatal", "tolerated", "probe", "open"}
    assert "\n  classes  " in text_of(mount)


def test_what_is_on_its_way_is_waited_for(rofuse):
    """Whoever asks has been refused before: it is told, though its record comes later."""
    mount = rofuse()
    with Control(mount) as control:
        for number in range(1, 101):
            for name in (f"a{number}", f"b{number}", f"c{number}"):
                with pytest.raises(OSError):
                    mount.path(name).mkdir()
            asked = time.monotonic()
            told = sum(control.result("status")["classes"].values())
            # Less is told only by a daemon that has waited its second in vain, on a machine that has more to do than it can.
            assert told == 3 * number or time.monotonic() - asked >= 1


def test_mount_options(rofuse):
    """As the kernel has them."""
    mount = rofuse()
    options = status(mount)["mount_options"]
    assert "rw" in options["mount"].split(",") and "default_permissions" in options["file_system"].split(",")
    subprocess.run(["mount", "-o", "remount,bind,ro", mount.point], check=True)
    assert "ro" in status(mount)["mount_options"]["mount"].split(",")
    assert f"\n  mounted  {status(mount)['mount_options']['mount']}\n" in text_of(mount)


def test_daemon_that_does_not_answer(rofuse):
    """A stopped daemon: what is in the memory of counters is told, and the rest left out."""
    mount = rofuse(tmpfs=["/tmp"])
    mount.path("/tmp/file").write_text("x")
    mount.stop()
    try:
        said = status(mount)
    finally:
        mount.go_on()
    assert said["queue"] is None
    assert said["classes"] is None
    assert said["routes"][0]["written"]["files"] == 1 and said["routes"][0]["last_writer"] is None


def test_columns(rofuse):
    """80 columns are enough for places with ordinary names."""
    mount = rofuse(tmpfs=["/tmp", "/var/cache/nginx"], volume=["data:/var/lib/data"])
    mount.path("/var/cache/nginx/x").write_text("x")
    lines = [line for line in text_of(mount).splitlines() if str(mount.scratch) not in line]
    assert not [line for line in lines if len(line) > 80 and "default_permissions" not in line]
    assert not [line for line in lines if line != line.rstrip()]
