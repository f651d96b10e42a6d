"""The image on which routes come and go, and the commands that do it."""

import contextlib
import json
import os
import pathlib
import stat
import subprocess

import rofuse_test

IMAGE = {"file", "both", "sub", "link", "empty"}


def make_layer(scratch):
    path = scratch / "layer"
    for directory in ("app/data/sub/deep", "app/data/empty", "etc", "proc", "dev", "var", "run/lock"):
        (path / directory).mkdir(parents=True)
    (path / "app/data/file").write_text("the image's")
    (path / "app/data/both").write_text("the image's")
    (path / "app/data/sub/deep/file").write_text("deep in the image")
    (path / "app/data/link").symlink_to("file")
    (path / "etc/conf").write_text("the image's conf")
    (path / "var/run").symlink_to("/run")
    (path / "app/data").chmod(0o750)
    return path


def command_of(mount, *words, place=(), status=0):
    """rofuse WORDS MOUNTPOINT; what it printed, or with another status the line that it said."""
    done = subprocess.run([rofuse_test.BINARY, *words, "--state-dir", mount.state, mount.point, *place],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done
    if status == 0:
        assert done.stderr == ""
        return done.stdout
    assert done.stderr.count("\n") == 1
    return done.stderr


def command(mount, *words, status=0):
    """rofuse route WORDS, likewise."""
    return command_of(mount, "route", words[0], place=words[1:], status=status)


def add(mount, *words, status=0):
    return command(mount, "add", *words, status=status)


def remove(mount, *words, status=0):
    return command(mount, "rm", *words, status=status)


def targets(mount):
    return [route["target"] for route in json.loads(command(mount, "ls", "--json"))["routes"]]


@contextlib.contextmanager
def standing_in(path):
    """A process whose working directory is there."""
    with subprocess.Popen(["sleep", "600"], cwd=path) as process:
        try:
            rofuse_test.wait_for_program(process.pid, "sleep")
            yield process
        finally:
            process.kill()


def walk(path):
    """Everything below a path, with what stat(2) tells but times, and content."""
    found = {}
    for directory, names, files in os.walk(path):
        for name in names + files:
            full = os.path.join(directory, name)
            st = os.lstat(full)
            content = pathlib.Path(full).read_bytes() if stat.S_ISREG(st.st_mode) else None
            size = st.st_size if stat.S_ISREG(st.st_mode) else None
            found[os.path.relpath(full, path)] = (st.st_mode, st.st_uid, st.st_gid, st.st_nlink, size, content)
        entries = {entry.name: entry.inode() for entry in os.scandir(directory)}
        assert entries == {name: os.lstat(os.path.join(directory, name)).st_ino for name in names + files}
    return found
