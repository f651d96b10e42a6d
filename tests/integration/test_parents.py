"""Whether those who started a refused process live in its container or on the host: real launchers, with names that tell nothing."""

import functools
import json
import os
import shutil
import stat
import subprocess
import sys

import facts
import pytest
import rofuse_test
from terminal import Terminal

HOST, INSIDE = True, False  # "outside" of a parent

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}

# A runtime that nobody knows, and whom the container outlives nothing: it goes on when its child has failed.
LAUNCHER = """#!/usr/bin/python3
import os, subprocess, sys
def enter():
    os.chroot(sys.argv[1])
    os.chdir("/")
subprocess.run(sys.argv[2:], preexec_fn=enter)
"""

# The same root directory by name, as the daemon sees it, and another one in fact: what runtimes do that cannot pivot_root(2).
MOVER = 'mount --rbind "$0" "$0"; cd "$0"; mount --move "$PWD" /; chroot . "$@"; exit 0'

SCRIPTS = {"runc": "cp /app/runc /etc/runc\nexit 0\n", "conmon": "touch /etc/conmon\nexit 0\n"}

# Words of the host with MNT for the mount point; the place; class, because, what the reason says; who of its parents lives where.
CASES = {
    "a host's script that moves the root": (
        ["unshare", "--mount", "sh", "-c", MOVER, "MNT", "cp", "/app/runc", "/etc/moved"], "/etc/moved",
        ("fatal", "ended-last", "cp exited with status 1"), [HOST]),
    "a launcher of the host": (
        ["LAUNCHER", "MNT", "cp", "/app/runc", "/etc/launched"], "/etc/launched",
        ("fatal", "ended-last", "cp exited with status 1"), [HOST]),
    "unshare in a script of the host": (
        ["bash", "-c", 'unshare --root="$0" "$@"; exit 0', "MNT", "cp", "/app/runc", "/etc/unshared"], "/etc/unshared",
        ("fatal", "ended-last", "cp exited with status 1"), [HOST]),
    "a script of the container that is called runc": (
        ["LAUNCHER", "MNT", "/app/runc"], "/etc/runc",
        ("tolerated", "step-failed", "runc, which ran it, ended well"), [INSIDE, HOST]),
    "a script of the container that is called conmon": (
        ["LAUNCHER", "MNT", "/app/conmon"], "/etc/conmon",
        ("probe", "asked", "conmon, which ran it, ended well"), [INSIDE, HOST]),
    "a root of its own in the container": (
        ["LAUNCHER", "MNT", "sh", "-c", "chroot /jail mkdir /deep; exit 0"], "/jail/deep",
        ("tolerated", "step-failed", "sh, which ran it, ended well"), [INSIDE, HOST]),
    "mounts of its own in the container": (
        ["LAUNCHER", "MNT", "sh", "-c", "unshare --mount mkdir /srv/mounts; exit 0"], "/srv/mounts",
        ("tolerated", "step-failed", "sh, which ran it, ended well"), [INSIDE, HOST]),
    "no container": (
        ["sh", "-c", 'mkdir "$0/srv/host"; exit 0', "MNT"], "/srv/host",
        ("tolerated", "step-failed", "sh, which ran it, ended well"), [INSIDE, INSIDE]),
}


@functools.cache
def can_move_roots():
    done = subprocess.run(["unshare", "--mount", "sh", "-c", 'mount -t tmpfs t /mnt && mount --move /mnt /'],
                          capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture(scope="module")
def mount(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("parents")
    layer = scratch / "layer"
    for name in ("app", "dev", "etc", "jail/usr", "proc", "srv", "usr"):
        (layer / name).mkdir(parents=True)
    for root in (layer, layer / "jail"):
        for name in ("bin", "lib", "lib64", "sbin"):
            os.symlink(f"usr/{name}", root / name)
    for name, text in SCRIPTS.items():
        (layer / "app" / name).write_text("#!/bin/sh\n" + text)
        (layer / "app" / name).chmod(0o755)
    os.mknod(layer / "dev" / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    launcher = scratch / "bin" / "go"
    launcher.parent.mkdir()
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    made = rofuse_test.Mount(scratch, layers=[layer], mount=["type=bind,source=/usr,target=/usr,readonly",
                                                             "type=bind,source=/usr,target=/jail/usr,readonly"])
    try:
        for words, *_ in CASES.values():
            words = [{"MNT": str(made.point), "LAUNCHER": str(launcher)}.get(word, word) for word in words]
            subprocess.run(words, env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        yield made
    finally:
        made.end()
        made.check_daemon_output()


@pytest.fixture(scope="module")
def told(mount):
    places = [place for words, place, *_ in CASES.values() if MOVER not in words or can_move_roots()]
    return {fact["place"]: fact for fact in facts.settled(mount, places=places)}


def homes(mount, path):
    """Of the nearest parents of a record."""
    (record,) = [record for record in mount.records() if record["path"] == path]
    return record["process"]["parents"]


@pytest.mark.parametrize("case", CASES)
def test_class(mount, told, case):
    words, place, (word, because, reason), wanted = CASES[case]
    if MOVER in words and not can_move_roots():
        pytest.skip("the root directory cannot be moved here")
    fact = told[place]
    assert (fact["class"], fact["because"]) == (word, because), fact["reason"]
    assert reason in fact["reason"]
    parents = homes(mount, place)
    assert [parent["outside"] for parent in parents[:len(wanted)]] == wanted, parents
    assert fact["parents_outside"] == [parent.get("outside") for parent in parents]


def test_from_a_log(mount, told):
    """What a log tells of parents is what the daemon knew."""
    done = subprocess.run([rofuse_test.BINARY, "facts", "--json", "--from", mount.log_path], capture_output=True, check=True,
                          text=True)
    read = facts.validate(json.loads(done.stdout))["facts"]
    assert {fact["place"]: fact["parents_outside"] for fact in read} == {
        place: fact["parents_outside"] for place, fact in told.items()}


def test_root_of_the_host_in_a_sandbox(rofuse):
    """It is shown the host's own root directory, the same in number; who started it is on the host all the same."""
    if shutil.which("bwrap") is None:
        pytest.skip("bwrap is not installed")
    made = rofuse()
    done = subprocess.run(["bwrap", "--bind", "/", "/", "sh", "-c", 'mkdir "$0/x"; exit 0', made.point], check=False,
                          capture_output=True, text=True)
    if "bwrap:" in done.stderr:
        pytest.skip(done.stderr)
    parents = homes(made, "/x")
    assert (parents[0]["comm"], parents[0]["outside"]) == ("sh", INSIDE)
    assert {parent["outside"] for parent in parents if parent["pid"] == os.getpid()} == {HOST}


def test_watch_says_who_is_on_the_host(rofuse):
    made = rofuse()
    code = "import os, sys\nif os.fork() == 0:\n    os.chroot(sys.argv[1])\n    os.mkdir('/refused')\nos.wait()"
    subprocess.run([sys.executable, "-c", code, made.point], capture_output=True, check=True)
    with Terminal([rofuse_test.BINARY, "watch", "--state-dir", made.state, made.point]) as terminal:
        terminal.wait("/refused", "the row")
        terminal.press("enter")
        (line,) = [line for line in terminal.wait("Parents", "the parents") if line.startswith("Parents")]
        assert line.split(" < ")[0].endswith(" (host)"), line
        terminal.press("q")
        terminal.wait("PLACE", "the list")
        terminal.press("q")
        assert terminal.end() == 0
