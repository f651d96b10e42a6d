"""The facts of a mount, as its daemon tells them; every document is checked against the schema."""

import json
import time

from control import Control
import jsonschema
import rofuse_test

SCHEMA = json.loads((rofuse_test.ROOT / "src" / "explain" / "facts.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def validate(document):
    problems = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in VALIDATOR.iter_errors(document)]
    assert not problems, f"{json.dumps(document)}: {problems}"
    return document


def document(mount):
    with Control(mount) as control:
        return validate(control.result("facts"))


def settled(mount, seconds=60, places=()):
    """The facts when none waits any more for how its program goes on, and each place is among them."""
    deadline = time.monotonic() + seconds
    while True:
        facts = document(mount)["facts"]
        if facts and all(fact["because"] != "waiting" for fact in facts) and {fact["place"] for fact in facts} >= set(places):
            return facts
        assert time.monotonic() < deadline, facts
        time.sleep(0.02)


def one(facts, place):
    """The fact of a place."""
    found = [fact for fact in facts if fact["place"] == place]
    assert len(found) == 1, [(fact["place"], fact["class"]) for fact in facts]
    return found[0]
