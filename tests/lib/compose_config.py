"""What `rofuse config` understands of files, and the one line about what is wrong with them."""

import json
import os
import subprocess

import rofuse_test

ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/home/me", "LC_ALL": "C.UTF-8"} | {
    key: value for key, value in os.environ.items() if key.startswith(("ASAN_", "UBSAN_", "LSAN_"))}


def run(directory, *words, env=None, **kwargs):
    return subprocess.run([rofuse_test.BINARY, "config", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, errors="surrogateescape", check=False, timeout=60, cwd=directory,
                          env=ENVIRONMENT | (env or {}), **kwargs)


def config(directory, *words, env=None):
    """What was understood; nothing but notes may be on stderr."""
    result = run(directory, "--json", *words, env=env)
    assert result.returncode == 0, result.stderr
    assert not rofuse_test.SUSPICIOUS.search(result.stderr), result.stderr
    return json.loads(result.stdout)


def notes(directory, *words, env=None):
    result = run(directory, *words, env=env)
    assert result.returncode == 0, result.stderr
    return [line.removeprefix("rofuse: ") for line in result.stderr.splitlines()]


def refused(directory, *words, env=None, status=2):
    """The one line about what is wrong."""
    result = run(directory, *words, env=env)
    assert result.returncode == status, result
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("rofuse: "), result.stderr
    assert not rofuse_test.SUSPICIOUS.search(result.stderr)
    return lines[0].removeprefix("rofuse: ")


def routes(understood):
    return [f"{route['kind']} {route['target']} {route['source']} {route['options']}" for route in understood["routes"]]


def write(directory, files):
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
