"""What `rofuse why` says in words: no more than is so, and what helps."""

import os
import subprocess

import pytest
import rofuse_test

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def why(*words):
    """By its first word in each line, what is told."""
    done = subprocess.run([rofuse_test.BINARY, "why", *map(str, words)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout


def of_mount(mount, *words):
    return why("--state-dir", mount.state, mount.point, *words)


def test_a_file_that_is_read_only(scratch, rofuse):
    """A file as a place is written to itself; to remove it is a matter of the directory that has it."""
    file = scratch / "conf"
    file.write_text("x")
    text = of_mount(rofuse(volume=[f"{file}:/etc/conf:ro"]), "/etc/conf")
    for operation in ("write    ", "truncate "):
        assert (f"  {operation}/etc/conf: EROFS\n"
                f"           /etc/conf is declared read-only; -v {file}:/etc/conf would let it be written\n") in text
    assert "  remove   /etc/conf: EROFS\n           no declared place covers the directory that has it\n" in text


def test_a_tmpfs_that_is_anothers(rofuse):
    """Whoever is refused in it, or kept out of it, is told by what options it gets another owner."""
    mount = rofuse(tmpfs=["/tmp:mode=0700,uid=5"])
    for path in ("/tmp", "/tmp/new", "/tmp/new/below"):
        assert "; a tmpfs gets its owner and mode by uid=, gid= and mode=\n" in of_mount(mount, "-u", "1000", path)


@pytest.mark.parametrize("path, is_system", [("/etc/passwd", True), ("/usr/bin/tool", True), ("/etc/app/conf", False),
                                             ("/var/lib/app/data", False), ("/srv/new", False)])
def test_what_a_declaration_would_open(scratch, path, is_system):
    """Nobody is to make /etc or /usr/bin writable for want of a word."""
    for name in ("etc/app/conf", "etc/passwd", "usr/bin/tool", "var/lib/app/data"):
        (scratch / "layer" / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / "layer" / name).touch()
    text = why("--layer", scratch / "layer", path)
    assert ("would, and open programs or settings of the whole system, which" in text) == is_system, text
    assert (" would\n" in text) != is_system, text


def test_a_directory_on_the_way(rofuse):
    """It is there for the place below it, and not for runtimes alone."""
    text = of_mount(rofuse(layers=[], tmpfs=["/on/the/way"]), "/on/the")
    assert "  place    in memory only: the image lacks it, and runtimes or places that are declared below need it\n" in text


@ROOT_ONLY
def test_a_native_place(rofuse):
    """Told once, be it declared so or because it lies in one."""
    mount = rofuse(tmpfs=["/tmp:native", "/tmp/in", "/run"])
    for path, place in (("/tmp", "/tmp: tmpfs, noexec,nosuid,nodev,native"), ("/run", "/run: tmpfs, noexec,nosuid,nodev"),
                        ("/tmp/in", "/tmp/in: tmpfs, noexec,nosuid,nodev, native")):
        assert f"  place    {place}\n" in of_mount(mount, path)
