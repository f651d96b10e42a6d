"""A real program in the background by `rofuse run`: its log, its report, what it answers on loopback."""

import http.client
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import denial_log
import facts
import rofuse_test

_serial = itertools.count()


def free_port():
    """A TCP port of the loopback address that nobody has just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Run:
    """One `rofuse run`.

    image: a reference. options: of `rofuse run`, routes first of all. service: of the Compose file among the options.
    command: instead of the image's own. environment: variables of `rofuse run` itself, for interpolation. keep_facts: what was
    seen of the program is to be had by facts().
    """

    def __init__(self, scratch, image, options=(), service=None, command=(), environment=None, report="text",
                 keep_facts=False):
        self.scratch, number = pathlib.Path(scratch), next(_serial)
        self.image = image
        self.facts_path = self.scratch / f"run{number}.facts"
        self.log_path = self.scratch / f"run{number}.jsonl"
        self.paths = [self.scratch / f"run{number}.{name}" for name in ("out", "err")]
        arguments = [rofuse_test.BINARY, "run", "--state-dir", self.scratch / "state", "--image", image,
                     "--name", f"run{number}", "--log", f"file:{self.log_path}", "--report", report, *options]
        arguments += ["--facts", self.facts_path] if keep_facts else []
        arguments += [service] if service else []
        arguments += ["--", *command] if command else []
        with open(self.paths[0], "wb") as out, open(self.paths[1], "wb") as err:
            self.process = subprocess.Popen([str(word) for word in arguments], stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=err, cwd=self.scratch, env={**os.environ, **(environment or {})})

    @property
    def stdout(self):
        return self.paths[0].read_text(errors="replace")

    @property
    def stderr(self):
        return self.paths[1].read_text(errors="replace")

    @property
    def output(self):
        """What the program and `rofuse run` said, the report too."""
        return self.stdout + self.stderr

    def end(self, number=signal.SIGTERM):
        """Ends the program by a signal to `rofuse run`; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self, seconds=60):
        """Waits for the program's own end."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it does not end: {self.output}") from None
        assert not rofuse_test.SUSPICIOUS.search(self.stderr), self.stderr
        return self.process.returncode

    def records(self):
        """All denials in the log, validated; after the end of the program all of them are there."""
        if not self.log_path.exists():
            return []
        data = self.log_path.read_bytes()
        events = denial_log.parse_lines(data[: data.rfind(b"\n") + 1])
        for event in events:
            denial_log.validate(event)
        return [event for event in events if event["event"] == "denied"]

    def facts(self):
        """The document of facts that it left, validated."""
        return facts.validate(json.loads(self.facts_path.read_text()))

    def of_path(self, path):
        """The denials of a path."""
        return [record for record in self.records() if record["path"] == path]

    def until(self, answers, what):
        """Waits until answers() is neither None nor an OSError, and returns that."""
        deadline, last = time.monotonic() + 60, None
        while True:
            try:
                found = answers()
            except OSError as error:
                found, last = None, error
            if found is not None:
                return found
            assert self.process.poll() is None, f"{what}: it has ended with {self.process.returncode}: {self.output}"
            assert time.monotonic() < deadline, f"{what}: not after 60 s ({last}): {self.output}"
            time.sleep(0.02)


def http_request(port, method, path, body=None):
    """(status, bytes) of one request to loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
