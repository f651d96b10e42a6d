"""Requests through io_uring: the threads are libfuse's, what they do is the same."""

import errno
import json
import os
import pathlib
import stat
import subprocess

import pytest

import rofuse_test

PARAMETER = pathlib.Path("/sys/module/fuse/parameters/enable_uring")


@pytest.fixture
def offered():
    """The kernel offers it while a test runs; afterwards as before."""
    if not PARAMETER.exists():
        pytest.skip("this kernel has no FUSE over io_uring")
    before = PARAMETER.read_text()
    try:
        PARAMETER.write_text("Y")
    except OSError as error:
        pytest.skip(f"FUSE over io_uring cannot be switched on: {error}")
    yield
    PARAMETER.write_text(before)


@pytest.fixture
def mount(offered, rofuse, scratch):
    layer = scratch / "layer"
    layer.mkdir()
    (layer / "small").write_bytes(b"s" * 10_000)
    (layer / "large").write_bytes(os.urandom(300_000))
    made = rofuse(layers=[layer], tmpfs=["/tmp"], volume=["v:/v"], extra=["--io-uring"])
    said = subprocess.run([rofuse_test.BINARY, "status", "--json", "--state-dir", made.state, made.point],
                          capture_output=True, text=True, check=True)
    if not json.loads(said.stdout)["mounts"][0]["features"]["io_uring"]:
        pytest.skip("libfuse is older than 3.18, or was built without io_uring")
    made.layer = layer
    return made


def test_reading_and_writing(mount):
    for name in ("small", "large"):
        assert mount.path(name).read_bytes() == (mount.layer / name).read_bytes()
    assert {"small", "large", "tmp", "v"} <= set(os.listdir(mount.point))
    for place in ("tmp", "v"):
        (mount.path(place) / "file").write_bytes(b"x" * 1_000_000)
        assert (mount.path(place) / "file").read_bytes() == b"x" * 1_000_000
        (mount.path(place) / "dir").mkdir()
        os.rename(mount.path(place) / "file", mount.path(place) / "dir" / "moved")
        os.unlink(mount.path(place) / "dir" / "moved")
        fd = os.open(mount.path(place), os.O_TMPFILE | os.O_RDWR, 0o600)
        assert os.write(fd, b"abc") == 3
        os.close(fd)


def test_each_caller_has_his_own_umask(mount):
    """A thread that shared its umask with others would give files the mode of somebody else's."""
    for mask in (0o077, 0o000, 0o027):
        name = f"mask{mask}"
        subprocess.run(["sh", "-c", f"umask {mask:o}; : >{mount.path('/tmp')}/{name}"], check=True)
        assert stat.S_IMODE(mount.path(f"/tmp/{name}").stat().st_mode) == 0o666 & ~mask


def test_denials_are_recorded(mount):
    with pytest.raises(OSError) as refused:
        mount.path("/new").mkdir()
    assert refused.value.errno == errno.EROFS
    rofuse_test.wait_until(lambda: [r for r in mount.records() if r["path"] == "/new"], "the record")
    record = [r for r in mount.records() if r["path"] == "/new"][0]
    assert record["process"]["pid"] == os.getpid()
    assert mount.end() == 0


def test_what_is_not_offered_is_said(rofuse):
    if not PARAMETER.exists():
        pytest.skip("this kernel has no FUSE over io_uring")
    before = PARAMETER.read_text()
    try:
        PARAMETER.write_text("N")
        mount = rofuse(tmpfs=["/tmp"], extra=["--io-uring"])
    finally:
        PARAMETER.write_text(before)
    mount.path("/tmp/file").write_bytes(b"x")
    rofuse_test.wait_until(lambda: "no io_uring" in mount.output(), "the line")
