"""A person's session in two terminals, and its transcript: what was typed and what was answered.

One is a shell of the host, the other a container with a shell. Both are in namespaces of their own, in which the places of
root's state (/var/lib, /run) and the loopback network are the test's, so that commands need no options that nobody types.
"""

import contextlib
import os
import pathlib
import re
import select
import signal
import subprocess
import time

import namespace
import rofuse_test
import terminal

PROMPT = "# "  # dash's, for root
_DONE = "==done=="
_PREPARE = """ip link set lo up && mount --bind "$1/lib" /var/lib && mount --bind "$1/run" /run &&
    mount --bind "$2" /var/lib/rofuse/images"""
_ENTER = 'cd "$1" && PATH=$2:$PATH && shift 2 && exec "$@"'

# What differs from run to run and from machine to machine.
_FIXED = [
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d{3}\b"), "12:34:56.789"),
    (re.compile(r"\b\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\b"), "2026/11/26 12:34:56"),
    (re.compile(r"\bpid \d+"), "pid 4242"),
    (re.compile(r"\b\d+ (s|min) ago"), "2 s ago"),
    (re.compile(r"\b\d+\.\d s after it"), "at once"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "8f6dd3db3989..."),
]
# What the program says while all is well.
_CHATTER = re.compile(r'\[notice\]|"GET / HTTP/1\.1" 200 ')


def fixed(text):
    """The text as it is in every run; lines of mere chatter become one "..."."""
    for pattern, instead in _FIXED:
        text = pattern.sub(instead, text)
    lines = []
    for line in text.splitlines():
        if not _CHATTER.search(line):
            lines.append(line.rstrip())
        elif lines[-1:] != ["..."]:
            lines.append("...")
    return lines


class Transcript:
    """Paragraphs and, between them, what the terminals showed, in Markdown."""

    def __init__(self):
        self._parts = []

    def say(self, paragraph):
        self._parts.append(("text", [paragraph]))

    def show(self, text):
        if not self._parts or self._parts[-1][0] == "text":
            self._parts.append(("shown", []))
        self._parts[-1][1].extend(fixed(text))

    def __str__(self):
        return "\n\n".join("\n".join(("    " + line).rstrip() if kind == "shown" else line for line in lines)
                           for kind, lines in self._parts)


class Host:
    """The host's shell. Its commands are run one by one, and told in the transcript."""

    def __init__(self, enter, directory, transcript):
        self.transcript = transcript
        self.process = subprocess.Popen([*enter, "bash", "--norc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, bufsize=0)
        self.directory = pathlib.Path(directory)

    def quietly(self, command):
        """(exit status, output) of a command that the transcript leaves out."""
        # The command must not read what the shell is told next.
        self.process.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '{_DONE}%d\\n' $?\n".encode())
        output, end = "", re.compile(rf"{_DONE}(\d+)\n\Z")
        while not (match := end.search(output)):
            assert select.select([self.process.stdout], [], [], 60)[0], f"{command}: no end after 60 s: {output}"
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"{command}: the shell has ended: {output}"
            output += data.decode()
        assert not rofuse_test.SUSPICIOUS.search(output), output
        return int(match[1]), output[:match.start()]

    def type(self, command, status=0):
        """The output of a command, which must end with that status."""
        ended, output = self.quietly(command)
        assert ended == status, f"{command}: {ended}: {output}"
        self.transcript.show(f"$ {command}\n{output}")
        return output

    def type_until(self, command, holds):
        """The same of a command that only looks: again and again, until holds(output); the last time is told."""
        deadline = time.monotonic() + 60
        while not holds(answer := self.quietly(command)[1]):
            assert time.monotonic() < deadline, f"{command}: not after 60 s: {answer}"
            time.sleep(0.05)
        self.transcript.show(f"$ {command}\n{answer}")
        return answer

    def end(self):
        self.process.stdin.write(b"kill $(jobs -p) 2>/dev/null; wait; exit\n")
        self.process.stdin.close()
        self.process.wait(60)


class Container:
    """`rofuse run` in a terminal, with a shell inside."""

    def __init__(self, enter, words, transcript):
        self.transcript = transcript
        self.terminal = terminal.Terminal([*enter, *words], width=200)
        self._taken = 0
        transcript.show("$ " + " ".join(words))
        self._until(lambda text: text.endswith(PROMPT), "a prompt")

    def _until(self, holds, what):
        """What the terminal has shown since the last time, as soon as it holds."""
        deadline = time.monotonic() + 60
        while True:
            self.terminal.take()
            text = self.terminal.raw[self._taken:].decode().replace("\r\n", "\n")
            if holds(text):
                self._taken = len(self.terminal.raw)
                return text
            assert time.monotonic() < deadline, f"{what}: not after 60 s: {text}"

    def _told(self, text, before=""):
        self.transcript.show(before + text.removesuffix(PROMPT))
        return text

    def type(self, command):
        """What a command that ends says."""
        self.terminal.press(command, "enter")
        return self._told(self._until(lambda text: text.endswith("\n" + PROMPT), command), PROMPT)

    def start(self, command):
        """Starts one that goes on."""
        self.terminal.press(command, "enter")
        self._told(self._until(lambda text: text.startswith(command + "\n"), command).partition("\n")[0], PROMPT)

    def interrupt(self):
        """Ends it as one does. What it has said all the while is left out."""
        self.terminal.press("\x03")
        text = self._until(lambda text: text.endswith("\n" + PROMPT), "^C")
        self.transcript.show("^C")
        return text

    def leave(self):
        """What is said at the end."""
        self.terminal.press("exit", "enter")
        return self._told(self._until(lambda _: self.terminal.process.poll() is not None, "exit"), PROMPT)

    def end(self):
        if self.terminal.process.poll() is None:
            self.terminal.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.terminal.process.wait(60)
        self.terminal.__exit__()


class Session:
    """host: the shell. container(words): another terminal. transcript."""

    def __init__(self, scratch, holder, stack):
        self._stack, self.directory = stack, scratch / "work"
        self._enter = ["nsenter", "-t", str(holder.pid), "-m", "-n", "sh", "-c", _ENTER, "sh", str(self.directory),
                       os.path.dirname(os.path.abspath(rofuse_test.BINARY))]
        self.transcript = Transcript()
        self.host = Host(self._enter, self.directory, self.transcript)
        stack.callback(self.host.end)

    def container(self, *words):
        made = Container(self._enter, words, self.transcript)
        self._stack.callback(made.end)
        return made


@contextlib.contextmanager
def session(scratch, images):
    """images: the store of images that the session finds, by its directory."""
    for name in ("lib/rofuse/images", "run", "work"):
        (scratch / name).mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        holder = stack.enter_context(namespace.hold(scratch, _PREPARE, [scratch, images], before=["unshare", "-n"]))
        yield Session(scratch, holder, stack)
