"""The mount that is meant where little is said, and what is said where it cannot be asked: one line, with the mend."""

import json
import os
import re
import shutil
import signal
import subprocess

import busybox_image
import live_commands
import pytest
import rofuse_test
from live_commands import add, targets
from terminal import Terminal

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(name="mount")
def fixture_mount(rofuse, scratch):
    return rofuse(layers=[live_commands.make_layer(scratch)], tmpfs=["/tmp"])


def run(mount, *words):
    return subprocess.run([rofuse_test.BINARY, *map(str, words), "--state-dir", mount.state], capture_output=True, text=True,
                          check=False, timeout=60)


def succeed(mount, *words):
    done = run(mount, *words)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_live_takes_no_mount_where_there_is_one(mount):
    """At the end, before an option, and with an equals sign."""
    text = succeed(mount, "config", "--live", mount.point)
    assert "tmpfs:" in text
    assert succeed(mount, "config", "--live") == text
    assert subprocess.run([rofuse_test.BINARY, "config", "--state-dir", mount.state, "--live"], capture_output=True, text=True,
                          check=True).stdout == text
    assert json.loads(succeed(mount, "config", "--live", "--json"))["name"] == mount.point.name
    assert run(mount, "config", "--live", "nowhere").returncode == 1


@pytest.mark.parametrize("words", [["--image", "x"], ["--layer", "/etc"], ["--compose", "x.yaml"], ["--json", "--service", "x"],
                                   ["--tmpfs", "/run"], ["--user", "1"], ["--env", "A=b"], ["--", "sh"]], ids=" ".join)
