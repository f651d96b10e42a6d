"""What rofuse why says of a path: asked of a daemon, or of layers that are not mounted; every answer is as its schema has it."""

import json
import subprocess

from as_user import User
from control import Control
import jsonschema
import rofuse_test

SCHEMA = json.loads((rofuse_test.ROOT / "src" / "why" / "why.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

ROOT = User(0, 0)


def why(mount, path, user=ROOT):
    """The daemon's answer."""
    with Control(mount) as control:
        return checked(control.result("why", path=path, **user.args()))


def checked(answer):
    problems = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in VALIDATOR.iter_errors(answer)]
    assert not problems, f"{json.dumps(answer)}: {problems}"
    return answer


def verdict(answer, operation):
    found = [item for item in answer["verdicts"] if item["operation"] == operation]
    return found[-1]


def make_layer(top, *names):
    """Empty files, "NAME/" a directory."""
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).touch() if not name.endswith("/") else (top / name).mkdir(exist_ok=True)
    return top


def why_offline(scratch, layers, path):
    words = [word for layer in layers for word in ("--layer", layer)]
    done = subprocess.run([rofuse_test.BINARY, "why", "--json", "--state-dir", scratch / "state", *words, path],
                          capture_output=True, text=True, check=True, timeout=60)
    return checked(json.loads(done.stdout))


def why_text_offline(scratch, layer, path):
    done = subprocess.run([rofuse_test.BINARY, "why", "--state-dir", scratch / "state", "--layer", layer, path],
                          capture_output=True, text=True, check=True, timeout=60)
    return done.stdout
