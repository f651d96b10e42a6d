"""A program in a terminal: what it shows, and keys for it."""

import fcntl
import os
import select
import struct
import subprocess
import termios
import time

import pyte

KEYS = {"enter": b"\r", "esc": b"\x1b", "up": b"\x1bOA", "down": b"\x1bOB", "end": b"\x1bOF", "clear": b"\x15"}


class Terminal:
    """Runs words in a terminal of its own; it is a session's controlling one, so that it can be hung up."""

    def __init__(self, words, width=80, height=24, term="xterm-256color", locale="C.UTF-8", env=()):
        self.screen = pyte.Screen(width, height)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.master, self.slave = os.openpty()
        self.set_size(width, height)
        self.before = termios.tcgetattr(self.slave)
        environment = {**os.environ, "TERM": term, "LC_ALL": locale, **dict(env)}
        self.process = subprocess.Popen([str(word) for word in words], stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        env=environment, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        if self.master >= 0:
            os.close(self.master)

    def set_size(self, width, height):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def resize(self, width, height):
        """As a terminal does when its window changes; the kernel sends SIGWINCH."""
        self.screen.resize(height, width)
        self.set_size(width, height)

    def hang_up(self):
        os.close(self.master)
        self.master = -1

    def press(self, *keys):
        for key in keys:
            os.write(self.master, KEYS.get(key, key.encode()))

    def take(self, seconds=0.05):
        """Shows what has come."""
        while select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.raw += data
            self.stream.feed(data)

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    def text(self):
        return "\n".join(self.lines)

    def wait(self, condition, what):
        """Until condition(lines) holds; a text is one that must stand somewhere."""
        holds = (lambda lines: any(condition in line for line in lines)) if isinstance(condition, str) else condition
        deadline = time.monotonic() + 60
        self.take()
        while not holds(self.lines):
            assert time.monotonic() < deadline, f"{what}: not after 60 s; there is\n{self.text()}"
            self.take(0.2)
        return self.lines

    def end(self):
        """The exit status; the terminal must be as it was before."""
        deadline = time.monotonic() + 60
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it does not end; there is\n{self.text()}"
            self.take()
        self.take()
        assert termios.tcgetattr(self.slave) == self.before
        return self.process.returncode
