"""What rofuse advise says makes real programs work, as it stands: run, advise, apply, run again, serve a request; and it
declares no more than a person would."""

import contextlib
import json
import os
import subprocess

from advised_programs import PROGRAMS
from program_run import free_port
import pytest
import rofuse_test

pytestmark = pytest.mark.slow

MOST_ROUNDS = 5


class Play:
    """A program, run again and again on the same place, as somebody does who makes it work."""

    def __init__(self, run, scratch, program):
        self.run, self.scratch, self.program = run, scratch, program
        self.port = free_port()
        self.configured = program.configure(scratch, self.port)
        self.running = None

    def start(self, *options):
        program = self.program
        entrypoint = ["--entrypoint", program.entrypoint] if program.entrypoint else []
        self.running = self.run(program.image, options=[*self.configured, *entrypoint, *options], keep_facts=True,
                                command=[word.format(port=self.port) for word in program.command])
        return self.running

    def serves(self, *options):
        """Runs it until it has served, or has shown that it does not; then it has ended. Returns what went wrong, or None."""
        running = self.start(*options)
        try:
            if self.program.said:
                assert running.wait() == 0 and running.stdout == self.program.said.format(port=self.port)
            else:
                running.until(lambda: self.program.ask(self) or True, "a request")
        except AssertionError as problem:
            return f"{problem}\n{running.output}"
        finally:
            self.end()
        return None

    def end(self):
        if self.running.process.poll() is None and self.program.end:
            with contextlib.suppress(OSError):
                self.program.end(self)
                self.running.wait()
        self.running.end()

    def advise(self, *words, declared=()):
        """What is said of the facts of the last run. @declared: what was tried already."""
        # Of what configures it and is declared already, advise need only know the places.
        pairs = zip(self.configured[::2], self.configured[1::2], strict=True)
        places = [word for option, value in pairs if option == "-v" for word in (option, value)]
        done = subprocess.run([rofuse_test.BINARY, "advise", "--state-dir", self.scratch / "state",
                               "--from", self.running.facts_path, "--image", self.running.image, *places, *declared, *words],
                              capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def advised(self, **kwargs):
        """The words for rofuse run, exactly as they are printed, and the advice for programs."""
        words = shell_words(self.advise("--for", "rofuse", **kwargs))
        assert words[0] == "run" and words[-2:] == ["--image", self.running.image]
        advice = json.loads(self.advise("--json", **kwargs))
        return words[1:-2], advice


def shell_words(text):
    """The arguments that a shell makes of a call of rofuse."""
    script = 'rofuse() { for word; do printf "%s\\0" "$word"; done; }\n' + text
    said = subprocess.run(["sh", "-euc", script], capture_output=True, text=True, check=True)
    return said.stdout.split("\0")[:-1]


def applied(advice):
    """({target: kind}, names of variables) of what is to be declared."""
    advices = [one for one in advice["advices"] if one["applies"]]
    places = {one["route"]["target"]: one["kind"] for one in advices if "route" in one}
    return places, {one["name"] for one in advices if one["kind"] == "env"}


@pytest.fixture
def play(run, scratch):
    return lambda name: Play(run, scratch, PROGRAMS[name])


def check_precision(play):
    """Of the last run, in which all is declared, nothing is fatal and nothing is advised."""
    facts = play.running.facts()["facts"]
    assert [fact for fact in facts if fact["class"] == "fatal"] == []
    advice = json.loads(play.advise("--json"))
    assert (advice["options"], advice["advices"], advice["notes"]) == ([], [], [])
    assert "nothing to declare\n" in play.advise()


@pytest.mark.parametrize("name", PROGRAMS)
def test_by_learning(play, name):
    """One run without anything that does not work, one in learn mode that does, and one with what is advised."""
    play = play(name)
    assert play.serves() is not None
    assert any(fact["class"] != "probe" for fact in play.running.facts()["facts"])
    assert play.serves("--learn") is None
    words, advice = play.advised()
    program = play.program
    assert applied(advice) == (program.expected, program.variables), advice
    assert play.serves(*words) is None
    check_precision(play)


COMPOSE = """\
services:
  # Keeps what is uploaded.
  uploads:
    image: example/uploads
    read_only: true
    environment:
      PORT: ${PORT}   # of the host
"""


def test_compose_file(run, scratch):
    """The same in a person's Compose file, which rofuse advise changes itself."""
    file = scratch / "shop" / "compose.yaml"
    file.parent.mkdir()
    file.write_text(COMPOSE)
    port = free_port()

    def serve(*options):
        service = run("python", options=["--compose", file, *options], service="uploads", keep_facts=True,
                      environment={"PORT": str(port)})
        service.port = port
        service.until(lambda: PROGRAMS["python"].ask(service) or True, "an upload")
        service.end()
        return service

    learned = serve("--learn")
    subprocess.run([rofuse_test.BINARY, "advise", "--state-dir", scratch / "state", "--from", learned.facts_path,
                    "--image", learned.image, "--merge", file, "--write"], check=True, timeout=60,
                   env={**os.environ, "PORT": str(port)})
    assert file.read_text() == COMPOSE + (
        "    tmpfs:\n      - /tmp\n    volumes:\n      - uploads:/var/lib/uploads\nvolumes:\n  uploads:\n"), learned.facts()
    assert serve().facts()["facts"] == []
    assert (scratch / "state/volumes/shop_uploads/_data/last").read_text() == '"a picture"'


@pytest.mark.parametrize("name", [name for name, program in PROGRAMS.items() if program.by_rounds])
def test_by_rounds(play, name):
    """Run, advise, apply, until it works; what is advised in each round is added."""
    play = play(name)
    declared, places = [], {}
    for _ in range(MOST_ROUNDS):
        problem = play.serves(*declared)
        if problem is None:
            break
        words, advice = play.advised(declared=declared)
        assert words, problem
        places |= applied(advice)[0]
        declared += words
    assert problem is None
    assert places == play.program.expected
    check_precision(play)
