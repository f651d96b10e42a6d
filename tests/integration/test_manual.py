"""The manual page has what --help has, and every key of what is printed in JSON."""

import json
import re
import subprocess

import image_files
import pytest
import rofuse_test

PAGE = (rofuse_test.ROOT / "src" / "rofuse.1").read_text().replace("\\-", "-")
COMMANDS = ["mount", "umount", "status", "log", "watch", "facts", "run", "config", "bundle", "learn", "why", "advise", "audit", "gate",
            *(f"route {word}" for word in ("add", "rm", "ls")),
            *(f"image {word}" for word in ("import", "ls", "inspect", "rm", "prune"))]


def words_of(pattern, text):
    return set(re.findall(pattern, text, re.MULTILINE))


def options_of(command):
    text = subprocess.run([rofuse_test.BINARY, *command.split(), "--help"], capture_output=True, text=True, check=True).stdout
    return words_of(r"^  (?:-\w, )?(--[a-z][a-z-]+)", text)


def test_options():
    told = set().union(*map(options_of, COMMANDS))
    written = words_of(r"--[a-z][a-z-]+", PAGE)
    assert len(told) > 25
    assert told - written == set()
    # Options of others that the page speaks of.
    assert written - told <= {"--help", "--version", "--read-only"}


def keys_of(value):
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if isinstance(value, dict):
        return set(value).union(*map(keys_of, value.values()))
    return set()


@pytest.fixture(name="printed")
def fixture_printed(scratch, rofuse):
    """What each command prints, by its schema."""
    state = scratch / "state"
    image_files.layout(scratch / "oci", [image_files.tar([image_files.directory("tmp"), image_files.entry("file")])])
    objects = [json.loads(image_files.succeed(*words, "--json", state=state).stdout)
               for words in (["inspect", f"oci:{scratch}/oci"], ["import", f"oci:{scratch}/oci", "--name", "one"], ["inspect", "one"], ["ls"])]
    words = ["--state-dir", str(state), "--image", "one", "--tmpfs", "/tmp"]
    objects.append(json.loads(subprocess.run([rofuse_test.BINARY, "config", "--json", *words], capture_output=True, check=True).stdout))
    objects.append(json.loads(image_files.succeed("rm", "one", "--json", state=state).stdout))
    mount = rofuse(tmpfs=["/tmp"])
    status = [rofuse_test.BINARY, "status", "--json", "--state-dir", str(mount.state)]
    objects.append(json.loads(subprocess.run(status, capture_output=True, check=True).stdout))
    for one in objects[-1]["mounts"]:
        assert one.pop("requests")["lookup"] >= 0  # their names are the kernel's
    subprocess.run(["mkdir", mount.path("/etc/new")], check=False, capture_output=True)
    assert len(mount.records(at_least=1)) == 1
    for words in (["facts"], ["why", "/etc"], ["advise"], ["audit"], ["gate", "--baseline", scratch / "baseline"], ["route", "ls"]):
        if words[0] == "gate":
            (scratch / "baseline").write_text('{"schema": "rofuse.baseline/1", "places": []}')
        asked = subprocess.run([rofuse_test.BINARY, *map(str, words), "--json", "--state-dir", str(mount.state)],
                               capture_output=True, check=False)
        assert asked.returncode == (3 if words[0] in ("audit", "gate") else 0), asked
        objects.append(json.loads(asked.stdout))
    return objects


def test_keys_in_json(printed):
    assert [value["schema"] for value in printed] == [
        "rofuse.image/1", "rofuse.image/1", "rofuse.image/1", "rofuse.images/1", "rofuse.config/1", "rofuse.removed/1", "rofuse.status/1",
        "rofuse.facts/1", "rofuse.why/1", "rofuse.advice/1", "rofuse.audit/1", "rofuse.gate/1", "rofuse.routes/1"]
    section = PAGE.split(".SH OBJECTS IN JSON")[1].split(".SH ")[0]
    written = words_of(r"[a-z_]+", section)
    for value in printed:
        assert re.search(rf"^\.BR? .*{value['schema']}\b", section, re.MULTILINE)
        assert keys_of(value) - written == set(), value["schema"]
    assert printed[0]["imported"] is None and printed[0]["layers"][0]["path"] is None
