"""Ends of `rofuse run` that nobody planned: whoever read its output is gone, somebody outside stays in the root."""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import termios
import time

import busybox_image
import namespace
import pytest
import rofuse_test
import runtimes


@pytest.fixture(name="layers", scope="module")
def fixture_layers(tmp_path_factory):
    base, app = busybox_image.make(tmp_path_factory.mktemp("run_ends"))
    return ["--layer", base, "--layer", app]


def command(scratch, *words):
    return [rofuse_test.BINARY, "run", "--state-dir", str(scratch / "state"), *map(str, words)]


def closed_pipe():
    """A pipe's end for writing that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def test_nobody_reads_the_report(scratch, layers):
    """The status is the program's, and what was to be removed is removed."""
    writer = closed_pipe()
    try:
        result = subprocess.run(command(scratch, *layers, "--rm", "-v", "/cache", "--", "sh", "-c",
                                        "touch /cache/x; touch /y 2>/dev/null; exit 9"),
                                stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, check=False, timeout=60)
    finally:
        os.close(writer)
    assert result.returncode == 9
    assert not list((scratch / "state/volumes").iterdir())
    assert not list((scratch / "state/run/roots").iterdir())


@pytest.mark.parametrize("runtime", ["builtin", "bwrap", "runc"])
def test_started_by_who_ignores_the_ends_of_others(scratch, layers, runtime):
    """That is inherited; then nobody is told of a child's end, and its status is lost."""
    if runtime != "builtin" and runtimes.missing(runtime):
        pytest.skip(f"{runtime} is not installed")
    result = subprocess.run(command(scratch, "--runtime", runtime, *layers, "--", "sh", "-c", "exit 9"), check=False,
                            timeout=60, stdin=subprocess.DEVNULL, capture_output=True,
                            preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert result.returncode == 9, result


def test_output_of_a_person_goes_to_a_file(scratch, layers):
    """`rofuse run … >FILE` at a terminal: the program can be typed to, and FILE has what it wrote, nothing else."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    try:
        os.write(master, b"typed\n")
        script = "test -t 0 && test ! -t 1 && echo as it is; read -r x; echo got $x; echo wrong >&2"
        result = subprocess.run(command(scratch, "--report", "none", *layers, "--", "sh", "-c", script),
                                stdin=slave, capture_output=True, check=False, timeout=60, start_new_session=True)
        assert (result.stdout, result.stderr) == (b"as it is\ngot typed\n", b"wrong\n"), result
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_nobody_reads_the_output(scratch, layers, kind):
    """As `rofuse run … | head`, and as a window that is closed: the program hears of it."""
    master, slave = pty.openpty()
    writer = closed_pipe() if kind == "pipe" else os.dup(slave)
    with subprocess.Popen(command(scratch, "--report", "none", *layers, "--", "sh", "-c",
                                  "while :; do echo on and on; done"),
                          stdin=slave, stdout=writer, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        if kind == "terminal":
            assert b"on and on" in os.read(master, 1000)
        for fd in (master, slave, writer):
            os.close(fd)
        assert process.wait(60) == 128 + (signal.SIGPIPE if kind == "pipe" else signal.SIGHUP)
    assert not list((scratch / "state/run/roots").iterdir())


@pytest.mark.slow
def test_second_sigterm_kills_a_program_that_goes_on(scratch, layers):
    """Ten seconds after the first one; until then it is passed on, as other signals are always."""
    runtimes_here = [name for name in ("builtin", "bwrap", "runc") if name == "builtin" or not runtimes.missing(name)]
    script = "trap 'echo term' TERM; trap 'echo int' INT; echo ready; while :; do sleep 0.1; done"
    words = ["--report", "none", *layers, "--", "sh", "-c", script]
    running = [subprocess.Popen(command(scratch, "--runtime", name, *words), stdin=subprocess.DEVNULL, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for name in runtimes_here]
    for process in running:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    for number, line in ((signal.SIGTERM, "term\n"), (signal.SIGTERM, "term\n"), (signal.SIGINT, "int\n")):
        for process in running:
            process.send_signal(number)
            assert process.stdout.readline() == line
    time.sleep(10)
    for process in running:
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "int\n"
        process.send_signal(signal.SIGTERM)
        said, notice = process.communicate(timeout=60)
        assert (process.returncode, said) == (128 + signal.SIGKILL, ""), process.args
        assert re.fullmatch(r"rofuse: the program is killed: it was to end [1-9]\d+ seconds ago, .*\n", notice), notice
    assert not list((scratch / "state/run/roots").iterdir())


def start_waiting(scratch, layers, script="echo >/x 2>/dev/null"):
    """A run whose program does what a script says and then waits for a line; and its root."""
    process = subprocess.Popen(command(scratch, *layers, "--", "sh", "-c", f"{script}; echo ready; read line"),
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    (root,) = [path for path in (scratch / "state/run/roots").iterdir() if path.suffix != ".jsonl"]
    return process, root


def test_strangers_in_the_root_are_not_waited_for(scratch, layers):
    """They are named, the run ends with its report; the root is served until they have gone."""
    log = scratch / "log"
    process, root = start_waiting(scratch, [*layers, "--log", f"file:{log}"], "for i in 1 2 3; do echo >/x; done 2>/dev/null")
    with process, subprocess.Popen(["sleep", "600"], cwd=root) as other:
        try:
            rofuse_test.wait_for_program(other.pid, "sleep")
            said = process.communicate(timeout=60)[1]
            assert f"in the way: pid {other.pid} (sleep): working directory /\n" in said, said
            assert "not waited for: " in said and process.returncode == 1, said
            assert "/x  create, 3 times  EROFS" in said, said
            assert pathlib.Path(f"/proc/{other.pid}/cwd").stat(), "the root is served"
        finally:
            other.kill()
    rofuse_test.wait_until(lambda: not list((scratch / "state/run").glob("*.json")), "the end of the daemon")
    assert "cannot unmount" not in log.read_text(), "the run has done so"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_as_soon_as_it_has_a_place(scratch, layers, number):
    """Nothing is left for another run to clean up."""
    roots = scratch / "state/run/roots"
    roots.mkdir(parents=True)
    for _ in range(5):
        with subprocess.Popen(command(scratch, *layers, "--", "true"), stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as process:
            while not os.listdir(roots) and process.poll() is None:
                pass
            process.send_signal(number)
            process.communicate(timeout=60)
        assert not os.listdir(roots)


def test_what_a_killed_run_has_left_is_removed_by_the_next(scratch, layers):
    """A runtime that was at work at its end has made its mount targets on the host; what is mounted stays as it is."""
    roots = scratch / "state/run/roots"
    for name in ("root.left", "root.mounted"):
        (roots / name / "etc").mkdir(parents=True)
        (roots / f"{name}.jsonl").touch()
    (roots / "root.left/etc/hosts").touch()
    (scratch / "kept").mkdir()
    (scratch / "kept/file").touch()
    for place in ("root.mounted", "root.left/etc"):
        subprocess.run(["mount", "--bind", scratch / "kept", roots / place], check=True)
    assert subprocess.run(command(scratch, *layers, "--", "true"), check=False, timeout=60).returncode == 0
    assert (roots / "root.left").exists() and (roots / "root.mounted/file").exists()
    subprocess.run(["umount", roots / "root.left/etc"], check=True)
    assert subprocess.run(command(scratch, *layers, "--", "true"), check=False, timeout=60).returncode == 0
    assert sorted(os.listdir(roots)) == ["root.mounted", "root.mounted.jsonl"] and (scratch / "kept/file").exists()
    subprocess.run(["umount", roots / "root.mounted"], check=True)


def test_a_copy_in_another_mount_namespace_goes_with_the_run(scratch, layers):
    """Somebody has made one meanwhile, and knows nothing of it; nothing is said."""
    process, root = start_waiting(scratch, layers)
    with process, namespace.hold(scratch) as holder:
        table = pathlib.Path(f"/proc/{holder.pid}/mountinfo")
        assert str(root) in table.read_text(encoding="utf-8")
        said = process.communicate(timeout=60)[1]
        assert "not waited for" not in said and "in the way" not in said, said
        assert str(root) not in table.read_text(encoding="utf-8")
        assert not list((scratch / "state/run").glob("*.json")), "its daemon has ended"


def test_a_copy_in_another_mount_namespace_and_a_run_that_is_killed(scratch, layers):
    process, _ = start_waiting(scratch, layers)
    with process, namespace.hold(scratch):
        process.kill()
        rofuse_test.wait_until(lambda: not list((scratch / "state/run").glob("*.json")), "the end of the daemon")


def test_daemon_is_killed(scratch, layers):
    """Its mount is taken off; what it had logged is reported."""
    with subprocess.Popen(command(scratch, *layers, "--", "sh", "-c", "touch /x 2>/dev/null; echo ready; read line; exit 3"),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        (state,) = (scratch / "state/run").glob("*.json")
        os.kill(json.loads(state.read_text())["pid"], signal.SIGKILL)
        process.stdin.close()
        said = process.stderr.read()
        assert process.wait(60) == 3 and "was ended before the program" in said, said
    assert not list((scratch / "state/run/roots").iterdir()) and not state.exists()
    with open("/proc/self/mountinfo", encoding="utf-8") as table:
        assert str(scratch) not in table.read()
