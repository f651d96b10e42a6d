"""The size that rofuse advise proposes for a tmpfs: from what was written in learn mode, in a place that was added live, and
from facts that were kept; never one in which the same run would have no room."""

import json
import re
import subprocess

import jsonschema
import pytest

from advised import advise, make_image
from control import Control
import rofuse_test

MIB = 1 << 20
UNITS = {"m": MIB, "g": 1 << 30}


@pytest.fixture
def mount(rofuse, scratch):
    return rofuse(layers=[make_image(scratch / "layer")])


def rofuse(mount, *words):
    subprocess.run([rofuse_test.BINARY, *words, "--state-dir", mount.state], check=True, capture_output=True, timeout=60)


def write(mount, path, bytes):
    mount.path(path).write_bytes(b"x" * bytes)


def size_of(place, *words):
    """Of the tmpfs that is advised for a place; None: it has none."""
    options = json.loads(advise("--json", *words).stdout)["options"]
    value, = [word for word in options if word.split(":")[0] == place]
    found = re.search(r"size=(\d+)([mg])", value)
    return int(found[1]) * UNITS[found[2]] if found else None


def test_learned(mount, scratch):
    here = ["--state-dir", mount.state]
    rofuse(mount, "learn", "on")
    write(mount, "/var/cache/prog/a", 10 * MIB)
    assert size_of("/var/cache/prog", *here) == 64 * MIB
    # What has gone was there.
    write(mount, "/tmp/sort", 30 * MIB)
    mount.path("/tmp/sort").unlink()
    write(mount, "/tmp/kept", 1)
    rofuse_test.wait_until(lambda: size_of("/tmp", *here) == 128 * MIB, "what was removed counts")

    # The same from facts that were kept.
    with Control(mount) as control:
        facts = control.result("facts", settle_ms=2000, written=True)
        assert "written" not in control.result("facts")
    schema = json.loads((rofuse_test.ROOT / "src/explain/facts.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(facts)
    kept = scratch / "facts.json"
    kept.write_text(json.dumps(facts))
    assert size_of("/tmp", "--from", kept, "--layer", scratch / "layer") == 128 * MIB
    assert size_of("/var/cache/prog", "--from", kept, "--layer", scratch / "layer") == 64 * MIB
    facts["written"]["places"][0]["bytes"] = -1
    kept.write_text(json.dumps(facts))
    assert "bytes" in advise("--from", kept, status=1).stderr


def test_added_live(mount, scratch):
    compose = scratch / "compose.yaml"
    compose.write_text(f"services:\n  web:\n    image: web\n    read_only: true\n    x-rofuse: {{image: '{scratch}/layer'}}\n")
    subprocess.run(["touch", mount.path("/var/cache/prog/a")], check=False, capture_output=True)
    mount.records(at_least=1)
    words = ["--compose", compose, "--state-dir", mount.state]
    assert size_of("/var/cache/prog", *words) is None
    rofuse(mount, "route", "add", mount.point, "--tmpfs", "/var/cache/prog")
    write(mount, "/var/cache/prog/a", 20 * MIB)
    assert size_of("/var/cache/prog", *words) == 128 * MIB
    # It is declared in the mount itself, and lacks a size there, as the audit says.
    assert json.loads(advise("--json", "--state-dir", mount.state).stdout)["options"] == []
    audit = subprocess.run([rofuse_test.BINARY, "audit", "--json", "--state-dir", mount.state], capture_output=True, check=False)
    mends = {finding["rule"]: finding["mend"] for finding in json.loads(audit.stdout)["findings"]}
    assert mends["unlimited"] == "give it a size: size=128m, by what was written there"
