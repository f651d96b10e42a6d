"""What rofuse advise says makes real programs work, as it stands: run, advise, apply, run again, serve a request; and it
declares no more than a person would."""

import json
import subprocess

import facts as facts_lib
import pytest
import rofuse_test
from advised_programs import TEN
from program_run import free_port

pytestmark = pytest.mark.slow

MOST_ROUNDS = 4


class Play:
    """A program, run again and again on the same place."""

    def __init__(self, run, scratch, program):
        self.run, self.scratch, self.program = run, scratch, program
        self.port = free_port()
        self.configured = program.configure(scratch, self.port)

    def start(self, *options, command=None):
        """A run whose facts are kept."""
        program = self.program
        words = command or [word.format(port=self.port) for word in program.command]
        entrypoint = ["--entrypoint", program.entrypoint] if program.entrypoint and not command else []
        started = self.run(program.image, options=[*self.configured, *entrypoint, *options], command=words, keep_facts=True)
        return started

    def served(self, started):
        """Whether it does what it is for. Then it has ended."""
        program = self.program
        if program.served:
            return started.wait() == 0 and started.stdout.endswith(program.served)
        try:
            started.until(lambda: program.ask(self.start, self.port), "a request")
        except AssertionError:
            return False
        finally:
            self.finish(started)
        return True

    def finish(self, started):
        if started.process.poll() is None and self.program.end:
            try:
                self.program.end(self.start, self.port)
            except OSError:
                pass
        started.end()

    def advise(self, started, *declared):
        """The advice from the facts of a run that has ended."""
        done = subprocess.run([rofuse_test.BINARY, "advise", "--state-dir", self.scratch / "state", "--from", started.facts_path,
                               "--image", started.image, *map(str, self.configured_routes()), *declared, "--json"], capture_output=True, text=True,
                              check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def configured_routes(self):
        """Of what configures the program that which is a route: the options of its environment are none."""
        pairs = zip(self.configured[::2], self.configured[1::2])
        return [word for pair in pairs if pair[0] == "-v" for word in pair]


@pytest.fixture
def play(run, scratch):
    return lambda name: Play(run, scratch, TEN[name])


def words_of(advice):
    """What is to be applied: the options, and the variables."""
    words = list(advice["options"])
    for one in advice["advices"]:
        if one["kind"] == "env" and one["applies"]:
            words += ["-e", f"{one['name']}={one['value']}"]
    return words


@pytest.mark.parametrize("name", TEN)
def test_explore(play, name):
    p = play(name)
    bare = p.start()
    ok = p.served(bare)
    print("BARE served:", ok, bare.process.returncode)
    print(bare.output[-1500:])
    for f in bare.facts()["facts"]:
        print("  F", f["class"], f["because"], f["place"], f["operations"], f["executable"], f["uid"], f["count"], "|", f["reason"])
    print("bare advice:", words_of(p.advise(bare)))
    learn = p.start("--learn")
    ok = p.served(learn)
    print("LEARN served:", ok)
    if not ok: print(learn.output[-3000:])
    for f in learn.facts()["facts"]:
        print("  F", f["class"], f["because"], f["place"], f["operations"], f["executable"], f["uid"], f["count"])
    adv = p.advise(learn)
    words = words_of(adv)
    print("ADVICE:", words)
    for a in adv["advices"]: print("   A", a["need"], a["kind"], a.get("option"), "|", a["why"], "|", a["cost"])
    for a in adv["left_out"]: print("   L", a["place"], a["class"], a["reason"])
    for a in adv["notes"]: print("   N", a)
    last = p.start(*words)
    ok = p.served(last)
    print("LAST served:", ok)
    if not ok: print(last.output[-3000:])
    for f in last.facts()["facts"]:
        print("  F", f["class"], f["because"], f["place"], f["operations"], f["executable"], f["uid"], f["count"], "|", f["reason"])
    adv = p.advise(last)
    print("AGAIN:", words_of(adv), adv["advices"], adv["left_out"])
    print("EXPECTED", TEN[name].expected)