def test_live_is_alone(mount, words):
    """What would be passed over without a word is said to have no place there."""
    done = subprocess.run([rofuse_test.BINARY, "config", "--state-dir", mount.state, "--live", mount.point, *words],
                          capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("rofuse: --live shows a mount as it is") and done.stderr.count("\n") == 1


def test_several_targets_of_the_only_mount(mount):
    add(mount, "--tmpfs", "/run", "--tmpfs", "/app/data")
    assert "/nowhere: no route is declared there" in run(mount, "route", "rm", "/nowhere", "/run").stderr
    assert sorted(targets(mount)) == ["/app/data", "/run", "/tmp"]
    succeed(mount, "route", "rm", "/run", "/app/data")
    assert targets(mount) == ["/tmp"]
    add(mount, "--tmpfs", "/run")
    succeed(mount, "route", "rm", mount.point, "/run", "/tmp")
    assert targets(mount) == []


def test_learn_mode_switched_in_json(mount):
    """As every object, it has its schema."""
    switched = {"schema": "rofuse.learning/1", "mount": mount.point.name}
    answer = json.loads(succeed(mount, "learn", "off", "--json"))
    assert answer == {**switched, "learning": False, "changed": False}
    assert json.loads(succeed(mount, "learn", "diff", "--json"))["schema"] == "rofuse.learn/1"


def test_a_pattern_that_the_shell_took(mount):
    done = subprocess.run(["sh", "-c", '"$0" log --state-dir "$1" "$2" --path /etc/*', rofuse_test.BINARY, mount.state, mount.point],
                          capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--path '/var/*'" in done.stderr and done.stderr.count("\n") == 1


def test_a_mount_that_is_gone(mount):
    mount.end()
    done = run(mount, "log", mount.point)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (f"rofuse: {mount.point} is not a rofuse mount; rofuse status lists those that there are; a log of the past "
                           "is read with --from LOG\n")


def test_a_word_that_is_no_mount(mount, scratch):
    """The word and the mounts that there are, whatever was asked; where it could be a target too, both are said."""
    those = f"there is {mount.point.name} ({mount.point})"
    for word in ("nowhere", f"{mount.point}x"):
        expected = f"rofuse: {word} is not a rofuse mount; {those}"
        for words in (["status", word], ["why", word, "/etc"], ["log", word], ["facts", word], ["umount", word], ["learn", "diff", word],
                      ["route", "ls", word], ["route", "add", word, "--tmpfs", "/x"], ["config", f"--live={word}"]):
            done = run(mount, *words)
            assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith(expected), done
            assert done.stderr.count("\n") == 1
    expected = f"rofuse: {mount.point}x: no route is declared there; rofuse route ls shows them; nor is it a rofuse mount: {those}\n"
    done = run(mount, "route", "rm", f"{mount.point}x", "/tmp")
    assert (done.returncode, done.stderr) == (2, expected)
    assert "nor is it" not in run(mount, "route", "rm", mount.point, "/none", "/tmp").stderr
    # With two mounts it can be nothing but a mount.
    more = [scratch / f"more{number}" for number in range(6)]
    those = [f"{point.name} ({point})" for point in (mount.point, *more)]
    for point in more:
        point.mkdir()
    succeed(mount, "mount", "--layer", scratch, "--log", f"file:{scratch}/log", more[0])
    expected = f"{mount.point}x is not a rofuse mount; there are "
    done = run(mount, "route", "rm", f"{mount.point}x", "/tmp")
    assert done.returncode == 1 and done.stderr.startswith(f"rofuse: {expected}")
    assert sorted(done.stderr.strip().partition("there are ")[2].split(", ")) == sorted(those[:2])
    assert targets(mount) == ["/tmp"]
    for point in more[1:]:
        succeed(mount, "mount", "--layer", scratch, "--log", f"file:{scratch}/log", point)
    said = run(mount, "log", "nowhere").stderr
    assert " and 2 more, which rofuse status lists; " in said and sum(one in said for one in those) == 5
    for point in more:
        succeed(mount, "umount", point)


def test_a_state_that_is_elsewhere(mount, scratch):
    where = scratch / "elsewhere"
    for words, said in ((["log"], f"there is no mount in {where}/run; the state of "),
                        (["route", "ls", mount.point.name], f"{mount.point.name} is a rofuse mount, but its state is not in {where}/run"),
                        (["umount", mount.point.name], f"{mount.point.name} is a rofuse mount, but its state is not in {where}/run")):
        done = subprocess.run([rofuse_test.BINARY, *words, "--state-dir", where], capture_output=True, text=True, check=False,
                              timeout=60)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith(f"rofuse: {said}") and "--state-dir DIR" in done.stderr and done.stderr.count("\n") == 1
    assert rofuse_test.is_mounted(mount.point)


@ROOT_ONLY
def test_another_users_mount(mount, scratch):
    """It is in the table of mounts for all to see, and is not said not to be there."""
    user, home, binary = busybox_image.USER, scratch / "home", scratch / "rofuse"
    shutil.copy(rofuse_test.BINARY, binary)
    home.mkdir()
    os.chown(home, user, user)

    def ask(*words):
        return subprocess.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", binary, *words], text=True,
                              capture_output=True, check=False, timeout=60, cwd="/",
                              env={"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": "/usr/bin"})

    theirs = r"rofuse: there is no mount of yours; \S+ is one of user 0, and that user and root alone may ask its daemon\n"
    for words in (["log"], ["route", "ls"], ["config", "--live"], ["why", "/etc"]):
        done = ask(*words)
        assert (done.returncode, done.stdout) == (1, "") and re.fullmatch(theirs, done.stderr), done
    for words in (["status"], ["learn", "diff"], ["umount"], ["log", "-f"]):
        done = ask(*words, mount.point.name)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith(f"rofuse: {mount.point.name} is a mount of user 0; "), done
    done = ask("status")
    assert (done.returncode, done.stdout) == (0, "no mounts\n"), done
    assert re.fullmatch(r"rofuse: \S+ is a mount of user 0; that user and root alone may ask its daemon\n", done.stderr), done
    assert rofuse_test.is_mounted(mount.point)


def test_who_waits_is_told_for_what(mount):
    """At a terminal; Ctrl-C ends it. In a pipe nothing is said before the answer."""
    mount.stop()
    try:
        words = [rofuse_test.BINARY, "route", "ls", "--state-dir", mount.state]
        with Terminal(words, width=200) as terminal, subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as piped:
            said = f"rofuse: waiting for the daemon of {mount.point.name} (pid {mount.process.pid}), which is busy or was stopped;"
            terminal.wait(said, "the notice")
            os.write(terminal.master, b"\x03")
            assert terminal.end() == -signal.SIGINT
            mount.go_on()
            out, err = piped.communicate(timeout=60)
            assert (piped.returncode, err) == (0, b"") and out.startswith(b"TARGET")
    finally:
        mount.go_on()
