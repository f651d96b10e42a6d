"""Names with blanks, quotes, dollars and worse: what is printed to be pasted is what a shell, YAML and systemd read."""

import json
import subprocess

import pytest
import yaml

from advised import advise, verify_unit
import rofuse_test

# Directories that can be declared by every target's words.
DIRECTORIES = ["a b", "50%h", "sm;il&e", "*glob[x]", "#hash", "~x{y}", "é"]
# Sources of read-only binds, of which only the host's file system says what may be in their names.
SOURCES = ["it's", "$HOME`id`", "back\\slash", "new\nline\x1b[31m", "50%h", "bad\udcff"]


@pytest.fixture
def mount(rofuse, scratch):
    layer, host = scratch / "layer", scratch / "host"
    for number, name in enumerate(DIRECTORIES):
        (layer / f"var/lib/d{number}" / name).mkdir(parents=True)
    for name in SOURCES:
        (host / name).mkdir(parents=True)
    made = rofuse(layers=[layer], mount=[f"type=bind,source={host / name},target=/o{n},readonly" for n, name in enumerate(SOURCES)])
    made.host = host
    files = [made.path(f"var/lib/d{number}/{name}/file") for number, name in enumerate(DIRECTORIES)]
    subprocess.run(["touch", *files, *(made.path(f"o{number}/file") for number in range(len(SOURCES)))], check=False, capture_output=True)
    made.records(at_least=len(DIRECTORIES) + len(SOURCES))
    return made


def read_by(shell, text):
    """The words of a command line."""
    script = "docker() { printf '%s\\0' \"$@\"; }\npodman() { docker \"$@\"; }\nrofuse() { docker \"$@\"; }\n" + text
    done = subprocess.run([shell, "-c", script], capture_output=True, check=True)
    return done.stdout.decode(errors="surrogateescape").split("\0")[:-1]


def values(words, option="-v"):
    return [value for word, value in zip(words, words[1:]) if word == option]


def places(values_said):
    """Of NAME:TARGET, and how volumes are called is another matter."""
    return [value.partition(":")[2] for value in values_said]


def test_shells(mount):
    state = ["--state-dir", mount.state]
    wanted = [f"/var/lib/d{number}/{name}" for number, name in enumerate(DIRECTORIES)]
    for target in ("docker", "podman", "rofuse"):
        assert places(values(read_by("sh", advise("--for", target, *state).stdout))) == wanted
    head, *lines = advise(*state).stdout.splitlines()
    assert places(values(read_by("sh", head.replace(f"{mount.point.name}: declare", "rofuse")))) == wanted
    # By itself below "Your choice:", and behind it in a comment.
    choices = [line.strip() for line in lines if line.startswith("  -v") and ":/o" in line]
    comments = [line.partition("Your choice: ")[2].rpartition(": it is declared")[0]
                for line in advise("--for", "docker", *state).stdout.splitlines() if "Your choice:" in line]
    assert choices == comments
    assert [values(read_by("bash", "rofuse " + line))[0] for line in choices] == \
        [f"{mount.host / name}:/o{number}" for number, name in enumerate(SOURCES)]


def test_yaml(mount, scratch):
    state = ["--state-dir", mount.state]
    wanted = [f"/var/lib/d{number}/{name}" for number, name in enumerate(DIRECTORIES)]
    text = advise("--for", "compose", *state).stdout
    service = yaml.safe_load(text)["services"][mount.point.name]
    assert places(service["volumes"]) == wanted
    compose = scratch / "compose.yaml"
    compose.write_text(text)
    done = subprocess.run([rofuse_test.BINARY, "config", "--compose", compose, "--layer", scratch / "layer", "--json"],
                          capture_output=True, text=True, check=True)
    assert sorted(route["target"] for route in json.loads(done.stdout)["routes"]) == sorted(wanted)
    container, = yaml.safe_load(advise("--for", "kubernetes", *state).stdout)["spec"]["containers"]
    assert [entry["mountPath"] for entry in container["volumeMounts"]] == wanted


def test_systemd(mount, scratch):
    text = advise("--for", "systemd", "--state-dir", mount.state).stdout
    assert '"d1/50%%h"' in text
    verify_unit(scratch, text)


def test_why(mount):
    for number, name in enumerate(SOURCES):
        words = [rofuse_test.BINARY, "why", "--state-dir", mount.state, mount.point, f"/o{number}/file"]
        text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        line = next(line for line in text.splitlines() if " would let it be written" in line)
        option = line.partition("; ")[2].removesuffix(" would let it be written")
        assert values(read_by("bash", f"rofuse {option}")) == [f"{mount.host / name}:/o{number}"]
        assert text.isprintable() or set(filter(lambda c: not c.isprintable(), text)) == {"\n"}
        shown = name.replace("\\", "\\\\").replace("\n", "\\x0a").replace("\x1b", "\\x1b").replace("\udcff", "\\xff")
        assert f"bind {mount.host}/{shown}, ro" in text
