"""A terminal handed through: the program has one of its own, the person's is raw meanwhile and as before afterwards."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import busybox_image
import container
import pytest
from rofuse_test import wait_until
import runtimes


@pytest.fixture
def root(rofuse, scratch):
    return rofuse(layers=busybox_image.make(scratch / "image"), tmpfs=["/tmp"])


@pytest.fixture(params=["builtin", "runc", "crun", "bwrap"])
def runtime(request):
    if request.param != "builtin" and runtimes.missing(request.param):
        pytest.skip(f"{request.param} is not installed")
    return request.param


class Person:
    """What sits before the terminal."""

    def __init__(self, argv):
        self.master, self.slave = pty.openpty()
        self.set_size(30, 100)
        self.before = termios.tcgetattr(self.slave)
        self.seen = ""
        self.process = subprocess.Popen(argv, stdin=self.slave, stdout=self.slave, stderr=self.slave, cwd="/",
                                        start_new_session=True, preexec_fn=self._take, env=container.HOST_ENVIRONMENT)

    def _take(self):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def set_size(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_for(self, pattern):
        """Reads until a pattern is there; what was before it is forgotten."""
        deadline = time.monotonic() + 60
        while not (match := re.search(pattern, self.seen)):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.seen!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536).decode(errors="replace")
        self.seen = self.seen[match.end():]
        return match

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO)

    def end(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@contextlib.contextmanager
def person_at(scratch, root, script, **spec):
    person = Person(container.command(scratch, root.point, script, terminal=True, **spec))
    try:
        yield person
    finally:
        person.end()


def test_terminal(root, scratch, runtime):
    with person_at(scratch, root, "stty size; test -t 0 && test -t 1 && test -t 2 && echo all three; "
                                  "read -r x; echo got $x; exit 9", runtime=runtime) as person:
        person.wait_for("30 100\r\n")
        person.wait_for("all three\r\n")
        assert person.is_raw()
        person.type("hello\n")
        person.wait_for("got hello\r\n")
        assert person.process.wait(60) == 9
        assert termios.tcgetattr(person.slave) == person.before


def test_it_is_one_of_the_container(root, scratch):
    with person_at(scratch, root, "tty; ls /dev/pts; stat -c '%U' $(tty); echo to console >/dev/console; "
                                  "echo to tty >/dev/tty", user="app") as person:
        for line in ("/dev/pts/0", "0 +ptmx", "app", "to console", "to tty"):
            person.wait_for(line + "\r\n")
        assert person.process.wait(60) == 0


def test_interrupt_goes_to_the_program(root, scratch, runtime):
    """^C is a byte here; the program's terminal makes a signal of it, once."""
    if runtime == "bwrap":
        pytest.skip("the terminal is bwrap's own as well: ^C ends it, and the program with it")
    with person_at(scratch, root, "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done",
                   runtime=runtime) as person:
        person.wait_for("ready\r\n")
        person.type("\x03")
        person.wait_for("interrupted\r\n")
        assert person.process.wait(60) == 5
        assert "interrupted" not in person.seen


def test_window_size_is_forwarded(root, scratch, runtime):
    if runtime == "crun":
        pytest.skip("crun 1.8 passes the signal on and leaves the size as it was")
    script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done"
    with person_at(scratch, root, script, runtime=runtime) as person:
        person.wait_for("ready\r\n")
        person.set_size(50, 132)
        person.wait_for("50 132\r\n")


def test_job_control(root, scratch):
    """A shell finds its controlling terminal and says nothing of "no job control"."""
    with person_at(scratch, root, ["sh"]) as person:
        # It says itself that it runs, by a word that is not in its echo; ^Z before that is for the shell.
        person.type("sh -c 'echo run''ning; exec sleep 600'\n")
        person.wait_for("running")
        person.type("\x1a")
        person.wait_for("Stopped")
        person.type("kill -9 %1\nexit 4\nexit 4\n")  # twice: the first one may only warn of stopped jobs
        assert person.process.wait(60) == 4
        assert "job control" not in person.seen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_terminal_is_given_back_after_a_signal(root, scratch, number):
    with person_at(scratch, root, "echo ready; exec sleep 600") as person:
        person.wait_for("ready\r\n")
        assert person.is_raw()
        person.process.send_signal(number)
        assert person.process.wait(60) == 128 + number
        assert termios.tcgetattr(person.slave) == person.before


def test_much_output_comes_whole(root, scratch):
    with person_at(scratch, root, "seq 1 20000; echo the end") as person:
        seen = []
        while not seen or not seen[-1].endswith("the end\r\n"):
            assert select.select([person.master], [], [], 30)[0]
            seen.append(("" if not seen else seen.pop()) + os.read(person.master, 65536).decode())
        assert seen[0] == "".join(f"{i}\r\n" for i in range(1, 20001)) + "the end\r\n"
        assert person.process.wait(60) == 0


def test_much_output_that_nobody_takes(root, scratch):
    """A terminal that is stuck: signals are heard all the same, by the program and by who waits to show what it wrote."""
    with person_at(scratch, root, "while :; do echo on and on; done") as person:
        wait_until(lambda: not select.select([], [person.slave], [], 0)[1], "a full terminal")

        def has_ended():
            person.process.send_signal(signal.SIGTERM)
            return person.process.poll() is not None

        wait_until(has_ended, "the end")
        # One that comes when all is done, and the terminal given back, ends it as any program.
        assert person.process.returncode in (128 + signal.SIGTERM, -signal.SIGTERM)
        assert termios.tcgetattr(person.slave) == person.before


def test_much_input_and_a_program_that_does_not_read(root, scratch):
    """More than a terminal takes: nothing hangs, and a signal still comes through."""
    with person_at(scratch, root, "stty raw -echo; echo ready; exec sleep 600") as person:
        person.wait_for("ready")
        os.set_blocking(person.master, False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(1000):
                person.type("x" * 1000)
        person.process.send_signal(signal.SIGTERM)
        assert person.process.wait(60) == 128 + signal.SIGTERM
